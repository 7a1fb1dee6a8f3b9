/** What nodes say to each other about sharded entities, checked when it comes: it comes from a peer. */
import { ENTITY_CHARS_MAX, SHARDS_MAX } from './options.ts'

/** The service by which the parts of two nodes speak. */
export const SHARDING_SERVICE = '$sharding'

/** Says whether a node hosts a kind of entity; answered with the same of the other one. */
export interface Hello {
  readonly entity: string
  readonly shards: number
  readonly isHost: boolean
}

/** Asks a host to let go of shards; answered when it has. */
export interface Acquire {
  readonly entity: string
  readonly shards: readonly number[]
}

/** A message for an entity. */
export interface Delivery {
  readonly entity: string
  readonly id: string
  readonly kind: 'call' | 'cast'
  readonly name: string
  readonly input: unknown
  readonly epoch: number
}

/** Longest name of a message of an entity. */
const NAME_CHARS_MAX = 1_024

/** The answer to a delivery that its host did not take. */
export const MOVED: readonly ['moved'] = Object.freeze(['moved'] as const)

export function helloOf(input: unknown): Hello | undefined {
  const { entity, shards, isHost } = fieldsOf(input)
  return isName(entity) && isShardCount(shards) && typeof isHost === 'boolean'
    ? { entity, shards, isHost }
    : undefined
}

export function acquireOf(input: unknown): Acquire | undefined {
  const { entity, shards } = fieldsOf(input)
  if (!isName(entity) || !Array.isArray(shards) || shards.length > SHARDS_MAX) return undefined
  return shards.every(isShard) ? { entity, shards: shards as number[] } : undefined
}

export function deliveryOf(input: unknown): Delivery | undefined {
  const { entity, id, kind, name, epoch, input: value } = fieldsOf(input)
  const isFit =
    isName(entity) &&
    isName(id) &&
    (kind === 'call' || kind === 'cast') &&
    typeof name === 'string' &&
    name.length <= NAME_CHARS_MAX &&
    Number.isSafeInteger(epoch)
  return isFit ? { entity, id, kind, name, input: value, epoch: epoch as number } : undefined
}

function fieldsOf(input: unknown): Readonly<Record<string, unknown>> {
  return typeof input === 'object' && input !== null ? (input as Record<string, unknown>) : {}
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= ENTITY_CHARS_MAX
}

function isShardCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) > 0 && (value as number) <= SHARDS_MAX
}

function isShard(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < SHARDS_MAX
}
