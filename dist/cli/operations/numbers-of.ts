/** The numbers of a running node, gathered from its layers. */
import type { DetectorStats } from '../../../mesh/index.ts'
import type { FoveaNode } from '../../node.ts'
import type { DetectorNumbers, NodeNumbers } from './node-numbers.ts'

/** What `fovea stats` shows of `node`. */
export function numbersOf(node: FoveaNode, uptimeMs: number): NodeNumbers {
  const { mesh } = node
  const { links, linksHeld, handshakes, dials, refused, membership } = mesh.stats()
  const members: Record<string, number> = {}
  for (const { state } of mesh.membership.members()) members[state] = (members[state] ?? 0) + 1
  return {
    node: node.id,
    uptimeMs,
    members,
    ...(membership === undefined ? {} : { detector: detectorOf(membership) }),
    links: { open: links, held: linksHeld, idle: links - linksHeld, handshakes, dials },
    refused: { ...refused, ...node.stats().refused },
  }
}

/** All but the members, which are counted as the layers above see them. */
function detectorOf({ members: _states, links, ...counters }: DetectorStats): DetectorNumbers {
  return { ...counters, dials: links.dials, dialsFailed: links.dialsFailed, unsent: links.lost }
}
