/**
 * What members of a realm may do to each other's nodes. Data, kept in the realm file and so the same
 * on every node; the layers that carry out an action ask {@link isGranted}.
 *
 * A subject is `member` (everybody in the realm), `role:<name>` (whose membership says so) or
 * `node:<node key in hex>`. What no subject of an action matches is denied.
 */
import type { NodeKey } from './node-key.ts'

/** Actions that need a grant. */
export const POLICY_ACTIONS = ['spawn', 'erpc', 'call', 'publish'] as const

/** `spawn` a registered behaviour, run a registered function, `call` a process, publish. */
export type PolicyAction = (typeof POLICY_ACTIONS)[number]

/** Who may do what. */
export interface RealmPolicy {
  readonly grants: Readonly<Record<PolicyAction, readonly string[]>>
}

/** Every member may do everything: what `fovea realm create` writes. */
export const OPEN_POLICY: RealmPolicy = Object.freeze({
  grants: Object.freeze({
    spawn: Object.freeze(['member']),
    erpc: Object.freeze(['member']),
    call: Object.freeze(['member']),
    publish: Object.freeze(['member']),
  }),
})

/** Form of a role name. */
export const ROLE_PATTERN: RegExp = /^[a-z0-9][a-z0-9_.-]{0,62}$/

const NODE_SUBJECT = /^node:[0-9a-f]{64}$/

/** True when `subject` has one of the three forms. */
export function isPolicySubject(subject: unknown): subject is string {
  if (typeof subject !== 'string') return false
  if (subject === 'member' || NODE_SUBJECT.test(subject)) return true
  return subject.startsWith('role:') && ROLE_PATTERN.test(subject.slice('role:'.length))
}

/**
 * Whether a member with that key and those roles may do `action`.
 *
 * @example
 * isGranted(realm.policy, 'spawn', link.peer.key, membership.roles)
 */
export function isGranted(
  policy: RealmPolicy,
  action: PolicyAction,
  nodeKey: Pick<NodeKey, 'hex'>,
  roles: readonly string[],
): boolean {
  return policy.grants[action].some((subject) => {
    if (subject === 'member' || subject === `node:${nodeKey.hex}`) return true
    return subject.startsWith('role:') && roles.includes(subject.slice('role:'.length))
  })
}
