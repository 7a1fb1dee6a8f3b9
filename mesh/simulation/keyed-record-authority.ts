/**
 * Stands in for keys, signatures and realm membership of records: a hash keyed with a secret that is shared
 * by all honest nodes of a world. Who makes a record by hand cannot guess the proof. Keys are derived and
 * checked as in earnest.
 */
import type { KadKey } from '../routing/kademlia/id.ts'
import { isWellFormed } from '../routing/records/checks.ts'
import {
  immutableKey as immutableKeyOf,
  isKeyOf,
  mutableKey as mutableKeyOf,
  textKey,
} from '../routing/records/keys.ts'
import type {
  DhtRecord,
  RecordAuthority,
  RecordFields,
  RecordProblem,
  RecordSigner,
} from '../routing/records/record.ts'
import { hashNumbers, hashText } from './chance.ts'

/** The realm of every world. */
const REALM_ID: Uint8Array = new Uint8Array(32)

/** Key of an immutable record in a world. */
export function immutableKey(value: Uint8Array): KadKey {
  return immutableKeyOf(REALM_ID, value)
}

/** Key of a mutable record in a world. */
export function mutableKey(owner: string, name: string): KadKey {
  return mutableKeyOf(REALM_ID, owner, name)
}

/** Key of anything else in a world, by a text. */
export function simulatedKey(text: string): KadKey {
  return textKey(REALM_ID, text)
}

/** Signs for the publishers of a world and checks what others say. */
export class KeyedRecordAuthority implements RecordAuthority {
  readonly publisher: string
  /** For makers of records. */
  readonly realmId: Uint8Array = REALM_ID
  readonly #secret: number

  constructor(secret: number, publisher: string) {
    this.#secret = secret
    this.publisher = publisher
  }

  sign(fields: RecordFields): DhtRecord {
    const { kind, key, publisher, sequence, expiresAtMs, name, value, host, port } = fields
    const said = { kind, key, publisher, sequence, expiresAtMs, name, value, host, port }
    return Object.freeze({ ...said, proof: this.#proof(fields) })
  }

  /** Signs for an owner. */
  owner(publisher: string): RecordSigner {
    return Object.freeze({ publisher, sign: (fields: RecordFields) => this.sign(fields) })
  }

  check(record: DhtRecord): RecordProblem | undefined {
    if (!isWellFormed(record)) return 'ERR_DHT_RECORD_INVALID'
    if (!isKeyOf(REALM_ID, record)) return 'ERR_DHT_RECORD_KEY'
    return record.proof === this.#proof(record) ? undefined : 'ERR_DHT_RECORD_SIGNATURE'
  }

  #proof(fields: RecordFields): number {
    const { kind, key, publisher, sequence, expiresAtMs, name, value, host, port } = fields
    const text = hashText(this.#secret, `${kind} ${key.hex} ${publisher} ${host} ${name}`)
    const numbers = hashNumbers(text, sequence, expiresAtMs, port, value.length)
    return value.reduce((hash, byte) => hashNumbers(hash, byte), numbers)
  }
}
