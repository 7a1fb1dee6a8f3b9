/** What the services of a node stand on: pub/sub, procedures, presence. */
import type { Clock, Entropy, Logger, System } from '../../runtime/index.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { Courier, Origin } from '../courier/courier.ts'
import type { PolicyAction } from '../identity/policy.ts'
import type { RosterPort } from '../presence/roster.ts'
import type { Refusals } from '../refusals.ts'
import type { Store } from '../store/store.ts'
import type { Codec } from '../wire/codec.ts'

/** Shared by the services of one node. */
export interface ServicesContext {
  /** Key of this node, hex. */
  readonly self: string
  /** Which life of this node; a later one is larger. */
  readonly incarnation: number
  readonly system: System
  readonly clock: Clock
  /** A random number from 0 to below 1, seeded in simulations. */
  readonly chance: () => number
  /** Bytes that nobody may guess. */
  readonly entropy: Entropy
  readonly logger: Logger
  /** Counts what is refused or dropped. */
  readonly refusals: Refusals
  /** For the messages of the services themselves (`MESSAGE_LIMITS`). */
  readonly codec: Codec
  /** For values of users (`VALUE_LIMITS`). */
  readonly values: Codec
  readonly courier: Courier
  readonly catalog: Catalog
  /** Where members say in which spaces of presence they are; undefined at the edge, whose peers are no members. */
  readonly roster?: RosterPort | undefined
  /** What the policy of the realm says. */
  readonly isGranted: (action: PolicyAction, origin: Origin) => boolean
  /** What survives a restart; undefined for a node without data directory. */
  readonly store: Store | undefined
}
