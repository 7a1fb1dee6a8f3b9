/**
 * Who is stopped and who is started when a child ends. Pure and synchronous: the supervisor asks, then
 * acts. Follows supervisor.erl (OTP 25) step by step; cases U-18 to U-27, U-35, U-36, U-45 to U-50.
 *
 * Time line of one exit:  exit of child c -> decideExit -> (restart) planRestart(c) -> stop, start ...
 *                                                        -> a start fails -> planRestart(failed one)
 * A second plan for the failed child gives both behaviours of the books: under one_for_all the
 * children that had come back are stopped again (U-35), under rest_for_one those before the failed
 * one are kept (U-36).
 */
import { isCleanExit, type ExitReason } from '../../runtime/index.ts'

/** When a child is started again. */
export type RestartType = 'permanent' | 'transient' | 'temporary'

/** Which siblings share a child's fate; the last has any number of children of one template. */
export type Strategy = 'one_for_one' | 'one_for_all' | 'rest_for_one' | 'simple_one_for_one'

/** When the end of significant children ends the supervisor. */
export type AutoShutdown = 'never' | 'any_significant' | 'all_significant'

/** What the decisions need to know of a child. Children are listed in start order. */
export interface ChildView {
  readonly id: string
  readonly restart: RestartType
  readonly significant: boolean
  /** Running, or waiting for its next restart attempt. */
  readonly active: boolean
}

/** What to do with a child that ended by itself. */
export interface ExitDecision {
  readonly action: 'restart' | 'keep' | 'remove'
  /** Whether the end is worth a line in the log (`ERR_CHILD_TERMINATED`). */
  readonly report: boolean
}

/** One group restart. */
export interface RestartPlan {
  /** Ids to stop, in stop order: reverse start order. Ended ones are harmless. */
  readonly stop: readonly string[]
  /** Ids whose specs go away with them: temporary bystanders (U-24). */
  readonly remove: readonly string[]
  /** Ids to start, in start order, also those that had ended or were stopped by hand (U-26, U-27). */
  readonly start: readonly string[]
}

/**
 * Whether a child that ended with `reason` comes back.
 *
 * @example
 * assert.equal(decideExit('transient', 'shutdown').action, 'keep') // U-19
 * assert.equal(decideExit('transient', new Error('boom')).action, 'restart')
 */
export function decideExit(restart: RestartType, reason: ExitReason): ExitDecision {
  switch (restart) {
    case 'permanent':
      return { action: 'restart', report: true }
    case 'transient':
      return isCleanExit(reason)
        ? { action: 'keep', report: false }
        : { action: 'restart', report: true }
    case 'temporary':
      return { action: 'remove', report: !isCleanExit(reason) }
  }
}

/**
 * Who is stopped and started so that `failedId` runs again.
 *
 * @example
 * const children = ['a', 'b', 'c'].map((id) => {
 *   return { id, restart: 'permanent' as const, significant: false, active: true }
 * })
 * const plan = planRestart('rest_for_one', children, 'b')
 * assert.deepEqual(plan.stop, ['c']) // U-23
 * assert.deepEqual(plan.start, ['b', 'c'])
 */
export function planRestart(
  strategy: Strategy,
  children: Iterable<ChildView>,
  failedId: string,
): RestartPlan {
  switch (strategy) {
    case 'one_for_one':
    case 'simple_one_for_one':
      // Not even a look at the siblings: there may be a hundred thousand of them.
      return { stop: [], remove: [], start: [failedId] }
    case 'one_for_all':
      return planGroup(children, failedId, true)
    case 'rest_for_one':
      return planGroup(children, failedId, false)
  }
}

/** The group is everybody, or `failedId` and those started after it. */
function planGroup(
  children: Iterable<ChildView>,
  failedId: string,
  everybody: boolean,
): RestartPlan {
  const stop: string[] = []
  const remove: string[] = []
  const start: string[] = []
  let member = everybody
  for (const child of children) {
    member ||= child.id === failedId
    if (!member) continue
    if (child.active && child.id !== failedId) stop.push(child.id)
    if (child.restart === 'temporary') remove.push(child.id)
    else start.push(child.id)
  }
  return { stop: stop.reverse(), remove, start }
}

/**
 * Whether the supervisor shuts itself down because `ended`, already marked inactive, will not come
 * back. Asked only for a child that ended by itself: `terminateChild` and group restarts never
 * trigger it (U-49, U-50). It may be given the significant ones only, which is what makes it cheap.
 *
 * @example
 * const ended = { id: 'a', restart: 'transient' as const, significant: true, active: false }
 * const other = { ...ended, id: 'b', active: true }
 * assert.equal(shouldShutDown('any_significant', [ended, other], ended), true)
 * assert.equal(shouldShutDown('all_significant', [ended, other], ended), false) // U-48
 */
export function shouldShutDown(
  autoShutdown: AutoShutdown,
  children: Iterable<ChildView>,
  ended: ChildView,
): boolean {
  if (!ended.significant) return false
  switch (autoShutdown) {
    case 'never':
      return false
    case 'any_significant':
      return true
    case 'all_significant':
      for (const child of children) {
        if (child.significant && child.active && child.id !== ended.id) return false
      }
      return true
  }
}
