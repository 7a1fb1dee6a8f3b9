/** Errors of process groups, and counters of what went wrong beside them. */
import { FoveaError, type ErrorCatalogue } from '../../runtime/index.ts'

/** A group could not be joined, left, read or monitored; `code` says why. */
export class GroupsError extends FoveaError {
  override readonly name: string = 'GroupsError'
  readonly scope: string
  /** `'noproc'` when the scope is not there, as in OTP. */
  readonly reason: 'noproc' | undefined
  constructor(code: string, scope: string, what: string) {
    super(code, `groups of scope '${scope}': ${what}`)
    this.scope = scope
    this.reason = code === 'ERR_GROUPS_NO_SCOPE' ? 'noproc' : undefined
  }
}

/** Codes of `dist/groups`. */
export const GROUPS_ERRORS: ErrorCatalogue = Object.freeze({
  ERR_GROUPS_NO_SCOPE: {
    when: 'a scope is used that was closed, or whose node stopped; reason is noproc (PG-14)',
    stateChanged: 'no',
    retry: 'with groups.scope(name), which opens it again',
    action: 'keep the scope open as long as it is used',
  },
  ERR_GROUPS_SCOPE_INVALID: {
    when: 'the name of a scope is no text of 1 to 64 letters, digits, _ or -',
    stateChanged: 'no',
    retry: 'no',
    action: 'choose another name',
  },
  ERR_GROUPS_NAME_INVALID: {
    when: 'the name of a group is no text of 1 to groupBytesMax bytes',
    stateChanged: 'no',
    retry: 'no',
    action: 'choose another name',
  },
  ERR_GROUPS_NOLOCAL: {
    when: 'a process of another node, or what is no process, is to join or leave; nothing of a list is joined (PG-05)',
    stateChanged: 'no',
    retry: 'no',
    action: 'let each node join its own processes',
  },
  ERR_GROUPS_SCOPES_MAX: {
    when: 'this node has scopesMax scopes',
    stateChanged: 'no',
    retry: 'after others are closed',
    action: 'use groups within one scope',
  },
  ERR_GROUPS_MEMBERS_MAX: {
    when: 'processes of this node have ownMembersMax memberships in all scopes',
    stateChanged: 'no; nothing of a list is joined',
    retry: 'after others have left',
    action: 'raise ownMembersMax, and nodeMembersMax on all nodes',
  },
  ERR_GROUPS_MONITORS_MAX: {
    when: 'a scope has monitorsMax monitors on this node',
    stateChanged: 'no',
    retry: 'after others are closed',
    action: 'close monitors, or raise monitorsMax',
  },
  ERR_GROUPS_MEMBER_INVALID: {
    when: 'a counter: another node said something of a group that is no membership',
    stateChanged: 'no; it does not count',
    retry: 'no',
    action: 'the peer speaks another version, or is broken or hostile',
  },
  ERR_GROUPS_HANDLER: {
    when: 'a counter: a handler of a monitor threw; the log has its error',
    stateChanged: 'no; the monitor goes on',
    retry: 'no',
    action: 'correct the handler',
  },
})
