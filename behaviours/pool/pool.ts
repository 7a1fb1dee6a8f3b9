/**
 * Worker pools: a bounded number of processes that are lent to one caller at a time.
 *
 *     checkout -> an idle worker, a new one (up to size + overflowMax), or the queue (up to waitingMax)
 *     lease    -> release() | the owner ends | the worker ends
 *
 * Decisions are in pool-core.ts, the process is in pool-server.ts; here are the options and the caller's side.
 *
 * Follows poolboy (overflow, strategy, monitored callers) and NimblePool (a worker can be discarded).
 * Differs from poolboy: a worker that does not start, or dies as soon as it is idle, is not started again
 * and again but after `restartDelayMs`, and callers are told the reason meanwhile.
 */
import {
  CallTimeoutError,
  currentProcess,
  formatPid,
  homeOf,
  isPid,
  ItemKind,
  Message,
  numberOption,
  objectOption,
  oneOfOption,
  OptionError,
  resolveOptions,
  TIMER_DELAY_MS_MAX,
  type ExitReason,
  type OptionCheck,
  type Pid,
  type System,
  type Via,
} from '../../runtime/index.ts'
import type { ChildSpec, Shutdown } from '../supervisor/child-spec.ts'
import type { Ref } from '../server/contract.ts'
import {
  callTarget,
  pickSystem,
  resolveTarget,
  signalOption,
  stopProcess,
  type Filled,
  type ProcessTarget,
  type RequestOptions,
  type StopOptions,
} from '../server/gen.ts'
import { childSpec } from '../server/gen-server.ts'
import type { HandBack, PoolStrategy } from './pool-core.ts'
import { PoolTimeoutError } from './pool-errors.ts'
import {
  checkoutTimeoutOf,
  poolServer,
  type CheckoutRequest,
  type PoolApi,
  type PoolStatus,
  type PoolWorker,
} from './pool-server.ts'
import type { RestartType } from '../supervisor/restart-strategy.ts'
import { placeChecks, type SupervisorPlace } from '../supervisor/supervisor-options.ts'

/** How a pool is started. */
export interface PoolOptions<R extends PoolWorker> extends SupervisorPlace {
  /**
   * How a worker is started: `Worker.child(arg)`, or a function of its index, from 0. `restart` does not count:
   * the pool replaces every worker that ends.
   */
  readonly worker: ChildSpec<R> | ((index: number) => ChildSpec<R>)
  /** Workers that are always there; default 5. More serve more callers at once and cost what they hold. */
  readonly size?: number | undefined
  /** Workers more when all are in use; default 0. They are started on demand and end when idle. */
  readonly overflowMax?: number | undefined
  /**
   * Who is lent next. `lifo` (default): who was used last, whose caches are warm. `fifo`: who rested
   * longest, so that all are used evenly.
   */
  readonly strategy?: PoolStrategy | undefined
  /** How long a checkout waits by default, ms; default 5000. `ERR_POOL_TIMEOUT`. */
  readonly checkoutTimeoutMs?: number | undefined
  /**
   * Callers in the queue; default 10,000. `ERR_POOL_FULL`. Lower sheds load earlier. Callers for whom a
   * worker is being started do not count.
   */
  readonly waitingMax?: number | undefined
  /**
   * How long a worker above `size` stays idle before it is ended, ms; default 0. Higher spares starts
   * when load comes in waves, and holds resources meanwhile.
   */
  readonly idleTimeoutMs?: number | undefined
  /**
   * Pause after a worker that failed to start, or died idle within this time of its start, ms; default
   * 1000. Lower recovers sooner, and tries more often what does not work.
   */
  readonly restartDelayMs?: number | undefined
  /**
   * What becomes of a worker whose owner ended: `return` it (default), or `kill` it and start another
   * one, for workers that may be in the middle of something.
   */
  readonly ownerExit?: 'return' | 'kill' | undefined
}

/** How a worker is asked for. */
export interface CheckoutOptions {
  /** How long to wait; default the pool's `checkoutTimeoutMs`. Infinity waits for ever. */
  readonly timeoutMs?: number | undefined
  /** Gives up waiting. A worker that was granted in that moment goes back. */
  readonly signal?: AbortSignal | undefined
  /**
   * Whose end gives the worker back; default the running process, if there is one in the pool's system or
   * connected with it.
   */
  readonly owner?: Pid | { readonly pid: Pid } | undefined
  /** Where a name is looked up. Default: the running process's system, else the default system. */
  readonly system?: System | undefined
}

/** A running pool of workers `R`. */
export type PoolRef<R extends PoolWorker> = Ref<PoolApi<R>>

/** A pool as callers name it; by name nothing is known of its workers. */
export type PoolTarget<R extends PoolWorker> = PoolRef<R> | Pid | string | { readonly via: Via }

/** A worker in one caller's hands, until it is given back. */
export interface PoolLease<R extends PoolWorker> extends Disposable, AsyncDisposable {
  readonly worker: R
  readonly released: boolean
  /** Gives the worker back; false if that was done before, or the pool is gone. */
  release(): boolean
  /** Gives it back as unusable: the pool ends it and starts another one. */
  discard(): boolean
}

