/** Puts process groups together: scopes, process, functions for users. */
import type { ChildSpec } from '../../behaviours/index.ts'
import type { DistFeature, DistParts } from '../parts.ts'
import { GroupsError } from './errors.ts'
import { GroupsServer } from './groups-server.ts'
import type { GroupScope, GroupsFunctions } from './groups.ts'
import { Membership } from './membership.ts'
import { groupsOptions, groupsSettings, type GroupsOptions } from './options.ts'
import { ScopeTable } from './scope-table.ts'

/** OTP's name of the scope that is used where none is named. */
const DEFAULT_SCOPE = 'pg'

/** The space of presence that memberships travel in. */
const GROUPS_SPACE = '$group'

/** Process groups of one node. Throws an `OptionError`. */
export function createGroups(
  parts: DistParts,
  given: Partial<GroupsOptions> | undefined,
): DistFeature<GroupsFunctions> {
  const options = groupsOptions(given)
  const space = parts.mesh.openSpace({
    name: GROUPS_SPACE,
    action: 'call',
    settings: groupsSettings(options),
    entryOf: (facts) => {
      const member = new Membership(facts)
      if (!member.isValid) parts.refusals.count('ERR_GROUPS_MEMBER_INVALID', { node: facts.node })
      return member
    },
  })
  const made = space === undefined ? undefined : new ScopeTable(parts, options, space)
  const scopes = (): ScopeTable => {
    if (made !== undefined) return made
    // Throws what the mesh throws without services.
    void parts.mesh.presence
    throw new GroupsError('ERR_GROUPS_NO_SCOPE', DEFAULT_SCOPE, 'the node has no services')
  }
  return {
    functions: functionsOf(scopes),
    child: made && (GroupsServer.child(made, { id: 'groups' }) as unknown as ChildSpec),
    close: () => made?.close(),
  }
}

function functionsOf(scopes: () => ScopeTable): GroupsFunctions {
  const usual = (): GroupScope => scopes().open(DEFAULT_SCOPE)
  return Object.freeze<GroupsFunctions>({
    scope: (name) => scopes().open(name),
    getStats: () => {
      const { own, known } = scopes().sizes()
      return { scopes: scopes().size, own, known }
    },
    join: (group, members) => usual().join(group, members),
    leave: (group, members) => usual().leave(group, members),
    members: (group, contract) => usual().members(group, contract),
    localMembers: (group, contract) => usual().localMembers(group, contract),
    groups: () => usual().groups(),
    localGroups: () => usual().localGroups(),
    monitor: (watcher, options) => usual().monitor(watcher, options),
    dispatch: (group, message, options) => usual().dispatch(group, message, options),
    cast: (group, name, input, options) => usual().cast(group, name, input, options),
  })
}
