/** Settings of procedures, with defaults. */
import {
  booleanOption,
  functionOption,
  numberOption,
  objectOption,
  oneOfOption,
  optional,
  resolveOptions,
  stringOption,
} from '../../runtime/index.ts'
import type { OptionCheck } from '../../runtime/index.ts'
import { checkStreamTimes, STREAM_CHECKS, STREAM_DEFAULTS } from './streams/settings.ts'
import type { StreamLimits } from './streams/settings.ts'
import type { AdvertiseOptions, CallBaseOptions, RpcCallOptions, RpcCastOptions } from './rpc.ts'

/** Limits of one node; what is not given has its default. */
export interface RpcOptions extends StreamLimits {
  /** Time of calls that name none. Default 5,000 ms. */
  readonly callTimeoutMs?: number
  /** Bytes of an input or a result. Default 64 MiB, which is the most; the same on all nodes. */
  readonly payloadBytesMax?: number
  /** Bytes of the `details` of an error; larger ones are left out. Default 16 KiB. */
  readonly errorDetailsBytesMax?: number
  /** Attempts of this node that wait for an answer; then `ERR_RPC_OVERLOADED`. Default 65,536. */
  readonly pendingMax?: number
  /** The same for one peer. Default 16,384: a slow one must not take all of them. */
  readonly pendingPerPeerMax?: number
  /** Calls of others that run or wait here. Default 32,768. */
  readonly inboundMax?: number
  /** The same of one peer. Default 4,096. */
  readonly inboundPerPeerMax?: number
  /** Bytes of the inputs of all calls that run or wait here. Default 256 MiB; then `ERR_RPC_OVERLOADED`. */
  readonly inboundBytesMax?: number
  /** How long a handler keeps its place when its call was given up, or its stream is over. Default 5,000 ms. */
  readonly handlerGraceMs?: number
  /** Ids of a peer's calls that are remembered, so that each runs once. Default 8,192. */
  readonly idsPerPeerMax?: number
  /** Patterns that this node advertises. Default 10,000. */
  readonly advertisedMax?: number
  /** Procedures whose latencies, breakers and budgets are remembered; the longest unused go first. Default 1,024. */
  readonly routesMax?: number
  /** Casts that wait until a provider is found. Default 1,024. */
  readonly castsWaitingMax?: number
  /** Progressive results that wait for an earlier one, per call. Default 256. */
  readonly progressHeldMax?: number
  /** How long the end of a call waits for progressive results that are on their way. Default 1,000 ms. */
  readonly progressWaitMs?: number
  /** Part of the calls that may be tried again. Default 0.1. */
  readonly retryRatio?: number
  /** Pause before the second attempt of an idempotent call, at most; doubles. Default 50 ms. */
  readonly retryBaseMs?: number
  /** The longest pause between attempts. Default 1,000 ms. */
  readonly retryMaxMs?: number
  /** Part of the calls that may be hedged. Default 0.05. */
  readonly hedgeRatio?: number
  /** Calls to a provider within `breakerWindowMs` before its breaker judges. Default 20. */
  readonly breakerCallsMin?: number
  /** Part of them that fails before it opens. Default 0.5. */
  readonly breakerRatio?: number
  /** Default 10,000 ms. */
  readonly breakerWindowMs?: number
  /** How long it stays open before one call may try. Default 5,000 ms. */
  readonly breakerOpenMs?: number
  /** Window of the throttle that holds calls back when too many are refused. Default 30,000 ms. */
  readonly throttleWindowMs?: number
  /** Calls in it before it begins. Default 20. */
  readonly throttleCallsMin?: number
  /** Half-life of remembered latencies. Default 10,000 ms. */
  readonly latencyDecayMs?: number
  /** Results that are kept for calls with `cacheTtlMs`; 0 keeps none. Default 1,000. */
  readonly cacheEntriesMax?: number
  /** Bytes of them, with their inputs. Default 16 MiB. */
  readonly cacheBytesMax?: number
}

/** {@link RpcOptions} with everything decided. */
export type RpcSettings = Readonly<Required<RpcOptions>>