/** How a pool is a child; see `ChildSpec` for each field. */
export interface PoolChildOptions {
  readonly id: string
  /** Default `permanent`. */
  readonly restart?: RestartType | undefined
  /** Default `'infinity'`, so that its workers keep their deadlines. */
  readonly shutdown?: Shutdown | undefined
  /** Default false. */
  readonly significant?: boolean | undefined
}

type Checked = Filled<
  PoolOptions<PoolWorker>,
  | 'size'
  | 'overflowMax'
  | 'strategy'
  | 'checkoutTimeoutMs'
  | 'waitingMax'
  | 'idleTimeoutMs'
  | 'restartDelayMs'
  | 'ownerExit'
>

const countOption: OptionCheck = numberOption(0, 1_000_000)
const delayOption: OptionCheck = numberOption(0, TIMER_DELAY_MS_MAX, true)
const timeoutOption: OptionCheck = {
  expected: `milliseconds from 0 to ${TIMER_DELAY_MS_MAX}, or Infinity`,
  test: (v) => typeof v === 'number' && v >= 0 && (v <= TIMER_DELAY_MS_MAX || v === Infinity),
}

const defaults: Omit<PoolOptions<PoolWorker>, 'worker'> & { readonly worker?: unknown } =
  Object.freeze({
    size: 5,
    overflowMax: 0,
    strategy: 'lifo',
    checkoutTimeoutMs: 5000,
    waitingMax: 10_000,
    idleTimeoutMs: 0,
    restartDelayMs: 1000,
    ownerExit: 'return',
  })

const checks: { readonly [K in keyof PoolOptions<PoolWorker>]-?: OptionCheck } = {
  worker: {
    expected: 'a child specification or a function that makes them',
    test: (v) => typeof v === 'function' || (typeof v === 'object' && v !== null),
  },
  size: countOption,
  overflowMax: countOption,
  strategy: oneOfOption('lifo', 'fifo'),
  checkoutTimeoutMs: timeoutOption,
  waitingMax: numberOption(0, Number.MAX_SAFE_INTEGER),
  idleTimeoutMs: delayOption,
  restartDelayMs: delayOption,
  ownerExit: oneOfOption('return', 'kill'),
  ...placeChecks,
}

const checkoutDefaults: CheckoutOptions = Object.freeze({})
const checkoutChecks: { readonly [K in keyof CheckoutOptions]-?: OptionCheck } = {
  timeoutMs: timeoutOption,
  signal: signalOption,
  owner: objectOption,
  system: objectOption,
}

async function start<R extends PoolWorker>(given: PoolOptions<R>): Promise<PoolRef<R>> {
  const options = resolveOptions('Pool.start', defaults, checks, given) as Checked
  const { worker, name, system, parent, link, signal, mailboxMessagesMax, ...rules } = options
  if (worker === undefined) {
    throw new OptionError('ERR_OPTION_INVALID', 'worker', "Pool.start: option 'worker' is missing")
  }
  if (rules.size + rules.overflowMax === 0) {
    const why = "Pool.start: 'size' and 'overflowMax' are both 0, so there could be no worker"
    throw new OptionError('ERR_OPTION_INVALID', 'size', why)
  }
  const server = { name, system, parent, link, signal, mailboxMessagesMax }
  const ref = await poolServer.start(
    { worker, ...rules },
    // Not what the system prefers: a dropped message would be a lost worker.
    { ...server, trapExit: true, initTimeoutMs: Infinity, mailboxPolicy: 'reject' },
  )
  return ref as unknown as PoolRef<R>
}

/** Tells a pool something that must not get lost: a full mailbox does not refuse it. */
function tell(pool: Pid, ticket: string, how: HandBack): boolean {
  const home = homeOf(pool)
  if (pool.node !== home.node) return home.cast(pool, 'checkin', { ticket, how })
  const process = home.process(pool)
  process?.post(new Message(ItemKind.cast, 'checkin', { ticket, how }))
  return process !== undefined
}

class Lease<R extends PoolWorker> implements PoolLease<R> {
  readonly worker: R
  readonly #pool: Pid
  readonly #ticket: string
  #released = false

  constructor(worker: R, pool: Pid, ticket: string) {
    this.worker = worker
    this.#pool = pool
    this.#ticket = ticket
  }

  get released(): boolean {
    return this.#released
  }
  release(): boolean {
    return this.#giveBack('return')
  }
  discard(): boolean {
    return this.#giveBack('discard')
  }
  [Symbol.dispose](): void {
    this.#giveBack('return')
  }
  [Symbol.asyncDispose](): Promise<void> {
    this.#giveBack('return')
    return Promise.resolve()
  }

