/**
 * Makes records: derives the key, copies the value, checks everything that holders will check, signs. What
 * cannot be kept, written or read anywhere is refused here, before it is sent (ML2, K34).
 */
import { keyFromHex } from '../kademlia/id.ts'
import type { KadKey } from '../kademlia/id.ts'
import { DhtError } from '../errors.ts'
import { checkFields, IMMUTABLE_SEQUENCE, VALUE_BYTES_LIMIT } from './checks.ts'
import type { RecordInvalid, RecordLimits } from './checks.ts'
import { immutableKey, mutableKey, nodeIdKey } from './keys.ts'
import { isRecordName, normalNodeId } from './names.ts'
import type { DhtRecord, RecordAuthority, RecordFields, RecordSigner } from './record.ts'
import type { RecordsSettings } from './settings.ts'

/** What records are made with. */
export interface RecordMaking {
  /** 32 bytes. */
  readonly realmId: Uint8Array
  /** Of this node; judges what any signer made. */
  readonly authority: RecordAuthority
  readonly settings: RecordLimits & Pick<RecordsSettings, 'recordTtlMs' | 'providerTtlMs'>
  readonly wallNowMs: () => number
}

/** What an immutable record says. */
export interface ImmutableContent {
  readonly value: Uint8Array
  /** Default: `recordTtlMs` from now. */
  readonly expiresAtMs?: number
  /** Default: this node. */
  readonly signer?: RecordSigner
}

/** What a mutable record says. */
export interface MutableContent extends ImmutableContent {
  /** Empty for an owner who has but one. */
  readonly name: string
  /** Higher than that of the record that it follows. */
  readonly sequence: number
}

/** What a provider record says. */
export interface ProviderContent {
  readonly key: KadKey
  readonly host: string
  readonly port: number
  readonly sequence: number
  /** Anything that helps to choose; default nothing. */
  readonly metadata?: Uint8Array
  /** Default: `providerTtlMs` from now. */
  readonly expiresAtMs?: number
}

/** What an address record says. */
export interface AddressContent {
  /** `name@host:port`, in any spelling. */
  readonly nodeId: string
  /** Found by the key of the node, or by its node id. */
  readonly under: 'node_key' | 'node_id'
  readonly host: string
  readonly port: number
  readonly sequence: number
  /** Default: `providerTtlMs` from now. */
  readonly expiresAtMs?: number
}

/** A record that says `value`, found by what it says. */
export function immutableRecord(making: RecordMaking, content: ImmutableContent): DhtRecord {
  const { signer = making.authority } = content
  const value = copyOf(content.value)
  return made(making, signer, {
    ...nowhere(making, content, signer),
    kind: 'immutable',
    key: immutableKey(making.realmId, value),
    sequence: IMMUTABLE_SEQUENCE,
    name: '',
    value,
  })
}

/** A record that its owner can replace, found by owner and name. */
export function mutableRecord(making: RecordMaking, content: MutableContent): DhtRecord {
  const { name, sequence, signer = making.authority } = content
  if (!isRecordName(name)) throw refusal('ERR_DHT_RECORD_INVALID', 'a name is text, 255 bytes long')
  return made(making, signer, {
    ...nowhere(making, content, signer),
    kind: 'mutable',
    key: mutableKey(making.realmId, signer.publisher, name),
    sequence,
    name,
    value: copyOf(content.value),
  })
}

/** Says that this node provides what `key` stands for, and where it can be dialled. */
export function providerRecord(making: RecordMaking, content: ProviderContent): DhtRecord {
  const { key, host, port, sequence, metadata = new Uint8Array(0) } = content
  const { authority } = making
  return made(making, authority, {
    kind: 'provider',
    key,
    publisher: authority.publisher,
    sequence,
    expiresAtMs: content.expiresAtMs ?? fromNow(making, making.settings.providerTtlMs),
    name: '',
    value: copyOf(metadata),
    host,
    port,
  })
}