/** The dials as shipped. */
export const RPC_DEFAULTS: RpcSettings = Object.freeze({
  callTimeoutMs: 5_000,
  payloadBytesMax: 67_108_864,
  errorDetailsBytesMax: 16_384,
  pendingMax: 65_536,
  pendingPerPeerMax: 16_384,
  inboundMax: 32_768,
  inboundPerPeerMax: 4_096,
  inboundBytesMax: 268_435_456,
  handlerGraceMs: 5_000,
  idsPerPeerMax: 8_192,
  advertisedMax: 10_000,
  routesMax: 1_024,
  castsWaitingMax: 1_024,
  progressHeldMax: 256,
  progressWaitMs: 1_000,
  retryRatio: 0.1,
  retryBaseMs: 50,
  retryMaxMs: 1_000,
  hedgeRatio: 0.05,
  breakerCallsMin: 20,
  breakerRatio: 0.5,
  breakerWindowMs: 10_000,
  breakerOpenMs: 5_000,
  throttleWindowMs: 30_000,
  throttleCallsMin: 20,
  latencyDecayMs: 10_000,
  cacheEntriesMax: 1_000,
  cacheBytesMax: 16_777_216,
  ...STREAM_DEFAULTS,
})

const TIME = numberOption(1, 2_147_483_647)
const COUNT = numberOption(1, 1_048_576)
const RATIO = numberOption(0, 1, true)

const CHECKS: { readonly [K in keyof RpcOptions]-?: OptionCheck } = {
  callTimeoutMs: TIME,
  payloadBytesMax: numberOption(1, 67_108_864),
  errorDetailsBytesMax: numberOption(0, 65_536),
  pendingMax: COUNT,
  pendingPerPeerMax: COUNT,
  inboundMax: COUNT,
  inboundPerPeerMax: COUNT,
  inboundBytesMax: numberOption(1, 1_099_511_627_776),
  handlerGraceMs: TIME,
  idsPerPeerMax: COUNT,
  advertisedMax: COUNT,
  routesMax: COUNT,
  castsWaitingMax: numberOption(0, 1_048_576),
  progressHeldMax: numberOption(0, 1_048_576),
  progressWaitMs: TIME,
  retryRatio: RATIO,
  retryBaseMs: TIME,
  retryMaxMs: TIME,
  hedgeRatio: RATIO,
  breakerCallsMin: COUNT,
  breakerRatio: numberOption(0.01, 1, true),
  breakerWindowMs: TIME,
  breakerOpenMs: TIME,
  throttleWindowMs: TIME,
  throttleCallsMin: COUNT,
  latencyDecayMs: TIME,
  cacheEntriesMax: numberOption(0, 1_048_576),
  cacheBytesMax: numberOption(0, Number.MAX_SAFE_INTEGER),
  ...STREAM_CHECKS,
}

/** The settings; throws an `OptionError`. */
export function rpcSettings(given?: RpcOptions): RpcSettings {
  const settings = resolveOptions<RpcSettings>('rpc', RPC_DEFAULTS, CHECKS, given)
  checkStreamTimes(settings)
  return settings
}

type Checks<Options> = { readonly [K in keyof Options]-?: OptionCheck }

/** One of another realm is no instance, but does what is asked of it. */
const signalOption: OptionCheck = {
  expected: 'an AbortSignal',
  test: (v) =>
    typeof v === 'object' &&
    v !== null &&
    ['aborted', 'addEventListener', 'removeEventListener'].every((name) => name in v),
}

const nodeOption: OptionCheck = {
  expected: 'a node key, 64 hex digits',
  test: (v) => typeof v === 'string' && /^[0-9a-f]{64}$/.test(v),
}

/** A schema of the Standard Schema interface. */
export const schemaOption: OptionCheck = {
  expected: 'a Standard Schema',
  test: (v) =>
    (typeof v === 'object' || typeof v === 'function') &&
    v !== null &&
    typeof (v as { '~standard'?: { validate?: unknown } })['~standard']?.validate === 'function',
}

