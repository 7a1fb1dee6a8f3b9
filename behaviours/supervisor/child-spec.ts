/**
 * What a supervisor needs to know of a child: defaults and checks, pure. Follows the child_spec() map
 * of supervisor.erl; cases U-53 to U-56.
 *
 * `shutdown` is how long a child may take to end after it was asked to: milliseconds, `'infinity'`, or
 * `'brutal_kill'` for not being asked. Lowering it makes a stop faster and cuts `terminate` short;
 * raising it lets one stuck child hold up the whole tree for so long. Give `'infinity'` to supervisors
 * (the default for `type: 'supervisor'`), because their own children have deadlines already.
 *
 * `startTimeoutMs` is how long its start function may take: a supervisor does nothing else meanwhile, not
 * even stop (U-69). Raise it for a child that works long before it is there; better let it start at once
 * and work afterwards. Differs from OTP, whose supervisors wait for ever.
 */
import { inspect } from 'node:util'
import { TIMER_DELAY_MS_MAX, type OptionCheck, type Pid, type System } from '../../runtime/index.ts'
import { ChildSpecError, DuplicateChildError } from './supervisor-errors.ts'
import type { AutoShutdown, RestartType } from './restart-strategy.ts'
import { IGNORE, type Ignore } from '../server/results.ts'

/** How a child is stopped: milliseconds to end by itself, no limit, or at once. */
export type Shutdown = number | 'brutal_kill' | 'infinity'

/** Who starts a child. A start function that uses it starts the child linked from its first moment. */
export interface ChildContext {
  readonly system: System
  /** The supervisor. */
  readonly parent: Pid
  /** Aborted when the supervisor gives up waiting, or ends. Made on first use; absent in tests. */
  readonly signal?: AbortSignal | undefined
}

/** What a start function gives: something with a pid, such as a ref, or {@link IGNORE}. */
export type ChildStarted = { readonly pid: Pid } | Ignore

/** One child of a supervisor. */
export interface ChildSpec<R extends ChildStarted = ChildStarted> {
  /** Unique within its supervisor. */
  readonly id: string
  /**
   * Starts the child; called again, with nothing remembered, for every restart (U-61). A start
   * function that ignores `context` is linked by the supervisor as soon as it has resolved. After the
   * context come the supervisor's arguments, if it has any (`extraArguments`), then `args`.
   */
  readonly start: (context: ChildContext, ...args: never[]) => Promise<R>
  /** Given to `start` after the context. Default none: a closure does the same. */
  readonly args?: readonly unknown[]
  /**
   * Milliseconds that `start` may take; then the attempt has failed and a child that comes later is
   * killed. Default 60,000; `Infinity` for supervisors, and for servers, which have `initTimeoutMs`.
   */
  readonly startTimeoutMs?: number
  /**
   * `permanent` (default): always restarted. `transient`: only after a crash; `normal`, `shutdown` and
   * `{ shutdown }` are not crashes (U-19). `temporary`: never, and its spec goes with it (U-20).
   */
  readonly restart?: RestartType
  /** Default 5000 ms for workers, `'infinity'` for supervisors. */
  readonly shutdown?: Shutdown
  /** `worker` (default) or `supervisor`; only used for counting and for the default of `shutdown`. */
  readonly type?: 'worker' | 'supervisor'
  /** Its end may end the supervisor, see `autoShutdown`. Not for permanent children. Default false. */
  readonly significant?: boolean
}

/** A child specification with nothing left open. */
export type CheckedChildSpec = Readonly<Required<ChildSpec>>

const SHUTDOWN_DEFAULT_MS = 5000
const START_TIMEOUT_DEFAULT_MS = 60_000
const NO_ARGS: readonly unknown[] = Object.freeze([])
const FIELDS = [
  'id',
  'start',
  'args',
  'startTimeoutMs',
  'restart',
  'shutdown',
  'type',
  'significant',
]

/** noex's and OTP's other spellings, refused with a hint instead of being ignored. */
const RENAMED: Readonly<Record<string, string>> = {
  shutdownTimeout: 'shutdown',
  shutdownMs: 'shutdown',
  shutdownTimeoutMs: 'shutdown',
  restartType: 'restart',
  name: 'id',
  arguments: 'args',
  startTimeout: 'startTimeoutMs',
  modules: 'nothing: modules are not needed',
}

/**
 * `spec` with its defaults, or {@link ChildSpecError}.
 *
 * @example
 * const start = () => Promise.resolve(IGNORE)
 * const spec = checkChildSpec({ id: 'cache', start }, 'never')
 * assert.deepEqual([spec.restart, spec.shutdown, spec.type], ['permanent', 5000, 'worker']) // U-56
 * assert.throws(() => checkChildSpec({ id: 'cache', start, shutdown: -1 }, 'never'), {
 *   code: 'ERR_CHILD_SPEC',
 *   field: 'shutdown',
 * })
 */
