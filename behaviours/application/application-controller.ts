/**
 * The process that knows the applications of one system, as OTP's application_controller: which are
 * loaded, which run, with what environment. One per system, under a registered name, made when first needed.
 *
 *     loaded -> starting -> running -> stopping -> loaded
 *
 * Invariants:
 * - It never waits: starts and stops are promises that come back to it, so it answers meanwhile.
 * - Applications are stopped one after another, the last started first, whoever asks: a stop of all, the
 *   end of a permanent one, or the end of the system.
 * - Its end is the end of all applications, because they are linked to it.
 */
import {
  AlreadyStartedError,
  OptionError,
  pidEquals,
  type ExitReason,
  type Pid,
  type Process,
  type System,
} from '../../runtime/index.ts'
import {
  definitionOf,
  type AnyApplication,
  type ApplicationRoot,
  type ApplicationType,
} from './application-definition.ts'
import {
  ApplicationAlreadyRunningError,
  ApplicationCycleError,
  ApplicationNameTakenError,
  ApplicationNotRunningError,
  ApplicationStartError,
} from './application-errors.ts'
import { masterServer } from './application-master.ts'
import { contract, type Contract, type Ref } from '../server/contract.ts'
import { InitializationError, InitTimeoutError } from '../server/server-errors.ts'
import { stopProcess } from '../server/gen.ts'
import { implementAs, type Server } from '../server/gen-server.ts'
import { noreply, reply, type NoReply } from '../server/results.ts'
import { serverState } from '../server/server-cell.ts'
import { processOf, type Ctx, type From } from '../server/server-context.ts'

/** An application that runs. */
export interface ApplicationInfo {
  readonly name: string
  readonly type: ApplicationType
  readonly status: 'starting' | 'running' | 'stopping'
  /** Its own process, the parent of its root. */
  readonly pid: Pid | undefined
  /** The root of its tree. */
  readonly root: Pid | undefined
}

/** What is asked of the controller to start one application. */
export interface StartRequest {
  readonly app: AnyApplication
  readonly type: ApplicationType
  readonly env: Readonly<Record<string, unknown>>
  readonly startTimeoutMs: number
  readonly signal: AbortSignal | undefined
}

/** How an application ended. */
export interface ApplicationEnd {
  readonly reason: ExitReason
  /** It was asked to. */
  readonly asked: boolean
}

/** A start that succeeded. */
export interface StartAnswer {
  /** What the application's `start` gave. */
  readonly root: ApplicationRoot
  /** False if it was being started by somebody else. */
  readonly began: boolean
  /** Settles when it has ended, however. */
  readonly ended: Promise<ApplicationEnd>
}

/** The protocol of the controller; only for callers of the same program. */
export interface ControllerApi {
  call: {
    load(app: AnyApplication): void
    setEnv(request: { readonly app: AnyApplication; readonly env: object }): void
    start(request: StartRequest): StartAnswer
    stop(name: string): void
    stopAll(): void
    which(): readonly ApplicationInfo[]
  }
  cast: {}
}

const NAME = 'fovea.application_controller'

const controllerContract: Contract<ControllerApi> = contract('fovea.application_controller/1', {
  call: { load: true, setEnv: true, start: true, stop: true, stopAll: true, which: true },
  cast: {},
})

class Entry {
  readonly app: AnyApplication
  env: Readonly<Record<string, unknown>>
  status: 'loaded' | 'starting' | 'running' | 'stopping' = 'loaded'
  type: ApplicationType = 'temporary'
  pid: Pid | undefined = undefined
  root: ApplicationRoot | undefined = undefined
  /** Place in the start order. */
  sequence = 0
  /** Settles when the start has come to an end, well or not. */
  starting: Promise<void> | undefined = undefined
  stopping: Promise<void> | undefined = undefined
  giveUp: (() => void) | undefined = undefined
  ended: PromiseWithResolvers<ApplicationEnd> = withResolvers<ApplicationEnd>()
  waiting: { readonly from: From<StartAnswer>; readonly began: boolean }[] = []

