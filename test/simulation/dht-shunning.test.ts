/** Who offends is shunned by a whole node: forged records cost the table place and the right to store. */
import { describe, expect, it } from 'vitest'
import { RoutingCore } from '../../mesh/routing/kademlia/core.ts'
import type { Contact, DhtReply } from '../../mesh/routing/kademlia/message.ts'
import { routingSettings } from '../../mesh/routing/kademlia/settings.ts'
import { RecordsCore } from '../../mesh/routing/records/core.ts'
import type { DhtRecord } from '../../mesh/routing/records/record.ts'
import { recordsSettings } from '../../mesh/routing/records/settings.ts'
import type { DhtSink } from '../../mesh/simulation/dht-boundary.ts'
import { DhtNode } from '../../mesh/simulation/dht-node.ts'
import { DhtWorld } from '../../mesh/simulation/dht-world.ts'
import { contactOf, keyOf } from '../mesh/routing/kademlia/keys.ts'
import {
  makeRecord,
  PlainAuthority,
  WALL_START_MS,
} from '../mesh/routing/records/records-network.ts'
import { DHT_CHAOS_SETTINGS } from './dht-chaos.ts'

const DAY_MS = 86_400_000
const SHUN_MS = 60_000
const SELF = contactOf(keyOf(0n), '10.0.0.1', 1)
const ENEMY = contactOf(keyOf(2n ** 255n + 1n), '10.0.0.2', 2)
const FRIEND = contactOf(keyOf(2n ** 255n + 2n), '10.0.0.3', 3)
const KEY = keyOf(5n)

