import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RandomStream } from '../../../../mesh/machine/random-stream.ts'
import type { StoredEntry } from '../../../../mesh/routing/records/machine.ts'
import { entryBytes } from '../../../../mesh/routing/records/quotas.ts'
import type { DhtRecord } from '../../../../mesh/routing/records/record.ts'
import { compareRecords } from '../../../../mesh/routing/records/select.ts'
import { recordsSettings } from '../../../../mesh/routing/records/settings.ts'
import { entryIdOf, RecordShelf } from '../../../../mesh/routing/records/shelf.ts'
import type { OfferOptions, StoredChange } from '../../../../mesh/routing/records/shelf.ts'
import { at, OWN, provider, publisher, record, shelf, valueOf } from './shelf-scene.ts'

/** Room for five empty records and a large value. */
const BYTES_MAX = 5 * entryBytes(record()) + 2_000

/** Small limits, so that every one of them is met. */
const settings = recordsSettings({
  recordTtlMaxMs: 100,
  clockSkewMs: 10,
  recordsMax: 6,
  bytesMax: BYTES_MAX,
  providersPerKeyMax: 3,
  publisherRecordsMax: 4,
  peerPutsMax: 5,
  peerWindowMs: 20,
  peerWindowsMax: 2,
})

type Command =
  | { readonly type: 'offer'; readonly record: DhtRecord; readonly options: Chosen }
  | { readonly type: 'pass'; readonly ms: number }
  | { readonly type: 'expire' }
  | { readonly type: 'remove' | 'disown' | 'touch'; readonly record: DhtRecord }
type Chosen = Omit<OfferOptions, 'nowMs' | 'wallNowMs'>

const arrival = new WeakMap<StoredEntry, number>()

/** The rules as they are said, without an index: all entries in one list. */
class Naive {
  entries: StoredEntry[] = []
  /** What was newer than what may still be put again, by place. */
  readonly #newest = new Map<string, { sequence: number; untilMs: number }[]>()
  #arrivals = 0
  #windowMs = -Infinity
  #puts = new Map<string, number>()

