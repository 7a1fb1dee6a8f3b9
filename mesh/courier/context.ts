/** What the courier of a node works with. */
import type { Clock, Logger } from '../../runtime/index.ts'
import type { Dialer } from '../link/dialer.ts'
import type { FrameRouter } from '../link/frame-router.ts'
import type { LinkPool } from '../link/pool.ts'
import type { MembershipView } from '../membership/view.ts'
import type { Refusals } from '../refusals.ts'
import type { DhtContext } from '../routing/context.ts'
import type { CourierMemory } from './memory.ts'
import type { CourierSettings } from './settings.ts'

/** See the file header. */
export interface CourierContext {
  /** Key of this node, hex. */
  readonly self: string
  readonly settings: CourierSettings
  /** Dials at once. */
  readonly dialsMax: number
  readonly clock: Clock
  readonly logger: Logger
  readonly pool: LinkPool
  readonly dialer: Dialer
  readonly frames: FrameRouter
  readonly refusals: Refusals
  readonly view: MembershipView
  /** Undefined without a DHT: then nothing is looked up and nothing goes through others. */
  readonly dht: DhtContext | undefined
  readonly memory: CourierMemory
}
