/** What the nodes of a test see of each other, as short words. */
import type { MemberEvent } from '../../../mesh/membership/membership.ts'
import type { Mesh } from '../../../mesh/mesh.ts'

/** Name part of a node id. */
export function nameOf(nodeId: string): string {
  return nodeId.slice(0, nodeId.indexOf('@'))
}

/** Records `up b`, `suspect c`, ... as they come. */
export function watch(mesh: Mesh, keep: (event: MemberEvent) => boolean = () => true): string[] {
  const seen: string[] = []
  mesh.membership.subscribe((event) => {
    if (keep(event)) seen.push(`${event.type} ${nameOf(event.member.nodeId)}`)
  })
  return seen
}

/** Names of the members of a node that are in `state`, sorted. */
export function named(mesh: Mesh, state: string): string[] {
  return mesh.membership
    .members()
    .filter((member) => member.state === state)
    .map(({ nodeId }) => nameOf(nodeId))
    .sort()
}

/** True when every one of `meshes` holds exactly the others for up. */
export function allKnowAll(meshes: readonly Mesh[]): boolean {
  return meshes.every((mesh) => {
    const others = meshes.filter((other) => other !== mesh)
    const up = mesh.membership.members().filter(({ state }) => state === 'up')
    return (
      up.length === others.length &&
      others.every(({ key }) => up.some((member) => member.key.hex === key.hex))
    )
  })
}

/** What `mesh` holds of the node with that key. */
export function seenBy(mesh: Mesh, keyHex: string) {
  const member = mesh.membership.member(keyHex)
  if (member === undefined) throw new Error('not a member')
  return member
}
