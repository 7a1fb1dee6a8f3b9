/**
 * Worlds of bare cores: protocols as synchronous machines, thousands of them in one thread, on a network
 * and a clock that repeat from a seed. For whole nodes with processes see `fovea/simulation`.
 */
export { CoreWorld } from './core-world.ts'
export type { Seat, WorldOptions } from './core-world.ts'
export type {
  Core,
  CoreInput,
  CoreOf,
  CoreSink,
  InputOf,
  NodeContact,
  Protocol,
  SinkOf,
} from './boundary.ts'
export { SimulatedNode } from './simulated-node.ts'
export type { NodeLoad, SimulatedLink } from './simulated-node.ts'
export type { LinkOptions } from './link-table.ts'
export { LOST, NetworkModel } from './network-model.ts'
export type { Condition, Latency, NetworkOptions } from './network-model.ts'
export { Chance, Purpose, Sequence } from './chance.ts'
export { EventQueue } from './event-queue.ts'
export { Trace } from './trace.ts'
export { calmFromMs, describeFaults } from './faults.ts'
export type { DiskFate, Fault, FaultType } from './faults.ts'
export { runFaults } from './fault-runner.ts'
export type { FaultActions, FaultCounts } from './fault-runner.ts'
export type { Observer } from './observer.ts'
export { KeyedAuthority } from './keyed-authority.ts'
export { SwimWorld } from './swim-world.ts'
export type { SwimWorldOptions } from './swim-world.ts'
export { SIMULATED_SIZES, datagramBytes } from './swim-boundary.ts'
export type { SwimCommand, SwimProtocol } from './swim-boundary.ts'
export { Views } from './views.ts'
export type { Accusation, Sight } from './views.ts'
export { PropertyError, watchProperties } from './checkers/index.ts'
export type { Checker, CheckersAtWork, Mutation, Sighting } from './checkers/index.ts'
export {
  deviation,
  mean,
  meanInterval,
  quantile,
  slopeInterval,
  wilson,
  type Interval,
} from './statistics.ts'
export { swimSettings, SWIM_PRESETS } from '../membership/swim/settings.ts'
export type { SwimPreset, SwimSettings } from '../membership/swim/settings.ts'
export { SwimCore } from '../membership/swim/core.ts'
export { accuracy, type Mistakes } from './scenarios/accuracy.ts'
export { crashDetection, type CrashDetection } from './scenarios/crash-detection.ts'
export { dissemination, type Dissemination } from './scenarios/dissemination.ts'
export { firstProbes } from './scenarios/first-probes.ts'
export { joining, type Joining } from './scenarios/joining.ts'
export { quietLoad, type QuietLoad } from './scenarios/quiet-load.ts'
export { unstableLinks, type Stability } from './scenarios/unstable-links.ts'
export { warmWorld, type ScenarioOptions } from './scenarios/scenario.ts'
export { DhtWorld, DHT_EPOCH_MS } from './dht-world.ts'
export type { DhtWorldOptions, PendingLookup, PendingOperation } from './dht-world.ts'
export type {
  DhtCommand,
  DhtEvent,
  DhtInput,
  DhtMachine,
  DhtProtocol,
  DhtSink,
} from './dht-boundary.ts'
export { DhtNode } from './dht-node.ts'
export type { DhtDisk, DhtTap } from './dht-node.ts'
export { textKey } from './dht-oracle.ts'
export { KeyedRecordAuthority } from './keyed-record-authority.ts'
export { watchDht } from './dht-checkers/index.ts'
export { Conspiracy } from './conspiracy.ts'
export { Churn, type ChurnOptions } from './churn.ts'
export { routingSettings, ROUTING_DEFAULTS } from '../routing/kademlia/settings.ts'
export type { RoutingSettings } from '../routing/kademlia/settings.ts'
export { recordsSettings, RECORDS_DEFAULTS } from '../routing/records/settings.ts'
export type { RecordsSettings } from '../routing/records/settings.ts'
export { staticLookups, suddenDeath, type LookupFigures } from './scenarios/dht-lookups.ts'
export {
  colluders,
  eclipse,
  honestPathShare,
  type Eclipse,
  type Resistance,
} from './scenarios/dht-enemies.ts'
export {
  sequentialJoins,
  sizeGuesses,
  type Joins,
  type SizeGuesses,
} from './scenarios/dht-joining.ts'
export { availability, type Availability } from './scenarios/dht-records.ts'
export { FilterMap } from '../topics/filter-map.ts'
export type { FilterMapStats } from '../topics/filter-map.ts'
export type { HeldValue } from '../topics/held.ts'
export type { ResultCacheOptions } from '../topics/result-cache.ts'
