/**
 * What of the outbox survives a restart: every message `at_least_once` under its node, session and number, in parts, for
 * a store bounds its values. The next life goes on with the same sessions and numbers, so that receivers recognise what
 * they have already.
 */
import type { Codec } from '../wire/codec.ts'
import { Tuple } from '../wire/tuple.ts'
import type { Store } from '../store/store.ts'
import type { Letter } from './letter.ts'
import { PartedStore } from './parted-store.ts'
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
  /** Nodes that do not get it, of one that is not yet for a certain node. */
  readonly exclude?: readonly string[] | undefined
  /** By the wall clock. */
  readonly expiresWallMs: number
}

const OUTBOX_PREFIX = 'pubsub/out/'
const NUMBER_DIGITS = 15
const NAME = /^([0-9a-f]{64})\/(\d{15})\/(\d{15})$/
const WALL_MS_MAX = 8_640_000_000_000_000

type Place = Pick<StoredLetter, 'node' | 'session' | 'number'>

/** Keeps and gives back. */
export class OutboxStore {
  readonly #store: PartedStore
  readonly #values: Codec
  readonly #failed: (error: unknown) => void

  /** `prefix` begins the names of all that it keeps. */
  constructor(
    store: Store,
    values: Codec,
    failed: (error: unknown) => void,
    prefix: string = OUTBOX_PREFIX,
  ) {
    this.#store = new PartedStore(store, prefix, failed)
    this.#values = values
    this.#failed = failed
  }

  /** Keeps a message. */
  keep(stored: StoredLetter): void {
    const { letter, groups, via, exclude, expiresWallMs } = stored
    const { topic, sequence, headers, stampMs, isDrawnAgain = false, payload } = letter
    const bytes = this.#values.encode([
      ...[expiresWallMs, topic, sequence, headers ?? null, stampMs ?? null],
      ...[groups ?? [], via ?? null, payload.bytes, isDrawnAgain, exclude ?? null],
    ])
    this.#store.keep(nameOf(stored), bytes)
  }

  /** It is over. */
  forget(place: Place): void {
    this.#store.forget(nameOf(place))
  }

  /** What the life before has left, by node, session and number. What cannot be read is deleted. */
  load(): readonly StoredLetter[] {
    const found: StoredLetter[] = []
    for (const [name, bytes] of this.#store.load()) {
      const [, node, session, number] = NAME.exec(name) ?? []
      const letter =
        node === undefined
          ? undefined
          : this.#read({ node, session: Number(session), number: Number(number) }, bytes)
      if (letter === undefined) this.#store.forget(name)
      else found.push(letter)
    }
    return found
  }

  #read(place: Place, bytes: Uint8Array): StoredLetter | undefined {
    try {
      const items = new Tuple('outbox', this.#values.decode(bytes))
      const headers = items.get(3)
      const via = items.get(6)
      const exclude = items.get(9)
      const payload = items.bytesUpTo(7, 'payload', bytes.length)
      const letter: Letter = {
        topic: items.text(1, 'topic', isText, 'a topic'),
        sequence: items.whole(2, 'sequence', 0, UINT48_MAX),
        headers: isFlat(headers) ? headers : undefined,
        stampMs: items.get(4) === null ? undefined : items.whole(4, 'stamp', 0, UINT48_MAX),
        isReplay: false,
        isDrawnAgain: items.get(8) === true,
        requestId: undefined,
        payload: Payload.received(this.#values, payload),
      }
      const groups = items.list(5, 'groups', GROUPS_MAX).filter(isText)
      return {
        ...place,
        letter,
        groups: groups.length === 0 ? undefined : groups,
        via: isText(via) ? via : undefined,
        exclude: Array.isArray(exclude) ? exclude.filter(isText) : undefined,
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

function nameOf({ node, session, number }: Place): string {
  const of = String(session).padStart(NUMBER_DIGITS, '0')
  return `${node}/${of}/${String(number).padStart(NUMBER_DIGITS, '0')}`
}
