/**
 * What users need to test distributed programs in one thread, without a network and without waiting: a
 * virtual clock, seeded chance, a simulated network with faults, and whole nodes on top of them.
 */
export type { SimClockOptions } from '../../runtime/index.ts'
export { createSeededEntropy, createSimClock, SimClock } from '../../runtime/index.ts'
export type { Cut, LinkConditions, MemoryNetworkOptions, Place } from '../../mesh/index.ts'
export { MemoryNetwork } from '../../mesh/index.ts'
export type { SimNodeOptions, SimNodes, SimNodesOptions } from './nodes.ts'
export { startSimNodes } from './nodes.ts'
export type { SimulateOptions, NodeSetup } from './simulate-options.ts'
export type { SimulationResult } from './simulate.ts'
export { simulate } from './simulate.ts'
export type { EventKind, FaultNow, Simulation, UntilOptions } from './simulation.ts'
export type { CrashOptions, SimNode, SimNodeState, SimulatedNodeOptions } from './sim-node.ts'
export type { SimDisk } from './sim-disk.ts'
export type { Command, Fault, NodeChoice, Schedule } from './fault.ts'
export { formatSchedule } from './fault.ts'
export type { FailedRun } from './simulation-errors.ts'
export {
  ForeignAwaitError,
  SIMULATION_ERRORS,
  SimulationError,
  SimulationStuckError,
} from './simulation-errors.ts'
export type { ExploreOptions, ExploreResult } from './explore.ts'
export { explore } from './explore.ts'
export type { SchedulePlan } from './schedule-plan.ts'
export { scheduleFrom } from './schedule-plan.ts'
export type { Shrunk } from './shrink.ts'
export { shrinkSchedule } from './shrink.ts'
export type { JitterKind } from '../../mesh/index.ts'