  offer(record: DhtRecord, options: OfferOptions): string | undefined {
    this.expire(options.wallNowMs)
    if (!this.#spend(options)) return 'ERR_DHT_PEER_QUOTA'
    const { wallNowMs, ttlMs, expectedSequence } = options
    if (record.expiresAtMs <= wallNowMs) return 'ERR_DHT_RECORD_EXPIRED'
    if (record.expiresAtMs > wallNowMs + 110) return 'ERR_DHT_RECORD_EXPIRY'
    const untilMs = Math.min(record.expiresAtMs, wallNowMs + Math.min(100, ttlMs ?? 100))
    if (untilMs <= wallNowMs) return 'ERR_DHT_RECORD_EXPIRED'
    const old = this.entries.find((entry) => entryIdOf(entry.record) === entryIdOf(record))
    const order = old === undefined ? 1 : compareRecords(record, old.record)
    if (expectedSequence !== undefined && order !== 0) {
      if ((old?.record.sequence ?? 0) !== expectedSequence) return 'ERR_DHT_SEQUENCE_UNEXPECTED'
    }
    if (order < 0) return 'ERR_DHT_SEQUENCE_LOW'
    const newest = this.#newest.get(entryIdOf(record)) ?? []
    const undoes = newest.some(
      ({ sequence, untilMs }) => record.sequence < sequence && wallNowMs < untilMs,
    )
    if (old === undefined && undoes) return 'ERR_DHT_SEQUENCE_LOW'
    const own = options.own === true || old?.own === true
    const copy = options.cached === true && options.own !== true
    const cached = copy && !own && (old === undefined || old.cached)
    const before = Math.min(old?.keepUntilMs ?? -Infinity, record.expiresAtMs)
    const keepUntilMs = order === 0 && ttlMs !== undefined ? before : Math.max(before, untilMs)
    const storedAtMs = old !== undefined && copy ? old.storedAtMs : wallNowMs
    const refusal = this.place(old, { record, keepUntilMs, own, cached, storedAtMs })
    if (refusal !== undefined) return refusal
    const { sequence } = record
    const past = newest.map((one) => ({ ...one, sequence: Math.max(one.sequence, sequence) }))
    if (old !== undefined && old.record.sequence < sequence) {
      past.push({ sequence, untilMs: old.record.expiresAtMs })
    }
    const left = past.filter((one) => one.untilMs > keepUntilMs)
    this.#newest.set(entryIdOf(record), left)
    return undefined
  }

  place(old: StoredEntry | undefined, entry: StoredEntry): string | undefined {
    arrival.set(entry, old === undefined ? this.#arrivals++ : (arrival.get(old) ?? 0))
    const others = this.entries.filter((other) => other !== old)
    const isSame =
      old !== undefined &&
      compareRecords(old.record, entry.record) === 0 &&
      old.own === entry.own &&
      old.cached === entry.cached
    if (entry.own || isSame) {
      this.entries = [...others, entry]
      return undefined
    }
    const foreign = others.filter((other) => !other.own)
    if (entry.record.kind === 'provider') {
      const sameKey = foreign.filter(
        ({ record }) => record.kind === 'provider' && record.key.hex === entry.record.key.hex,
      )
      if (sameKey.length >= 3) return 'ERR_DHT_PROVIDERS_FULL'
    }
    const theirs = foreign.filter(({ record }) => record.publisher === entry.record.publisher)
    if (theirs.length >= 4) return 'ERR_DHT_PEER_QUOTA'
    const order = [...foreign].sort(
      (a, b) =>
        Number(b.cached) - Number(a.cached) ||
        Number(b.record.key.hex > a.record.key.hex) - Number(b.record.key.hex < a.record.key.hex) ||
        (arrival.get(b) ?? 0) - (arrival.get(a) ?? 0),
    )
    const victims = new Set<StoredEntry>()
    const isOver = (): boolean => {
      const left = [...foreign.filter((other) => !victims.has(other)), entry]
      const bytes = left.reduce((sum, { record }) => sum + entryBytes(record), 0)
      return left.length > 6 || bytes > BYTES_MAX
    }
    while (isOver()) {
      const victim = order.find(
        (other) =>
          !victims.has(other) &&
          ((other.cached && !entry.cached) ||
            (other.cached === entry.cached && other.record.key.hex > entry.record.key.hex)),
      )
      if (victim === undefined) return 'ERR_DHT_STORE_FULL'
      victims.add(victim)
    }
    this.entries = [...others.filter((other) => !victims.has(other)), entry]
    return undefined
  }

  expire(wallNowMs: number): void {
    this.entries = this.entries.filter((entry) => entry.keepUntilMs > wallNowMs)
  }

  other(type: 'remove' | 'disown' | 'touch', record: DhtRecord, wallNowMs: number): void {
    const old = this.entries.find((entry) => entryIdOf(entry.record) === entryIdOf(record))
    if (old === undefined) return
    if (type === 'touch') this.place(old, { ...old, storedAtMs: wallNowMs })
    else if (type === 'remove' || old.own) {
      this.entries = this.entries.filter((entry) => entry !== old)
      if (type === 'disown') this.place(undefined, { ...old, own: false })
    }
  }

  #spend({ from, nowMs }: OfferOptions): boolean {
    if (from === undefined) return true
    if (nowMs - this.#windowMs >= 20) {
      this.#windowMs = nowMs
      this.#puts.clear()
    }
    const puts = this.#puts.get(from)
    if (puts === undefined ? this.#puts.size >= 2 : puts >= 5) return false
    this.#puts.set(from, (puts ?? 0) + 1)
    return true
  }
}

const records = fc
  .record({
    provides: fc.boolean(),
    distance: fc.integer({ min: 1, max: 9 }),
    publisher: fc.nat({ max: 4 }),
    sequence: fc.integer({ min: 1, max: 3 }),
    expiresAtMs: fc.integer({ min: 1, max: 260 }),
    bytes: fc.constantFrom(0, 0, 0, 900, 2_000),
  })
  .map(({ provides, distance, publisher: who, sequence, expiresAtMs, bytes }) => {
    const fields = { key: at(distance), publisher: publisher(who), sequence, expiresAtMs }
    return provides ? provider(fields) : record({ ...fields, value: valueOf(bytes) })
  })

const commands: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      type: fc.constant('offer' as const),
      record: records,
      options: fc
        .record({
          from: fc.constantFrom('p', 'p', 'q', 'r', undefined),
          ttlMs: fc.constantFrom(undefined, undefined, 1, 30, 0),
          expectedSequence: fc.constantFrom(undefined, undefined, undefined, 0, 1, 2),
          cached: fc.boolean(),
        })
        .map((options): Chosen => ({ ...options, own: options.from === undefined })),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('pass' as const),
      ms: fc.constantFrom(1, 5, 10, 30),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('expire' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constantFrom('remove' as const, 'disown' as const, 'touch' as const),
      record: records,
    }),
  },
)