/** A node among friends and enemies that say what the test makes them say. */
class Scene {
  nowMs = 0
  readonly node: DhtNode
  readonly refused: string[] = []
  readonly #replies: DhtReply[] = []
  readonly #asked: {
    readonly requestId: number
    readonly to: { readonly id?: string | undefined }
  }[] = []
  readonly #later: (() => void)[] = []
  readonly #sink: DhtSink

  constructor() {
    const settings = routingSettings({ shunMs: SHUN_MS })
    this.node = new DhtNode({
      ...{ self: SELF, mode: 'server', disk: new Map() },
      proven: (_, sender) => sender,
      makeRouting: () =>
        new RoutingCore({ self: { ...SELF, mode: 'server' }, settings, seed: 1, nowMs: 0 }),
      makeRecords: (routing, sender) =>
        new RecordsCore({
          ...{ self: SELF, sender, settings: recordsSettings(), routing, seed: 2, nowMs: 0 },
          authority: new PlainAuthority(SELF.id, new Set(['bb'.repeat(32)])),
          wallNowMs: () => WALL_START_MS + 10 * DAY_MS + this.nowMs,
        }),
    })
    this.#sink = {
      request: (requestId, to) => void this.#asked.push({ requestId, to }),
      cancel: () => {},
      reply: (_, message) => void this.#replies.push(message),
      event: () => {},
      refused: (code) => void this.refused.push(code),
      persist: (generation) =>
        void this.#later.push(() =>
          this.node.step(this.nowMs, { type: 'persisted', generation }, this.#sink),
        ),
      send: () => {},
      left: () => {},
    }
  }

  /** Takes it into the table, by the book. */
  admit(contact: Contact): void {
    this.node.step(this.nowMs, { type: 'candidate', contact }, this.#sink)
    const { host, port } = contact
    const sender = { host, port, mode: 'server' } as const
    for (let at = 0; at < this.#asked.length; at++) {
      const { requestId, to } = this.#asked[at]!
      if (to.id !== contact.id) continue
      this.#asked.splice(at--, 1)
      const message = { type: 'find_node_reply', key: SELF.key, sender, contacts: [] } as const
      this.node.step(
        this.nowMs,
        { type: 'reply', requestId, from: contact.id, message },
        this.#sink,
      )
    }
  }

  /** What the node says to a put; undefined when it keeps the record. */
  put({ id, host, port }: Contact, record: DhtRecord): string | undefined {
    const sender = { host, port, mode: 'server' } as const
    const message = {
      ...({ type: 'store', key: record.key, sender, record } as const),
      ...{ ttlMs: undefined, expectedSequence: undefined },
    }
    this.node.step(this.nowMs, { type: 'request', from: id, replyId: 1, message }, this.#sink)
    for (const run of this.#later.splice(0)) run()
    const reply = this.#replies.pop()
    return reply?.type === 'store_reply' ? reply.refusal : 'no answer'
  }

  table(): string[] {
    return this.node.routing.closest(ENEMY.key, 9).map(({ id }) => id)
  }
}

/** A record of so many days from now. */
function record(days: number, more: Partial<DhtRecord> = {}): DhtRecord {
  return makeRecord(KEY, { expiresAtMs: WALL_START_MS + (10 + days) * DAY_MS, ...more })
}

describe('whoever offers forged records', () => {
  it('ML9 is answered, counted and scored, then out of the table, and nothing of it is kept', () => {
    const scene = new Scene()
    scene.admit(ENEMY)
    scene.admit(FRIEND)
    const forged = record(1, { proof: 'forged' })
    for (let i = 0; i < 9; i++) expect(scene.put(ENEMY, forged)).toBe('ERR_DHT_RECORD_SIGNATURE')
    expect(scene.table()).toEqual([ENEMY.id, FRIEND.id])
    expect(scene.put(ENEMY, forged)).toBe('ERR_DHT_RECORD_SIGNATURE')
    expect(scene.table()).toEqual([FRIEND.id])
    // Not even what is good; from others it is.
    expect(scene.put(ENEMY, record(1))).toBe('ERR_DHT_PEER_SHUNNED')
    expect(scene.put(FRIEND, record(1))).toBeUndefined()
    expect(scene.refused.filter((code) => code === 'ERR_DHT_PEER_SHUNNED')).toHaveLength(2)
    expect(scene.node.routing.stats()).toMatchObject({ offences: 10, shuns: 1, shunned: 1 })
    scene.admit(ENEMY)
    expect(scene.table()).toEqual([FRIEND.id])
    scene.nowMs = SHUN_MS
    scene.admit(ENEMY)
    expect(scene.table()).toEqual([ENEMY.id, FRIEND.id])
    expect(scene.put(ENEMY, record(1, { sequence: 2 }))).toBeUndefined()
  })
})

describe('whoever is honest', () => {
  it('is not shunned for records that are over by its clock, up to a day; one moment more counts', () => {
    const scene = new Scene()
    for (let i = 0; i < 50; i++) {
      expect(scene.put(FRIEND, record(-1))).toBe('ERR_DHT_RECORD_EXPIRED')
      expect(scene.put(FRIEND, record(0))).toBe('ERR_DHT_RECORD_EXPIRED')
    }
    expect(scene.node.routing.stats()).toMatchObject({ offences: 0, shunned: 0 })
    const { expiresAtMs } = record(-1)
    for (let i = 0; i < 20; i++) scene.put(FRIEND, record(-1, { expiresAtMs: expiresAtMs - 1 }))
    expect(scene.node.routing.stats()).toMatchObject({ offences: 20, shunned: 1 })
  })

  it('is never shunned for old sequences, lapsed memberships, or limits that are wider than here', () => {
    const scene = new Scene()
    expect(scene.put(FRIEND, record(1, { sequence: 9 }))).toBeUndefined()
    const large = record(1, { value: new Uint8Array(65_537) })
    for (let i = 0; i < 200; i++) {
      expect(scene.put(FRIEND, record(1))).toBe('ERR_DHT_SEQUENCE_LOW')
      expect(scene.put(FRIEND, large)).toBe('ERR_DHT_RECORD_TOO_LARGE')
      expect(scene.put(FRIEND, record(9))).toBe('ERR_DHT_RECORD_EXPIRY')
      const lapsed = record(1, { publisher: 'bb'.repeat(32) })
      expect(scene.put(FRIEND, lapsed)).toBe('ERR_DHT_RECORD_MEMBERSHIP')
    }
    expect(scene.node.routing.stats()).toMatchObject({ offences: 600, shuns: 0, shunned: 0 })
  })

  it('ML9 is never shunned in a network whose clocks differ by ten minutes, when records come to their end', () => {
    const nodes = 8
    const apartMs = 600_000
    let started = 0
    const world = new DhtWorld({
      ...{ seed: 11, nodes, settings: DHT_CHAOS_SETTINGS, seeds: [0] },
      records: recordsSettings({ k: 3, replicateIntervalMs: 60_000, requestTimeoutMs: 1_000 }),
      makeRecords: (options) => {
        const skewMs = (started++ / (nodes - 1) - 0.5) * apartMs
        return new RecordsCore({ ...options, wallNowMs: () => options.wallNowMs() + skewMs })
      },
    })
    const refused: Record<string, number> = {}
    world.core.observe({ refused: (_, code) => (refused[code] = (refused[code] ?? 0) + 1) })
    for (let index = 0; index < nodes; index++) world.join(index)
    world.run(10_000)
    const puts = Array.from({ length: 40 }, (_, i) => {
      const made = world.mutable(i % nodes, `item ${i}`, { sequence: 1, ttlMs: apartMs })
      return world.start(i % nodes, { type: 'put', record: made, options: {}, publish: false })
    })
    world.settle(puts)
    world.run(2 * apartMs)
    expect(refused.ERR_DHT_RECORD_EXPIRED).toBeGreaterThan(100)
    expect(refused.ERR_DHT_PEER_SHUNNED).toBeUndefined()
    const shuns = world.living().map(({ node }) => node.routing.stats().shuns)
    expect(shuns).toEqual(Array.from({ length: nodes }, () => 0))
    // Nobody has anything any more, so they did come to their end.
    expect(world.living().flatMap(({ node }) => [...node.records.entries()])).toEqual([])
  })
})
