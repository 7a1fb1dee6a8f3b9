/** One child of a supervisor over many nodes: its specification, and where it runs. */
import type { ChildView, Ref, RestartType } from '../../behaviours/index.ts'
import type { ExitReason, Pid } from '../../runtime/index.ts'
import type { CheckedDistributedSpec } from './child-spec.ts'

/**
 * What a child is doing: it runs; it waits for a node that is fit; its restart failed and is tried again; or
 * it was stopped, or ended for good.
 */
export type DistributedChildStatus = 'running' | 'waiting' | 'restarting' | 'stopped'

/** A child as `getChildren` shows it. */
export interface DistributedChildInfo {
  readonly id: string
  readonly status: DistributedChildStatus
  /** Undefined unless it runs. */
  readonly pid: Pid | undefined
  readonly ref: Ref<unknown> | undefined
  /** Where it runs, or ran last. */
  readonly nodeId: string | undefined
  readonly behaviorName: string
  readonly restart: RestartType
  readonly significant: boolean
  /** Since the specification was given. */
  readonly restarts: number
}

/** See the head of this file. */
export class DistributedChild implements ChildView {
  readonly spec: CheckedDistributedSpec
  ref: Ref<unknown> | undefined
  /** Key and id of the node where it runs, or ran last. */
  keyHex: string | undefined
  nodeId: string | undefined
  /** Ended by itself or with its node, and not running again yet. */
  pending: 'waiting' | 'restarting' | undefined
  restarts = 0
  /** Why it ended last. */
  endReason: ExitReason

  constructor(spec: CheckedDistributedSpec) {
    this.spec = spec
  }

  get id(): string {
    return this.spec.id
  }
  get pid(): Pid | undefined {
    return this.ref?.pid
  }
  get restart(): RestartType {
    return this.spec.restart
  }
  get significant(): boolean {
    return this.spec.significant
  }
  get active(): boolean {
    return this.ref !== undefined || this.pending !== undefined
  }
  get info(): DistributedChildInfo {
    const { id, ref, pid, nodeId, restart, significant, restarts, spec } = this
    const status = ref === undefined ? (this.pending ?? 'stopped') : 'running'
    const { behaviorName } = spec
    return { id, status, pid, ref, nodeId, behaviorName, restart, significant, restarts }
  }
}
