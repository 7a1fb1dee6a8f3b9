/** The DHT as a protocol of a simulated world: both of its cores behind one boundary. */
import type { LookupSpec, RoutingEvent, SeedContact } from '../routing/kademlia/machine.ts'
import type { Contact, DhtMode, DhtReply, DhtRequest } from '../routing/kademlia/message.ts'
import type { Operation, RecordsEvent } from '../routing/records/machine.ts'
import type { CoreInput, CoreSink, Protocol } from './boundary.ts'

/** What an application or a driver asks of a node of the DHT. Numbers are the caller's own. */
export type DhtCommand =
  | { readonly type: 'bootstrap'; readonly contacts: readonly SeedContact[] }
  | { readonly type: 'candidate'; readonly contact: Contact }
  | { readonly type: 'down'; readonly id: string }
  | { readonly type: 'lookup'; readonly lookupId: number; readonly spec: LookupSpec }
  | { readonly type: 'cancel_lookup'; readonly lookupId: number }
  | { readonly type: 'stop_lookup'; readonly lookupId: number }
  | { readonly type: 'operation'; readonly operationId: number; readonly operation: Operation }
  | { readonly type: 'cancel_operation'; readonly operationId: number }
  | { readonly type: 'set_mode'; readonly mode: DhtMode }

/** What a node of the DHT tells; lookups of its own records are not told. */
export type DhtEvent = RoutingEvent | RecordsEvent

/** The DHT sends no datagrams. */
export interface NoDatagram {
  readonly type: 'none'
}

/** What happens to a node of the DHT. */
export type DhtInput = CoreInput<NoDatagram, DhtRequest, DhtReply> | DhtCommand

/** What a node of the DHT wants done. */
export type DhtSink = CoreSink<NoDatagram, DhtRequest, DhtReply, DhtEvent>

/** Anything that speaks the protocol: a node of ours, or an enemy. */
export interface DhtMachine {
  step(nowMs: number, input: DhtInput, sink: DhtSink): void
  nextDeadline(): number
}

/** The DHT. */
export interface DhtProtocol extends Protocol {
  readonly core: DhtMachine
  readonly command: DhtCommand
  readonly datagram: NoDatagram
  readonly request: DhtRequest
  readonly reply: DhtReply
  readonly event: DhtEvent
}
