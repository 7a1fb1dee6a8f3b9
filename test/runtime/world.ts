/** What the tests of the runtime share: a system on virtual time, observers, processes as functions. */
import { createRealClock, createSimClock, createSystem } from '../../runtime/index.ts'
import type {
  Clock,
  ExitReason,
  Pid,
  ProcessBody,
  ProcessContext,
  SimClock,
  StartOptions,
  System,
  SystemOptions,
} from '../../runtime/index.ts'

/** One line the system logged. */
export interface LogLine {
  readonly fields: Readonly<Record<string, unknown>>
  readonly message: string
}

/** A system on virtual time. */
export interface World {
  readonly clock: SimClock
  readonly system: System
  /** Lines of `logger.error`. */
  readonly errors: LogLine[]
}

export function createWorld(options: Partial<SystemOptions> = {}): World {
  const clock = createSimClock()
  const errors: LogLine[] = []
  const ignore = (): void => {}
  const logger = {
    debug: ignore,
    info: ignore,
    warn: ignore,
    error: (fields: LogLine['fields'], message: string) => void errors.push({ fields, message }),
  }
  return { clock, system: createSystem({ clock, logger, ...options }), errors }
}

/** A process that writes down everything it gets. */
export interface Observer {
  readonly pid: Pid
  readonly seen: unknown[]
}

export interface ObserverOptions extends StartOptions {
  /** Runs first, in the process. */
  readonly first?: (context: ProcessContext) => unknown
}

export function observe(system: System, options: ObserverOptions = {}): Observer {
  const { first, ...start } = options
  const seen: unknown[] = []
  const pid = system.spawn(async (context) => {
    await first?.(context)
    for (;;) seen.push(await context.receive())
  }, start)
  return { pid, seen }
}

/** A process that waits for messages and ignores them. */
export function idle(system: System, options: StartOptions = {}): Pid {
  return observe(system, options).pid
}

/** Runs `body` as a process; the result is its value, or what it threw. */
export function inProcess<T>(
  system: System,
  body: (context: ProcessContext) => T | Promise<T>,
  options: StartOptions = {},
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const run: ProcessBody = async (context) => {
      try {
        resolve(await body(context))
      } catch (error) {
        reject(error instanceof Error ? error : new Error('not an Error', { cause: error }))
      }
    }
    system.spawn(run, options)
  })
}

/** Every exit reason of `pid` that is or becomes known. */
export function reasonsOf(system: System, pid: Pid): ExitReason[] {
  const reasons: ExitReason[] = []
  system.watch(pid, (reason) => void reasons.push(reason))
  return reasons
}

/** The result of a promise that rejects. */
export function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => {
      throw new Error('expected a rejection', { cause: value })
    },
    (error: unknown) => error,
  )
}

/** The real clock, and what it has been asked for. */
export interface CountingClock extends Clock {
  /** Timers ever armed. */
  readonly armed: number
  /** Timers and turns that hold the program alive now. */
  readonly holding: number
}

export function createCountingClock(): CountingClock {
  const real = createRealClock()
  const holding = new Set<object>()
  let armed = 0
  return {
    virtual: false,
    now: () => real.now(),
    wallNow: () => real.wallNow(),
    microtask: (fn) => real.microtask(fn),
    nextTurn: (fn) => {
      const turn = {}
      holding.add(turn)
      real.nextTurn(() => {
        holding.delete(turn)
        fn()
      })
    },
    setTimer: (delayMs, fn) => {
      armed++
      const timer = real.setTimer(delayMs, () => {
        holding.delete(timer)
        fn()
      })
      holding.add(timer)
      return {
        cancel: () => {
          holding.delete(timer)
          timer.cancel()
        },
        ref: () => {
          holding.add(timer)
          timer.ref()
        },
        unref: () => {
          holding.delete(timer)
          timer.unref()
        },
      }
    },
    get armed() {
      return armed
    },
    get holding() {
      return holding.size
    },
  }
}

/** Resolves in a later turn of the event loop. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => createRealClock().nextTurn(resolve))
}
