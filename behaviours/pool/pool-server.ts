/**
 * The process of a pool: it owns the workers as a supervisor owns children, watches those who hold them,
 * and carries out what pool-core.ts decides.
 *
 * Invariants:
 * - Whatever happens to a worker, a caller or a timer enters through the mailbox, one thing at a time.
 * - A grant that nobody takes (the caller gave up) goes back to the core at once: no worker is lost.
 * - A worker that starts is adopted in the moment it is known, so it cannot outlive the pool: not even one
 *   whose reason to end would be no reason for a linked process.
 * - The pool is never busy with starting or ending a worker: callers are answered meanwhile.
 */
import {
  ArgumentError,
  formatPid,
  isPid,
  ItemKind,
  Message,
  type ExitReason,
  type MonitorRef,
  type Pid,
  type Process,
  type TimerRef,
} from '../../runtime/index.ts'
import { checkChildSpec, type ChildSpec, type CheckedChildSpec } from '../supervisor/child-spec.ts'
import { contract, type Contract } from '../server/contract.ts'
import { ChildStartError } from '../supervisor/supervisor-errors.ts'
import { implementAs, type Server } from '../server/gen-server.ts'
import {
  PoolCore,
  type HandBack,
  type PoolCounts,
  type PoolEffect,
  type PoolRules,
} from './pool-core.ts'
import {
  PoolFullError,
  PoolOwnerError,
  PoolStoppedError,
  PoolTimeoutError,
  PoolWorkerError,
} from './pool-errors.ts'
import { noreply, reply, stop, type Stop } from '../server/results.ts'
import { serverState } from '../server/server-cell.ts'
import { shape } from '../server/schema.ts'
import { processOf, type Ctx, type From, type Info } from '../server/server-context.ts'
import { ChildKeeper, isNotStarted, type Started } from '../supervisor/supervised-keeper.ts'
import { PidMap } from '../supervisor/supervised-pids.ts'

/** What a worker is known by: what its start function gives. */
export type PoolWorker = { readonly pid: Pid }

/** What `checkout` asks. */
export interface CheckoutRequest {
  /** The caller's name for it; unique. */
  readonly ticket: string
  /** Whose end gives the worker back. */
  readonly owner: Pid | undefined
  readonly timeoutMs: number | undefined
}

/** What `checkin` says. */
export interface CheckinRequest {
  readonly ticket: string
  readonly how: HandBack
}

/** What a pool is like now. */
export interface PoolStatus extends PoolCounts {
  readonly size: number
  readonly overflowMax: number
}

/** The protocol of pools. */
export interface PoolApi<R extends PoolWorker> {
  call: {
    checkout(request: CheckoutRequest): R
    status(): PoolStatus
  }
  cast: { checkin(request: CheckinRequest): void }
}

/** The contract of pools, for refs from pids. */
export const poolContract: Contract<PoolApi<PoolWorker>> = contract('fovea.pool/1', {
  call: {
    checkout: shape<CheckoutRequest>(
      '{ ticket, owner, timeoutMs }',
      ({ ticket, owner, timeoutMs }) =>
        typeof ticket === 'string' &&
        (owner === undefined || isPid(owner)) &&
        (timeoutMs === undefined || (typeof timeoutMs === 'number' && timeoutMs >= 0)),
    ),
    status: true,
  },
  cast: {
    checkin: shape<CheckinRequest>(
      '{ ticket, how }',
      ({ ticket, how }) =>
        typeof ticket === 'string' && ['return', 'discard', 'kill'].includes(String(how)),
    ),
  },
})

/** How a pool process is made. */
export interface PoolSettings extends PoolRules {
  readonly worker: ChildSpec | ((index: number) => ChildSpec)
  readonly checkoutTimeoutMs: number
  readonly ownerExit: 'return' | 'kill'
}

/** A message of a pool to itself: what it waits for has happened. */
class Happened {
  readonly act: (pool: PoolState) => void
  constructor(act: (pool: PoolState) => void) {
    this.act = act
  }
}

/** One running worker. */
interface Running {
  readonly key: number
  readonly index: number
  readonly spec: CheckedChildSpec
  pid: Pid | undefined
  ref: PoolWorker | undefined
}

