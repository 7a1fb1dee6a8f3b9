/** `mesh.dht`: turns what an application asks for into records, operations and lookups, and back. */
import { resolveOptions } from '../../runtime/index.ts'
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
import {
  CALL_CHECKS,
  FIND_CHECKS,
  GET_CHECKS,
  JOIN_CHECKS,
  PUT_CHECKS,
  VALUE_CHECKS,
} from './dht-checks.ts'
import {
  addressOf,
  askedOf,
  contactOf,
  hopOf,
  lookupResult,
  providerOf,
  putResult,
  valueOf,
} from './dht-results.ts'
import { DhtError } from './errors.ts'
import { newest, recordOfNodeId } from './found-node.ts'
import type { NodeIdClaims } from './found-node.ts'
import { isKadKey, isKeyHex, KEY_BYTES, keyFromBytes, keyFromHex } from './kademlia/id.ts'
import type { KadKey } from './kademlia/id.ts'
import type { LookupSpec } from './kademlia/machine.ts'
import type { DhtMode } from './kademlia/message.ts'
import { mutableKey, nodeIdKey, textKey } from './records/keys.ts'
import type { Operation, OperationOptions, OperationOutcome } from './records/machine.ts'
import { immutableRecord, mutableRecord, providerRecord } from './records/makers.ts'
import { isRecordName, normalNodeId } from './records/names.ts'
import type { DhtRecord } from './records/record.ts'
import { Sequences } from './sequences.ts'

/** How a put ends whose record nobody took, if it has no holders. */
const UNTAKEN: ReadonlySet<string> = new Set([
  'ERR_DHT_OPERATIONS_MAX',
  'ERR_DHT_PUBLISHED_MAX',
  'ERR_DHT_SEQUENCE_LOW',
  'ERR_DHT_SEQUENCE_UNEXPECTED',
])

/** A record to be put. */
interface Made {
  readonly record: DhtRecord
  /** Whose sequences it belongs to; undefined when it has none. */
  readonly series: string | undefined
  readonly asked: string
  readonly expectedSequence?: number | undefined
}

/** The DHT of one node; `context` is undefined when it has none. */
export class DhtFunctions implements Dht {
  readonly #context: DhtContext | undefined
  readonly #realmId: Uint8Array
  readonly #ownHex: string
  readonly #check: () => void
  readonly #values: Codec = new Codec({ limits: VALUE_LIMITS })
  readonly #sequences = new Sequences()

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
    const { signal, timeoutMs } = resolveOptions<Pick<DhtCallOptions, 'signal' | 'timeoutMs'>>(
      'dht.joined',
      {},
      JOIN_CHECKS,
      options,
    )
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

  nameKey(name: string, publisher?: NodeKey | string): KadKey {
    if (!isRecordName(name)) {
      throw new DhtError('ERR_DHT_KEY_INVALID', 'a name is printable text of at most 255 bytes')
    }
    const { hex } = publisher === undefined ? { hex: this.#ownHex } : hexOf(publisher)
    if (isKeyHex(hex)) return mutableKey(this.#realmId, hex, name)
    throw new DhtError('ERR_DHT_KEY_INVALID', 'a publisher is a node key, or its 64 hex digits')
  }

  async put(given: Uint8Array | NamedValue, options?: DhtPutOptions): Promise<DhtPutResult> {
    const context = this.#ready()
    const {
      publish = true,
      ttlMs,
      ...rest
    } = resolveOptions<DhtPutOptions>('dht.put', {}, PUT_CHECKS, options)
    const made = this.#recordOf(context, given, ttlMs)
    const { record, expectedSequence } = made
    const outcome = await this.#send(context, made, rest, {
      type: 'put',
      ...{ record, publish },
      options: operationOptions(context, rest),
      ...(expectedSequence === undefined ? {} : { expectedSequence }),
    })
    return putResult(record, outcome)
  }

  async get(key: DhtKey, options?: DhtGetOptions): Promise<DhtValue> {
    const context = this.#ready()
    const checked = resolveOptions<DhtGetOptions>('dht.get', {}, GET_CHECKS, options)
    const target = this.keyOf(key)
    const asked = askedOf(key, target)
    const outcome = await operate(
      context,
      { type: 'get', key: target, options: operationOptions(context, checked) },
      { asked, signal: checked.signal },
    )
    const record = outcome.records[0]
    if (record === undefined) throw new DhtError('ERR_DHT_NOT_FOUND', `nothing under ${asked}`)
    return valueOf(record, outcome)
  }

