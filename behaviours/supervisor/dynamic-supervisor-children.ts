/**
 * Children without ids, known by their pids: those of a DynamicSupervisor and of a supervisor whose
 * strategy is simple_one_for_one. Follows Elixir's dynamic_supervisor.ex and the `?is_simple` clauses of
 * supervisor.erl; cases D-01 to D-18, U-62 to U-65, U-71.
 *
 * Invariants:
 * - A child has exactly one entry, under its pid; while its restart is being tried that is the pid it had
 *   (D-08), so it can still be stopped by it and still counts for `childrenMax`.
 * - Nothing is kept of a child that is not coming back (D-05, D-07).
 * - No operation looks at the other children, except the last one, which stops them all at once (D-15).
 */
import { ItemKind, Message, type ExitReason, type Pid, type Process } from '../../runtime/index.ts'
import type { CheckedChildSpec } from './child-spec.ts'
import { ChildLimitError, type ChildStartError } from './supervisor-errors.ts'
import type { RestartIntensity } from './restart-intensity.ts'
import { decideExit, type AutoShutdown, type Strategy } from './restart-strategy.ts'
import { ChildKeeper, isNotStarted, type Started, type Stoppable } from './supervised-keeper.ts'
import {
  TryAgain,
  type SupervisedChild,
  type Supervision,
  type Verdict,
} from './supervised-messages.ts'
import type { ChildInfo } from './supervisor-contract.ts'
import { PidMap } from './supervised-pids.ts'

/** One child; small, because there may be a million of them. */
export class DynamicChild implements Stoppable {
  readonly spec: CheckedChildSpec
  readonly args: readonly unknown[]
  /** Its process, or while it is restarting the one that ended. */
  pid: Pid
  restarting = false
  restarts = 0

  constructor(spec: CheckedChildSpec, args: readonly unknown[], pid: Pid) {
    this.spec = spec
    this.args = args
    this.pid = pid
  }
  get id(): string {
    return this.spec.id
  }
  get restart(): CheckedChildSpec['restart'] {
    return this.spec.restart
  }
  get shutdown(): CheckedChildSpec['shutdown'] {
    return this.spec.shutdown
  }
  /** Children of this kind have no ids (U-62). */
  get info(): ChildInfo {
    const { spec, restarting, restarts } = this
    const pid = restarting ? undefined : this.pid
    const { type, restart, significant } = spec
    return { id: undefined, pid, restarting, type, restart, significant, restarts }
  }
}

/** How such children are treated. */
export interface DynamicRules {
  readonly intensity: RestartIntensity
  readonly childrenMax: number
  /** Arguments of every start, before the child's own. */
  readonly firstArgs: readonly unknown[]
  /** Only for children of a template, which are all significant or none. */
  readonly autoShutdown: AutoShutdown
}

/** The children of one supervisor. */
export class DynamicChildren implements Supervision {
  readonly rules: DynamicRules
  /** The one specification under simple_one_for_one. */
  readonly template: CheckedChildSpec | undefined
  restarted = 0
  refused = 0
  readonly #children: PidMap<DynamicChild>
  readonly #keeper: ChildKeeper
  readonly #process: Process

  constructor(process: Process, rules: DynamicRules, template?: CheckedChildSpec) {
    this.#process = process
    this.rules = rules
    this.template = template
    this.#children = new PidMap<DynamicChild>(process.pid)
    this.#keeper = new ChildKeeper(process, (pid) => this.#children.has(pid))
  }

  get label(): string {
    return this.#keeper.label
  }
  get strategy(): Strategy {
    return this.template === undefined ? 'one_for_one' : 'simple_one_for_one'
  }
  values(): IterableIterator<DynamicChild> {
    return this.#children.values()
  }

  /** Starts a child; keeps nothing if that fails or is ignored (D-02, U-65). */
  async startChild(spec: CheckedChildSpec, args: readonly unknown[]): Promise<Started> {
    const { childrenMax } = this.rules
    if (this.#children.size >= childrenMax) {
      this.refused++
      throw new ChildLimitError(this.label, childrenMax)
    }
    const started = await this.#keeper.start(spec.id, spec, this.#argsOf(args))
    const pid = isNotStarted(started) ? undefined : this.#keeper.adopt(spec.id, started)
    if (pid !== undefined) this.#children.set(pid, new DynamicChild(spec, args, pid))
    return started
  }

  #argsOf(args: readonly unknown[]): readonly unknown[] {
    const { firstArgs } = this.rules
    return firstArgs.length === 0 ? args : [...firstArgs, ...args]
  }

  /** Stops the child that has or had `pid`; false if there is none. */
  terminate(pid: Pid): Promise<boolean> | boolean {
    const child = this.#children.get(pid)
    if (child === undefined) return false
    this.#children.delete(pid)
    const wait = child.restarting ? undefined : this.#keeper.stop(child)
    child.restarting = false
    return wait === undefined ? true : wait.then(() => true)
  }

  /** Whether the process lives, child or not; on another node nobody knows, so it may. */
  isAlive(pid: Pid): boolean {
    const { system } = this.#process
    return pid.node !== system.node || system.isAlive(pid)
  }

  /** All get their signal at once, each has its own time (D-15). */
  stopAll(): Promise<void> | undefined {
    const running: DynamicChild[] = []
    for (const child of this.#children.values()) {
      if (!child.restarting) running.push(child)
      child.restarting = false
    }
    this.#children.clear()
    return this.#keeper.stopTogether(running)
  }

  ended(pid: Pid, reason: ExitReason): Verdict | Promise<Verdict> {
    const child = this.#children.get(pid)
    if (child === undefined || child.restarting) return 'go_on'
    const { action, report } = decideExit(child.restart, reason)
    if (report) this.#keeper.report(child, reason, 'child terminated')
    if (action === 'restart') return this.#restart(child)
    this.#children.delete(pid)
    return this.#endsSupervisor(child) ? 'shut_down' : 'go_on'
  }

  #endsSupervisor({ spec }: DynamicChild): boolean {
    if (!spec.significant) return false // and under autoShutdown 'never' none is
    return this.rules.autoShutdown === 'any_significant' || this.#children.size === 0
  }

  tryAgain({ child }: TryAgain): Verdict | Promise<Verdict> {
    return child instanceof DynamicChild && child.restarting ? this.#restart(child) : 'go_on'
  }

  /** A new process for the child, under its new pid, as the newest of all. */
  async #restart(child: DynamicChild): Promise<Verdict> {
    if (!this.rules.intensity.add(this.#process.system.clock.now())) {
      this.#children.delete(child.pid)
      this.#keeper.reportTooMany(child)
      return 'shut_down'
    }
    child.restarts++
    this.restarted++
    let pid: Pid | undefined
    try {
      const started = await this.#keeper.start(child.id, child.spec, this.#argsOf(child.args))
      if (!isNotStarted(started)) pid = this.#keeper.adopt(child.id, started)
    } catch (error) {
      this.#failedToRestart(child, error as ChildStartError)
      return 'go_on'
    }
    child.restarting = false
    this.#children.delete(child.pid)
    if (pid === undefined) return 'go_on' // it ignored (D-07), or the supervisor is dead
    child.pid = pid
    this.#children.set(pid, child)
    return 'go_on'
  }

  #failedToRestart(child: DynamicChild, error: ChildStartError): void {
    this.#keeper.report(child, error.reason, 'child did not start again')
    child.restarting = true
    this.#process.post(new Message(ItemKind.info, undefined, new TryAgain(child)))
  }

  view(): readonly SupervisedChild[] {
    return Array.from(this.#children.values(), ({ id, info }) => ({ ...info, id }))
  }
}
