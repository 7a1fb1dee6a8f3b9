/**
 * The members of a mesh as rows, and their changes as they happen and as they are remembered. The one
 * place of the command line that knows what the membership of the mesh looks like.
 */
import type { Member, MemberEvent, Membership, Mesh } from '../../../mesh/index.ts'
import type { MemberEventRow, MemberRow } from './member-row.ts'
import type { Surveyed } from './survey.ts'

/** What of a mesh is needed. */
export type WatchedMesh = Pick<
  Mesh,
  'address' | 'connect' | 'incarnation' | 'key' | 'linkTo' | 'membership' | 'nodeId' | 'system'
>

type LogEntry = ReturnType<Membership['log']>[number]

/** The node itself, then the others by name. */
export function memberRows(mesh: WatchedMesh, uptimeMs: number): MemberRow[] {
  const { nodeId, key, address, incarnation, membership, system } = mesh
  const nowMs = system.clock.now()
  const self: MemberRow = {
    node: nodeId,
    key: key.hex,
    state: 'self',
    incarnation,
    ...{ host: address.host, port: address.port },
    sinceMs: uptimeMs,
  }
  const others = membership.members().map((member) => rowOf(mesh, member, nowMs))
  return [self, ...others.sort(byNode)]
}

/** Who may be asked something: the others that are not gone. */
export function presentNodes(mesh: WatchedMesh): Surveyed[] {
  return mesh.membership
    .members()
    .filter(isPresent)
    .map(({ nodeId, key, state }) => ({ node: nodeId, key: key.hex, state }))
}

/** Makes a link to the member with that key, if there is none. */
export async function linkMember(
  mesh: WatchedMesh,
  keyHex: string,
  options: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<void> {
  const member = mesh.membership.member(keyHex)
  if (member === undefined || mesh.linkTo(keyHex) !== undefined) return
  await mesh.connect({ ...member.address, key: member.key }, options)
}

/** Calls `onEvent` for every change from now on; gives the way to stop. */
export function watchMembers(
  mesh: WatchedMesh,
  onEvent: (event: MemberEventRow) => void,
): () => void {
  // A subscription begins with who is there, which is no change.
  let begun = false
  const stop = mesh.membership.subscribe((event) => {
    if (begun) onEvent(eventRow(mesh, event))
  })
  begun = true
  return stop
}

/** The changes that the mesh remembers, oldest first. */
export function memberLog(mesh: WatchedMesh): MemberEventRow[] {
  const { clock } = mesh.system
  const startMs = clock.wallNow() - clock.now()
  return mesh.membership.log().map((entry) => logRow(mesh, entry, startMs + entry.atMs))
}

function rowOf(mesh: WatchedMesh, member: Member, nowMs: number): MemberRow {
  const { nodeId, key, state, incarnation, address, sinceMs, reason, accuser } = member
  // The round trip to a node that is gone says nothing.
  const rttMs = isPresent(member) ? member.rttMs : undefined
  return {
    node: nodeId,
    key: key.hex,
    state,
    incarnation,
    ...{ host: address.host, port: address.port },
    sinceMs: nowMs - sinceMs,
    ...(rttMs === undefined ? {} : { rttMs }),
    ...(reason === undefined ? {} : { reason }),
    ...(accuser === undefined ? {} : { accuser: nameOf(mesh, accuser) }),
  }
}

function eventRow(mesh: WatchedMesh, { type, member, from }: MemberEvent): MemberEventRow {
  const { nodeId, key, incarnation, accuser, reason } = member
  return {
    at: new Date(mesh.system.clock.wallNow()).toISOString(),
    type,
    node: nodeId,
    key: key.hex,
    incarnation,
    ...wordOf(mesh, { accuser, from }),
    ...(reason === undefined ? {} : { reason }),
  }
}

function logRow(mesh: WatchedMesh, entry: LogEntry, wallMs: number): MemberEventRow {
  const { type, nodeId, id, incarnation } = entry
  return {
    at: new Date(wallMs).toISOString(),
    type,
    node: nodeId,
    key: id,
    incarnation,
    ...wordOf(mesh, entry),
  }
}

/** Who accused, and who told, by key and by name. */
function wordOf(
  mesh: WatchedMesh,
  { accuser, from }: Pick<LogEntry, 'accuser' | 'from'>,
): Pick<MemberEventRow, 'accuser' | 'accuserKey' | 'from' | 'fromKey'> {
  return {
    ...(accuser === undefined ? {} : { accuser: nameOf(mesh, accuser), accuserKey: accuser }),
    ...(from === undefined ? {} : { from: nameOf(mesh, from), fromKey: from }),
  }
}

/** The id of a node; its key when it is not known any more. */
function nameOf(mesh: WatchedMesh, keyHex: string): string {
  if (keyHex === mesh.key.hex) return mesh.nodeId
  return mesh.membership.member(keyHex)?.nodeId ?? keyHex
}

function isPresent(member: Member): member is Member & { readonly state: 'up' | 'suspect' } {
  return member.state === 'up' || member.state === 'suspect'
}

function byNode(a: MemberRow, b: MemberRow): number {
  return a.node < b.node ? -1 : a.node > b.node ? 1 : 0
}