/** Says where this node can be dialled. */
export function addressRecord(making: RecordMaking, content: AddressContent): DhtRecord {
  const { nodeId, under, host, port, sequence } = content
  const { authority, realmId } = making
  const name = normalNodeId(nodeId)
  if (name === undefined) throw refusal('ERR_DHT_RECORD_INVALID', 'a node id is name@host:port')
  return made(making, authority, {
    kind: 'address',
    key: under === 'node_key' ? keyFromHex(authority.publisher) : nodeIdKey(realmId, name),
    publisher: authority.publisher,
    sequence,
    expiresAtMs: content.expiresAtMs ?? fromNow(making, making.settings.providerTtlMs),
    name,
    value: new Uint8Array(0),
    host,
    port,
  })
}

function nowhere(
  making: RecordMaking,
  { expiresAtMs }: ImmutableContent,
  { publisher }: RecordSigner,
): Pick<RecordFields, 'publisher' | 'expiresAtMs' | 'host' | 'port'> {
  const { recordTtlMs } = making.settings
  return { publisher, expiresAtMs: expiresAtMs ?? fromNow(making, recordTtlMs), host: '', port: 0 }
}

function fromNow({ wallNowMs }: RecordMaking, ttlMs: number): number {
  return Math.floor(wallNowMs()) + ttlMs
}

/** The sender's clock gets no allowance: a holder whose clock is behind needs it all. */
function made(making: RecordMaking, signer: RecordSigner, fields: RecordFields): DhtRecord {
  const limits = { ...making.settings, clockSkewMs: 0 }
  const problem = checkFields(fields, limits, making.wallNowMs())
  if (problem !== undefined) throw refusal(problem, explained(problem, fields, making))
  const record = signer.sign(fields)
  const doubt = making.authority.check(record)
  if (doubt !== undefined) throw refusal(doubt, EXPLANATION[doubt])
  return record
}

/** The caller may go on writing into what it gave. */
function copyOf(value: Uint8Array): Uint8Array {
  if (!(value instanceof Uint8Array)) throw refusal('ERR_DHT_RECORD_INVALID', 'a value is bytes')
  return new Uint8Array(value)
}

/** With the size or the life that it has, and the limit. */
function explained(problem: RecordInvalid, fields: RecordFields, making: RecordMaking): string {
  const { valueBytesMax, providerBytesMax, recordTtlMaxMs } = making.settings
  switch (problem) {
    case 'ERR_DHT_RECORD_TOO_LARGE': {
      const isProvider = fields.kind === 'provider'
      const limit = isProvider
        ? `\`providerBytesMax\` is ${providerBytesMax}`
        : `\`valueBytesMax\` is ${Math.min(valueBytesMax, VALUE_BYTES_LIMIT)}`
      return `it has ${fields.value.length} bytes, ${limit}`
    }
    case 'ERR_DHT_RECORD_EXPIRY': {
      const lifeMs = Math.ceil(fields.expiresAtMs - making.wallNowMs())
      return `it would live ${lifeMs} ms, \`recordTtlMaxMs\` is ${recordTtlMaxMs}`
    }
    default:
      return EXPLANATION[problem]
  }
}

const EXPLANATION: Readonly<Record<RecordInvalid, string>> = Object.freeze({
  ERR_DHT_RECORD_SIGNATURE: 'the signer does not hold the key of its publisher',
  ERR_DHT_RECORD_MEMBERSHIP: 'the membership of this node is not valid now',
  ERR_DHT_RECORD_REALM: 'the signer works for another realm',
  ERR_DHT_RECORD_KEY: 'the key does not follow from the record',
  ERR_DHT_RECORD_EXPIRED: 'it has expired already',
  ERR_DHT_RECORD_EXPIRY: 'its expiry is farther away than `recordTtlMaxMs`',
  ERR_DHT_RECORD_TOO_LARGE: 'the value is larger than `valueBytesMax`, or `providerBytesMax`',
  ERR_DHT_RECORD_INVALID: 'a part of it is of the wrong kind or out of range',
})

function refusal(code: RecordInvalid, why: string): DhtError {
  return new DhtError(code, `the record can not be published: ${why}`)
}
