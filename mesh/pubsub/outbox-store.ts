/**
 * What of the outbox survives a restart: every message `at_least_once` under its node, session and number, in parts, for
 * a store bounds its values. The next life goes on with the same sessions and numbers, so that receivers recognise what
 * they have already.
 */
import type { Codec } from '../wire/codec.ts'
import { Tuple } from '../wire/tuple.ts'
import type { Store, StoreWrite } from '../store/store.ts'
import type { Letter } from './letter.ts'
import { Payload } from './payload.ts'
import { GROUPS_MAX, isFlat, UINT48_MAX } from './wire.ts'

/** A message in the store. */
export interface StoredLetter {
  readonly node: string
  readonly session: number
  readonly number: number
  readonly letter: Letter
  readonly groups: readonly string[] | undefined
  readonly via: string | undefined
  /** By the wall clock. */
  readonly expiresWallMs: number
}

const PREFIX = 'pubsub/out/'
const PART_BYTES = 65_536
const NUMBER_DIGITS = 15
const PART_DIGITS = 4
const NAME = /^([0-9a-f]{64})\/(\d{15})\/(\d{15})\/(\d{4})$/
const WALL_MS_MAX = 8_640_000_000_000_000

/** Keeps and gives back. */
export class OutboxStore {
  readonly #store: Store
  readonly #values: Codec
  readonly #failed: (error: unknown) => void

  constructor(store: Store, values: Codec, failed: (error: unknown) => void) {
    this.#store = store
    this.#values = values
    this.#failed = failed
  }

  /** Keeps a message. */
  keep(stored: StoredLetter): void {
    const { letter, groups, via, expiresWallMs } = stored
    const { topic, sequence, headers, stampMs, payload } = letter
    const bytes = this.#values.encode([
      ...[expiresWallMs, topic, sequence, headers ?? null, stampMs ?? null],
      ...[groups ?? [], via ?? null, payload.bytes],
    ])
    const writes: StoreWrite[] = []
    for (let at = 0; at < bytes.length; at += PART_BYTES) {
      const value = bytes.subarray(at, at + PART_BYTES)
      writes.push({ key: keyOf(stored, at / PART_BYTES), value })
    }
    this.#store.batch(writes).catch(this.#failed)
  }

  /** It is over. `bytes` are those of its payload. */
  forget(place: Pick<StoredLetter, 'node' | 'session' | 'number'>): void {
    const prefix = keyOf(place, 0).slice(0, -PART_DIGITS)
    const writes: StoreWrite[] = []
    for (const { key } of this.#store.entries(prefix)) writes.push({ key, value: undefined })
    if (writes.length === 0) writes.push({ key: keyOf(place, 0), value: undefined })
    this.#store.batch(writes).catch(this.#failed)
  }

  /** What the life before has left, by node, session and number. What cannot be read is deleted. */
  load(): readonly StoredLetter[] {
    const found: StoredLetter[] = []
    let parts: Uint8Array[] = []
    let place: Pick<StoredLetter, 'node' | 'session' | 'number'> | undefined
    const finish = (): void => {
      if (place === undefined) return
      const letter = this.#read(place, Buffer.concat(parts))
      if (letter === undefined) this.forget(place)
      else found.push(letter)
      place = undefined
    }
    for (const { key, value } of this.#store.entries(PREFIX)) {
      const match = NAME.exec(key.slice(PREFIX.length))
      if (match === null) continue
      const [, node = '', session, number, part] = match
      if (Number(part) === 0) {
        finish()
        place = { node, session: Number(session), number: Number(number) }
        parts = []
      }
      parts.push(value)
    }
    finish()
    return found
  }

  #read(
    place: Pick<StoredLetter, 'node' | 'session' | 'number'>,
    bytes: Uint8Array,
  ): StoredLetter | undefined {
    try {
      const items = new Tuple('outbox', this.#values.decode(bytes))
      const headers = items.get(3)
      const via = items.get(6)
      const payload = items.bytesUpTo(7, 'payload', bytes.length)
      const letter: Letter = {
        topic: items.text(1, 'topic', isText, 'a topic'),
        sequence: items.whole(2, 'sequence', 0, UINT48_MAX),
        headers: isFlat(headers) ? headers : undefined,
        stampMs: items.get(4) === null ? undefined : items.whole(4, 'stamp', 0, UINT48_MAX),
        isReplay: false,
        requestId: undefined,
        payload: Payload.received(this.#values, payload),
      }
      const groups = items.list(5, 'groups', GROUPS_MAX).filter(isText)
      return {
        ...place,
        letter,
        groups: groups.length === 0 ? undefined : groups,
        via: isText(via) ? via : undefined,
        expiresWallMs: items.whole(0, 'expiry', 0, WALL_MS_MAX),
      }
    } catch (error) {
      this.#failed(error)
      return undefined
    }
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function keyOf(
  { node, session, number }: Pick<StoredLetter, 'node' | 'session' | 'number'>,
  part: number,
): string {
  const of = String(session).padStart(NUMBER_DIGITS, '0')
  const at = String(number).padStart(NUMBER_DIGITS, '0')
  return `${PREFIX}${node}/${of}/${at}/${String(part).padStart(PART_DIGITS, '0')}`
}
