/**
 * Who is who: node ids, node keys and members of the mesh. A node may be named by its id
 * (`name@host:port`), by its key, or by the key's 64 hex digits.
 */
import { ArgumentError } from '../runtime/index.ts'
import { isNodeKey, type Member, type Mesh, type NodeKey } from '../mesh/index.ts'
import type { NodeId } from './node-id.ts'

/** A node as callers name it. */
export type NodeTarget = NodeId | NodeKey | string

/** The nodes that one node knows. */
export class NodeDirectory {
  readonly #mesh: Mesh
  readonly #members = new Map<string, Member>()
  /** Key by node id; of two nodes at one id, who is at its address, else the one that came up last. */
  readonly #keys = new Map<string, string>()
  readonly #release: () => void

  constructor(mesh: Mesh) {
    this.#mesh = mesh
    for (const member of mesh.membership.members()) this.#know(member)
    this.#release = mesh.membership.subscribe(({ type, member }) => {
      if (type === 'forgotten') this.#forget(member)
      // Two nodes speak with that key: which of them has the id is not known from this.
      else if (type !== 'conflict') this.#know(member)
    })
  }

  /** Key of this node, hex. */
  get ownKeyHex(): string {
    return this.#mesh.key.hex
  }

  close(): void {
    this.#release()
  }

  /** A member by key. */
  member(keyHex: string): Member | undefined {
    return this.#members.get(keyHex)
  }

  /** Every known node except this one. */
  members(): Member[] {
    return [...this.#members.values()]
  }

  /** The key that `node` means; undefined for an id that nobody has. Throws for what is no {@link NodeTarget}. */
  keyOf(node: NodeTarget): string | undefined {
    checkNode(node)
    if (isNodeKey(node)) return node.hex
    if (node === this.#mesh.nodeId || node === this.ownKeyHex) return this.ownKeyHex
    const known = this.#keys.get(node)
    if (known !== undefined) return known
    // A link may be up a moment before its member is.
    for (const { peer } of this.#mesh.links()) if (peer.nodeId === node) return peer.key.hex
    return KEY_HEX_PATTERN.test(node) ? node : undefined
  }

  /** The id of a node for messages; its key if the id is not known. */
  nameOf(keyHex: string): string {
    if (keyHex === this.ownKeyHex) return this.#mesh.nodeId
    return this.#members.get(keyHex)?.nodeId ?? this.#mesh.linkTo(keyHex)?.peer.nodeId ?? keyHex
  }

  #know(member: Member): void {
    const { hex } = member.key
    const before = this.#members.get(hex)
    if (before !== undefined && before.nodeId !== member.nodeId) this.#dropId(before.nodeId, hex)
    this.#members.set(hex, member)
    if (this.#mayHave(member)) this.#keys.set(member.nodeId, hex)
    if (!isThere(member) && this.#keys.get(member.nodeId) === hex) this.#passOn(member)
  }

  /** A mere claim must not take an id from who has it; who is at its address does. */
  #mayHave(member: Member): boolean {
    const { hex } = member.key
    const holder = this.#keys.get(member.nodeId)
    if (holder === undefined || holder === hex) return true
    if (!isThere(member)) return false
    if (this.#isAtAddress(hex)) return true
    const before = this.#members.get(holder)
    return !this.#isAtAddress(holder) && (before === undefined || !isThere(before))
  }

  /** Linked now, and its packets come from the address in its id. */
  #isAtAddress(keyHex: string): boolean {
    return this.#mesh.linkTo(keyHex)?.peer.addressProven === true
  }

  /** The id of a node that is not up any more goes to one that is, if there is one. */
  #passOn({ nodeId }: Member): void {
    for (const other of this.#members.values()) {
      if (other.nodeId === nodeId && isThere(other)) this.#keys.set(nodeId, other.key.hex)
    }
  }

  #forget(member: Member): void {
    this.#members.delete(member.key.hex)
    this.#dropId(member.nodeId, member.key.hex)
  }

  #dropId(nodeId: string, keyHex: string): void {
    if (this.#keys.get(nodeId) === keyHex) this.#keys.delete(nodeId)
  }
}

/** Refuses what cannot name a node: that is the caller's mistake, and no node that is not there. */
export function checkNode(node: NodeTarget): void {
  if (typeof node === 'string' || isNodeKey(node)) return
  throw new ArgumentError('node', 'a node id or key', node)
}

function isThere({ state }: Member): boolean {
  return state === 'up' || state === 'suspect'
}

const KEY_HEX_PATTERN = /^[0-9a-f]{64}$/
