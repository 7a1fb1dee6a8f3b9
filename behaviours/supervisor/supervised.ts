/**
 * The children of one supervisor process with ids and an order, and what is done to them: start, stop,
 * restart. Who and when is decided by the pure restart-strategy.ts and restart-intensity.ts; here it is
 * carried out. Children without ids are in dynamic-supervisor-children.ts.
 *
 * Invariants:
 * - `byPid` has exactly the children with a pid. An EXIT of any other pid is a stranger's or a stale
 *   one and changes nothing (U-41), so nothing needs to be flushed from the mailbox.
 * - Iteration order of `children` is start order; restarts keep a child's place.
 * - Under one_for_one the end of a child costs the same whatever the number of its siblings.
 */
import { ItemKind, Message, type ExitReason, type Pid, type Process } from '../../runtime/index.ts'
import type { CheckedChildSpec, Shutdown } from './child-spec.ts'
import {
  ChildLimitError,
  ChildNotFoundError,
  DuplicateChildError,
  type ChildStartError,
} from './supervisor-errors.ts'
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
import { ChildKeeper, isNotStarted, type Started } from './supervised-keeper.ts'
import {
  TryAgain,
  type SupervisedChild,
  type Supervision,
  type Verdict,
} from './supervised-messages.ts'
import { PidMap } from './supervised-pids.ts'

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
  get shutdown(): Shutdown {
    return this.spec.shutdown
  }
  get significant(): boolean {
    return this.spec.significant
  }
  get active(): boolean {
    return this.pid !== undefined || this.restarting
  }
  get info(): SupervisedChild {
    const { id, pid, restarting, restart, significant, restarts, spec } = this
    return { id, pid, restarting, type: spec.type, restart, significant, restarts }
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
export class Supervised implements Supervision {
  readonly rules: SupervisionRules
  readonly children: Map<string, Child> = new Map<string, Child>()
  restarted = 0
  refused = 0
  readonly #byPid: PidMap<Child>
  /** Those that may end the supervisor by their end; most supervisors have none. */
  readonly #significant = new Set<Child>()
  readonly #keeper: ChildKeeper
  readonly #process: Process

  constructor(process: Process, rules: SupervisionRules) {
    this.#process = process
    this.rules = rules
    this.#byPid = new PidMap<Child>(process.pid)
    this.#keeper = new ChildKeeper(process, (pid) => this.#byPid.has(pid))
  }

  get label(): string {
    return this.#keeper.label
  }

  get strategy(): Strategy {
    return this.rules.strategy
  }

  /** Makes room for a child that is new; throws if its id is taken or there are enough. */
  admit(spec: CheckedChildSpec): Child {
    const holder = this.children.get(spec.id)
    if (holder !== undefined) throw new DuplicateChildError(this.label, spec.id, holder.pid)
    if (this.children.size >= this.rules.childrenMax) {
      this.refused++
      throw new ChildLimitError(this.label, this.rules.childrenMax)
    }
    const child = new Child(spec)
    this.children.set(spec.id, child)
    return child
  }

  /** The child `id`; throws {@link ChildNotFoundError}. */
  child(id: string): Child {
    const child = this.children.get(id)
    if (child === undefined) throw new ChildNotFoundError(this.label, String(id))
    return child
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
  async start(child: Child): Promise<Started> {
    const started = await this.#keeper.start(child.id, child.spec, child.spec.args)
    child.restarting = false
    if (isNotStarted(started)) {
      this.#significant.delete(child)
      if (child.restart === 'temporary') this.children.delete(child.id)
      return started
    }
    const pid = this.#keeper.adopt(child.id, started)
    if (pid === undefined) return started
    child.pid = pid
    this.#byPid.set(pid, child)
    if (child.significant) this.#significant.add(child)
    return started
  }

  /** Stops a child if it runs; without a promise if it is dead when this returns. */
  stop(child: Child): Promise<void> | undefined {
    const { pid, id, shutdown, restart } = child
    child.restarting = false
    this.#significant.delete(child)
    if (pid === undefined) return undefined
    child.pid = undefined
    this.#byPid.delete(pid)
    return this.#keeper.stop({ pid, id, shutdown, restart })
  }

  /** Stops every child, last started first, each to its end before the next (U-02). */
  async stopAll(): Promise<void> {
    for (const child of [...this.children.values()].reverse()) {
      const wait = this.stop(child)
      if (wait !== undefined) await wait
    }
  }

  ended(pid: Pid, reason: ExitReason): Verdict | Promise<Verdict> {
    const child = this.#byPid.get(pid)
    if (child === undefined) return 'go_on'
    this.#byPid.delete(pid)
    child.pid = undefined
    const { action, report } = decideExit(child.restart, reason)
    if (report) this.#keeper.report(child, reason, 'child terminated')
    if (action === 'restart') return this.restart(child)
    this.#significant.delete(child)
    if (action === 'remove') this.children.delete(child.id)
    return shouldShutDown(this.rules.autoShutdown, this.#significant, child) ? 'shut_down' : 'go_on'
  }

  tryAgain({ child }: TryAgain): Verdict | Promise<Verdict> {
    return child instanceof Child && child.restarting ? this.restart(child) : 'go_on'
  }

  /** Restarts a child with all that its end takes along, or finds that it was once too often. */
  async restart(failed: Child): Promise<Verdict> {
    const { strategy, intensity } = this.rules
    if (!intensity.add(this.#process.system.clock.now())) {
      this.#keeper.reportTooMany(failed)
      return 'shut_down'
    }
    failed.restarts++
    this.restarted++
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
    this.#keeper.report(child, error.reason, 'child did not start again')
    child.restarting = true
    if (child.significant) this.#significant.add(child)
    this.#process.post(new Message(ItemKind.info, undefined, new TryAgain(child)))
  }

  view(): readonly SupervisedChild[] {
    return Array.from(this.children.values(), ({ info }) => info)
  }
}
