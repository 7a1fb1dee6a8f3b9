/**
 * The protocol of supervisors and what they tell of their children; apart from the implementation, as
 * every contract.
 */
import type { Pid } from '../../runtime/index.ts'
import type { ChildSpec, ChildStarted } from './child-spec.ts'
import { contract, type Contract, type Ref } from '../server/contract.ts'
import type { RestartType } from './restart-strategy.ts'

/** A child as `whichChildren` shows it. */
export interface ChildInfo {
  /** Undefined where children have none: under simple_one_for_one and in a DynamicSupervisor (U-62). */
  readonly id: string | undefined
  /** Undefined while it does not run. */
  readonly pid: Pid | undefined
  /** Its last restart failed and is being tried again. */
  readonly restarting: boolean
  readonly type: 'worker' | 'supervisor'
  readonly restart: RestartType
  readonly significant: boolean
  /** Restarts it caused so far. */
  readonly restarts: number
}

/** Numbers of a supervisor's children. */
export interface ChildCounts {
  /** All specifications, running or not. */
  readonly specs: number
  readonly active: number
  /** Specifications of type supervisor, running or not. */
  readonly supervisors: number
  /** Specifications of type worker, running or not. */
  readonly workers: number
}

/** The protocol of supervisors. */
export interface SupervisorApi {
  call: {
    /** A specification; under simple_one_for_one the arguments of one more child. */
    startChild(child: ChildSpec | readonly unknown[]): ChildStarted
    /** An id; under simple_one_for_one a pid. */
    terminateChild(child: string | Pid): void
    restartChild(id: string): ChildStarted
    deleteChild(id: string): void
    whichChildren(): readonly ChildInfo[]
    countChildren(): ChildCounts
  }
  cast: {}
}

/** A running supervisor. */
export type SupervisorRef = Ref<SupervisorApi>

/**
 * The contract of supervisors, for refs from pids.
 *
 * @example
 * const { pid } = await Supervisor.start()
 * assert.equal((await SupervisorContract.at(pid).call.countChildren()).specs, 0)
 * await Supervisor.stop(pid)
 */
export const SupervisorContract: Contract<SupervisorApi> = contract('fovea.supervisor/1', {
  call: {
    startChild: true,
    terminateChild: true,
    restartChild: true,
    deleteChild: true,
    whichChildren: true,
    countChildren: true,
  },
  cast: {},
})

/** Counts what is listed. */
export function childCounts(children: Iterable<ChildInfo>): ChildCounts {
  let specs = 0
  let active = 0
  let supervisors = 0
  for (const { pid, type } of children) {
    specs++
    if (pid !== undefined) active++
    if (type === 'supervisor') supervisors++
  }
  return { specs, active, supervisors, workers: specs - supervisors }
}