export function checkChildSpec(spec: ChildSpec, autoShutdown: AutoShutdown): CheckedChildSpec {
  if (typeof spec !== 'object' || spec === null || Array.isArray(spec)) {
    throw new ChildSpecError('?', 'spec', `a child specification is an object, not ${show(spec)}`)
  }
  const { id, start, restart = 'permanent', type = 'worker', significant = false } = spec
  const supervises = type === 'supervisor'
  const { shutdown = supervises ? 'infinity' : SHUTDOWN_DEFAULT_MS } = spec
  const { args = NO_ARGS, startTimeoutMs = supervises ? Infinity : START_TIMEOUT_DEFAULT_MS } = spec
  const name = typeof id === 'string' && id.length > 0 ? id : '?'
  const refuse = (field: string, expected: string, value: unknown): never => {
    throw new ChildSpecError(name, field, `'${field}' must be ${expected}, not ${show(value)}`)
  }
  if (name === '?' && id !== '?') refuse('id', 'a string that is not empty', id)
  if (typeof start !== 'function') refuse('start', 'a function', start)
  if (!Array.isArray(args)) refuse('args', 'a list', args)
  if (!isMilliseconds(startTimeoutMs)) {
    refuse(
      'startTimeoutMs',
      `milliseconds from 0 to ${TIMER_DELAY_MS_MAX}, or Infinity`,
      startTimeoutMs,
    )
  }
  if (!['permanent', 'transient', 'temporary'].includes(restart)) {
    refuse('restart', "'permanent', 'transient' or 'temporary'", restart)
  }
  if (type !== 'worker' && type !== 'supervisor') refuse('type', "'worker' or 'supervisor'", type)
  if (!shutdownOption.test(shutdown)) refuse('shutdown', shutdownOption.expected, shutdown)
  if (typeof significant !== 'boolean') refuse('significant', 'true or false', significant)
  if (significant && autoShutdown === 'never') {
    refuse('significant', "false while the supervisor's autoShutdown is 'never'", significant)
  }
  if (significant && restart === 'permanent') {
    refuse('significant', 'false for a permanent child, which never ends for good', significant)
  }
  for (const field of Object.keys(spec)) if (!FIELDS.includes(field)) refuseField(name, field)
  return Object.freeze({ id, start, args, startTimeoutMs, restart, shutdown, type, significant })
}

/**
 * Every spec of a list with its defaults; ids must differ.
 *
 * @example
 * const spec = { id: 'a', start: () => Promise.resolve(IGNORE) }
 * assert.equal(checkChildSpecs([spec, { ...spec, id: 'b' }], 'never').length, 2)
 * assert.throws(() => checkChildSpecs([spec, spec], 'never'), { code: 'ERR_CHILD_DUPLICATE' }) // U-53
 */
export function checkChildSpecs(
  specs: readonly ChildSpec[],
  autoShutdown: AutoShutdown,
  supervisorId = 'supervisor',
): CheckedChildSpec[] {
  const ids = new Set<string>()
  return specs.map((spec) => {
    const checked = checkChildSpec(spec, autoShutdown)
    if (ids.has(checked.id)) throw new DuplicateChildError(supervisorId, checked.id)
    ids.add(checked.id)
    return checked
  })
}

/**
 * True for {@link IGNORE}.
 *
 * @example
 * assert.equal(isIgnored(IGNORE), true)
 * assert.equal(isIgnored(undefined), false)
 */
export function isIgnored(started: unknown): started is Ignore {
  return started === IGNORE
}

/** Milliseconds that a child may take to end; `Infinity` for no limit. */
export function shutdownMs(shutdown: Exclude<Shutdown, 'brutal_kill'>): number {
  return shutdown === 'infinity' ? Infinity : shutdown
}

/** A {@link Shutdown}. */
export const shutdownOption: OptionCheck = {
  expected: `milliseconds from 0 to ${TIMER_DELAY_MS_MAX}, 'infinity' or 'brutal_kill'`,
  test: (value) => isMilliseconds(value) || value === 'infinity' || value === 'brutal_kill',
}

function isMilliseconds(value: unknown): value is number {
  return (
    typeof value === 'number' && value >= 0 && (value <= TIMER_DELAY_MS_MAX || value === Infinity)
  )
}

function refuseField(id: string, field: string): never {
  const renamed = Object.hasOwn(RENAMED, field) ? RENAMED[field] : undefined
  const hint = renamed === undefined ? `known are ${FIELDS.join(', ')}` : `use ${renamed}`
  throw new ChildSpecError(id, field, `unknown field '${field}'; ${hint}`)
}

const show = (value: unknown): string => inspect(value, { depth: 1, breakLength: Infinity })
