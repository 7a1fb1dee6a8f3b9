/**
 * The children of one supervisor process, and what is done to them: start, stop, restart. Who and when
 * is decided by the pure restart-strategy.ts and restart-intensity.ts; here it is carried out.
 *
 * Invariants:
 * - `byPid` has exactly the children with a pid. An EXIT of any other pid is a stranger's or a stale
 *   one and changes nothing (U-41), so nothing needs to be flushed from the mailbox.
 * - Iteration order of `children` is start order; restarts keep a child's place.
 * - After every `await` the supervisor may be dead (killed, U-43): a child that comes up then is ended
 *   the way its link would have ended it.
 */
import {
  formatPid,
  isPid,
  ItemKind,
  Message,
  pidEquals,
  pidKey,
  runAs,
  type ExitReason,
  type Pid,
  type Process,
} from '../runtime/index.ts'
import { isIgnored, shutdownMs, type ChildStarted, type CheckedChildSpec } from './child-spec.ts'
import { ChildStartError, InitializationError, StartIgnoredError } from './errors.ts'
import type { RestartIntensity } from './restart-intensity.ts'
import {
  decideExit,
  planRestart,
  shouldShutDown,
  type AutoShutdown,
  type ChildView,
  type RestartType,
  type Strategy,
} from './restart-strategy.ts'
import { adopt } from './server-cell.ts'

/** What a supervisor does after it has dealt with something: go on, or shut down. */
export type Verdict = 'go_on' | 'shut_down'

/** A message of a supervisor to itself: the last attempt to restart this child failed. */
export class TryAgain {
  readonly id: string
  constructor(id: string) {
    this.id = id
  }
}

/** One child and its specification. */
export class Child implements ChildView {
  readonly spec: CheckedChildSpec
  pid: Pid | undefined = undefined
  /** A restart attempt failed and another one is under way. */
  restarting = false
  /** Restarts since the specification was given. */
  restarts = 0

  constructor(spec: CheckedChildSpec) {
    this.spec = spec
  }
  get id(): string {
    return this.spec.id
  }
  get restart(): RestartType {
    return this.spec.restart
  }
  get significant(): boolean {
    return this.spec.significant
  }
  get active(): boolean {
    return this.pid !== undefined || this.restarting
  }
}

/** How a supervisor treats its children. */
export interface SupervisionRules {
  readonly strategy: Strategy
  readonly autoShutdown: AutoShutdown
  readonly intensity: RestartIntensity
  readonly childrenMax: number
}

/** The children of one supervisor. */
export class Supervised {
  readonly rules: SupervisionRules
  readonly children: Map<string, Child> = new Map<string, Child>()
  readonly #byPid = new Map<string, Child>()
  readonly #process: Process

  constructor(process: Process, rules: SupervisionRules) {
    this.#process = process
    this.rules = rules
  }

  /** The name of the supervisor in errors and logs. */
  get label(): string {
    return `supervisor ${formatPid(this.#process.pid)}`
  }