const hedgeOption: OptionCheck = {
  expected: 'true, false, or { delayMs } with a whole number from 1',
  test: (v) => {
    if (typeof v === 'boolean') return true
    const { delayMs } = (v ?? {}) as { delayMs?: unknown }
    return Number.isInteger(delayMs) && TIME.test(delayMs)
  },
}

const metadataOption: OptionCheck = {
  expected: 'a flat object of strings, numbers and booleans, without keys that begin with $',
  test: (v) =>
    typeof v === 'object' &&
    v !== null &&
    !Array.isArray(v) &&
    Object.entries(v).every(
      ([name, value]) =>
        !name.startsWith('$') && ['string', 'number', 'boolean'].includes(typeof value),
    ),
}

const PRIORITY = oneOfOption('low', 'normal', 'high')

const STRATEGY = oneOfOption(
  'first',
  'random',
  'round_robin',
  'least_outstanding',
  'p2c_ewma',
  'local_first',
  'closest',
  'consistent_hash',
)

/** Checks of `callMany`. */
export const CALL_MANY_CHECKS: Checks<CallBaseOptions> = {
  timeoutMs: optional(TIME),
  signal: optional(signalOption),
  cancelMode: optional(oneOfOption('skip', 'kill', 'killnowait')),
  onProgress: optional(functionOption),
  priority: optional(PRIORITY),
}

/** Checks of `call`. */
export const CALL_CHECKS: Checks<RpcCallOptions> = {
  ...CALL_MANY_CHECKS,
  strategy: optional(STRATEGY),
  key: optional(stringOption),
  node: optional(nodeOption),
  idempotent: optional(booleanOption),
  attempts: optional(numberOption(1, 5)),
  attemptTimeoutMs: optional(TIME),
  hedge: optional(hedgeOption),
  cacheTtlMs: optional(TIME),
}

/** Checks of `cast`. */
export const CAST_CHECKS: Checks<RpcCastOptions> = {
  timeoutMs: optional(TIME),
  strategy: optional(STRATEGY),
  key: optional(stringOption),
  node: optional(nodeOption),
  priority: optional(PRIORITY),
}

/** Options of `advertise` with everything decided. */
export interface AdvertiseSettings {
  readonly ttlMs: number
  readonly metadata: Readonly<Record<string, string | number | boolean>>
  readonly concurrency: number
  readonly queueMax: number
  readonly queueDelayMaxMs: number
  readonly input: AdvertiseOptions['input']
  readonly output: AdvertiseOptions['output']
  readonly idempotent: boolean
  readonly priority: NonNullable<AdvertiseOptions['priority']>
  readonly method: string | undefined
}

/** What an advertisement says nothing about. */
export const ADVERTISE_DEFAULTS: AdvertiseSettings = Object.freeze({
  ttlMs: 300_000,
  metadata: Object.freeze({}),
  concurrency: 256,
  queueMax: 1_024,
  queueDelayMaxMs: 500,
  input: undefined,
  output: undefined,
  idempotent: false,
  priority: 'normal',
  method: undefined,
})

const ADVERTISE_CHECKS: Checks<AdvertiseSettings> = {
  ttlMs: numberOption(10_000, 2_147_483_647),
  metadata: metadataOption,
  concurrency: numberOption(1, 1_048_576),
  queueMax: numberOption(0, 1_048_576),
  queueDelayMaxMs: TIME,
  input: optional(schemaOption),
  output: optional(schemaOption),
  idempotent: booleanOption,
  priority: PRIORITY,
  method: optional(stringOption),
}

/** The settings of one advertisement; throws an `OptionError`. */
export function advertiseSettings(given: object | undefined): AdvertiseSettings {
  return resolveOptions<AdvertiseSettings>(
    'rpc.advertise',
    ADVERTISE_DEFAULTS,
    ADVERTISE_CHECKS,
    given,
  )
}

/** True for what the option `rpc` of a node takes, as far as can be seen from outside. */
export function isRpcOption(value: unknown): boolean {
  return objectOption.test(value)
}
