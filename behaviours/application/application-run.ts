/**
 * `runApplication`: what a `main.ts` calls. It starts an application with all that it needs, waits until it
 * ends or a signal comes, stops everything in order, and leaves the exit code.
 *
 *     start -> running -> (SIGTERM | the application ended) -> drain -> done, the program ends by itself
 *                                                    drain -> deadline, second signal -> kill, exit
 *
 * Invariants:
 * - Drain is: every application's prepStop, tree and stop, the last started first; then the system.
 * - When it settles there is nothing left: no handler for signals, no timer, no process of the system.
 * - The program is only ended by force (`signalSource.exit`) when the drain was: what does not stop
 *   would keep it alive.
 */
import {
  formatReason,
  functionOption,
  isSilent,
  objectOption,
  optional,
  resolveOptions,
  defaultSystem,
  type ClockTimer,
  type ExitReason,
  type OptionCheck,
  type System,
} from '../../runtime/index.ts'
import { Application, beginAll, durationOption } from './application.ts'
import {
  definitionOf,
  type ApplicationRoot,
  type ApplicationSpec,
} from './application-definition.ts'
import { exitCodeOf, isSignal, operatingSystem, type SignalSource } from './application-signals.ts'
import { signalOption, type Filled } from '../server/gen.ts'
import type { Maybe } from '../server/gen-server.ts'

/** How a run ended. */
export interface RunStatus {
  /**
   * 0: it was asked to stop and did, or it ended with `'normal'`. 1: it failed, or did not stop in time. A
   * second signal gives what shells give for it, such as 143 for SIGTERM.
   */
  readonly exitCode: number
  /** What began the end. */
  readonly cause: 'signal' | 'ended' | 'aborted' | 'start_failed'
  /** The first signal, if one came. */
  readonly signal: string | undefined
  /** Why the application ended by itself, or did not start. */
  readonly reason: ExitReason
  /** The drain was cut short, by its deadline or by a second signal. */
  readonly forced: false | 'deadline' | 'second_signal'
}

/** How an application is run. */
export interface RunApplicationOptions<Env extends object = object> {
  /** Settings in place of the defaults. */
  readonly env?: Partial<Env> | undefined
  /** Signals that begin the drain; default SIGTERM and SIGINT. A second one of them ends it by force. */
  readonly signals?: readonly string[] | undefined
  /** See `ApplicationStartOptions`. Default 30,000. */
  readonly startTimeoutMs?: number | undefined
  /**
   * How long the drain may take, ms; default 30,000. Then all processes are killed and the program is
   * ended. Keep it below what the platform waits before it kills (30 s in Kubernetes), and above the
   * longest `shutdown` of the tree. Infinity trusts the tree.
   */
  readonly stopTimeoutMs?: number | undefined
  /**
   * Told the status before `runApplication` settles; the program waits for it. Default: a failure is a line on
   * stderr.
   */
  readonly onExit?: ((status: RunStatus) => Maybe<void>) | undefined
  /** Begins the drain when aborted, as a signal does. */
  readonly signal?: AbortSignal | undefined
  /** Signals and end of the program; default those of the operating system. */
  readonly signalSource?: SignalSource | undefined
  /** Where it runs, and what is stopped at the end. Default the default system. */
  readonly system?: System | undefined
}

type Checked = Filled<
  RunApplicationOptions,
  'env' | 'signals' | 'startTimeoutMs' | 'stopTimeoutMs' | 'signalSource'
>

const defaults: RunApplicationOptions = Object.freeze({
  env: Object.freeze({}),
  signals: Object.freeze(['SIGTERM', 'SIGINT']),
  startTimeoutMs: 30_000,
  stopTimeoutMs: 30_000,
  signalSource: operatingSystem,
})

const checks: { readonly [K in keyof RunApplicationOptions]-?: OptionCheck } = {
  env: objectOption,
  signals: {
    expected: 'a list of names of signals',
    test: (v) => Array.isArray(v) && v.every(isSignal),
  },
  startTimeoutMs: durationOption,
  stopTimeoutMs: durationOption,
  onExit: optional(functionOption),
  signal: optional(signalOption),
  signalSource: objectOption,
  system: optional(objectOption),
}

/** The longest that a timer of Node can be. */
const STAY_ALIVE_MS = 2_147_483_647

type Forced = Exclude<RunStatus['forced'], false>
type End = Pick<RunStatus, 'cause' | 'reason'> & { readonly asked?: boolean }

/** Settles when the first of several things has happened; later ones are ignored. */
class Happening<T> {
  readonly settled: Promise<T>
  #resolve: (value: T) => void = () => {}

  constructor() {
    this.settled = new Promise<T>((resolve) => {
      this.#resolve = resolve
    })
  }

  is(value: T): void {
    this.#resolve(value)
  }
}

class Run {
  readonly #system: System
  readonly #options: Checked
  readonly #end = new Happening<End>()
  readonly #force = new Happening<Forced>()
  readonly #starting = new AbortController()
  readonly #listeners = new Map<string, () => void>()
  readonly #onAbort: () => void
  #keepAlive: ClockTimer | undefined = undefined
  #firstSignal: string | undefined = undefined
  #lastSignal: string | undefined = undefined

  constructor(system: System, options: Checked) {
    this.#system = system
    this.#options = options
    this.#onAbort = () => this.#drain({ cause: 'aborted', reason: options.signal?.reason })
    for (const name of options.signals) this.#listeners.set(name, () => this.#signalled(name))
  }

