/**
 * What every supervisor does with one child, whatever its strategy: run its start function, make what it
 * gives a linked child, stop it. Which child and when is decided elsewhere.
 *
 * Invariants:
 * - A start function is waited for at most `startTimeoutMs`; what it gives later is killed, so a supervisor
 *   hangs no longer than that and nothing lives on unsupervised.
 * - After every `await` the supervisor may be dead (killed, U-43): a child that comes up then is ended the
 *   way its link would have ended it.
 * - A child that is being stopped is unlinked first: its end does not come as a message as well.
 */
import { inspect } from 'node:util'
import {
  formatPid,
  homeOf,
  isPid,
  ownPromise,
  pidEquals,
  reasonOfThrown,
  runAs,
  type ExitReason,
  type Pid,
  type Process,
  type System,
  type TimerRef,
} from '../../runtime/index.ts'
import {
  isIgnored,
  shutdownMs,
  type CheckedChildSpec,
  type ChildContext,
  type ChildStarted,
  type Shutdown,
} from './child-spec.ts'
import { InitializationError, StartIgnoredError } from '../server/server-errors.ts'
import {
  ChildForeignError,
  ChildSharedError,
  ChildStartError,
  ChildStartTimeoutError,
} from './supervisor-errors.ts'
import { adopt } from '../server/server-cell.ts'

/** A specification as far as starting and stopping need it. */
export type Startable = Pick<CheckedChildSpec, 'start' | 'startTimeoutMs' | 'shutdown' | 'restart'>

/** What a start function gave, or why it gave nothing on purpose. */
export type Started = ChildStarted | StartIgnoredError

/** Whether there is no process, on purpose. */
export function isNotStarted(started: Started): boolean {
  return started instanceof StartIgnoredError || isIgnored(started)
}

/** A child that is to be stopped. */
export interface Stoppable {
  readonly pid: Pid
  readonly id: string
  readonly shutdown: Shutdown
  readonly restart: string
}

/** A child that the log tells of. */
type Reported = Pick<Stoppable, 'id' | 'restart'>

/** Its own properties are what start options are called, so that it can be spread into them. */
class StartContext implements ChildContext {
  readonly system: System
  readonly parent: Pid
  readonly #process: Process
  #controller: AbortController | undefined = undefined
  #onEnd: (() => void) | undefined = undefined

  constructor(process: Process) {
    this.system = process.system
    this.parent = process.pid
    this.#process = process
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      const controller = new AbortController()
      this.#controller = controller
      const { signal } = this.#process
      this.#onEnd = () => controller.abort(signal.reason)
      if (signal.aborted) this.#onEnd()
      else signal.addEventListener('abort', this.#onEnd, { once: true })
    }
    return this.#controller.signal
  }

  giveUp(error: Error): void {
    this.#controller?.abort(error)
  }

  /** The start function is done: nothing may stay at the supervisor's signal. */
  close(): void {
    if (this.#onEnd !== undefined) this.#process.signal.removeEventListener('abort', this.#onEnd)
  }
}

/** The hands of one supervisor process. */
export class ChildKeeper {
  readonly process: Process
  /** Whether a process is a child already; such a one is never killed for coming twice. */
  readonly #isChild: (pid: Pid) => boolean

  constructor(process: Process, isChild: (pid: Pid) => boolean) {
    this.process = process
    this.#isChild = isChild
  }

  /** The name of the supervisor in errors and logs. */
  get label(): string {
    return `supervisor ${formatPid(this.process.pid)}`
  }

  /** Runs a start function to its end or its deadline. Throws {@link ChildStartError}. */
  async start(id: string, spec: Startable, args: readonly unknown[]): Promise<Started> {
    const context = new StartContext(this.process)
    try {
      return spec.startTimeoutMs === Infinity
        ? await this.#run(spec, context, args)
        : await this.#runInTime(id, spec, context, args)
    } catch (thrown) {
      if (thrown instanceof StartIgnoredError) return thrown
      throw this.failed(id, reasonOf(thrown))
    } finally {
      context.close()
    }
  }

  /** As this process, also in a later turn: what it starts lands in this system. */
  #run(spec: Startable, context: StartContext, args: readonly unknown[]): Promise<ChildStarted> {
    return runAs(this.process, () => spec.start(context, ...(args as readonly never[])))
  }

