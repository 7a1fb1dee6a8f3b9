/**
 * The members of a mesh as rows, and their changes as they happen and as they are remembered. The one
 * place of the command line that knows what the membership of the mesh looks like.
 */
import type { Member, MemberEvent, Mesh } from '../../../mesh/index.ts'
import type { MemberEventRow, MemberRow } from './member-row.ts'
import type { Surveyed } from './survey.ts'

/** Changes that are remembered; the oldest go first. */
export const MEMBER_EVENTS_KEPT_MAX = 4096

/** What of a mesh is needed. */
export type WatchedMesh = Pick<
  Mesh,
  'address' | 'connect' | 'identity' | 'key' | 'linkTo' | 'membership' | 'nodeId' | 'system'
>

/** The members of one mesh. */
export class MemberWatch {
  readonly #mesh: WatchedMesh
  readonly #handlers = new Set<(event: MemberEventRow) => void>()
  readonly #release: () => void
  #log: MemberEventRow[] = []

  constructor(mesh: WatchedMesh) {
    this.#mesh = mesh
    this.#release = mesh.membership.subscribe((event) => this.#take(event))
  }

  close(): void {
    this.#release()
    this.#handlers.clear()
  }

  /** The node itself, then the others by name. */
  rows(uptimeMs: number): MemberRow[] {
    const { nodeId, key, address, identity, membership, system } = this.#mesh
    const nowMs = system.clock.now()
    const self: MemberRow = {
      node: nodeId,
      key: key.hex,
      state: 'self',
      incarnation: { generation: identity.incarnation, counter: 0 },
      ...{ host: address.host, port: address.port },
      sinceMs: uptimeMs,
    }
    return [
      self,
      ...membership
        .members()
        .map((one) => this.#row(one, nowMs))
        .sort(byNode),
    ]
  }

  /** Who may be asked something: the others that are not gone. */
  present(): Surveyed[] {
    return this.#mesh.membership.members().flatMap(({ nodeId, key, state }): Surveyed[] => {
      return state === 'up' ? [{ node: nodeId, key: key.hex, state }] : []
    })
  }

  /** Makes a link to the member with that key, if there is none. */
  async link(
    keyHex: string,
    options: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<void> {
    if (this.#mesh.linkTo(keyHex) !== undefined) return
    const member = this.#mesh.membership.members().find(({ key }) => key.hex === keyHex)
    if (member === undefined) return
    await this.#mesh.connect({ ...member.address, key: member.key }, options)
  }

  /** Calls `handler` for every change from now on; gives the way to stop. */
  subscribe(handler: (event: MemberEventRow) => void): () => void {
    const entry = (event: MemberEventRow): void => handler(event)
    this.#handlers.add(entry)
    return () => void this.#handlers.delete(entry)
  }

  /** What is remembered, oldest first. */
  log(): readonly MemberEventRow[] {
    return this.#log.slice(-MEMBER_EVENTS_KEPT_MAX)
  }

  #take({ type, member }: MemberEvent): void {
    if (type === 'connecting') return
    const event: MemberEventRow = {
      at: new Date(this.#mesh.system.clock.wallNow()).toISOString(),
      type,
      node: member.nodeId,
      key: member.key.hex,
      incarnation: { generation: member.incarnation, counter: 0 },
      ...(member.reason === undefined ? {} : { reason: member.reason }),
    }
    if (this.#log.length >= 2 * MEMBER_EVENTS_KEPT_MAX) this.#log = [...this.log()]
    this.#log.push(event)
    for (const handler of this.#handlers) handler(event)
  }

  #row(member: Member, nowMs: number): MemberRow {
    const { nodeId, key, state, address, sinceMs, reason } = member
    const rttMs = this.#mesh.linkTo(key.hex)?.rttMs ?? 0
    return {
      node: nodeId,
      key: key.hex,
      state,
      incarnation: { generation: member.incarnation, counter: 0 },
      ...{ host: address.host, port: address.port },
      sinceMs: nowMs - sinceMs,
      ...(rttMs > 0 ? { rttMs } : {}),
      ...(reason === undefined ? {} : { reason }),
    }
  }
}

function byNode(a: MemberRow, b: MemberRow): number {
  return a.node < b.node ? -1 : a.node > b.node ? 1 : 0
}