  constructor(app: AnyApplication) {
    this.app = app
    this.env = { ...app.env }
  }
}

interface PromiseWithResolvers<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
}

function withResolvers<T>(): PromiseWithResolvers<T> {
  let resolve: (value: T) => void = () => {}
  const promise = new Promise<T>((given) => {
    resolve = given
  })
  return { promise, resolve }
}

/** The applications of one system. */
class Controller {
  readonly entries: Map<string, Entry> = new Map<string, Entry>()
  readonly #process: Process
  /** Reasons of those that ended between their start and the news of it. */
  readonly #early = new WeakMap<Entry, ExitReason>()
  #sequence = 0
  /** An application that must not end has ended: nothing starts any more. */
  #over = false

  constructor(process: Process) {
    this.#process = process
  }

  load(app: AnyApplication): Entry {
    definitionOf(app)
    const known = this.entries.get(app.name)
    if (known?.app === app) return known
    if (known !== undefined && known.status !== 'loaded') {
      throw new ApplicationNameTakenError(app.name)
    }
    const entry = new Entry(app)
    this.entries.set(app.name, entry)
    return entry
  }

  /** Sets settings; throws for one that the application does not have. */
  setEnv(app: AnyApplication, given: Readonly<Record<string, unknown>>): Entry {
    const entry = this.load(app)
    for (const key of Object.keys(given)) {
      if (!Object.hasOwn(entry.app.env, key)) throw unknownSetting(entry.app, key)
    }
    const set = Object.entries(given).filter(([, value]) => value !== undefined)
    entry.env = Object.freeze({ ...entry.env, ...Object.fromEntries(set) })
    return entry
  }

  /** Answers when the application runs, or why it does not. */
  start(request: StartRequest, from: From<StartAnswer>, caller: Pid | undefined): void {
    try {
      this.#start(request, from, caller)
    } catch (error) {
      from.fail(error)
    }
  }

  #start(request: StartRequest, from: From<StartAnswer>, caller: Pid | undefined): void {
    const { app } = request
    const entry = this.load(app)
    if (this.#over) throw new ApplicationStartError(app.name, 'shutdown')
    if (entry.stopping !== undefined) {
      refuseOwn(entry, caller)
      void entry.stopping.then(() => this.start(request, from, undefined))
      return
    }
    if (entry.status === 'running') throw new ApplicationAlreadyRunningError(app.name)
    if (entry.status === 'starting') {
      refuseOwn(entry, caller)
      entry.waiting.push({ from, began: false })
      return
    }
    for (const needed of entry.app.applications) {
      const name = typeof needed === 'string' ? needed : needed.name
      if (this.entries.get(name)?.status !== 'running') {
        throw new ApplicationNotRunningError(name, app.name)
      }
    }
    this.setEnv(app, request.env)
    entry.waiting.push({ from, began: true })
    entry.starting = this.#begin(entry, request)
  }

