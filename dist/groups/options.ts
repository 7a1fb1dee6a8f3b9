/** Limits of process groups: defaults and checks. */
import { numberOption, resolveOptions, type OptionCheck } from '../../runtime/index.ts'
import { presenceSettings, type PresenceSettings } from '../../mesh/index.ts'

/** Options of a node for its process groups: `startNode({ groups })`. */
export interface GroupsOptions {
  /** Bytes of the name of a group. Default 256, at most 1,024; `ERR_GROUPS_NAME_INVALID`. All nodes alike. */
  readonly groupBytesMax: number
  /** Scopes of this node. Default 256; `ERR_GROUPS_SCOPES_MAX`. */
  readonly scopesMax: number
  /** Memberships of processes of this node, in all scopes. Default 1,000,000; `ERR_GROUPS_MEMBERS_MAX`. */
  readonly ownMembersMax: number
  /**
   * Memberships of one other node that are known here. Default 1,000,000; the rest is left out and counted,
   * `ERR_PRESENCE_REMOTE_MAX`. A node can make others hold that many.
   */
  readonly nodeMembersMax: number
  /** Those of all other nodes. Default 4,000,000; as above. */
  readonly membersMax: number
  /** Monitors of one scope on this node. Default 65,536; `ERR_GROUPS_MONITORS_MAX`. */
  readonly monitorsMax: number
}

/** The defaults. */
export const GROUPS_DEFAULTS: GroupsOptions = Object.freeze({
  groupBytesMax: 256,
  scopesMax: 256,
  ownMembersMax: 1_000_000,
  nodeMembersMax: 1_000_000,
  membersMax: 4_000_000,
  monitorsMax: 65_536,
})

/** The options of a node. Throws an `OptionError`. */
export function groupsOptions(given: Partial<GroupsOptions> | undefined): Readonly<GroupsOptions> {
  const count = numberOption(1, 16_777_216)
  const checks: { readonly [K in keyof GroupsOptions]-?: OptionCheck } = {
    groupBytesMax: numberOption(1, 1_024),
    scopesMax: count,
    ownMembersMax: count,
    nodeMembersMax: count,
    membersMax: count,
    monitorsMax: count,
  }
  return resolveOptions<GroupsOptions>('startNode groups', GROUPS_DEFAULTS, checks, given)
}

/** The space of presence that carries memberships. */
export function groupsSettings(options: Readonly<GroupsOptions>): PresenceSettings {
  return presenceSettings({
    batchMs: 0,
    keyBytesMax: options.groupBytesMax,
    metaBytesMax: 1_024,
    nodeEntriesMax: options.nodeMembersMax,
    remoteEntriesMax: options.membersMax,
    logMax: 65_536,
    // To tell all takes a busy node a while, and to ask again makes it begin anew.
    askTimeoutMs: 5_000,
  })
}
