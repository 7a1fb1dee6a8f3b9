/**
 * What the tests of this layer share: a system on virtual time with its log kept, processes that watch,
 * and a server whose handlers are sent to it, as the oracle's `gs` module was.
 */
import {
  createSimClock,
  createSystem,
  type Logger,
  type Pid,
  type ProcessContext,
  type SimClock,
  type StartOptions,
  type System,
} from '../../runtime/index.ts'
import {
  implement,
  contract,
  noreply,
  type ChildSpec,
  type Contract,
  type Ctx,
  type Info,
  type InitResult,
  type Maybe,
  type NoReply,
  type Ref,
  type Reply,
  type Server,
  type Stop,
} from '../../behaviours/index.ts'

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly fields: Readonly<Record<string, unknown>>
  readonly text: string
}

export interface World {
  readonly clock: SimClock
  readonly system: System
  readonly lines: LogLine[]
  /** Texts of the log lines of one level. */
  texts(level: LogLine['level']): string[]
}

export function world(node = 'test'): World {
  // A supervisor that restarts for ever would take minutes to reach the default.
  const clock = createSimClock({ settleTurnsMax: 2000 })
  const lines: LogLine[] = []
  const at =
    (level: LogLine['level']) =>
    (fields: Readonly<Record<string, unknown>>, text: string): void => {
      lines.push({ level, fields, text })
    }
  const logger: Logger = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
  }
  const system = createSystem({ clock, logger, node })
  const texts = (level: LogLine['level']): string[] =>
    lines.filter((line) => line.level === level).map((line) => line.text)
  return { clock, system, lines, texts }
}

/** A process that keeps whatever it receives; it traps exits. */
export function watcher(system: System): { readonly pid: Pid; readonly got: unknown[] } {
  const got: unknown[] = []
  const pid = system.spawn(
    async (ctx) => {
      for (;;) got.push(await ctx.receive())
    },
    { trapExit: true },
  )
  return { pid, got }
}

/** A process that does nothing until it is told to end. */
export function idler(system: System, options: StartOptions = {}): Pid {
  return system.spawn((ctx) => ctx.receive(), options)
}

/** Runs `fn` inside a process of its own. */
export function within<T>(
  system: System,
  fn: (ctx: ProcessContext) => T | Promise<T>,
  options: StartOptions = {},
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    system.spawn(async (ctx) => {
      try {
        resolve(await fn(ctx))
      } catch (error) {
        reject(error as Error)
        throw error
      }
    }, options)
  })
}

/** The exit reason of a process, once it has ended. */
export function ending(system: System, pid: Pid): { reason: unknown } {
  const seen: { reason: unknown } = { reason: undefined }
  system.watch(pid, (reason) => {
    seen.reason = reason
  })
  return seen
}

/** What a promise came to, without waiting for it. */
export function outcome<T>(promise: Promise<T>): { value?: T; error?: unknown; settled: boolean } {
  const seen: { value?: T; error?: unknown; settled: boolean } = { settled: false }
  promise.then(
    (value) => Object.assign(seen, { value, settled: true }),
    (error: unknown) => Object.assign(seen, { error, settled: true }),
  )
  return seen
}

// --- the scripted server

export type Step = Maybe<NoReply<number> | Stop<number, unknown> | Reply<unknown, number>>
export type CallStep = (n: number, ctx: Ctx<unknown, ScriptApi>) => Step
export type CastStep = (
  n: number,
  ctx: Ctx<never, ScriptApi>,
) => Maybe<NoReply<number> | Stop<number>>

export interface ScriptApi {
  call: { run(step: CallStep): unknown; get(): number; ping(): string }
  cast: { run(step: CastStep): void; add(by: number): void }
}

/** What a scripted server does besides running what it is sent. Everything it sees goes to `log`. */
export interface Script {
  readonly init?: (ctx: Ctx<never, ScriptApi>) => Maybe<InitResult<number>>
  readonly log?: unknown[]
  readonly info?: (
    n: number,
    info: Info,
    ctx: Ctx<never, ScriptApi>,
  ) => Maybe<NoReply<number> | Stop<number>>
  readonly continue?: (
    n: number,
    token: unknown,
    ctx: Ctx<never, ScriptApi>,
  ) => Maybe<NoReply<number> | Stop<number>>
  readonly terminate?: (reason: unknown, n: number) => Maybe<void>
}

export const ScriptContract: Contract<ScriptApi> = contract('script/1', {
  call: { run: true, get: true, ping: true },
  cast: { run: true, add: true },
})

/** A server that behaves as `script` says; its state is a number. */
export function scripted(script: Script = {}): Server<ScriptApi> {
  const log = script.log ?? []
  return implement<ScriptApi, void, number>(ScriptContract, {
    init: (_arg, ctx) => script.init?.(ctx) ?? 0,
    call: {
      run: (n, step, ctx) => step(n, ctx),
      get: (n, _input, ctx) => {
        ctx.from.reply(n)
        return noreply(n)
      },
      ping: (n, _input, ctx) => {
        ctx.from.reply('pong')
        return noreply(n)
      },
    },
    cast: { run: (n, step, ctx) => step(n, ctx), add: (n, by) => noreply(n + by) },
    info: (n, info, ctx) => {
      if (script.info !== undefined) return script.info(n, info, ctx)
      log.push(info)
      return noreply(n)
    },
    ...(script.continue === undefined ? {} : { continue: script.continue }),
    terminate: (reason, n) => {
      if (script.terminate !== undefined) return script.terminate(reason, n)
      log.push(['terminate', reason, n])
    },
  })
}

export type ScriptRef = Ref<ScriptApi>

/** A scripted server as a linked child; it traps exits and says nothing. */
export function childSpecOf(id: string): ChildSpec<ScriptRef> {
  return {
    id,
    start: (context) => scripted().start(undefined, { ...context, link: true, trapExit: true }),
  }
}
