/** What a connection is given: the dials and shared parts of its node, its process, and who asked for it. */
import type { Clock, ExitReason } from '../../runtime/index.ts'
import type { NodeKey } from '../identity/node-key.ts'
import type { Refusals } from '../refusals.ts'
import type { ClusterSecret } from './cluster-secret.ts'
import type { EdgeLinks } from './edge-links.ts'
import type { FrameRouter } from './frame-router.ts'
import type { Hello, MembershipCheck } from './handshake.ts'
import type { Link } from './link.ts'
import type { LinkPool } from './pool.ts'
import type { LinkProtocol } from './protocol.ts'

/** Dials of all connections of a node; defaults in `mesh/options.ts`. */
export interface ConnectionOptions {
  readonly keepaliveIntervalMs: number
  readonly keepaliveMissesMax: number
  readonly keepaliveRestFactor: number
  readonly handshakeTimeoutMs: number
  readonly leaveTimeoutMs: number
  readonly linkPartingTimeoutMs: number
  readonly linkIdleMs: number
  readonly linksIdleMax: number
  readonly frameBytesMax: number
  readonly bytesQueuedMax: number
  readonly bulkWindowBytes: number
  readonly datagramsPerSecondMax: number
}

/** What all connections of a node share. */
export interface ConnectionContext {
  readonly options: ConnectionOptions
  readonly clock: Clock
  readonly pool: LinkPool
  readonly protocol: LinkProtocol
  readonly frames: FrameRouter
  /** Links with peers at the edge; undefined for a node that is no gateway. */
  readonly edges: EdgeLinks | undefined
  readonly refusals: Refusals
  /** Our hello; `dialling` counts one more `connect`. */
  hello(dialling: boolean): Hello
  readonly checkMembership: MembershipCheck
  /** What both sides prove in the handshake; undefined without one. */
  readonly secret?: ClusterSecret | undefined
}

/** The process of a connection. */
export interface ConnectionProcess {
  /** `nextDueMs` has changed. */
  wake(): void
  /** The connection is over. */
  ended(reason: ExitReason): void
}

/** Who asked for a connection that we dialled. */
export interface ConnectionDial {
  succeed(link: Link): void
  /** Another connection with that node takes precedence: wait for it. */
  supersede(key: NodeKey): void
  fail(error: Error): void
}