/** A caller from its checkout to its checkin. */
interface Client {
  readonly ticket: string
  from: From<PoolWorker> | undefined
  readonly monitor: MonitorRef | undefined
  timer: TimerRef | undefined
}

class PoolState {
  readonly settings: PoolSettings
  readonly core: PoolCore
  readonly #process: Process
  readonly #keeper: ChildKeeper
  readonly #running = new Map<number, Running>()
  readonly #byPid: PidMap<Running>
  /** Who has which index; the lowest free one is the next worker's. */
  readonly #indices: (number | undefined)[] = []
  readonly #clients = new Map<string, Client>()
  readonly #byMonitor = new Map<MonitorRef, Client>()
  #carrying = false
  #stopped = false
  #wake: { readonly atMs: number; readonly timer: TimerRef } | undefined = undefined

  constructor(process: Process, settings: PoolSettings) {
    this.#process = process
    this.settings = settings
    this.core = new PoolCore(settings)
    this.#byPid = new PidMap<Running>(process.pid)
    this.#keeper = new ChildKeeper(process, (pid) => this.#byPid.has(pid))
  }

  get label(): string {
    return `pool ${formatPid(this.#process.pid)}`
  }
  get status(): PoolStatus {
    const { size, overflowMax } = this.settings
    return { size, overflowMax, ...this.core.counts }
  }
  get workers(): readonly Running[] {
    return [...this.#running.values()]
  }
  get #nowMs(): number {
    return this.#process.system.clock.now()
  }

  // --- workers

  /** Starts the first workers, one after another; gives why it could not. */
  async startAll(): Promise<ChildStartError | undefined> {
    const keys = Array.from({ length: this.settings.size }, () => this.core.reserve())
    for (const key of keys) {
      try {
        await this.#startWorker(key)
      } catch (error) {
        await this.stopAll()
        return error as ChildStartError
      }
      if (!this.#process.alive) return undefined
      this.core.started(key, this.#nowMs)
    }
    return undefined
  }

  async #startWorker(key: number): Promise<void> {
    const index = this.#freeIndex()
    this.#indices[index] = key
    try {
      const spec = this.#specOf(index)
      const running: Running = { key, index, spec, pid: undefined, ref: undefined }
      this.#running.set(key, running)
      const started: Started = await this.#keeper.start(spec.id, spec, spec.args)
      if (isNotStarted(started)) throw this.#keeper.failed(spec.id, 'ignore')
      running.pid = this.#keeper.adopt(spec.id, started)
      running.ref = started as PoolWorker
      if (running.pid === undefined) return
      this.#byPid.set(running.pid, running)
      if (this.#stopped) this.#process.system.exit(running.pid, 'kill', this.#process.pid)
    } catch (error) {
      this.#running.delete(key)
      this.#indices[index] = undefined
      throw error
    }
  }

  #freeIndex(): number {
    const { length } = this.#indices
    return this.#running.size === length ? length : this.#indices.indexOf(undefined)
  }

  #specOf(index: number): CheckedChildSpec {
    const { worker } = this.settings
    try {
      const given = typeof worker === 'function' ? worker(index) : worker
      return checkChildSpec(given, 'all_significant')
    } catch (error) {
      throw this.#keeper.failed(`worker ${index}`, error)
    }
  }

