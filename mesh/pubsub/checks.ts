/** The option bags of pub/sub. */
import {
  booleanOption,
  isPid,
  numberOption,
  oneOfOption,
  OptionError,
  optional,
  resolveOptions,
} from '../../runtime/index.ts'
import type { OptionCheck } from '../../runtime/index.ts'
import { PRESENCE_PREFIX } from '../topics/reserved.ts'
import { PubSubError } from './errors.ts'
import type {
  Delivery,
  DrainOptions,
  PublishOptions,
  RequestManyOptions,
  SubscribeOptions,
} from './pubsub.ts'

type Checks<Options> = { readonly [K in keyof Options]-?: OptionCheck }

const signalOption: OptionCheck = {
  expected: 'an AbortSignal',
  test: (value) =>
    typeof value === 'object' &&
    value !== null &&
    ['aborted', 'addEventListener', 'removeEventListener'].every((name) => name in value),
}

const TIME = numberOption(1, 2_147_483_647)
const COUNT = numberOption(1, 16_777_216)

const NODE = /^[0-9a-f]{64}$/

const nodesOption: OptionCheck = {
  expected: 'an array of node keys of 64 hex digits',
  test: (value) =>
    Array.isArray(value) && value.every((each) => typeof each === 'string' && NODE.test(each)),
}

/** Headers are refused with a code of their own. */
const anyOption: OptionCheck = { expected: 'anything', test: () => true }

const PUBLISH_CHECKS: Checks<PublishOptions> = {
  delivery: optional(oneOfOption('at_most_once', 'at_least_once')),
  qos: optional(oneOfOption(0, 1)),
  retain: optional(booleanOption),
  localFirst: optional(booleanOption),
  exclude: optional(nodesOption),
  headers: anyOption,
  timeoutMs: optional(TIME),
  signal: optional(signalOption),
}

const SUBSCRIBE_CHECKS: Checks<SubscribeOptions> = {
  group: anyOption,
  noLocal: optional(booleanOption),
  retained: optional(booleanOption),
  maxPendingMessages: optional(COUNT),
  maxPendingBytes: optional(numberOption(1, 1_099_511_627_776)),
  overflow: optional(oneOfOption('drop_oldest', 'drop_newest', 'disconnect', 'block')),
  concurrency: optional(COUNT),
  signal: optional(signalOption),
  owner: optional({ expected: 'a pid', test: isPid }),
}

const REQUEST_CHECKS: Checks<RequestManyOptions> = {
  timeoutMs: optional(TIME),
  headers: anyOption,
  signal: optional(signalOption),
  localFirst: optional(booleanOption),
  count: optional(numberOption(1, Infinity)),
}

const DRAIN_CHECKS: Checks<DrainOptions> = {
  timeoutMs: optional(TIME),
  signal: optional(signalOption),
}

const NO_OPTIONS: object = Object.freeze({})

const GROUP = /^[^\s\p{Cc}\p{Cs}]{1,128}$/u

/** Throws for a topic or filter under which presence speaks to the catalog: one would overwrite what the other says. */
export function checkReserved(name: string): void {
  if (name !== PRESENCE_PREFIX && !name.startsWith(`${PRESENCE_PREFIX}.`)) return
  const text = `${PRESENCE_PREFIX} is reserved for presence`
  throw new PubSubError('ERR_PUBSUB_RESERVED', text, { topic: name })
}

/** Options of a publish. */
export function publishOptions(given: PublishOptions | undefined): PublishOptions {
  if (given === undefined) return NO_OPTIONS
  const checked = resolveOptions<PublishOptions>('pubsub.publish', {}, PUBLISH_CHECKS, given)
  if (checked.qos === undefined || checked.delivery === undefined) return checked
  const text = "pubsub.publish: option 'qos' and option 'delivery' say the same; give one"
  throw new OptionError('ERR_OPTION_INVALID', 'qos', text)
}

/** What `delivery` or `qos` says. */
export function deliveryOf({ delivery, qos }: PublishOptions): Delivery {
  if (delivery !== undefined) return delivery
  return qos === 1 ? 'at_least_once' : 'at_most_once'
}

/** Options of a subscription. */
export function subscribeOptions(given: SubscribeOptions | undefined): SubscribeOptions {
  const where = 'pubsub.subscribe'
  const checked = resolveOptions<SubscribeOptions>(where, {}, SUBSCRIBE_CHECKS, given)
  const { group } = checked
  if (group === undefined || (typeof group === 'string' && GROUP.test(group))) return checked
  const text = 'a group has a name of 1 to 128 visible characters without white space'
  throw new PubSubError('ERR_PUBSUB_GROUP_INVALID', text)
}

/** Options of a request. */
export function requestOptions(where: string, given: object | undefined): RequestManyOptions {
  return resolveOptions<RequestManyOptions>(where, {}, REQUEST_CHECKS, given)
}

/** Options of a drain. */
export function drainOptions(given: DrainOptions | undefined): DrainOptions {
  return resolveOptions<DrainOptions>('pubsub.drain', {}, DRAIN_CHECKS, given)
}
