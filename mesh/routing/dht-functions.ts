/** `mesh.dht`: turns what an application asks for into records, operations and lookups, and back. */
import {
  numberOption,
  objectOption,
  optional,
  booleanOption,
  resolveOptions,
} from '../../runtime/index.ts'
import type { OptionCheck } from '../../runtime/index.ts'
import { nodeKeyFromHex } from '../identity/node-key.ts'
import type { NodeKey } from '../identity/node-key.ts'
import { Codec } from '../wire/codec.ts'
import { VALUE_LIMITS } from '../wire/limits.ts'
import { Arrivals } from './arrivals.ts'
import { lookUp, operate, whenJoined } from './calls.ts'
import type { Listening } from './calls.ts'
import type { DhtContext } from './context.ts'
import type {
  Dht,
  DhtContact,
  DhtEntry,
  DhtFindOptions,
  DhtGetOptions,
  DhtHop,
  DhtKey,
  DhtLookup,
  DhtLookupResult,
  DhtNodeAddress,
  DhtCallOptions,
  DhtProvider,
  DhtProvision,
  DhtPutOptions,
  DhtPutResult,
  DhtStats,
  DhtValue,
  NamedValue,
} from './dht.ts'
import { DhtError } from './errors.ts'
import { newest, recordOfNodeId } from './found-node.ts'
import type { NodeIdClaims } from './found-node.ts'
import { isKadKey, isKeyHex, KEY_BYTES, keyFromBytes, keyFromHex } from './kademlia/id.ts'
import type { KadKey } from './kademlia/id.ts'
import type { LookupHop, LookupResult, LookupSpec } from './kademlia/machine.ts'
import type { Contact, DhtMode } from './kademlia/message.ts'
import { mutableKey, nodeIdKey, textKey } from './records/keys.ts'
import type { OperationOptions, OperationOutcome } from './records/machine.ts'
import { immutableRecord, mutableRecord, providerRecord } from './records/makers.ts'
import { isRecordName, normalNodeId } from './records/names.ts'
import type { DhtRecord } from './records/record.ts'

/** Names whose last sequence is remembered, so that two versions within a millisecond keep their order. */
const SEQUENCES_MAX = 4_096

const COMMON: { readonly [K in keyof DhtCallOptions]-?: OptionCheck } = {
  signal: optional(objectOption),
  timeoutMs: optional(numberOption(1, 2_147_483_647)),
  disjointPaths: optional(numberOption(1, 16)),
  critical: optional(booleanOption),
  alpha: optional(numberOption(1, 64)),
}
const GET_CHECKS: { readonly [K in keyof DhtGetOptions]-?: OptionCheck } = {
  ...COMMON,
  quorum: optional(numberOption(1, 64)),
}
const PUT_CHECKS: { readonly [K in keyof DhtPutOptions]-?: OptionCheck } = {
  ...COMMON,
  quorum: optional(numberOption(0, 64)),
  ttlMs: optional(numberOption(1, 2_147_483_647)),
  publish: optional(booleanOption),
}
const FIND_CHECKS: { readonly [K in keyof DhtFindOptions]-?: OptionCheck } = {
  ...COMMON,
  count: optional(numberOption(1, 1_048_576)),
}

/** The DHT of one node; `context` is undefined when it has none. */
export class DhtFunctions implements Dht {
  readonly #context: DhtContext | undefined
  readonly #realmId: Uint8Array
  readonly #ownHex: string
  readonly #check: () => void
  readonly #values: Codec = new Codec({ limits: VALUE_LIMITS })
  readonly #sequences = new Map<string, number>()

  /** `check` throws once the mesh has stopped. */
  constructor(
    context: DhtContext | undefined,
    realmId: Uint8Array,
    ownHex: string,
    check: () => void,
  ) {
    this.#context = context
    this.#realmId = realmId
    this.#ownHex = ownHex
    this.#check = check
  }

  get mode(): DhtMode | 'disabled' {
    return this.#context?.memory.mode ?? 'disabled'
  }

  async joined(options?: Pick<DhtCallOptions, 'signal' | 'timeoutMs'>): Promise<void> {
    const context = this.#ready()
    const { signal, timeoutMs } = resolveOptions<DhtCallOptions>('dht.joined', {}, COMMON, options)
    const { operationTimeoutMs } = context.options.records
    return whenJoined(context, timeoutMs ?? operationTimeoutMs, signal)
  }