  #forget(key: number): void {
    const running = this.#running.get(key)
    if (running === undefined) return
    this.#running.delete(key)
    this.#indices[running.index] = undefined
    if (running.pid !== undefined) this.#byPid.delete(running.pid)
  }

  #beginStart(key: number): void {
    this.#startWorker(key).then(
      () => this.#post((pool) => pool.core.started(key, pool.#nowMs)),
      (error: unknown) => {
        const reason: ExitReason = error instanceof ChildStartError ? error.reason : error
        this.#process.system.logger.warn({ pool: this.label, reason }, 'worker did not start')
        this.#post((pool) => pool.core.startFailed(key, reason, pool.#nowMs))
      },
    )
  }

  #beginEnd(key: number, kill: boolean): void {
    const running = this.#running.get(key)
    const ended = (): void =>
      this.#post((pool) => {
        pool.#forget(key)
        pool.core.ended(key, pool.#nowMs)
      })
    const wait = running === undefined ? undefined : this.#stop(running, kill)
    if (wait === undefined) ended()
    else void wait.then(ended)
  }

  #stop({ pid, spec, index }: Running, kill: boolean): Promise<void> | undefined {
    if (pid === undefined) return undefined
    this.#byPid.delete(pid)
    const shutdown = kill ? 'brutal_kill' : spec.shutdown
    return this.#keeper.stop({ pid, id: `${spec.id} ${index}`, shutdown, restart: 'permanent' })
  }

  /** An EXIT came: of a worker, or of somebody who is none of the pool's business. */
  exited(pid: Pid, reason: ExitReason): void {
    const running = this.#byPid.get(pid)
    if (running === undefined) return
    const { key, index, spec } = running
    const ticket = this.core.ticketOf(key)
    this.#forget(key)
    if (ticket !== undefined) this.#dismiss(ticket)
    this.#process.system.logger.warn(
      { pool: this.label, worker: spec.id, index, reason },
      'worker terminated',
    )
    this.core.died(key, reason, this.#nowMs)
    this.carryOut()
  }

  /** The pool stops: nobody gets a worker any more, and the workers end, the last started first. */
  async stopAll(): Promise<void> {
    for (const { from } of this.#clients.values()) from?.fail(new PoolStoppedError(this.label))
    // Those that were starting come up meanwhile.
    for (let left = this.#startedOnes; left.length > 0; left = this.#startedOnes) {
      for (const running of left.reverse()) {
        const wait = this.#stop(running, false)
        if (wait !== undefined) await wait
        this.#forget(running.key)
      }
    }
    this.#stopped = true
  }

  get #startedOnes(): Running[] {
    return this.workers.filter(({ pid }) => pid !== undefined)
  }

  // --- callers

  checkout({ ticket, owner, timeoutMs }: CheckoutRequest, from: From<PoolWorker>): void {
    const { system, pid } = this.#process
    if (this.#clients.has(ticket)) {
      from.fail(new ArgumentError('ticket', 'one that is not in use', ticket))
      return
    }
    let monitor: MonitorRef | undefined
    try {
      monitor = owner === undefined ? undefined : system.monitor(pid, owner)
    } catch (error) {
      from.fail(error) // there is no room for the monitor
      return
    }
    const client: Client = { ticket, from, monitor, timer: undefined }
    this.#clients.set(ticket, client)
    if (monitor !== undefined) this.#byMonitor.set(monitor, client)
    this.core.checkout(ticket, this.#nowMs)
    this.carryOut()
    if (client.from === undefined) return // answered already
    const limitMs = timeoutMs ?? this.settings.checkoutTimeoutMs
    if (limitMs === Infinity) return
    client.timer = system.setTimer(this.#process, limitMs, () =>
      this.#post((pool) => pool.#expire(client, limitMs)),
    )
  }

  #expire(client: Client, limitMs: number): void {
    const { from, ticket } = client
    if (from === undefined) return
    from.fail(new PoolTimeoutError(this.label, limitMs, this.core.counts.checkedOut))
    this.handBack(ticket, 'return')
  }

  handBack(ticket: string, how: HandBack): void {
    this.#dismiss(ticket)
    this.core.handBack(ticket, how, this.#nowMs)
    this.carryOut()
  }

  /** The owner of a worker, or of a place in the queue, has ended. */
  ownerEnded(monitor: MonitorRef, reason: ExitReason): void {
    const client = this.#byMonitor.get(monitor)
    if (client === undefined) return
    client.from?.fail(new PoolOwnerError(this.label, reason))
    this.handBack(client.ticket, this.settings.ownerExit)
  }

  /** Forgets a caller and what watches it. */
  #dismiss(ticket: string): void {
    const client = this.#clients.get(ticket)
    if (client === undefined) return
    this.#clients.delete(ticket)
    this.#answered(client)
    if (client.monitor === undefined) return
    this.#byMonitor.delete(client.monitor)
    const { system, pid } = this.#process
    system.demonitor(client.monitor, { flush: true, owner: pid })
  }

  #answered(client: Client): void {
    client.from = undefined
    if (client.timer !== undefined) this.#process.system.cancelTimer(client.timer)
    client.timer = undefined
  }

  #grant(ticket: string, key: number): void {
    const client = this.#clients.get(ticket)
    const ref = this.#running.get(key)?.ref
    const taken = ref !== undefined && client?.from?.reply(ref) === true
    if (client !== undefined && taken) this.#answered(client)
    else this.handBack(ticket, 'return')
  }

  #refuse(ticket: string, error: Error): void {
    this.#clients.get(ticket)?.from?.fail(error)
    this.#dismiss(ticket)
  }

  // --- carrying out

  /** Does what the core has decided; what that leads to is decided and done in the same loop. */
  carryOut(): void {
    if (this.#carrying) return // whoever is at it finds the new effects behind the others
    this.#carrying = true
    const { effects } = this.core
    for (let i = 0; i < effects.length; i++) {
      const effect = effects[i] as PoolEffect
      switch (effect.type) {
        case 'start':
          this.#beginStart(effect.key)
          break
        case 'end':
          this.#beginEnd(effect.key, effect.kill)
          break
        case 'grant':
          this.#grant(effect.ticket, effect.key)
          break
        case 'full':
          this.#refuse(effect.ticket, new PoolFullError(this.label, this.settings.waitingMax))
          break
        case 'broken':
          this.#refuse(effect.ticket, new PoolWorkerError(this.label, effect.reason))
          break
      }
    }
    effects.length = 0
    this.#carrying = false
    this.#armWake()
  }

  #armWake(): void {
    const atMs = this.core.wakeAtMs
    if (this.#wake?.atMs === atMs) return
    const { system } = this.#process
    if (this.#wake !== undefined) system.cancelTimer(this.#wake.timer)
    this.#wake = undefined
    if (atMs === Infinity) return
    const delayMs = Math.max(0, atMs - this.#nowMs)
    const timer = system.setTimer(this.#process, delayMs, () =>
      this.#post((pool) => {
        pool.#wake = undefined
        pool.core.wake(pool.#nowMs)
      }),
    )
    this.#wake = { atMs, timer }
  }

  #post(act: (pool: PoolState) => void): void {
    this.#process.post(new Message(ItemKind.info, undefined, new Happened(act)))
  }
}