  async #begin(entry: Entry, { type, startTimeoutMs, signal }: StartRequest): Promise<void> {
    const { system, pid: parent } = this.#process
    const aborter = new AbortController()
    entry.giveUp = () => aborter.abort()
    const unwatch = signal && system.onAbort(signal, (cause) => aborter.abort(cause))
    entry.status = 'starting'
    entry.type = type
    const ended = withResolvers<ApplicationEnd>()
    entry.ended = ended
    entry.sequence = ++this.#sequence
    if (signal?.aborted === true) aborter.abort(signal.reason)
    try {
      const began = (pid: Pid): void => void (entry.pid = pid)
      // A start that was given up may still come to an end, beside the next one.
      const started = (root: ApplicationRoot): void => {
        if (entry.ended === ended && entry.status === 'starting') entry.root = root
      }
      const env = Object.freeze({ ...entry.env })
      await masterServer.start(
        { app: entry.app, type, env, began, started },
        {
          system,
          parent,
          link: true,
          trapExit: true,
          initTimeoutMs: startTimeoutMs,
          signal: aborter.signal,
        },
      )
      this.#started(entry)
    } catch (error) {
      const reason = reasonOf(error)
      this.#forget(entry, reason)
      for (const { from } of entry.waiting.splice(0)) {
        from.fail(new ApplicationStartError(entry.app.name, reason))
      }
    } finally {
      unwatch?.()
      entry.giveUp = undefined
      entry.starting = undefined
    }
  }

  #started(entry: Entry): void {
    entry.status = 'running'
    const { promise: ended } = entry.ended
    const root = entry.root as ApplicationRoot
    for (const { from, began } of entry.waiting.splice(0)) from.reply({ root, began, ended })
    // It may be over already, and its EXIT handled while it was only starting.
    if (entry.pid !== undefined && !this.#process.system.isAlive(entry.pid)) {
      this.exited(entry.pid, this.#early.get(entry) ?? 'noproc')
    }
  }

  /** An application's process has ended. */
  exited(pid: Pid, reason: ExitReason): void {
    const entry = [...this.entries.values()].find(
      (one) => one.pid !== undefined && pidEquals(one.pid, pid),
    )
    if (entry === undefined) return
    if (entry.status === 'starting') {
      this.#early.set(entry, reason)
      return
    }
    const asked = entry.status === 'stopping'
    this.#forget(entry, reason)
    const { name } = entry.app
    const { logger } = this.#process.system
    if (asked) return
    const ends = entry.type === 'permanent' || (entry.type === 'transient' && reason !== 'normal')
    if (!ends) {
      logger.warn({ application: name, type: entry.type, reason }, 'application ended')
      return
    }
    logger.error(
      { application: name, type: entry.type, reason },
      'application ended: all others and the system stop',
    )
    void this.#endAll()
  }

  async #endAll(): Promise<void> {
    this.#over = true
    await this.stopAll()
    void this.#process.system.stop()
  }

  #forget(entry: Entry, reason: ExitReason): void {
    if (entry.status === 'loaded') return
    const asked = entry.status === 'stopping'
    entry.status = 'loaded'
    entry.pid = undefined
    entry.root = undefined
    entry.ended.resolve({ reason, asked })
  }

  /** Stops one application; resolves when it has ended. */
  stop(name: string, caller: Pid | undefined): Promise<void> {
    const entry = this.entries.get(name)
    if (entry === undefined || entry.status === 'loaded') {
      throw new ApplicationNotRunningError(name)
    }
    refuseOwn(entry, caller)
    return (entry.stopping ??= this.#stop(entry))
  }

  async #stop(entry: Entry): Promise<void> {
    try {
      if (entry.starting !== undefined) {
        entry.giveUp?.()
        await entry.starting
      }
      const { pid } = entry
      if (pid === undefined || entry.status !== 'running') return
      entry.status = 'stopping'
      // It is dead in either case; why is nobody's business who asked for it.
      await stopProcess(pid, 'shutdown').catch(() => {})
      this.#forget(entry, 'shutdown')
    } finally {
      entry.stopping = undefined
    }
  }

  /** Stops all, the last started first. */
  async stopAll(caller?: Pid): Promise<void> {
    for (const entry of this.entries.values()) refuseOwn(entry, caller)
    for (;;) {
      const [last] = [...this.entries.values()]
        .filter(({ status }) => status !== 'loaded')
        .sort((a, b) => b.sequence - a.sequence)
      if (last === undefined) return
      await this.stop(last.app.name, undefined)
    }
  }

  which(): ApplicationInfo[] {
    return [...this.entries.values()]
      .sort((a, b) => a.sequence - b.sequence)
      .flatMap(({ app: { name }, status, type, pid, root }) =>
        status === 'loaded' ? [] : [{ name, type, status, pid, root: root?.pid }],
      )
  }
}

