/** What the courier of a node works with. */
import type { Clock } from '../../runtime/index.ts'
import type { Dialer } from '../link/dialer.ts'
import type { ServiceFrames, ServiceLinks } from '../link/service-links.ts'
import type { Refusals } from '../refusals.ts'
import type { Directory } from './directory.ts'
import type { CourierMemory } from './memory.ts'
import type { SendEnvelope } from './relay-way.ts'
import type { Seals } from './seal.ts'
import type { CourierSettings } from './settings.ts'

/** See the file header. */
export interface CourierContext {
  /** Key of this node, hex. */
  readonly self: string
  readonly publicKey: Uint8Array
  readonly settings: CourierSettings
  readonly clock: Clock
  readonly pool: ServiceLinks
  readonly dialer: Dialer
  /** Dials at once. */
  readonly dialsMax: number
  readonly frames: ServiceFrames
  readonly refusals: Refusals
  readonly directory: Directory
  readonly seals: Seals
  /** Undefined where nothing is passed on by others. */
  readonly relays: Relays | undefined
  readonly memory: CourierMemory
}

/** How messages are passed on by others. */
export interface Relays {
  readonly send: SendEnvelope
  /** Bytes of the payload of one envelope. */
  readonly payloadBytesMax: number
  /** A node with a link, through which this one can be answered. */
  readonly home: () => string | undefined
  /** Nodes with links that may have one with that node, too; best first. */
  readonly helpers: (node: string) => readonly string[]
  /** Whether everything without a link goes this way, and nothing is dialled or looked up. */
  readonly isEdge: boolean
}