  #runInTime(
    id: string,
    spec: Startable,
    context: StartContext,
    args: readonly unknown[],
  ): Promise<ChildStarted> {
    const { system } = this.process
    return new Promise<ChildStarted>((resolve, reject) => {
      let late = false
      const timer = system.setTimer(this.process, spec.startTimeoutMs, () => {
        late = true
        const error = new ChildStartTimeoutError(id, spec.startTimeoutMs)
        reject(error)
        context.giveUp(error)
      })
      const settle = (): void => void system.cancelTimer(timer)
      Promise.resolve(tryTo(() => this.#run(spec, context, args))).then(
        (started) => {
          settle()
          if (late) this.#disown(started)
          else resolve(started)
        },
        (thrown: unknown) => {
          settle()
          reject(thrown as Error)
        },
      )
    })
  }

  /** Nobody waits any more for what a start function gave. */
  #disown(started: unknown): void {
    const pid = pidOf(started)
    if (pid === undefined || pidEquals(pid, this.process.pid) || this.#isChild(pid)) return
    homeOf(pid).exit(pid, 'kill', this.process.pid)
  }

  /**
   * Makes a process that was started a linked child, whether or not its start function did; `undefined`
   * if the supervisor is dead. Throws {@link ChildStartError}.
   */
  adopt(id: string, started: unknown): Pid | undefined {
    const { system, pid: self, alive } = this.process
    const pid = pidOf(started)
    if (pid === undefined || pidEquals(pid, self)) {
      throw this.failed(id, new TypeError(`the start function gave ${shown(started)}`))
    }
    if (this.#isChild(pid)) throw this.failed(id, new ChildSharedError(id, pid))
    const home = homeOf(pid)
    if (home !== system && !system.hasRemote) {
      // Its end would not be heard of here: what cannot be supervised must not run.
      home.exit(pid, 'kill', self)
      throw this.failed(id, new ChildForeignError(id, pid))
    }
    const process = system.process(pid)
    if (process !== undefined) adopt(process, self)
    if (!alive) {
      system.exit(pid, 'killed', self)
      return undefined
    }
    try {
      system.link(self, pid)
    } catch (thrown) {
      // There is no room for the link: the same.
      system.exit(pid, 'kill', self)
      throw this.failed(id, thrown)
    }
    return pid
  }

  failed(id: string, reason: ExitReason): ChildStartError {
    return new ChildStartError(this.label, id, reason)
  }

  /** Stops one child; without a promise if it is dead when this returns. */
  stop(child: Stoppable): Promise<void> | undefined {
    if (this.#signal(child)) return undefined
    return this.#wait([child])
  }

  /** Stops many at once: each gets its signal now and has its own time from now (D-15). */
  stopTogether(children: Iterable<Stoppable>): Promise<void> | undefined {
    const left: Stoppable[] = []
    for (const child of children) if (!this.#signal(child)) left.push(child)
    return left.length === 0 ? undefined : this.#wait(left)
  }

  /** Asks a child to end, or kills it; true if it is dead already. */
  #signal({ pid, shutdown }: Stoppable): boolean {
    const { system, pid: self } = this.process
    system.unlink(self, pid)
    system.exit(pid, shutdown === 'brutal_kill' ? 'kill' : 'shutdown', self)
    return pid.node === system.node && !system.isAlive(pid)
  }

  /** Waits until all are dead; kills those whose time is over, with one timer for all of equal time. */
  #wait(children: readonly Stoppable[]): Promise<void> {
    const { system } = this.process
    return ownPromise<void>((resolve) => {
      const alive = new Set(children)
      const timers = this.#armDeadlines(children, alive)
      for (const child of children) {
        system.watch(child.pid, () => {
          alive.delete(child)
          if (alive.size > 0) return
          for (const timer of timers) system.cancelTimer(timer)
          resolve()
        })
      }
    })
  }

  #armDeadlines(children: readonly Stoppable[], alive: ReadonlySet<Stoppable>): TimerRef[] {
    const byLimit = new Map<number, Stoppable[]>()
    for (const child of children) {
      const limitMs = child.shutdown === 'brutal_kill' ? Infinity : shutdownMs(child.shutdown)
      if (limitMs === Infinity) continue
      const group = byLimit.get(limitMs)
      if (group === undefined) byLimit.set(limitMs, [child])
      else group.push(child)
    }
    const timers: TimerRef[] = []
    for (const [limitMs, group] of byLimit) {
      const kill = (): void => {
        for (const child of group) if (alive.has(child)) this.#kill(child)
      }
      try {
        timers.push(this.process.system.setTimer(this.process, limitMs, kill))
      } catch {
        // No timer is left to give them time with: they must end all the same.
        kill()
      }
    }
    return timers
  }

  #kill(child: Stoppable): void {
    this.report(child, 'killed', 'child did not stop in time and is killed')
    this.process.system.exit(child.pid, 'kill', this.process.pid)
  }

  report(child: Reported, reason: ExitReason, text: string): void {
    this.process.system.logger.warn(this.#fieldsOf(child, reason), text)
  }

  /** The end of the supervisor itself: what the crashes of its children come to, so it is told as loudly as they are. */
  reportTooMany(child: Reported): void {
    const text = 'restart intensity exceeded: the supervisor shuts down'
    this.process.system.logger.error(this.#fieldsOf(child, 'shutdown'), text)
  }

  #fieldsOf({ id, restart }: Reported, reason: ExitReason): Readonly<Record<string, unknown>> {
    return { supervisor: formatPid(this.process.pid), child: id, restart, reason }
  }
}

function pidOf(started: unknown): Pid | undefined {
  try {
    const pid = (started as { readonly pid?: unknown } | null | undefined)?.pid
    return isPid(pid) ? pid : undefined
  } catch {
    return undefined // a getter of its own; whatever it is, it is no child
  }
}

/** What was given instead of a child; a getter of its own may throw at that, too. */
function shown(started: unknown): string {
  try {
    if (pidOf(started) !== undefined) return 'its own supervisor'
    return `${inspect(started, { depth: 0 })}, which has no pid of a process; a ref has one`
  } catch {
    return 'something that cannot be looked at'
  }
}

/** A function that throws is one whose promise rejects. */
function tryTo<T>(fn: () => Promise<T>): Promise<T> {
  try {
    return fn()
  } catch (thrown) {
    return Promise.reject(thrown as Error)
  }
}

/** The exit reason in what a start function threw. */
function reasonOf(thrown: unknown): ExitReason {
  return thrown instanceof InitializationError ? thrown.reason : reasonOfThrown(thrown)
}