const KEYS = [1, 2, 3, 4, 5, 6, 7, 8, 9].map(at)

function byId(entries: Iterable<StoredEntry>): Map<string, StoredEntry> {
  return new Map([...entries].map((entry) => [entryIdOf(entry.record), entry]))
}

/** Times of puts are not written for their own sake. */
function withoutPuts(entries: Map<string, StoredEntry>): unknown {
  return new Map([...entries].map(([id, entry]) => [id, { ...entry, storedAtMs: 0 }]))
}

/** A shelf, its naive twin, and a disk that is told the changes. */
class Twins {
  readonly kept = new RecordShelf({ own: OWN, settings })
  readonly naive = new Naive()
  readonly disk = new Map<string, StoredEntry>()
  nowMs = 0

  /** The answer to an offer, of both. */
  run(command: Command): readonly (string | undefined)[] {
    const { kept, naive, nowMs } = this
    switch (command.type) {
      case 'offer': {
        const options = { ...command.options, nowMs, wallNowMs: nowMs }
        const result = kept.offer(command.record, options)
        this.#write(result.changed)
        return [result.refusal, naive.offer(command.record, options)]
      }
      case 'pass':
        this.nowMs += command.ms
        return []
      case 'expire':
        this.#write(kept.expire(nowMs))
        naive.expire(nowMs)
        return []
      case 'remove':
      case 'disown':
        this.#write(kept[command.type](entryIdOf(command.record)))
        naive.other(command.type, command.record, nowMs)
        return []
      case 'touch':
        kept.touch(entryIdOf(command.record), nowMs)
        naive.other('touch', command.record, nowMs)
        return []
    }
  }

  /** What can be asked of the shelf, and the disk that heard its changes. */
  seen(): unknown {
    const { kept, nowMs } = this
    const { records, bytes, own, cached, publishers } = kept.stats()
    return {
      entries: byId(kept.entries()),
      disk: withoutPuts(this.disk),
      sizes: { records, bytes, own, cached, publishers },
      nextExpiryMs: kept.nextExpiryMs(),
      values: KEYS.map((key) => kept.get(key, nowMs)),
      providers: KEYS.map((key) => new Set(kept.providers(key, nowMs, 99, () => 0))),
    }
  }

  /** What should be seen. */
  expected(): unknown {
    const { entries } = this.naive
    const foreign = entries.filter((entry) => !entry.own)
    const alive = KEYS.map(({ hex }) =>
      entries.filter(
        ({ record, keepUntilMs }) => record.key.hex === hex && keepUntilMs > this.nowMs,
      ),
    )
    return {
      entries: byId(entries),
      disk: withoutPuts(byId(entries)),
      sizes: {
        records: foreign.length,
        bytes: foreign.reduce((sum, entry) => sum + entryBytes(entry.record), 0),
        own: entries.length - foreign.length,
        cached: foreign.filter((entry) => entry.cached).length,
        publishers: new Set(foreign.map((entry) => entry.record.publisher)).size,
      },
      nextExpiryMs: Math.min(Infinity, ...entries.map((entry) => entry.keepUntilMs)),
      values: alive.map((found) => found.find(({ record }) => record.kind !== 'provider')),
      providers: alive.map((found) => {
        const providers = found.filter(({ record }) => record.kind === 'provider')
        return new Set(providers.map(({ record }) => record))
      }),
    }
  }

