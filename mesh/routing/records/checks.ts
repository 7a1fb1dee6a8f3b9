/**
 * What is refused before a record is kept, used or sent. Cheap checks come first: form, size, time, then
 * the authority with its signatures. The same function runs at the sender, on receipt, on what an answer
 * brings, on what the disk gave back and before a record is repeated, so what is not valid never leaves a
 * node (K34), and what is valid can be written and read (ML2).
 */
import { isHost } from '../../host.ts'
import { isWildcardHost } from '../../transport/address.ts'
import { isKeyHex } from '../kademlia/id.ts'
import type { StoreRefusal } from '../kademlia/message.ts'
import { lifeProblem } from './expiry.ts'
import { isNodeIdText, isRecordName } from './names.ts'
import type { DhtRecord, RecordAuthority, RecordFields } from './record.ts'
import type { RecordsSettings } from './settings.ts'

/** Why a record is not valid here. */
export type RecordInvalid = Extract<StoreRefusal, `ERR_DHT_RECORD_${string}`>

/** The settings that decide. */
export type RecordLimits = Pick<
  RecordsSettings,
  'recordTtlMaxMs' | 'clockSkewMs' | 'valueBytesMax' | 'providerBytesMax'
>

/** Highest sequence: the largest whole number that is exact everywhere. */
export const SEQUENCE_MAX: number = Number.MAX_SAFE_INTEGER

/** Sequence of every immutable record: a higher one with a short life would push the others out. */
export const IMMUTABLE_SEQUENCE = 1

/** Value of a record in bytes at most, whatever the settings say: with all the rest it fits in 1 MiB. */
export const VALUE_BYTES_LIMIT = 983_040

const PORT_MAX = 65_535

/** Undefined when the record is valid here and now, else why not. */
export function checkRecord(
  record: DhtRecord,
  authority: RecordAuthority,
  limits: RecordLimits,
  wallNowMs: number,
): RecordInvalid | undefined {
  return checkFields(record, limits, wallNowMs) ?? authority.check(record)
}

/** Everything but the authority's part. */
export function checkFields(
  fields: RecordFields,
  limits: RecordLimits,
  wallNowMs: number,
): RecordInvalid | undefined {
  if (!isWellFormed(fields)) return 'ERR_DHT_RECORD_INVALID'
  if (fields.value.length > valueBytesMaxOf(fields, limits)) return 'ERR_DHT_RECORD_TOO_LARGE'
  return lifeProblem(fields, wallNowMs, limits)
}

/** Every part there, of its kind and in its range. The record may come from a disk or a simulation. */
export function isWellFormed(fields: RecordFields): boolean {
  const { key, publisher, sequence, expiresAtMs, value } = fields
  return (
    isKeyHex((key as RecordFields['key'] | undefined)?.hex) &&
    isKeyHex(publisher) &&
    isWhole(sequence, 1, SEQUENCE_MAX) &&
    isWhole(expiresAtMs, 1, Number.MAX_SAFE_INTEGER) &&
    value instanceof Uint8Array &&
    hasPartsOfKind(fields)
  )
}

function hasPartsOfKind({ kind, sequence, name, value, host, port }: RecordFields): boolean {
  switch (kind) {
    case 'immutable':
      return sequence === IMMUTABLE_SEQUENCE && name === '' && host === '' && port === 0
    case 'mutable':
      return isRecordName(name) && host === '' && port === 0
    case 'provider':
      return name === '' && canBeDialled(host, port)
    case 'address':
      return isNodeIdText(name) && value.length === 0 && canBeDialled(host, port)
  }
  // Another word came from outside the type system.
  return false
}

function canBeDialled(host: string, port: number): boolean {
  return isHost(host) && !isWildcardHost(host) && isWhole(port, 1, PORT_MAX)
}

function valueBytesMaxOf({ kind }: RecordFields, limits: RecordLimits): number {
  const max = kind === 'provider' ? limits.providerBytesMax : limits.valueBytesMax
  return Math.min(max, VALUE_BYTES_LIMIT)
}

function isWhole(value: number, min: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= min && value <= max
}
