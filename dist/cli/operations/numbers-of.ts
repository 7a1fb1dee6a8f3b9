/** The numbers of a running node, gathered from its layers. */
import type { FoveaNode } from '../../node.ts'
import type { NodeNumbers } from './node-numbers.ts'

/** What `fovea stats` shows of `node`. */
export function numbersOf(node: FoveaNode, uptimeMs: number): NodeNumbers {
  const { mesh } = node
  const { links, handshakes, dials, refused } = mesh.stats()
  const members: Record<string, number> = {}
  for (const { state } of mesh.membership.members()) members[state] = (members[state] ?? 0) + 1
  return {
    node: node.id,
    uptimeMs,
    members,
    links: { standing: links, handshakes, dials },
    refused: { ...refused, ...node.stats().refused },
  }
}