  async run(app: ApplicationSpec<object, ApplicationRoot>): Promise<RunStatus> {
    const { onExit, signalSource } = this.#options
    this.#listen()
    try {
      // Not awaited: whatever the start does, a signal and the deadline of the drain count.
      this.#start(app).catch((error: unknown) => {
        this.#end.is({ cause: 'start_failed', reason: error })
      })
      const end = await this.#end.settled
      const status = this.#statusOf(end, await this.#stop())
      this.#unlisten() // from here on a signal does what it does to every program
      signalSource.setExitCode(status.exitCode)
      try {
        if (onExit === undefined) this.#report(app.name, status)
        else await onExit(status)
      } finally {
        if (status.forced !== false) signalSource.exit(status.exitCode)
      }
      if (status.cause === 'start_failed') throw status.reason
      return status
    } finally {
      this.#unlisten()
    }
  }

  async #start(app: ApplicationSpec<object, ApplicationRoot>): Promise<void> {
    const { env, startTimeoutMs } = this.#options
    const { answer, controller } = await beginAll(
      app,
      {
        type: 'permanent',
        env,
        startTimeoutMs,
        system: this.#system,
        signal: this.#starting.signal,
      },
      'runApplication',
      [],
    )
    void answer.ended.then((end) => this.#end.is({ cause: 'ended', ...end }))
    this.#system.watch(controller, (reason) => this.#end.is({ cause: 'ended', reason }))
  }

  #signalled(name: string): void {
    this.#lastSignal = name
    if (this.#firstSignal !== undefined) {
      this.#force.is('second_signal')
      return
    }
    this.#firstSignal = name
    this.#drain({ cause: 'signal', reason: name })
  }

  /** Also ends a start that is under way. */
  #drain(end: End): void {
    this.#end.is(end)
    this.#starting.abort(end.reason)
  }

  /** Everything stops; gives what cut it short. */
  async #stop(): Promise<RunStatus['forced']> {
    const { stopTimeoutMs } = this.#options
    const system = this.#system
    const timer =
      stopTimeoutMs === Infinity
        ? undefined
        : system.clock.setTimer(stopTimeoutMs, () => this.#force.is('deadline'))
    const drained = this.#stopAll().then((): false => false)
    const forced = await Promise.race([drained, this.#force.settled])
    timer?.cancel()
    if (forced === false) return false
    await system.stop({ signal: AbortSignal.abort() })
    return forced
  }

  async #stopAll(): Promise<void> {
    // The controller may be at it already, or be gone with the system.
    if (!this.#system.stopping) await Application.stopAll({ system: this.#system }).catch(() => {})
    await this.#system.stop()
  }

  #statusOf({ cause, reason, asked }: End, forced: RunStatus['forced']): RunStatus {
    const signal = this.#firstSignal
    const failed = cause === 'ended' && asked !== true && reason !== 'normal'
    let exitCode = failed || cause === 'start_failed' ? 1 : 0
    if (forced === 'deadline') exitCode = 1
    if (forced === 'second_signal') exitCode = exitCodeOf(this.#lastSignal ?? '')
    return { exitCode, cause, signal, reason, forced }
  }

  /** A program that fails must not do so in silence. What rejects is printed by Node, if nobody catches it. */
  #report(name: string, { cause, exitCode, reason, forced }: RunStatus): void {
    const { signalSource, stopTimeoutMs } = this.#options
    if (cause === 'ended' && exitCode !== 0) {
      const more = isSilent(this.#system.options.logger)
        ? '. For more, give { system: createSystem({ logger: console }) }'
        : ''
      signalSource.report(`application '${name}' ended: ${formatReason(reason)}${more}`)
    }
    if (forced === 'deadline') {
      const text = `application '${name}' did not stop within ${stopTimeoutMs} ms and was killed`
      signalSource.report(text)
    }
  }

  #listen(): void {
    const { signal, signalSource } = this.#options
    for (const [name, listener] of this.#listeners) signalSource.on(name, listener)
    if (signal?.aborted === true) this.#onAbort()
    signal?.addEventListener('abort', this.#onAbort, { once: true })
    this.#stayAlive()
  }

  #unlisten(): void {
    const { signal, signalSource } = this.#options
    for (const [name, listener] of this.#listeners) signalSource.off(name, listener)
    signal?.removeEventListener('abort', this.#onAbort)
    this.#keepAlive?.cancel()
  }

  /** A program without sockets or timers would end although its processes wait for messages. */
  #stayAlive(): void {
    this.#keepAlive = this.#system.clock.setTimer(STAY_ALIVE_MS, () => this.#stayAlive())
  }
}

/**
 * Runs an application until it ends or a signal comes, then stops everything in order.
 *
 * @example
 * const Shop = defineApplication({ name: 'shop', start: () => Supervisor.startLink() })
 * const stopper = new AbortController()
 * const running = runApplication(Shop, { signal: stopper.signal, stopTimeoutMs: 1000 })
 * stopper.abort('done') // in a program it is SIGTERM or Ctrl-C
 * const { exitCode, cause, forced } = await running
 * assert.deepEqual({ exitCode, cause, forced }, { exitCode: 0, cause: 'aborted', forced: false })
 */
export async function runApplication<Env extends object, R extends ApplicationRoot>(
  app: ApplicationSpec<Env, R>,
  given: RunApplicationOptions<NoInfer<Env>> = {},
): Promise<RunStatus> {
  definitionOf(app)
  const options = resolveOptions('runApplication', defaults, checks, given) as Checked
  return await new Run(options.system ?? defaultSystem(), options).run(app)
}
