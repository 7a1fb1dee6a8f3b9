/**
 * The links of a process: a set, not a count (L-07). Most processes have exactly one, to their
 * supervisor, so one local link is stored as a bare pointer; anything more becomes a {@link LinkSet}.
 */
import { pidKey } from './pid.ts'
import type { Pid } from './pid.ts'
import { ProcessCell } from './process.ts'

/** Links of a process with more than one, or with one to another node. */
export class LinkSet {
  readonly local: Set<ProcessCell> = new Set<ProcessCell>()
  /** By node, then by pid key: the end of one of many links to a node costs no look at the others. */
  remote: Map<string, Map<string, Pid>> | undefined = undefined
  remoteCount = 0
}

/** How many links `cell` has. */
export function linkCount(cell: ProcessCell): number {
  const links = cell.links
  if (links === undefined) return 0
  if (links instanceof ProcessCell) return 1
  return links.local.size + links.remoteCount
}

function linkSet(cell: ProcessCell): LinkSet {
  const links = cell.links
  if (links instanceof LinkSet) return links
  const set = new LinkSet()
  if (links !== undefined) set.local.add(links)
  cell.links = set
  return set
}

/** Whether `cell` is linked with `peer`. */
export function hasLocalLink(cell: ProcessCell, peer: ProcessCell): boolean {
  return cell.links instanceof LinkSet ? cell.links.local.has(peer) : cell.links === peer
}

/** One direction of a local link. */
export function addLocalLink(cell: ProcessCell, peer: ProcessCell): void {
  if (cell.links === peer) return
  if (cell.links === undefined) cell.links = peer
  else linkSet(cell).local.add(peer)
}

/** Removes one direction of a local link; false if there was none. */
export function removeLocalLink(cell: ProcessCell, peer: ProcessCell): boolean {
  const links = cell.links
  if (links === undefined) return false
  if (links instanceof LinkSet) return links.local.delete(peer)
  if (links !== peer) return false
  cell.links = undefined
  return true
}

/** Our direction of a link to another node; false if it was there. */
export function addRemoteLink(cell: ProcessCell, peer: Pid): boolean {
  const set = linkSet(cell)
  const remote = (set.remote ??= new Map<string, Map<string, Pid>>())
  const ofNode = remote.get(peer.node) ?? new Map<string, Pid>()
  const key = pidKey(peer)
  if (ofNode.has(key)) return false
  ofNode.set(key, peer)
  remote.set(peer.node, ofNode)
  set.remoteCount++
  return true
}

/** Removes our direction of a link to another node; false if there was none. */
export function removeRemoteLink(cell: ProcessCell, peer: Pid): boolean {
  const { links } = cell
  if (!(links instanceof LinkSet)) return false
  const ofNode = links.remote?.get(peer.node)
  if (ofNode?.delete(pidKey(peer)) !== true) return false
  links.remoteCount--
  if (ofNode.size === 0) links.remote?.delete(peer.node)
  return true
}

/** Whether `cell` has any link to `node`. */
export function hasRemoteLinks(cell: ProcessCell, node: string): boolean {
  return cell.links instanceof LinkSet && cell.links.remote?.has(node) === true
}

/** The linked processes of other nodes, only those of `node` if given. */
export function remoteLinks(cell: ProcessCell, node?: string): Pid[] {
  if (!(cell.links instanceof LinkSet) || cell.links.remote === undefined) return []
  const { remote } = cell.links
  if (node !== undefined) return [...(remote.get(node)?.values() ?? [])]
  return [...remote.values()].flatMap((ofNode) => [...ofNode.values()])
}
