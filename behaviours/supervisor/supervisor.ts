/**
 * Supervisors. A supervisor is a server like any other: it has a pid, links, a mailbox and a parent; it
 * traps exits, and the end of a child reaches it as a message, not by polling (NX-L4, NX-L5).
 *
 *     child ends -> EXIT in the mailbox -> decideExit -> restart (stop siblings, start again)
 *                                                     -> once too often: stop all, exit 'shutdown'
 *
 * Because `'shutdown'` is a clean reason, a transient supervisor that gave up is not restarted by its
 * own supervisor, a permanent one is, with its first children only (U-59, U-60).
 *
 * While a child starts or stops the supervisor is busy: other requests wait (U-69). Differs from OTP:
 * an unknown cast is refused with a warning instead of killing the supervisor (U-42).
 */
import type { ExitReason, Pid } from '../../runtime/index.ts'
import type { ChildSpec, ChildStarted } from './child-spec.ts'
import { stopProcess, type StopOptions } from '../server/gen.ts'
import type { ChildCounts, ChildInfo, SupervisorRef } from './supervisor-contract.ts'
import {
  checkSupervisor,
  processOptions,
  templateOf,
  type SupervisorOptions,
} from './supervisor-options.ts'
import {
  requestSupervisor,
  supervisorChild,
  type SupervisorChildOptions,
  type SupervisorRequestOptions,
  type SupervisorTarget,
} from './supervisor-requests.ts'
import { supervisorServer } from './supervisor-server.ts'

/** The functions of {@link Supervisor}. Requests wait as long as it takes, as in OTP (U-68). */
export interface SupervisorFunctions {
  /**
   * Starts a supervisor and its children, in order. If one of them fails the others are stopped and it rejects with
   * `ERR_INIT_FAILED`, whose `reason` names the child and says why; also with `ERR_CHILD_SPEC`, `ERR_CHILD_DUPLICATE`,
   * `ERR_OPTION_*`.
   */
  start(options?: SupervisorOptions): Promise<SupervisorRef>
  /** As `start`, linked to `options.parent` or else the running process. */
  startLink(options?: SupervisorOptions): Promise<SupervisorRef>
  /** A child specification of a supervisor, for a supervisor above it. */
  child(
    options: Omit<SupervisorOptions, 'system' | 'parent' | 'link'>,
    child: SupervisorChildOptions,
  ): ChildSpec<SupervisorRef>
  /** Stops the children in reverse order, then the supervisor. */
  stop(target: SupervisorTarget, reason?: ExitReason, options?: StopOptions): Promise<void>
  /** Adds a child and starts it; gives what its start function gave. */
  startChild<R extends ChildStarted>(
    target: SupervisorTarget,
    spec: ChildSpec<R>,
    options?: SupervisorRequestOptions,
  ): Promise<R>
  /** Under simple_one_for_one: one more child, with these arguments after the template's (U-62). */
  startChild(
    target: SupervisorTarget,
    args: readonly unknown[],
    options?: SupervisorRequestOptions,
  ): Promise<ChildStarted>
  /**
   * Stops a child without restart; its specification stays, unless it is temporary (U-11, U-14). Under
   * simple_one_for_one children are named by pid, and one that is dead already is no error (U-63).
   */
  terminateChild(
    target: SupervisorTarget,
    child: string | Pid,
    options?: SupervisorRequestOptions,
  ): Promise<void>
  /** Starts a stopped child again. */
  restartChild(
    target: SupervisorTarget,
    id: string,
    options?: SupervisorRequestOptions,
  ): Promise<ChildStarted>
  /** Removes the specification of a stopped child. */
  deleteChild(
    target: SupervisorTarget,
    id: string,
    options?: SupervisorRequestOptions,
  ): Promise<void>
  /** All children, newest first (U-03). */
  whichChildren(
    target: SupervisorTarget,
    options?: SupervisorRequestOptions,
  ): Promise<readonly ChildInfo[]>
  countChildren(target: SupervisorTarget, options?: SupervisorRequestOptions): Promise<ChildCounts>
}

/**
 * Supervisors.
 *
 * @example
 * const Database = defineServer({ init: (path: string) => path, call: {}, cast: {} })
 * const Cache = defineServer({ init: () => 0, call: {}, cast: {} })
 * const sup = await Supervisor.start({
 *   strategy: 'rest_for_one',
 *   children: [Database.child('db.sqlite', { id: 'db' }), Cache.child(undefined, { id: 'cache' })],
 * })
 * const ids = (await Supervisor.whichChildren(sup)).map(({ id }) => id)
 * assert.deepEqual(ids, ['cache', 'db'])
 * await Supervisor.stop(sup)
 */
export const Supervisor: SupervisorFunctions = Object.freeze<SupervisorFunctions>({
  start,
  startLink: (options) => start({ ...options, link: true }),
  child: (options, child) =>
    supervisorChild(child, (place) => start({ ...options, ...place, link: true })),
  stop: (target, reason, options) => stopProcess(target, reason, options),
  startChild: <R extends ChildStarted>(
    target: SupervisorTarget,
    child: ChildSpec<R> | readonly unknown[],
    options?: SupervisorRequestOptions,
  ): Promise<R> => requestSupervisor<R>(target, 'startChild', child, options),
  terminateChild: (target, child, options) =>
    requestSupervisor(target, 'terminateChild', child, options),
  restartChild: (target, id, options) => requestSupervisor(target, 'restartChild', id, options),
  deleteChild: (target, id, options) => requestSupervisor(target, 'deleteChild', id, options),
  whichChildren: (target, options) =>
    requestSupervisor(target, 'whichChildren', undefined, options),
  countChildren: (target, options) =>
    requestSupervisor(target, 'countChildren', undefined, options),
})

async function start(given: SupervisorOptions = {}): Promise<SupervisorRef> {
  const { options, checked } = checkSupervisor(given)
  if (checked.strategy === 'simple_one_for_one' && options.init === undefined) templateOf(checked)
  return supervisorServer.start({ checked, init: options.init }, processOptions(options))
}