  #write(changed: readonly StoredChange[]): void {
    for (const { entryId, entry } of changed) {
      if (entry === undefined) this.disk.delete(entryId)
      else this.disk.set(entryId, entry)
    }
  }
}

describe('the shelf and its rules without an index', () => {
  it('K31 K32 K36 K37 K38 agree on every offer, entry, size and time', () => {
    const run = fc.property(fc.array(commands, { minLength: 1, maxLength: 60 }), (script) => {
      const twins = new Twins()
      for (const command of script) {
        const [refusal, expected] = twins.run(command)
        expect(refusal).toBe(expected)
        expect(twins.seen()).toEqual(twins.expected())
      }
    })
    fc.assert(run, { seed: 3138, numRuns: 120 })
  })

  it('K38 no offer of others removes an entry that is held, unless its key is farther', () => {
    const run = fc.property(fc.array(records, { minLength: 8, maxLength: 40 }), (offered) => {
      const kept = new RecordShelf({ own: OWN, settings })
      for (const [index, each] of offered.entries()) {
        const options = { from: `p${index % 2}`, nowMs: index * 10, wallNowMs: 0 }
        for (const { entryId, entry } of kept.offer(each, options).changed) {
          if (entry !== undefined) continue
          expect(entryId.slice(0, 64) > each.key.hex).toBe(true)
        }
      }
    })
    fc.assert(run, { seed: 38, numRuns: 200 })
  })

  it('K32 holders that are offered the same in any order end with the same, sequences never drop', () => {
    const rivals = fc.array(
      fc.record({
        sequence: fc.integer({ min: 1, max: 3 }),
        expiresAtMs: fc.integer({ min: 500, max: 502 }),
        value: fc.uint8Array({ maxLength: 2 }),
      }),
      { minLength: 1, maxLength: 12 },
    )
    const orders = rivals.chain((given) => {
      const offered = given.map((fields) => record(fields))
      const shuffled = fc.shuffledSubarray(offered, { minLength: offered.length })
      return fc.tuple(fc.constant(offered), shuffled)
    })
    const run = fc.property(orders, (both) => {
      const stood = both.map((order) => {
        const kept = shelf()
        let sequence = 0
        for (const each of order) {
          kept.offer(each, { from: 'p', nowMs: 0, wallNowMs: 0 })
          const now = kept.get(at(1), 0)?.record.sequence ?? 0
          expect(now).toBeGreaterThanOrEqual(sequence)
          sequence = now
        }
        return kept.get(at(1), 0)?.record
      })
      expect(stood[0]).toEqual(stood[1])
    })
    fc.assert(run, { seed: 32, numRuns: 200 })
  })
})

describe('a large shelf', () => {
  it('K38 K48 takes ten times what it can keep, and is empty when all has expired', () => {
    const kept = shelf({
      recordsMax: 3_000,
      bytesMax: 1e9,
      publisherRecordsMax: 1e6,
      peerPutsMax: 1e6,
    })
    const stream = new RandomStream(48, 1)
    for (let i = 0; i < 30_000; i++) {
      const offered = record({ key: at(1 + stream.below(2 ** 31)), expiresAtMs: 1 + (i % 1_000) })
      kept.offer(offered, { from: 'p', nowMs: 0, wallNowMs: 0 })
    }
    expect(kept.stats().records).toBe(3_000)
    const farthest = Math.max(
      ...[...kept.entries()].map((entry) => Number.parseInt(entry.record.key.hex, 16)),
    )
    // The nearest tenth of what was offered.
    expect(farthest / 2 ** 31).toBeCloseTo(0.1, 1)
    for (let wallNowMs = 1; wallNowMs <= 1_000; wallNowMs++) kept.expire(wallNowMs)
    expect(kept.size).toBe(0)
    expect(kept.stats()).toMatchObject({ records: 0, bytes: 0, publishers: 0 })
    expect(kept.nextExpiryMs()).toBe(Infinity)
  })
})
