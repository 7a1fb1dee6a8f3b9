/**
 * The children of one supervisor over many nodes. Its process handles one message at a time, so a decision is carried out
 * before the next signal is looked at; signals of processes that are no children any more change nothing. That is why the
 * loss of a node restarts each of its children exactly once (NX-D8, G12).
 *
 *     EXIT of a child -> decideExit -> count -> stop the others of its group, in reverse -> start, in order
 *                                   -> once too often: all are stopped, exit { shutdown }
 *
 * A child whose selector finds no node waits for one; that is no failed attempt and is not counted.
 */
import {
  decideExit,
  planRestart,
  shouldShutDown,
  type RestartPlan,
} from '../../behaviours/index.ts'
import { pidKey, type ExitReason, type Pid, type Process } from '../../runtime/index.ts'
import type { DistParts } from '../parts.ts'
import { ChildMover, type HandoffReply } from './child-mover.ts'
import { DistributedChild } from './child.ts'
import type { CheckedDistributedSpec } from './child-spec.ts'
import { RestartLedger } from './decisions.ts'
import {
  DistributedBehaviorNotFoundError,
  DistributedChildClaimError,
  DistributedChildNotFoundError,
  DistributedChildrenMaxError,
  DistributedDuplicateChildError,
  DistributedMaxRestartsExceededError,
  DistributedSupervisorError,
  NoAvailableNodeError,
} from './errors.ts'
import type { LifecycleEvent } from './events.ts'
import type { CheckedSupervisorOptions } from './options.ts'

/** What is to become of the supervisor: a reason to end with, or nothing. */
export type SupervisorVerdict = { readonly end: ExitReason } | undefined

/** A message of the supervisor to itself: a restart is due again. */
export class RestartAgain {
  readonly child: DistributedChild
  constructor(child: DistributedChild) {
    this.child = child
  }
}

/** A message of the supervisor to itself: children that wait may try. */
export class WaitingAgain {
  readonly type = 'waiting_again'
}

/** Pause before a child whose lease is held is tried again. */
const CLAIM_RETRY_MS = 1_000

/** What the children need of their supervisor. */
export interface ChildrenParts {
  readonly parts: DistParts
  readonly process: Process
  readonly options: CheckedSupervisorOptions
  readonly supervisorId: string
  readonly tell: (event: LifecycleEvent) => void
}

type Why = Extract<LifecycleEvent, { readonly type: 'child_migrated' }>['why']

/** See the head of this file. */
export class DistributedChildren {
  readonly supervisorId: string
  readonly mover: ChildMover
  readonly children: Map<string, DistributedChild> = new Map<string, DistributedChild>()
  /** Restarts since the start of the supervisor. */
  restarted = 0
  migrated = 0
  readonly #context: ChildrenParts
  readonly #ledger: RestartLedger
  readonly #byPid = new Map<string, DistributedChild>()
  /** Whether a `WaitingAgain` for claimed children is under way: one is enough for all of them. */
  #retrying = false

  constructor(context: ChildrenParts) {
    this.#context = context
    this.supervisorId = context.supervisorId
    const { parts, process, options } = context
    this.mover = new ChildMover(parts, process, options)
    this.#ledger = new RestartLedger(options)
  }

  /** The child `id`. Throws {@link DistributedChildNotFoundError}. */
  child(id: string): DistributedChild {
    const child = this.children.get(id)
    if (child === undefined) throw new DistributedChildNotFoundError(this.supervisorId, String(id))
    return child
  }

  /** Adds a child; throws if its id is taken or there are enough. */
  admit(spec: CheckedDistributedSpec): DistributedChild {
    const { childrenMax } = this.#context.options
    if (this.children.has(spec.id)) {
      throw new DistributedDuplicateChildError(this.supervisorId, spec.id)
    }
    if (this.children.size >= childrenMax) {
      throw new DistributedChildrenMaxError(this.supervisorId, childrenMax)
    }
    const child = new DistributedChild(spec)
    this.children.set(spec.id, child)
    return child
  }

  /** Starts a child. Throws why it does not run. */
  async start(child: DistributedChild, preferred?: string): Promise<void> {
    try {
      await this.mover.start(child, preferred)
    } catch (error) {
      if (isAwaited(error)) throw error
      throw new DistributedSupervisorError(this.supervisorId, child.id, error)
    }
    if (child.pid !== undefined) this.#byPid.set(pidKey(child.pid), child)
    if (child.keyHex !== undefined) this.#ledger.started(child.keyHex)
    this.#tell({ ...this.#facts(child), type: 'child_started' })
  }