  async withdraw(key: DhtKey): Promise<boolean> {
    const context = this.#ready()
    const target = this.#foreign(context, key)
    const asked = askedOf(key, target)
    const { records } = await operate(context, { type: 'unpublish', key: target }, { asked })
    return records.length > 0
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
    const series = `${target.hex}/${this.#ownHex}`
    const asked = askedOf(key, target)
    const record = made(`provide of ${asked}`, () =>
      providerRecord(context.making, {
        ...{ key: target, host, port, metadata },
        sequence: this.#nextSequence(context, series),
        ...expiry(context, checked.ttlMs),
      }),
    )
    const outcome = await this.#send(context, { record, series, asked }, checked, {
      ...{ type: 'provide', record },
      options: operationOptions(context, checked),
    })
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
        const listening = { found, leaving: leaving.signal }
        this.#providers('dht.findProviders', key, options, listening).then(
          () => arrivals.end(),
          (error: unknown) => arrivals.end(error),
        )
        return arrivals[Symbol.asyncIterator]()
      },
    }
  }

  async providers(key: DhtKey, options?: DhtFindOptions): Promise<readonly DhtProvider[]> {
    const { records } = await this.#providers('dht.providers', key, options)
    return records.filter(({ kind }) => kind === 'provider').map(providerOf)
  }

  async findNode(
    node: NodeKey | string,
    options?: DhtCallOptions,
  ): Promise<DhtNodeAddress | undefined> {
    const context = this.#ready()
    const checked = resolveOptions<DhtCallOptions>('dht.findNode', {}, CALL_CHECKS, options)
    const nodeId = typeof node === 'string' ? normalNodeId(node) : undefined
    if (typeof node === 'string' && nodeId === undefined) {
      throw new DhtError('ERR_DHT_KEY_INVALID', 'a node is its key, or its id: name@host:port')
    }
    const key = nodeId === undefined ? this.keyOf(node) : nodeIdKey(this.#realmId, nodeId)
    const own = normalNodeId(context.nodeId())
    if (nodeId === undefined ? key.hex === this.#ownHex : nodeId === own) return ownAddress(context)
    const { records } = await this.#find(context, key, checked, { asked: askedOf(node, key) })
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
      const target = this.keyOf(key)
      const found = await lookUp(context, lookupSpec(context, target, checked), {
        ...{ asked: askedOf(key, target), signal: checked.signal, leaving: leaving.signal },
        hop: (hop) => arrivals.tell(hopOf(hop)),
      })
      return lookupResult(found)
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

  async #providers(
    where: string,
    key: DhtKey,
    options: DhtFindOptions | undefined,
    listening: Omit<Listening, 'asked'> = {},
  ): Promise<OperationOutcome> {
    const context = this.#ready()
    const checked = resolveOptions<DhtFindOptions>(where, {}, FIND_CHECKS, options)
    const target = this.keyOf(key)
    return this.#find(context, target, checked, { ...listening, asked: askedOf(key, target) })
  }

  #find(
    context: DhtContext,
    key: KadKey,
    checked: DhtFindOptions,
    listening: Listening,
  ): Promise<OperationOutcome> {
    const { count, signal } = checked
    const options = operationOptions(context, checked)
    return operate(
      context,
      { type: 'find_providers', key, options, ...(count === undefined ? {} : { count }) },
      { ...listening, signal },
    )
  }

  /** What nobody took does not count as put: the next one may be lower. */
  async #send(
    context: DhtContext,
    { record, series, asked }: Made,
    { signal }: DhtCallOptions,
    operation: Operation,
  ): Promise<OperationOutcome> {
    const forget =
      series === undefined ? undefined : this.#sequences.remember(series, record.sequence)
    try {
      return await operate(context, operation, { asked, signal })
    } catch (error) {
      const { code, holders } = error as DhtError
      if (UNTAKEN.has(code) && holders.length === 0) forget?.()
      throw error
    }
  }

  #recordOf(context: DhtContext, given: Uint8Array | NamedValue, ttlMs: number | undefined): Made {
    const { making } = context
    if (given instanceof Uint8Array) {
      const asked = `a value of ${given.length} bytes`
      const record = made(`put of ${asked}`, () =>
        immutableRecord(making, { value: given, ...expiry(context, ttlMs) }),
      )
      return { record, series: undefined, asked: `${asked} (${record.key.hex})` }
    }
    const isObject = typeof given === 'object' && given !== null && !Array.isArray(given)
    const { name, value, sequence, expectedSequence } = isObject
      ? resolveOptions<Partial<NamedValue>>('dht.put', {}, VALUE_CHECKS, given)
      : {}
    if (!(value instanceof Uint8Array)) {
      throw new DhtError(
        'ERR_DHT_VALUE_INVALID',
        'a value is bytes; `dht.encode` makes some of others',
      )
    }
    const key = this.nameKey(name as string)
    const asked = askedOf(name as string, key)
    const record = made(`put of ${asked}`, () =>
      mutableRecord(making, {
        ...{ name: name as string, value },
        sequence: sequence ?? this.#nextSequence(context, key.hex, expectedSequence),
        ...expiry(context, ttlMs),
      }),
    )
    return { record, series: key.hex, asked, expectedSequence }
  }

  /** A series is called as its entry in the store, which may know it from an earlier life. */
  #nextSequence({ clock, memory }: DhtContext, series: string, expected?: number): number {
    const stored = memory.recorder?.entry(series)?.record.sequence
    return this.#sequences.next(series, clock.wallNow(), expected, stored)
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
  const { routing, records } = context.options
  const { timeoutMs = records.operationTimeoutMs } = options
  const {
    paths,
    alpha = routing.alphaInteractive,
    deadlineMs,
  } = operationOptions(context, {
    ...options,
    timeoutMs,
  })
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

function hexOf(publisher: NodeKey | string): { readonly hex?: unknown } {
  return typeof publisher === 'string'
    ? { hex: publisher }
    : ((publisher ?? {}) as { hex?: unknown })
}

/** What holders would not take is refused with what was asked for. */
function made(what: string, make: () => DhtRecord): DhtRecord {
  try {
    return make()
  } catch (cause) {
    if (!(cause instanceof DhtError)) throw cause
    throw new DhtError(cause.code, `${what}: ${cause.message}`, { cause })
  }
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
