/**
 * What checkers of the DHT share. As those of membership they look from outside, at messages, at what
 * passes between the two cores of a node, and at what a node shows of its table and its records; they use
 * none of the cores' own rules.
 */
import type { LookupSpec, RoutingEvent } from '../../routing/kademlia/machine.ts'
import type { DhtProtocol } from '../dht-boundary.ts'
import type { DhtWorld } from '../dht-world.ts'
import type { Observer } from '../observer.ts'
import type { SimulatedNode } from '../simulated-node.ts'

/** A seat of a world of the DHT. */
export type DhtSeat = SimulatedNode<DhtProtocol>

/** One property, or a few that are seen at the same place; throws `PropertyError`. */
export interface DhtChecker extends Observer<DhtProtocol> {
  /** A lookup begins at a node. */
  lookup?(seat: DhtSeat, lookupId: number, spec: LookupSpec): void
  /** An event of a routing core, before anybody has it. */
  routing?(seat: DhtSeat, event: RoutingEvent): void
}

/** What a checker is made for. */
export type CheckedWorld = Pick<DhtWorld, 'settings' | 'recordsSettings' | 'disks'> & {
  readonly core: DhtWorld['core']
  readonly wallMs: number
  dhtNode(index: number): ReturnType<DhtWorld['dhtNode']>
  authorityOf(id: string): ReturnType<DhtWorld['authorityOf']>
}