  /** Stops a child; it is not restarted. */
  async stop(child: DistributedChild): Promise<void> {
    const { pid } = child
    child.pending = undefined
    if (pid === undefined) return
    this.#byPid.delete(pidKey(pid))
    const facts = this.#facts(child)
    await this.mover.stop(child)
    this.#tell({ ...facts, type: 'child_stopped', reason: 'shutdown' })
  }

  /** Stops every child, last started first. */
  async stopAll(): Promise<void> {
    for (const child of [...this.children.values()].reverse()) await this.stop(child)
  }

  /** A linked process ended. */
  async ended(pid: Pid, signalled: ExitReason): Promise<SupervisorVerdict> {
    const child = this.#byPid.get(pidKey(pid))
    if (child?.keyHex === undefined) return undefined
    const { keyHex } = child
    this.#byPid.delete(pidKey(pid))
    const facts = this.#facts(child)
    const losses = this.#ledger.isFirstLoss(keyHex, signalled) ? this.#on(keyHex) : []
    this.mover.unbind(child)
    const reason = signalled === 'noproc' ? await this.mover.reasonOf(keyHex, pid) : signalled
    if (losses.length > 0) {
      const { nodeId, supervisorId } = facts
      this.#tell({ type: 'node_failure_detected', supervisorId, nodeId, childIds: losses })
    }
    this.#tell({ ...facts, type: 'child_stopped', reason })
    child.endReason = reason
    const { action, report } = decideExit(child.restart, reason)
    if (report) this.#log(child, reason, 'child terminated')
    if (action === 'restart') return this.#restart(child, reason)
    if (action === 'remove') this.children.delete(child.id)
    const { autoShutdown } = this.#context.options
    const isOver = shouldShutDown(autoShutdown, this.children.values(), child)
    return isOver ? { end: 'shutdown' } : undefined
  }

  /** A restart that failed is due again. */
  async tryAgain({ child }: RestartAgain): Promise<SupervisorVerdict> {
    if (this.children.get(child.id) !== child || child.pending !== 'restarting') return undefined
    // It counts, whatever ended the child: a start that fails for ever must not be tried for ever.
    return this.#restart(child, 'restart_failed')
  }

  /** The pause after a claim is over: the next claim asks for another one. */
  async retryDue(): Promise<void> {
    this.#retrying = false
    await this.waitingAgain()
  }

  /** Something has changed: children that waited try. */
  async waitingAgain(): Promise<void> {
    for (const child of [...this.children.values()]) {
      if (child.pending === 'waiting') await this.#carryOut(child)
    }
  }

  /** The children that would move if all were placed anew, for a supervisor where that may be. */
  movable(): string[] {
    const { strategy } = this.#context.options
    // A child that moves has another pid: siblings that depend on it must not find out by surprise.
    if (strategy !== 'one_for_one' && strategy !== 'simple_one_for_one') return []
    const running = [...this.children.values()].filter(({ ref }) => ref !== undefined)
    return running.filter(({ spec }) => spec.nodeSelector === 'rendezvous').map(({ id }) => id)
  }

  /** Moves a child to where its selector wants it, if that is elsewhere. */
  async rebalance(id: string): Promise<void> {
    const child = this.children.get(id)
    if (child?.ref === undefined) return
    const wanted = await this.mover.choose(child)
    if (wanted === undefined || wanted.keyHex === child.keyHex) return
    if (await this.mover.offers(wanted.keyHex, child)) {
      await this.#move(child, 'rebalance', wanted.keyHex)
    }
  }

  /** Moves every child off a node; gives those that could not be. */
  async drain(keyHex: string): Promise<{ readonly moved: string[]; readonly kept: string[] }> {
    this.mover.drained.add(keyHex)
    const moved: string[] = []
    const kept: string[] = []
    for (const child of [...this.children.values()]) {
      if (child.ref === undefined || child.keyHex !== keyHex) continue
      const other = await this.mover.chooseOffering(child)
      const isMoved = other !== undefined && (await this.#move(child, 'drain', other.keyHex))
      ;(isMoved ? moved : kept).push(child.id)
    }
    return { moved, kept }
  }

  // --- restarts -------------------------------------------------------------------------------

  async #restart(child: DistributedChild, reason: ExitReason): Promise<SupervisorVerdict> {
    const { parts, options } = this.#context
    const { intensity, periodMs } = options
    const nowMs = parts.system.clock.now()
    if (!this.#ledger.mayRestart(child.keyHex ?? '', reason, nowMs)) {
      this.#log(child, reason, 'restart intensity exceeded: the supervisor shuts down', 'error')
      const { supervisorId } = this
      const error = new DistributedMaxRestartsExceededError(supervisorId, intensity, periodMs)
      return { end: { shutdown: error } }
    }
    child.restarts++
    this.restarted++
    await this.#carryOut(child)
    return undefined
  }

