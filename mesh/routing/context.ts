/** What the processes of the DHT need. */
import type { Clock, Entropy, Logger } from '../../runtime/index.ts'
import type { DialShares } from '../exchange/dial-shares.ts'
import type { Dialer } from '../link/dialer.ts'
import type { FrameRouter } from '../link/frame-router.ts'
import type { Link } from '../link/link.ts'
import type { LinkPool } from '../link/pool.ts'
import type { ServiceFrames, ServiceLinks } from '../link/service-links.ts'
import type { MembershipView } from '../membership/view.ts'
import type { Refusals } from '../refusals.ts'
import type { Store } from '../store/store.ts'
import type { TransportAddress } from '../transport/transport.ts'
import type { AddressProofs } from './address-proofs.ts'
import type { Envelopes } from './greedy/envelopes.ts'
import type { RouteProtocol } from './greedy/protocol.ts'
import type { KadKey } from './kademlia/id.ts'
import type { DhtMemory } from './memory.ts'
import type { ResolvedDhtOptions } from './options.ts'
import type { DhtProtocol } from './protocol.ts'
import type { StoredEntryCodec } from './records/codec.ts'
import type { RecordMaking } from './records/makers.ts'

/** Shared by its processes and by the functions for applications. */
export interface DhtContext {
  readonly options: ResolvedDhtOptions
  readonly dials: DialShares
  readonly handshakeTimeoutMs: number
  readonly ownKey: KadKey
  /** `name@host:port` as advertised. */
  readonly nodeId: () => string
  readonly address: () => TransportAddress
  readonly clock: Clock
  readonly chance: () => number
  readonly logger: Logger
  readonly pool: LinkPool
  /** Links and frames of peers at the edge included: envelopes are handed over to them. */
  readonly serviceLinks: ServiceLinks
  readonly serviceFrames: ServiceFrames
  /** An envelope of a peer at the edge of this node was passed on over that link. */
  readonly passedOn: (link: Link) => void
  readonly dialer: Dialer
  readonly frames: FrameRouter
  readonly refusals: Refusals
  readonly view: MembershipView
  readonly protocol: DhtProtocol
  readonly entryCodec: StoredEntryCodec
  readonly making: RecordMaking
  readonly proofs: AddressProofs
  readonly memory: DhtMemory
  readonly envelopes: Envelopes
  readonly routeProtocol: RouteProtocol
  /** Ids of envelopes, which nobody may guess. */
  readonly entropy: Entropy
  /** Opens the store of this node; called once. */
  readonly openStore: () => Promise<Store>
  /** Somebody has dialled this node, so it can be dialled. */
  readonly dialled: () => void
}
