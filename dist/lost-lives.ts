/**
 * Nodes that went down and may come back: what was told to be down, until it is there again or never will be. The two
 * states of a replica in Phoenix.Tracker, down and permanently down, per start of a node.
 *
 *     up --> down, temporary --> up again: the same start, nothing more is told of its loss
 *                           \--> gone: it has left, another start took its place, or nobody remembers it
 *
 * A start is replaced when a link proves a newer one of the same key, or another key at the same address (a node
 * without a data directory has a new key each time); or when its member comes back with a higher generation. A detector that
 * was restarted has one, too, so such a node may be called replaced and be the same: who believes it drops what it kept
 * and is told of the node anew, while the opposite mistake would keep what is over.
 *
 * Bounded by the members: who is not one any more is gone.
 */
import type { Member, PeerInfo } from '../mesh/index.ts'
import type { ClusterNode } from './cluster.ts'

/** Why a start of a node never comes back: it said so, another is in its place, or the mesh gave up remembering it. */
export type NodeGoneReason = 'left' | 'replaced' | 'forgotten'

interface LostLife {
  readonly node: ClusterNode
  /** Start that a link proved, if there was one. */
  readonly life: number | undefined
  /** As its member said last. */
  readonly generation: number
}

/** Why a node that is lost now does not come back; undefined if it may. `member` is what the mesh knows of it. */
export function goneReasonOf(member: Member | undefined): NodeGoneReason | undefined {
  if (member === undefined) return 'forgotten'
  return member.state === 'left' ? 'left' : undefined
}

/** See the head of this file. */
export class LostLives {
  readonly #lost = new Map<string, LostLife>()

  /** How many may come back. */
  get size(): number {
    return this.#lost.size
  }

  /** A node is down. `life` is what a link said, `member` what the mesh knows. */
  add(node: ClusterNode, life: number | undefined, member: Member | undefined): void {
    const generation = member?.incarnation.generation ?? node.incarnation
    this.#lost.set(node.key.hex, { node, life, generation })
  }

  /** There is a link, or what stands for one; gives those that it proves to be replaced. */
  met(peer: PeerInfo): ClusterNode[] {
    const { hex } = peer.key
    const own = this.#lost.get(hex)
    this.#lost.delete(hex)
    const replaced: ClusterNode[] = []
    if (own !== undefined && peer.incarnation > (own.life ?? own.generation)) {
      replaced.push(own.node)
    }
    if (peer.addressProven !== true) return replaced
    for (const [keyHex, { node }] of this.#lost) {
      if (node.id !== peer.nodeId) continue
      this.#lost.delete(keyHex)
      replaced.push(node)
    }
    return replaced
  }

  /** The member is up again; gives the node if this is another start of it. */
  returned({ key, incarnation }: Member): ClusterNode | undefined {
    const own = this.#lost.get(key.hex)
    this.#lost.delete(key.hex)
    return own !== undefined && incarnation.generation > own.generation ? own.node : undefined
  }

  /** It does not come back; gives the node, once. */
  end(keyHex: string): ClusterNode | undefined {
    const node = this.#lost.get(keyHex)?.node
    this.#lost.delete(keyHex)
    return node
  }

  clear(): void {
    this.#lost.clear()
  }
}