  /** Stops and starts what belongs to the restart of `failed`. */
  async #carryOut(failed: DistributedChild): Promise<void> {
    const { options, process } = this.#context
    const plan: RestartPlan = planRestart(options.strategy, this.children.values(), failed.id)
    const before = failed.nodeId
    for (const id of plan.stop) await this.stop(this.child(id))
    for (const id of plan.remove) this.children.delete(id)
    for (const id of plan.start) {
      const child = this.children.get(id)
      if (child === undefined) continue
      if (!process.alive) return
      try {
        await this.start(child)
      } catch (error) {
        this.#failedToStart(child, error)
        return
      }
      if (child === failed) this.#tellRestart(child, before)
    }
  }

  #failedToStart(child: DistributedChild, error: unknown): void {
    const { parts, process } = this.#context
    const { system } = parts
    if (isAwaited(error)) {
      child.pending = 'waiting'
      this.#log(child, error, 'a child cannot be started now: it waits')
      if (error instanceof DistributedChildClaimError && !this.#retrying) {
        this.#retrying = true
        system.sendAfter(CLAIM_RETRY_MS, process.pid, new WaitingAgain())
      }
      return
    }
    child.pending = 'restarting'
    this.#log(child, error, 'child did not start again')
    // Behind what is queued, so that a stop request has its turn.
    system.send(process.pid, new RestartAgain(child))
  }

  #tellRestart(child: DistributedChild, before: string | undefined): void {
    const { restarts: attempt, endReason: reason } = child
    this.#tell({ ...this.#facts(child), type: 'child_restarted', reason, attempt })
    if (before === undefined || before === child.nodeId) return
    this.#tellMove(child, before, 'node_down', false)
  }

  #tellMove(child: DistributedChild, fromNodeId: string, why: Why, withState: boolean): void {
    this.migrated++
    const facts = this.#facts(child)
    this.#tell({ ...facts, type: 'child_migrated', fromNodeId, why, withState })
  }

  // --- moves ----------------------------------------------------------------------------------

  /** Whether the child runs elsewhere now, or will. */
  async #move(child: DistributedChild, why: Why, preferred?: string): Promise<boolean> {
    const before = child.nodeId ?? ''
    let handed: HandoffReply = 'restart'
    try {
      if (child.spec.handoff) handed = await this.mover.beginHandoff(child)
    } catch (error) {
      this.#handoffFailed(child, error)
      return false
    }
    if (handed === 'ignore') return false
    await this.stop(child)
    try {
      await this.start(child, preferred)
    } catch (error) {
      if (typeof handed === 'object') this.#handoffFailed(child, error)
      this.#failedToStart(child, error)
      return true
    }
    let withState = false
    try {
      if (typeof handed === 'object') {
        await this.mover.endHandoff(child, handed.resume)
        withState = true
      }
    } catch (error) {
      this.#handoffFailed(child, error)
    }
    if (child.nodeId !== before) this.#tellMove(child, before, why, withState)
    return child.nodeId !== before
  }

  #handoffFailed(child: DistributedChild, error: unknown): void {
    this.#context.parts.refusals.count('ERR_DSUP_HANDOFF', { child: child.id })
    this.#log(child, error, 'a child was not moved with its state')
  }

  // --- words ----------------------------------------------------------------------------------

  #on(keyHex: string): string[] {
    const all = [...this.children.values()]
    return all
      .filter((child) => child.ref !== undefined && child.keyHex === keyHex)
      .map(({ id }) => id)
  }

  #facts(child: DistributedChild): {
    readonly supervisorId: string
    readonly childId: string
    readonly pid: Pid
    readonly nodeId: string
  } {
    const { process } = this.#context
    const { id: childId, pid = process.pid, nodeId = '' } = child
    return { supervisorId: this.supervisorId, childId, pid, nodeId }
  }

  #tell(event: LifecycleEvent): void {
    this.#context.tell(event)
  }

  #log(
    { id, spec }: DistributedChild,
    reason: unknown,
    text: string,
    level: 'warn' | 'error' = 'warn',
  ): void {
    const { logger } = this.#context.parts
    const { supervisorId } = this
    logger[level]({ supervisor: supervisorId, child: id, restart: spec.restart, reason }, text)
  }
}

/** What may be otherwise in a while: no failure of the child. */
function isAwaited(error: unknown): boolean {
  return (
    error instanceof NoAvailableNodeError ||
    error instanceof DistributedBehaviorNotFoundError ||
    error instanceof DistributedChildClaimError
  )
}
