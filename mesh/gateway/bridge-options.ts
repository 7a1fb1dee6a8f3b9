/** Options of a realm bridge: their defaults, their checks, and what each dial does. */
import {
  createRealClock,
  functionOption,
  loggerOption,
  numberOption,
  objectOption,
  oneOfOption,
  optional,
  resolveOptions,
  silentLogger,
} from '../../runtime/index.ts'
import type { Clock, Logger, OptionCheck } from '../../runtime/index.ts'
import type { NodeKey } from '../identity/node-key.ts'
import type { Realm } from '../identity/realm.ts'
import type { Delivery, PubSub } from '../pubsub/pubsub.ts'
import type { Rpc } from '../rpc/rpc.ts'
import type { Services } from '../services/registry.ts'
import { checkFilter } from '../topics/topic.ts'

/** A member of a realm, such as a mesh; or a peer at its edge. */
export interface BridgeSide {
  readonly realm: Realm
  readonly key: NodeKey
  readonly pubsub: Pick<PubSub, 'publish' | 'subscribe'>
  readonly rpc: Pick<Rpc, 'advertise' | 'call' | 'providers'>
  readonly services: Pick<Services, 'find'>
}

/** What crosses: a message or a call. */
export type BridgeKind = 'publish' | 'call'

/**
 * What became of it: it went over (`bridged`), and failed there after all (`failed`); `translate` has no name for it
 * (`denied`); too much comes (`rate_limited`); it was there before (`looped`).
 */
export type BridgeOutcome = 'bridged' | 'failed' | 'denied' | 'rate_limited' | 'looped'

/** One thing that happened, for an audit; without payloads. */
export interface BridgeEntry {
  readonly wallMs: number
  readonly kind: BridgeKind
  readonly outcome: BridgeOutcome
  /** Names of the realms. */
  readonly from: string
  readonly to: string
  readonly name: string
  /** Its name in `to`; undefined when it has none. */
  readonly as: string | undefined
  /** Key of who published or called, hex. */
  readonly by: string
  /** Why it failed. */
  readonly code: string | undefined
}

/** What `createRealmBridge` takes. */
export interface RealmBridgeOptions {
  readonly from: BridgeSide
  readonly to: BridgeSide
  /** Filters of the messages that cross. Default: none. */
  readonly topics?: readonly string[] | undefined
  /** Procedures that members of `from` may call in `to`: names or patterns. Default: none. */
  readonly procedures?: readonly string[] | undefined
  /** The name in `to`; undefined keeps it out. Default: the same name. */
  readonly translate?: ((name: string, kind: BridgeKind) => string | undefined) | undefined
  /** Messages and calls within a second. Default 1,000. */
  readonly ratePerSecond?: number | undefined
  /** As many at once. Default `ratePerSecond`. */
  readonly burst?: number | undefined
  /** How messages are published in `to`. Default `'at_most_once'`. */
  readonly delivery?: Delivery | undefined
  /** Calls under way; more wait for their turn. Default 256. */
  readonly callsMax?: number | undefined
  /** Bridges that a message may come through, this one included. Default 4. */
  readonly hopsMax?: number | undefined
  /** Told of everything before it happens; what it throws keeps it from happening. Default: `logger`, level `info`. */
  readonly audit?: ((entry: BridgeEntry) => void) | undefined
  /** Default: the machine's. */
  readonly clock?: Clock | undefined
  /** Default: nowhere. */
  readonly logger?: Logger | undefined
}

/** Everything decided. */
export interface BridgeSettings {
  readonly from: BridgeSide
  readonly to: BridgeSide
  readonly topics: readonly string[]
  readonly procedures: readonly string[]
  readonly translate: (name: string, kind: BridgeKind) => string | undefined
  readonly ratePerSecond: number
  readonly burst: number
  readonly delivery: Delivery
  readonly callsMax: number
  readonly hopsMax: number
  readonly audit: (entry: BridgeEntry) => void
  readonly clock: Clock
  readonly logger: Logger
}

const listOption: OptionCheck = {
  expected: 'a list of at most 1,024 names or patterns',
  test: (value) => Array.isArray(value) && value.length <= 1_024,
}

const CHECKS: { readonly [K in keyof RealmBridgeOptions]-?: OptionCheck } = {
  from: objectOption,
  to: objectOption,
  topics: listOption,
  procedures: listOption,
  translate: functionOption,
  ratePerSecond: numberOption(1, 1_000_000),
  burst: optional(numberOption(1, 1_000_000)),
  delivery: oneOfOption('at_most_once', 'at_least_once'),
  callsMax: numberOption(1, 65_536),
  hopsMax: numberOption(1, 16),
  audit: optional(functionOption),
  clock: optional(objectOption),
  logger: loggerOption,
}

/** Checks `given` and decides everything that is not given. Throws an `OptionError` or a `TopicError`. */
export function resolveBridge(given: RealmBridgeOptions): BridgeSettings {
  const defaults = {
    topics: [],
    procedures: [],
    translate: (name: string) => name,
    ratePerSecond: 1_000,
    delivery: 'at_most_once',
    callsMax: 256,
    hopsMax: 4,
    logger: silentLogger,
  } as const
  const merged = resolveOptions<Partial<RealmBridgeOptions>>(
    'createRealmBridge',
    defaults,
    CHECKS,
    given,
  ) as Omit<BridgeSettings, 'burst' | 'audit' | 'clock'> & RealmBridgeOptions
  const { logger } = merged
  return Object.freeze({
    ...merged,
    burst: merged.burst ?? merged.ratePerSecond,
    audit: merged.audit ?? ((entry) => logger.info({ ...entry }, `bridge ${entry.outcome}`)),
    clock: merged.clock ?? createRealClock(),
    topics: merged.topics.map((filter) => checkFilter(filter)),
    procedures: merged.procedures.map((pattern) => checkFilter(pattern)),
  })
}
