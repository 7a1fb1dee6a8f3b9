/**
 * One singleton on one of its candidates: waits for the lease, runs the process while it has it, ends the process
 * before the lease ends, begins anew.
 *
 *     waiting ── lease ──> starting ── pid ──> running ── the process ended ──> pause ──> waiting
 *                              └──── lease lost, stop ────> ending ──────────────┘
 *
 * Invariants:
 * - Its process lives only while the lease is held: it is asked to end when the lease is told to be lost, and killed before
 *   another may have it.
 * - The lease is given back after the process has ended, never before.
 * - Every process has a lease of its own, so that what an earlier one still has under way carries a lower token.
 */
import { isIgnored } from '../../behaviours/index.ts'
import { isPid, ownPromise, type ClockTimer, type Pid } from '../../runtime/index.ts'
import type { Lease, StrictLeases } from '../leases/leases.ts'
import type { DistParts } from '../parts.ts'
import { SingletonError } from './errors.ts'
import type { SingletonSettings } from './options.ts'
import type { Singleton, SingletonContext, SingletonOptions } from './singleton.ts'

/** What it works with. */
export interface OwnSingletonParts {
  readonly parts: DistParts
  readonly leases: StrictLeases
  readonly settings: SingletonSettings
  /** It is no candidate any more. */
  stopped(): void
}

/** Why a process is ended; the parent's crash takes it along at once. */
export type ParentEnd = 'shutdown' | 'crashed'

/** Share of the grace that a process has for its end; the rest is for a busy event loop. */
const GRACE_SHARE = 0.9

/** See the file header. */
export class OwnSingleton implements Singleton {
  readonly name: string
  readonly #options: SingletonOptions
  readonly #own: OwnSingletonParts
  readonly #stopping = new AbortController()
  #running: { readonly pid: Pid; readonly lease: Lease } | undefined
  /** Ends with its process, whoever its parent was. */
  #cycle: Promise<void> = Promise.resolve()

  constructor(options: SingletonOptions, own: OwnSingletonParts) {
    this.name = options.name
    this.#options = options
    this.#own = own
  }

  get pid(): Pid | undefined {
    return this.#running?.pid
  }
  get token(): number | undefined {
    return this.#running?.lease.token
  }

  /** A parent for its processes is there, until `over`. */
  run(parent: Pid, over: AbortSignal): void {
    const before = this.#cycle
    this.#cycle = before.then(() => this.#candidate(parent, over))
  }

  async stop(): Promise<void> {
    this.#stopping.abort('stopped')
    await this.#cycle
    this.#own.stopped()
  }

  /** Resolves when its process has ended after its parent did. */
  get ended(): Promise<void> {
    return this.#cycle
  }

  async #candidate(parent: Pid, over: AbortSignal): Promise<void> {
    const { leases, parts, settings } = this.#own
    const stop = AbortSignal.any([over, this.#stopping.signal])
    const { ttlMs } = this.#options
    while (!stop.aborted) {
      try {
        const lease = await leases.acquire(this.name, { signal: stop, ttlMs })
        try {
          await this.#serve(lease, parent, stop, over)
        } finally {
          lease.release()
        }
      } catch (error) {
        if (!stop.aborted) {
          parts.refusals.count('ERR_SINGLETON_START', { name: this.name, err: error })
        }
      }
      await this.#pause(settings.restartPauseMs, stop)
    }
  }

  async #serve(lease: Lease, parent: Pid, stop: AbortSignal, over: AbortSignal): Promise<void> {
    const { system } = this.#own.parts
    const end = AbortSignal.any([stop, lease.lost])
    const { token, lost } = lease
    const pid = await this.#start({ system, parent, signal: end, token, lost })
    if (pid === undefined) return
    if (system.isAlive(pid) && system.isAlive(parent)) system.link(parent, pid)
    this.#running = { pid, lease }
    try {
      await this.#untilEnded(pid, lease, parent, [stop, lost, over])
    } finally {
      this.#running = undefined
    }
  }

  /** The new process; undefined when it is not wanted any more. One that comes too late is killed. */
  async #start(context: SingletonContext): Promise<Pid | undefined> {
    const { signal, system } = context
    const starting = Promise.resolve(this.#options.start(context))
    const unwanted = Symbol('unwanted')
    let stopListening = (): void => {}
    const over = ownPromise<typeof unwanted>((resolve) => {
      stopListening = system.onAbort(signal, () => resolve(unwanted))
    })
    const started = await Promise.race([starting, over]).finally(() => stopListening())
    if (started === unwanted) {
      const ended = starting.then(
        (late: unknown) => {
          const { pid } = (late ?? {}) as { readonly pid?: unknown }
          if (isPid(pid)) system.exit(pid, 'kill')
        },
        // Nobody waits for it any more.
        () => {},
      )
      // What it began may go on in it: nobody else begins before its end, as long as the lease and patience last.
      await Promise.race([ended, this.#pause(this.#own.settings.shutdownMs, context.lost)])
      return undefined
    }
    if (isIgnored(started)) return undefined
    const { pid } = (started ?? {}) as { readonly pid?: unknown }
    // The end of a process elsewhere could not be brought about before the lease ends.
    if (!isPid(pid) || pid.node !== system.node) {
      const text = `'${this.name}': start must give a process of this node`
      throw new SingletonError('ERR_SINGLETON_START', text)
    }
    return pid
  }

  /** Resolves when the process has ended, which it is asked to with the first of `signals`. */
  #untilEnded(pid: Pid, lease: Lease, parent: Pid, signals: readonly AbortSignal[]): Promise<void> {
    const { settings, parts } = this.#own
    const { system } = parts
    const over = signals.at(-1)
    return ownPromise<void>((resolve) => {
      let killer: ClockTimer | undefined
      const end = (): void => {
        const leftMs = (lease.endsAtMs - system.clock.now()) * GRACE_SHARE
        const isCrash = over?.aborted === true && over.reason === 'crashed'
        const graceMs = lease.lost.aborted ? Math.max(0, leftMs) : Infinity
        const withinMs = isCrash ? 0 : Math.min(settings.shutdownMs, graceMs)
        killer?.cancel()
        killer = system.clock.setTimer(withinMs, () => system.exit(pid, 'kill', parent))
        system.exit(pid, isCrash ? 'kill' : 'shutdown', parent)
      }
      const stops = signals.map((signal) => system.onAbort(signal, end))
      stops.push(
        system.watch(pid, () => {
          killer?.cancel()
          for (const stop of stops) stop()
          resolve()
        }),
      )
    })
  }

  #pause(delayMs: number, stop: AbortSignal): Promise<void> {
    const { system } = this.#own.parts
    if (stop.aborted) return Promise.resolve()
    return ownPromise<void>((resolve) => {
      let stopListening = (): void => {}
      const timer = system.clock.setTimer(delayMs, () => {
        stopListening()
        resolve()
      })
      stopListening = system.onAbort(stop, () => {
        timer.cancel()
        resolve()
      })
    })
  }
}