  /** Starts the first children in order (U-01); if one fails, those before it are stopped again. */
  async startAll(specs: readonly CheckedChildSpec[]): Promise<ChildStartError | undefined> {
    for (const spec of specs) {
      const child = new Child(spec)
      this.children.set(spec.id, child)
      try {
        await this.start(child)
      } catch (error) {
        await this.stopAll()
        return error as ChildStartError
      }
      if (!this.#process.alive) return undefined
    }
    return undefined
  }

  /**
   * Starts one child. A start that is ignored leaves it without a pid (U-07), and a temporary one is
   * forgotten (U-08). Throws {@link ChildStartError}.
   */
  async start(child: Child): Promise<ChildStarted | StartIgnoredError> {
    const { system, pid: parent } = this.#process
    let started: ChildStarted | StartIgnoredError
    try {
      // As this process, also in a later turn: what it starts lands in this system.
      started = await runAs(this.#process, () => child.spec.start({ system, parent }))
    } catch (thrown) {
      if (!(thrown instanceof StartIgnoredError)) {
        throw new ChildStartError(this.label, child.id, reasonOf(thrown))
      }
      started = thrown
    }
    child.restarting = false
    if (isIgnored(started) || started instanceof StartIgnoredError) {
      if (child.restart === 'temporary') this.children.delete(child.id)
      return started
    }
    const pid = (started as { readonly pid?: Pid } | undefined)?.pid
    if (!isPid(pid) || pidEquals(pid, parent)) {
      const reason = new TypeError('the start function gave nothing with the pid of a child')
      throw new ChildStartError(this.label, child.id, reason)
    }
    this.#own(child, pid)
    return started
  }

  /** Makes a process that was started a linked child, whether or not its start function did. */
  #own(child: Child, pid: Pid): void {
    const { system, pid: self, alive } = this.#process
    const process = system.process(pid)
    if (process !== undefined) adopt(process, self)
    if (!alive) {
      system.exit(pid, 'killed', self)
      return
    }
    try {
      system.link(self, pid)
    } catch (thrown) {
      // There is no room for the link: what cannot be supervised must not run.
      system.exit(pid, 'kill', self)
      throw new ChildStartError(this.label, child.id, thrown)
    }
    child.pid = pid
    this.#byPid.set(pidKey(pid), child)
  }

  /** Stops a child if it runs; without a promise if it is dead when this returns. */
  stop(child: Child): Promise<void> | undefined {
    const { pid } = child
    child.restarting = false
    if (pid === undefined) return undefined
    child.pid = undefined
    this.#byPid.delete(pidKey(pid))
    const { system, pid: self } = this.#process
    let ended: { readonly reason: ExitReason } | undefined
    let onEnd: (() => void) | undefined
    system.watch(pid, (reason) => {
      ended = { reason }
      onEnd?.()
    })
    system.unlink(self, pid)
    const { shutdown } = child.spec
    system.exit(pid, shutdown === 'brutal_kill' ? 'kill' : 'shutdown', self)
    if (ended !== undefined) return undefined
    if (pid.node === system.node && !system.isAlive(pid)) return undefined
    const limitMs = shutdown === 'brutal_kill' ? Infinity : shutdownMs(shutdown)
    return this.#waitForEnd(child, pid, limitMs, (resolve) => {
      onEnd = resolve
    })
  }

  #waitForEnd(
    child: Child,
    pid: Pid,
    limitMs: number,
    onEnd: (resolve: () => void) => void,
  ): Promise<void> {
    const { system } = this.#process
    return new Promise<void>((resolve) => {
      const timer =
        limitMs === Infinity
          ? undefined
          : system.setTimer(this.#process, limitMs, () => {
              this.#report(child, 'killed', 'child did not stop in time and is killed')
              system.exit(pid, 'kill', this.#process.pid)
            })
      onEnd(() => {
        if (timer !== undefined) system.cancelTimer(timer)
        resolve()
      })
    })
  }

  /** Stops every child, last started first, each to its end before the next (U-02). */
  async stopAll(): Promise<void> {
    for (const child of [...this.children.values()].reverse()) {
      const wait = this.stop(child)
      if (wait !== undefined) await wait
    }
  }

  /** A linked process has ended; nothing if it is not a child. */
  ended(pid: Pid, reason: ExitReason): Verdict | Promise<Verdict> {
    const child = this.#byPid.get(pidKey(pid))
    if (child === undefined) return 'go_on'
    this.#byPid.delete(pidKey(pid))
    child.pid = undefined
    const { action, report } = decideExit(child.restart, reason)
    if (report) this.#report(child, reason, 'child terminated')
    if (action === 'restart') return this.restart(child)
    if (action === 'remove') this.children.delete(child.id)
    return shouldShutDown(this.rules.autoShutdown, this.children.values(), child)
      ? 'shut_down'
      : 'go_on'
  }

  /** A further attempt, unless the child was stopped, deleted or started in the meantime. */
  tryAgain({ id }: TryAgain): Verdict | Promise<Verdict> {
    const child = this.children.get(id)
    return child?.restarting === true ? this.restart(child) : 'go_on'
  }

  /** Restarts a child with all that its end takes along, or finds that it was once too often. */
  async restart(failed: Child): Promise<Verdict> {
    const { strategy, intensity } = this.rules
    if (!intensity.add(this.#process.system.clock.now())) {
      failed.restarting = false
      this.#report(failed, 'shutdown', 'restart intensity exceeded: the supervisor shuts down')
      return 'shut_down'
    }
    failed.restarts++
    const plan = planRestart(strategy, this.children.values(), failed.id)
    for (const id of plan.stop) {
      const wait = this.stop(this.children.get(id) as Child)
      if (wait !== undefined) await wait
    }
    for (const id of plan.remove) this.children.delete(id)
    for (const id of plan.start) {
      if (!this.#process.alive) return 'go_on'
      const child = this.children.get(id) as Child
      try {
        await this.start(child)
      } catch (error) {
        this.#failedToRestart(child, error as ChildStartError)
        return 'go_on'
      }
    }
    return 'go_on'
  }

  /** Tries again behind what is queued, so that a stop request has its turn (supervisor.erl). */
  #failedToRestart(child: Child, error: ChildStartError): void {
    this.#report(child, error.reason, 'child did not start again')
    child.restarting = true
    this.#process.post(new Message(ItemKind.info, undefined, new TryAgain(child.id)))
  }

  #report(child: Child, reason: ExitReason, text: string): void {
    const { system, pid } = this.#process
    system.logger.warn(
      { supervisor: formatPid(pid), child: child.id, restart: child.restart, reason },
      text,
    )
  }
}

/** The exit reason in what a start function threw. */
function reasonOf(thrown: unknown): ExitReason {
  return thrown instanceof InitializationError ? thrown.reason : thrown
}