/** The server behind `Pool`. */
export const poolServer: Server<PoolApi<PoolWorker>, PoolSettings> = implementAs<
  PoolApi<PoolWorker>,
  PoolSettings,
  PoolState
>(
  poolContract,
  {
    init: initialize,
    call: {
      checkout: (pool, request, ctx) => {
        pool.checkout(request, ctx.from)
        return noreply(pool)
      },
      status: (pool) => reply(pool.status, pool),
    },
    cast: {
      checkin: (pool, { ticket, how }) => {
        pool.handBack(ticket, how)
        return noreply(pool)
      },
    },
    info: (pool, info) => {
      inform(pool, info)
      return noreply(pool)
    },
    terminate: (_reason, pool) => pool.stopAll(),
  },
  {
    behaviour: 'pool',
    sealed: true,
    view: (pool: PoolState) => pool.status,
    status: (pool: PoolState) => ({ ...pool.status }),
    children: (pool: PoolState) =>
      pool.workers.map(({ spec, index, pid }) => {
        return { id: `${spec.id} ${index}`, pid, type: spec.type, restarts: 0 }
      }),
  },
)

/** How long a checkout waits by default, as far as that can be read here: a local pool that has started. */
export function checkoutTimeoutOf(pool: Process | undefined): number | undefined {
  const state = pool === undefined ? undefined : serverState(pool)
  return state instanceof PoolState ? state.settings.checkoutTimeoutMs : undefined
}

async function initialize(
  settings: PoolSettings,
  ctx: Ctx<never, PoolApi<PoolWorker>>,
): Promise<PoolState | Stop<never>> {
  const pool = new PoolState(processOf(ctx), settings)
  const failed = await pool.startAll()
  if (failed === undefined) return pool
  return stop({ shutdown: { failedToStartWorker: failed.childId, reason: failed.reason } })
}

function inform(pool: PoolState, info: Info): void {
  if (info.type === 'exit') pool.exited(info.from, info.reason)
  else if (info.type === 'down') pool.ownerEnded(info.ref, info.reason)
  else if (info.type === 'message' && info.message instanceof Happened) {
    info.message.act(pool)
    pool.carryOut()
  }
}