  keyOf(key: DhtKey): KadKey {
    if (typeof key === 'string') return keyed('key', () => textKey(this.#realmId, key))
    if (key instanceof Uint8Array && key.length === KEY_BYTES) return keyFromBytes(key)
    if (isKadKey(key)) return key
    const { hex } = (key ?? {}) as { hex?: unknown }
    if (isKeyHex(hex)) return keyFromHex(hex)
    throw new DhtError('ERR_DHT_KEY_INVALID', 'a key is a DHT key, a node key, 32 bytes or a text')
  }

  nameKey(name: string, publisher?: NodeKey): KadKey {
    if (!isRecordName(name)) {
      throw new DhtError('ERR_DHT_KEY_INVALID', 'a name is printable text of at most 255 bytes')
    }
    return mutableKey(this.#realmId, publisher?.hex ?? this.#ownHex, name)
  }

  async put(given: Uint8Array | NamedValue, options?: DhtPutOptions): Promise<DhtPutResult> {
    const context = this.#ready()
    const {
      publish = true,
      ttlMs,
      ...rest
    } = resolveOptions<DhtPutOptions>('dht.put', {}, PUT_CHECKS, options)
    const record = this.#recordOf(context, given, ttlMs)
    const expected = given instanceof Uint8Array ? undefined : given.expectedSequence
    const outcome = await operate(
      context,
      {
        type: 'put',
        ...{ record, publish },
        options: operationOptions(context, rest),
        ...(expected === undefined ? {} : { expectedSequence: expected }),
      },
      rest,
    )
    return putResult(record, outcome)
  }

  async get(key: DhtKey, options?: DhtGetOptions): Promise<DhtValue> {
    const context = this.#ready()
    const checked = resolveOptions<DhtGetOptions>('dht.get', {}, GET_CHECKS, options)
    const target = this.keyOf(key)
    const outcome = await operate(
      context,
      { type: 'get', key: target, options: operationOptions(context, checked) },
      checked,
    )
    const record = outcome.records[0]
    if (record === undefined) throw new DhtError('ERR_DHT_NOT_FOUND', `nothing under ${target.hex}`)
    return valueOf(record, outcome)
  }

  async withdraw(key: DhtKey): Promise<void> {
    const context = this.#ready()
    await operate(context, { type: 'unpublish', key: this.#foreign(context, key) })
  }

  async provide(
    key: DhtKey,
    metadata: Uint8Array = NO_BYTES,
    options?: DhtPutOptions,
  ): Promise<DhtProvision> {
    const context = this.#ready()
    const checked = resolveOptions<DhtPutOptions>('dht.provide', {}, PUT_CHECKS, options)
    const { host, port } = context.address()
    const target = this.#foreign(context, key)
    const record = providerRecord(context.making, {
      ...{ key: target, host, port, metadata },
      sequence: this.#nextSequence(context, `provider ${target.hex}`),
      ...expiry(context, checked.ttlMs),
    })
    const outcome = await operate(
      context,
      { type: 'provide', record, options: operationOptions(context, checked) },
      checked,
    )
    return { ...putResult(record, outcome), withdraw: () => this.withdraw(target) }
  }

  findProviders(key: DhtKey, options?: DhtFindOptions): AsyncIterable<DhtProvider> {
    return {
      [Symbol.asyncIterator]: () => {
        const leaving = new AbortController()
        const arrivals = new Arrivals<DhtProvider>(() => leaving.abort(LEFT))
        const found = (record: DhtRecord): void => {
          if (record.kind === 'provider') arrivals.tell(providerOf(record))
        }
        this.#find(key, options, { found, signal: leaving.signal }).then(
          () => arrivals.end(),
          (error: unknown) => arrivals.end(error),
        )
        return arrivals[Symbol.asyncIterator]()
      },
    }
  }

  async providers(key: DhtKey, options?: DhtFindOptions): Promise<readonly DhtProvider[]> {
    const { records } = await this.#find(key, options, {})
    return records.filter(({ kind }) => kind === 'provider').map(providerOf)
  }

  async findNode(
    node: NodeKey | string,
    options?: DhtCallOptions,
  ): Promise<DhtNodeAddress | undefined> {
    const context = this.#ready()
    const nodeId = typeof node === 'string' ? normalNodeId(node) : undefined
    if (typeof node === 'string' && nodeId === undefined) {
      throw new DhtError('ERR_DHT_KEY_INVALID', 'a node is its key, or its id: name@host:port')
    }
    const own = normalNodeId(context.nodeId())
    if (nodeId === undefined ? (node as NodeKey).hex === this.#ownHex : nodeId === own) {
      return ownAddress(context)
    }
    const key =
      nodeId === undefined ? this.keyOf(node as NodeKey) : nodeIdKey(this.#realmId, nodeId)
    const { records } = await this.#find(key, options, {})
    const found =
      nodeId === undefined
        ? newest(records.filter((each) => each.kind === 'address' && each.publisher === key.hex))
        : recordOfNodeId(records, nodeIdClaims(context, nodeId))
    return found === undefined ? undefined : addressOf(found)
  }

  async closest(key: DhtKey, options?: DhtFindOptions): Promise<readonly DhtContact[]> {
    const { result } = this.lookup(key, options)
    return (await result).closest
  }

  lookup(key: DhtKey, options?: DhtFindOptions): DhtLookup {
    const leaving = new AbortController()
    const arrivals = new Arrivals<DhtHop>(() => leaving.abort(LEFT))
    const run = async (): Promise<DhtLookupResult> => {
      const context = this.#ready()
      const checked = resolveOptions<DhtFindOptions>('dht.lookup', {}, FIND_CHECKS, options)
      const spec = lookupSpec(context, this.keyOf(key), checked)
      const signal = both(checked.signal, leaving.signal)
      return lookupResult(
        await lookUp(context, spec, { signal, hop: (hop) => arrivals.tell(hopOf(hop)) }),
      )
    }
    const result = run()
    result.then(
      () => arrivals.end(),
      (error: unknown) => arrivals.end(error),
    )
    return { result, [Symbol.asyncIterator]: () => arrivals[Symbol.asyncIterator]() }
  }

  table(): readonly DhtEntry[] {
    const entries = this.#ready().memory.router?.entries() ?? []
    return entries.map(({ contact, ...entry }) => ({ ...entry, contact: contactOf(contact) }))
  }

  stats(): DhtStats {
    const { mode, router, recorder } = this.#ready().memory
    return { mode, routing: router?.stats(), records: recorder?.stats() }
  }

  encode(value: unknown): Uint8Array {
    try {
      return this.#values.encode(value)
    } catch (cause) {
      throw unfit('the value cannot be encoded', cause)
    }
  }

  decode(bytes: Uint8Array): unknown {
    try {
      return this.#values.decode(bytes)
    } catch (cause) {
      throw unfit('the bytes are no encoded value', cause)
    }
  }

  #ready(): DhtContext {
    this.#check()
    if (this.#context !== undefined) return this.#context
    throw new DhtError('ERR_DHT_DISABLED', 'this node was started without a DHT')
  }

  /** One publisher has one word under one key; under these two this node says where it is. */
  #foreign(context: DhtContext, key: DhtKey): KadKey {
    const target = this.keyOf(key)
    const nodeId = normalNodeId(context.nodeId())
    const underId = nodeId === undefined ? undefined : nodeIdKey(this.#realmId, nodeId)
    if (target.hex === this.#ownHex || target.hex === underId?.hex) {
      throw new DhtError('ERR_DHT_KEY_INVALID', 'under that key this node says where it is')
    }
    return target
  }

  #find(
    key: DhtKey,
    options: DhtFindOptions | undefined,
    { found, signal }: Listening,
  ): Promise<OperationOutcome> {
    const context = this.#ready()
    const checked = resolveOptions<DhtFindOptions>('dht.providers', {}, FIND_CHECKS, options)
    return operate(
      context,
      {
        type: 'find_providers',
        key: this.keyOf(key),
        options: operationOptions(context, checked),
        ...(checked.count === undefined ? {} : { count: checked.count }),
      },
      {
        signal: signal === undefined ? checked.signal : both(checked.signal, signal),
        ...(found === undefined ? {} : { found }),
      },
    )
  }

  #recordOf(
    context: DhtContext,
    given: Uint8Array | NamedValue,
    ttlMs: number | undefined,
  ): DhtRecord {
    const { making } = context
    if (given instanceof Uint8Array) {
      return immutableRecord(making, { value: given, ...expiry(context, ttlMs) })
    }
    const { name, value, sequence, expectedSequence } = given ?? {}
    if (!(value instanceof Uint8Array)) {
      throw new DhtError(
        'ERR_DHT_VALUE_INVALID',
        'a value is bytes; `dht.encode` makes some of others',
      )
    }
    const key = this.nameKey(name)
    return mutableRecord(making, {
      ...{ name, value },
      sequence: sequence ?? this.#nextSequence(context, key.hex, expectedSequence),
      ...expiry(context, ttlMs),
    })
  }

  /** Wall time, and more than was used or expected before. */
  #nextSequence({ clock }: DhtContext, name: string, expected = 0): number {
    const last = Math.max(expected, this.#sequences.get(name) ?? 0)
    const sequence = Math.max(Math.floor(clock.wallNow()), last + 1)
    this.#sequences.delete(name)
    this.#sequences.set(name, sequence)
    if (this.#sequences.size > SEQUENCES_MAX) {
      for (const oldest of this.#sequences.keys()) {
        this.#sequences.delete(oldest)
        break
      }
    }
    return sequence
  }
}

const NO_BYTES: Uint8Array = new Uint8Array(0)

/** Why a lookup ends whose loop was left. */
const LEFT = 'the loop was left'

function operationOptions(
  { clock, options: { routing } }: DhtContext,
  { quorum, disjointPaths, critical, alpha, timeoutMs }: DhtGetOptions,
): OperationOptions {
  const paths = disjointPaths ?? (critical === true ? routing.disjointPaths : undefined)
  return {
    ...(quorum === undefined ? {} : { quorum }),
    ...(paths === undefined ? {} : { paths }),
    ...(alpha === undefined ? {} : { alpha }),
    ...(timeoutMs === undefined ? {} : { deadlineMs: clock.now() + timeoutMs }),
  }
}

function lookupSpec(context: DhtContext, target: KadKey, options: DhtFindOptions): LookupSpec {
  const { routing } = context.options
  const { paths, alpha = routing.alphaInteractive, deadlineMs } = operationOptions(context, options)
  return {
    ...{ kind: 'find_node', target, alpha, trace: true },
    ...(options.count === undefined ? {} : { count: options.count }),
    ...(paths === undefined ? {} : { paths }),
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
  }
}

function expiry(
  { clock }: DhtContext,
  ttlMs: number | undefined,
): { readonly expiresAtMs?: number } {
  return ttlMs === undefined ? {} : { expiresAtMs: Math.floor(clock.wallNow()) + ttlMs }
}

/** Aborted when one of them is. */
function both(one: AbortSignal | undefined, other: AbortSignal): AbortSignal {
  return one === undefined ? other : AbortSignal.any([one, other])
}

function putResult({ key, sequence }: DhtRecord, outcome: OperationOutcome): DhtPutResult {
  const { holders, refusals, requests, elapsedMs } = outcome
  return {
    ...{ key, sequence, requests, elapsedMs },
    holders: holders.map(contactOf),
    refusals: refusals.map(({ contact, code }) => ({ contact: contactOf(contact), code })),
  }
}

function valueOf(record: DhtRecord, outcome: OperationOutcome): DhtValue {
  const { key, value, kind, publisher, name, sequence, expiresAtMs } = record
  const { agreed, requests, elapsedMs } = outcome
  return {
    ...{ key, value: new Uint8Array(value), name, sequence, expiresAtMs },
    kind: kind === 'immutable' ? kind : 'mutable',
    publisher: nodeKeyFromHex(publisher),
    ...{ agreed, requests, elapsedMs },
  }
}

function providerOf(record: DhtRecord): DhtProvider {
  const { publisher, host, port, value, sequence, expiresAtMs } = record
  return {
    key: nodeKeyFromHex(publisher),
    address: { host, port },
    metadata: new Uint8Array(value),
    ...{ sequence, expiresAtMs },
  }
}

function addressOf(record: DhtRecord): DhtNodeAddress {
  const { key, address, sequence, expiresAtMs } = providerOf(record)
  return { key, address, nodeId: record.name, sequence, expiresAtMs }
}

function nodeIdClaims({ view, clock, options }: DhtContext, nodeId: string): NodeIdClaims {
  const there = view
    .members()
    .filter(({ state }) => state === 'up' || state === 'suspect')
    .filter((member) => normalNodeId(member.nodeId) === nodeId)
  return {
    nodeId,
    listed: new Set(there.map(({ key }) => key.hex)),
    latestMs: clock.wallNow() + options.records.clockSkewMs,
  }
}

/** What this node says about itself needs nobody else. */
function ownAddress({ address, nodeId, ownKey, clock, making }: DhtContext): DhtNodeAddress {
  const wallMs = Math.floor(clock.wallNow())
  return {
    key: nodeKeyFromHex(ownKey.hex),
    address: address(),
    nodeId: nodeId(),
    sequence: wallMs,
    expiresAtMs: wallMs + making.settings.providerTtlMs,
  }
}

function contactOf({ id, host, port }: Contact): DhtContact {
  return { key: nodeKeyFromHex(id), address: { host, port } }
}

function hopOf({ contact, ...hop }: LookupHop): DhtHop {
  return { ...hop, contact: contactOf(contact) }
}

function lookupResult({ closest, ...result }: LookupResult): DhtLookupResult {
  return { ...result, closest: closest.map(contactOf) }
}

/** What cannot be a key is refused as such, whatever found out. */
function keyed(what: string, make: () => KadKey): KadKey {
  try {
    return make()
  } catch (cause) {
    throw new DhtError('ERR_DHT_KEY_INVALID', `that ${what} cannot be one`, { cause })
  }
}

function unfit(what: string, cause: unknown): DhtError {
  const why = cause instanceof Error ? `: ${cause.message}` : ''
  return new DhtError('ERR_DHT_VALUE_INVALID', `${what}${why}`, { cause })
}
