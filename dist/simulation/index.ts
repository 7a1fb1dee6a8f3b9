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