/** An application that waits for itself, in its own start, prepStop or stop, would wait for ever. */
function refuseOwn({ app: { name }, pid }: Entry, caller: Pid | undefined): void {
  if (caller === undefined || pid === undefined || !pidEquals(caller, pid)) return
  throw new ApplicationCycleError([name, name])
}

/** A start that took too long is its own reason; any other failed `init` has one, and so has one inside it. */
function reasonOf(error: unknown): ExitReason {
  if (error instanceof InitTimeoutError || !(error instanceof InitializationError)) return error
  return reasonOf(error.reason)
}

function unknownSetting({ name, env }: AnyApplication, key: string): OptionError {
  const known = Object.keys(env).join(', ') || 'none'
  const text = `application '${name}' has no setting '${key}'; known are ${known}`
  return new OptionError('ERR_OPTION_UNKNOWN', key, text)
}

const controllerServer: Server<ControllerApi> = implementAs<ControllerApi, void, Controller>(
  controllerContract,
  {
    init: (_arg, ctx) => new Controller(processOf(ctx)),
    call: {
      load: (state, app, ctx) => attempt(state, ctx, () => void state.load(app)),
      setEnv: (state, { app, env }, ctx) =>
        attempt(state, ctx, () => void state.setEnv(app, env as Record<string, unknown>)),
      start: (state, request, ctx) => {
        state.start(request, ctx.from, ctx.caller)
        return noreply(state)
      },
      stop: (state, name, ctx) => later(state, ctx, () => state.stop(name, ctx.caller)),
      stopAll: (state, _input, ctx) => later(state, ctx, () => state.stopAll(ctx.caller)),
      which: (state) => reply(state.which(), state),
    },
    cast: {},
    info: (state, info) => {
      if (info.type === 'exit') state.exited(info.from, info.reason)
      return noreply(state)
    },
    terminate: (_reason, state) => state.stopAll(),
  },
  {
    behaviour: 'application_controller',
    sealed: true,
    view: (state: Controller) => state.which(),
    children: (state: Controller) =>
      state.which().map(({ name, pid }) => {
        return { id: name, pid, type: 'supervisor' as const, restarts: 0 }
      }),
  },
)

function attempt(state: Controller, ctx: Ctx<void>, act: () => void): NoReply<Controller> {
  try {
    act()
    ctx.from.reply()
  } catch (error) {
    ctx.from.fail(error)
  }
  return noreply(state)
}

/** Answers when the work is done; the controller goes on meanwhile. */
function later(state: Controller, ctx: Ctx<void>, act: () => Promise<void>): NoReply<Controller> {
  const { from } = ctx
  try {
    act().then(
      () => from.reply(),
      (error: unknown) => from.fail(error),
    )
  } catch (error) {
    from.fail(error)
  }
  return noreply(state)
}

/** The controller of a system, made if there is none. */
export async function controllerOf(system: System): Promise<Ref<ControllerApi>> {
  const pid = system.whereis(NAME)
  if (pid !== undefined) return controllerContract.at(pid)
  try {
    return await controllerServer.start(undefined, { system, name: NAME, trapExit: true })
  } catch (error) {
    if (error instanceof AlreadyStartedError) return controllerContract.at(error.pid)
    throw error
  }
}

/** What the controller knows of one application. */
export interface LoadedApplication {
  readonly app: AnyApplication
  readonly env: Readonly<Record<string, unknown>>
  readonly root: ApplicationRoot | undefined
}

/** What a system knows of an application, read at once, as OTP reads its table. */
export function loadedApplication(system: System, name: string): LoadedApplication | undefined {
  const pid = system.whereis(NAME)
  const process = pid === undefined ? undefined : system.process(pid)
  const state = process === undefined ? undefined : serverState(process)
  return state instanceof Controller ? state.entries.get(name) : undefined
}
