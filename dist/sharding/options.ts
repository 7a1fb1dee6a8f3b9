/** Options of a kind of sharded entities: defaults and checks. */
import type { Contract } from '../../behaviours/index.ts'
import {
  booleanOption,
  functionOption,
  numberOption,
  oneOfOption,
  OptionError,
  optional,
  resolveOptions,
  stringOption,
  type OptionCheck,
} from '../../runtime/index.ts'

/** What an entity is started with. */
export interface EntityFacts {
  readonly id: string
  readonly shard: number
  /** The fencing token of its shard; undefined unless `mode` is `strict`. */
  readonly token: number | undefined
}

/** How a kind of entity is started on a node. */
export interface ShardingOptions<P = unknown> {
  /** Its name on all nodes, or its contract, which types messages and has the name. */
  readonly entity: Contract<P> | string
  /**
   * Name of the registered behaviour. Default the name of the entity. Every host registers it; `remote` is not
   * needed.
   */
  readonly behavior?: string | undefined
  /**
   * How many parts the entities are divided into; the same on all nodes. Default 64. More spread better and move
   * in smaller parts; ten times the number of hosts is plenty.
   */
  readonly shards?: number | undefined
  /** Whether entities run on this node. Default true; with false it only sends. */
  readonly host?: boolean | undefined
  /** The start argument of an entity. Default its id. */
  readonly argOf?: ((facts: EntityFacts) => unknown) | undefined
  /** An entity without messages for so long is stopped; the next message starts it. Default 120,000 ms. */
  readonly passivateAfterMs?: number | undefined
  /** Wait for its init. Default 10,000 ms. */
  readonly startTimeoutMs?: number | undefined
  /** An entity that is stopped has so long to handle what is queued. Default 5,000 ms; then it is killed. */
  readonly stopTimeoutMs?: number | undefined
  /** Messages wait so long for a host. Default 10,000 ms, then `ERR_SHARD_UNAVAILABLE`. */
  readonly waitTimeoutMs?: number | undefined
  /** Messages that wait for one shard or one entity. Default 1,000, then `ERR_SHARD_BUFFER_FULL`. */
  readonly bufferMax?: number | undefined
  /** Active entities on this node. Default 50,000, then `ERR_SHARD_ENTITIES_MAX`. */
  readonly entitiesMax?: number | undefined
  /**
   * `available` (the default): in a network that falls apart each part has its own entities, and one of them ends
   * when it heals. `strict`: a shard is where its lease is, so at most one part has it; needs voters.
   */
  readonly mode?: 'available' | 'strict' | undefined
}

/** The options with their defaults. */
export interface CheckedShardingOptions {
  readonly entity: string
  readonly behavior: string
  readonly shards: number
  readonly host: boolean
  readonly argOf: (facts: EntityFacts) => unknown
  readonly passivateAfterMs: number
  readonly startTimeoutMs: number
  readonly stopTimeoutMs: number
  readonly waitTimeoutMs: number
  readonly bufferMax: number
  readonly entitiesMax: number
  readonly mode: 'available' | 'strict'
}

/** Longest name of a kind of entity, and longest id of one. */
export const ENTITY_CHARS_MAX = 256

/** Shards of one kind at most; a host holds a little for each. */
export const SHARDS_MAX = 16_384

const time = numberOption(1, 2_147_483_647)

const CHECKS: { readonly [K in keyof ShardingOptions]-?: OptionCheck } = {
  entity: {
    expected: `a contract or a name of 1 to ${ENTITY_CHARS_MAX} characters`,
    test: (v) => nameOf(v).length > 0 && nameOf(v).length <= ENTITY_CHARS_MAX,
  },
  behavior: optional(stringOption),
  shards: numberOption(1, SHARDS_MAX),
  host: booleanOption,
  argOf: functionOption,
  passivateAfterMs: time,
  startTimeoutMs: time,
  stopTimeoutMs: time,
  waitTimeoutMs: time,
  bufferMax: numberOption(1, 10_000_000),
  entitiesMax: numberOption(1, 10_000_000),
  mode: oneOfOption('available', 'strict'),
}

const DEFAULTS = Object.freeze({
  shards: 64,
  host: true,
  argOf: ({ id }: EntityFacts): unknown => id,
  passivateAfterMs: 120_000,
  startTimeoutMs: 10_000,
  stopTimeoutMs: 5_000,
  waitTimeoutMs: 10_000,
  bufferMax: 1_000,
  entitiesMax: 50_000,
  mode: 'available',
} as const)

/** Checks and completes the options. Throws an `OptionError`. */
export function checkShardingOptions(given: ShardingOptions<never>): CheckedShardingOptions {
  const options = resolveOptions<Partial<ShardingOptions>>(
    'Sharding.start',
    DEFAULTS,
    CHECKS as { readonly [K in keyof Partial<ShardingOptions>]-?: OptionCheck },
    given,
  )
  const entity = nameOf(options.entity)
  if (entity === '') {
    const text = "Sharding.start: option 'entity' is needed: a contract or a name"
    throw new OptionError('ERR_OPTION_INVALID', 'entity', text)
  }
  const { behavior = entity, ...rest } = options
  return { ...DEFAULTS, ...(rest as object), entity, behavior } as CheckedShardingOptions
}

/** The name of a kind of entity; empty for what names none. */
export function nameOf(entity: unknown): string {
  if (typeof entity === 'string') return entity
  const name = (entity as { readonly name?: unknown } | null | undefined)?.name
  return typeof name === 'string' ? name : ''
}