  #giveBack(how: HandBack): boolean {
    if (this.#released) return false
    this.#released = true
    return tell(this.#pool, this.#ticket, how)
  }
}

/**
 * The pool keeps the deadline of a checkout, because it knows who has the workers. So much later the caller
 * gives up by itself: the pool is suspended, stopping, or busy.
 */
const ANSWER_MS = 100

async function checkout<R extends PoolWorker>(
  target: PoolTarget<R>,
  given: CheckoutOptions = {},
): Promise<PoolLease<R>> {
  const running = currentProcess()
  const options = resolveOptions('Pool.checkout', checkoutDefaults, checkoutChecks, given)
  const { timeoutMs, signal, system } = options
  const pool = resolveTarget(target, pickSystem({ system }))
  // Nobody has the name: that is a call to nobody.
  if (pool === undefined)
    return (await callTarget(target, 'checkout', undefined, { system })) as never
  const home = homeOf(pool)
  const ticket = Buffer.from(home.entropy.bytes(12)).toString('hex')
  const request: CheckoutRequest = { ticket, owner: ownerOf(options.owner, home), timeoutMs }
  const limitMs = timeoutMs ?? checkoutTimeoutOf(home.process(pool)) ?? Infinity
  try {
    const callOptions = { timeoutMs: limitMs + ANSWER_MS, signal, from: running?.pid }
    const worker = await home.call(pool, 'checkout', request, callOptions)
    return new Lease(worker as R, pool, ticket)
  } catch (error) {
    tell(pool, ticket, 'return')
    if (!(error instanceof CallTimeoutError)) throw error
    throw new PoolTimeoutError(`pool ${formatPid(pool)}`, limitMs, undefined)
  }
}

/** By default the running process, if the pool's system can know of its end. */
function ownerOf(given: CheckoutOptions['owner'], home: System): Pid | undefined {
  if (given !== undefined) return isPid(given) ? given : given.pid
  const running = currentProcess()
  return running?.system === home || home.hasRemote ? running?.pid : undefined
}

async function transaction<R extends PoolWorker, T>(
  target: PoolTarget<R>,
  fn: (worker: R, lease: PoolLease<R>) => T | Promise<T>,
  options?: CheckoutOptions,
): Promise<T> {
  const lease = await checkout(target, options)
  try {
    return await fn(lease.worker, lease)
  } finally {
    lease.release()
  }
}

/** The functions of {@link Pool}. */
export interface PoolFunctions {
  /** Starts a pool and its first workers; rejects if one of them fails, after stopping the others. */
  start<R extends PoolWorker>(options: PoolOptions<R>): Promise<PoolRef<R>>
  /** As `start`, linked to `options.parent` or else the running process. */
  startLink<R extends PoolWorker>(options: PoolOptions<R>): Promise<PoolRef<R>>
  /** A child specification of a pool. */
  child<R extends PoolWorker>(
    options: Omit<PoolOptions<R>, 'system' | 'parent' | 'link' | 'signal'>,
    child: PoolChildOptions,
  ): ChildSpec<PoolRef<R>>
  /** Ends the pool: waiting callers are refused, then the workers stop, the last started first. */
  stop(target: ProcessTarget, reason?: ExitReason, options?: StopOptions): Promise<void>
  /** Lends a worker. Give the lease back with `using`, or with `release`. */
  checkout<R extends PoolWorker>(
    pool: PoolTarget<R>,
    options?: CheckoutOptions,
  ): Promise<PoolLease<R>>
  /** Lends a worker to `fn` and gives it back when that is done, also if it failed. */
  transaction<R extends PoolWorker, T>(
    pool: PoolTarget<R>,
    fn: (worker: R, lease: PoolLease<R>) => T | Promise<T>,
    options?: CheckoutOptions,
  ): Promise<T>
  /** Numbers of the pool. */
  status(target: ProcessTarget, options?: RequestOptions): Promise<PoolStatus>
}

/**
 * Worker pools.
 *
 * @example
 * const Worker = defineServer({
 *   init: (base: number) => base,
 *   call: { add: (base, by: number) => reply(base + by, base) },
 *   cast: {},
 * })
 * const pool = await Pool.start({ worker: Worker.child(100), size: 2, overflowMax: 1 })
 * const sums = await Promise.all(
 *   [1, 2, 3, 4].map((by) => Pool.transaction(pool, (worker) => worker.call.add(by))),
 * )
 * assert.deepEqual(sums, [101, 102, 103, 104])
 * const lease = await Pool.checkout(pool, { timeoutMs: 100 })
 * assert.equal((await Pool.status(pool)).checkedOut, 1)
 * lease.release()
 * await Pool.stop(pool)
 */
export const Pool: PoolFunctions = Object.freeze<PoolFunctions>({
  start,
  startLink: (options) => start({ ...options, link: true }),
  child: <R extends PoolWorker>(
    options: Omit<PoolOptions<R>, 'system' | 'parent' | 'link' | 'signal'>,
    { id, ...rest }: PoolChildOptions,
  ) => ({
    ...childSpec<PoolRef<R>>(id, rest, ({ system, parent }) =>
      start({ ...options, system, parent, link: true }),
    ),
    type: 'supervisor' as const,
  }),
  stop: (target, reason, options) => stopProcess(target, reason, options),
  checkout,
  transaction,
  status: (target, options) =>
    callTarget(target, 'status', undefined, options) as Promise<PoolStatus>,
})
