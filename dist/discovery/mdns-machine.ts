/**
 * Multicast DNS as a machine: what to say when, and who is there. Packets and the time go in, packets come out.
 *
 * - It asks at the start and after 1, 2, 4, ... seconds, up to a longest pause (RFC 6762, 5.2), and names what it
 *   knows, so that nobody repeats that (7.1).
 * - It announces itself twice, a second apart (8.3), answers after a pause of 20 to 120 ms and at most once a second
 *   (6), and says goodbye (10.1). A node that answered is heard by all, so one question serves everybody.
 * - Who is not heard again within its time is gone (5.2); that this is no "not there" is for others to judge.
 * - Bounded: `instancesMax` services of others; packets of ours have `RECORDS_MAX` known answers at most.
 */
import type { Realm } from '../../mesh/index.ts'
import { instanceOf, isName, MDNS_SERVICE, nodesIn, realmService, recordsOf } from './dns-sd.ts'
import type { MdnsPacket, MdnsRecord } from './mdns-port.ts'
import type { NodeWord } from './node-book.ts'

/** Dials of {@link MdnsMachine}. */
export interface MdnsMachineOptions {
  readonly realm: Pick<Realm, 'idHex'>
  /** Own key, hex: what this node says itself is not heard. */
  readonly ownKey: string
  readonly ttlSeconds: number
  readonly queryIntervalMaxMs: number
  readonly instancesMax: number
}

/** What came of an input. */
export type MdnsEffect =
  | { readonly type: 'send'; readonly packet: MdnsPacket }
  | { readonly type: 'found' | 'lost' | 'no_room'; readonly word: NodeWord }

const SECOND_MS = 1_000
const ANNOUNCEMENTS = 2
const ANSWER_MIN_MS = 20
const ANSWER_SPREAD_MS = 100
/** A datagram of ours stays below what Ethernet carries. */
const RECORDS_MAX = 16
/** Time for answers after the socket was opened again; theirs may have to be opened first, too. */
const RESUMED_MS = 60_000

/** What this node says about itself. */
interface Own {
  readonly word: NodeWord
  /** Announcements that are still to be made. */
  left: number
  dueMs: number
  /** When it was said last. */
  saidMs: number
}

interface Heard {
  readonly word: NodeWord
  readonly ttlSeconds: number
  untilMs: number
}

/** See the head of this file. */
export class MdnsMachine {
  readonly #options: MdnsMachineOptions
  readonly #chance: () => number
  readonly #own = new Map<string, Own>()
  readonly #heard = new Map<string, Heard>()
  #queryDueMs: number
  #queryPauseMs = SECOND_MS

  constructor(options: MdnsMachineOptions, chance: () => number, nowMs: number) {
    this.#options = options
    this.#chance = chance
    this.#queryDueMs = nowMs + ANSWER_MIN_MS + ANSWER_SPREAD_MS * chance()
  }

  /** What this node is called from now on. */
  setOwn(words: readonly NodeWord[], nowMs: number): MdnsEffect[] {
    const names = new Map(words.map((word) => [instanceOf(word), word]))
    const effects: MdnsEffect[] = []
    for (const [instance, { word, saidMs }] of this.#own) {
      if (same(names.get(instance), word)) continue
      this.#own.delete(instance)
      if (!names.has(instance) && saidMs > -Infinity) effects.push(this.#goodbye(word))
    }
    for (const [instance, word] of names) {
      if (this.#own.has(instance)) continue
      const dueMs = nowMs + ANSWER_MIN_MS + ANSWER_SPREAD_MS * this.#chance()
      this.#own.set(instance, { word, left: ANNOUNCEMENTS, dueMs, saidMs: -Infinity })
    }
    return effects
  }

  /** Asks at the next tick, and soon again. */
  askNow(nowMs: number): void {
    this.#queryDueMs = Math.min(this.#queryDueMs, nowMs)
    this.#queryPauseMs = SECOND_MS
  }

  /** Nothing could be heard until now: silence of before says nothing about anybody. */
  resumed(nowMs: number): void {
    for (const heard of this.#heard.values()) {
      heard.untilMs = Math.max(heard.untilMs, nowMs + RESUMED_MS)
    }
    for (const own of this.#own.values()) {
      own.left = ANNOUNCEMENTS
      own.dueMs = Math.min(own.dueMs, nowMs + ANSWER_MIN_MS + ANSWER_SPREAD_MS * this.#chance())
    }
    this.askNow(nowMs)
  }

  packet(packet: MdnsPacket, nowMs: number): MdnsEffect[] {
    if (packet.type === 'response') return this.#response(packet, nowMs)
    const { realm, ttlSeconds } = this.#options
    const service = realmService(realm)
    const isAsked = packet.questions.some(
      ({ name, type }) =>
        (type === 'PTR' || type === 'ANY') && (isName(name, service) || isName(name, MDNS_SERVICE)),
    )
    if (!isAsked) return []
    for (const [instance, own] of this.#own) {
      const isKnown = packet.records.some(
        (record) =>
          record.type === 'PTR' &&
          isName(record.target, instance) &&
          record.ttlSeconds >= ttlSeconds / 2,
      )
      if (isKnown || own.dueMs < Infinity) continue
      const pauseMs = ANSWER_MIN_MS + ANSWER_SPREAD_MS * this.#chance()
      own.dueMs = Math.max(nowMs + pauseMs, own.saidMs + SECOND_MS)
    }
    return []
  }

  tick(nowMs: number): MdnsEffect[] {
    const effects: MdnsEffect[] = []
    for (const own of this.#own.values()) {
      if (nowMs < own.dueMs) continue
      own.left = Math.max(0, own.left - 1)
      own.saidMs = nowMs
      own.dueMs = own.left > 0 ? nowMs + SECOND_MS : Infinity
      effects.push(this.#say(own.word, this.#options.ttlSeconds))
    }
    for (const [instance, { word, untilMs }] of this.#heard) {
      if (nowMs < untilMs) continue
      this.#heard.delete(instance)
      effects.push({ type: 'lost', word })
    }
    if (nowMs >= this.#queryDueMs) {
      effects.push({ type: 'send', packet: this.#question(nowMs) })
      this.#queryDueMs = nowMs + this.#queryPauseMs * (1 + 0.1 * this.#chance())
      this.#queryPauseMs = Math.min(this.#options.queryIntervalMaxMs, 2 * this.#queryPauseMs)
    }
    return effects
  }

  nextDueMs(): number {
    let dueMs = this.#queryDueMs
    for (const own of this.#own.values()) dueMs = Math.min(dueMs, own.dueMs)
    for (const { untilMs } of this.#heard.values()) dueMs = Math.min(dueMs, untilMs)
    return dueMs
  }

  /** Goodbyes for all that this node has said. */
  close(): MdnsEffect[] {
    const said = [...this.#own.values()].filter(({ saidMs }) => saidMs > -Infinity)
    this.#own.clear()
    return said.map(({ word }) => this.#goodbye(word))
  }

  #response(packet: MdnsPacket, nowMs: number): MdnsEffect[] {
    const effects: MdnsEffect[] = []
    for (const { word, ttlSeconds } of nodesIn(packet, this.#options.realm)) {
      if (word.key === this.#options.ownKey) continue
      const instance = instanceOf(word)
      const known = this.#heard.get(instance)
      // A goodbye holds for a second more: somebody else may say at once that it is there (10.1).
      const untilMs = nowMs + SECOND_MS * (ttlSeconds === 0 ? 1 : Math.min(ttlSeconds, TTL_MAX))
      if (known === undefined && ttlSeconds === 0) continue
      if (known === undefined && this.#heard.size >= this.#options.instancesMax) {
        effects.push({ type: 'no_room', word })
        continue
      }
      if (known !== undefined && !same(known.word, word)) {
        effects.push({ type: 'lost', word: known.word })
      }
      if (known === undefined || !same(known.word, word)) effects.push({ type: 'found', word })
      this.#heard.set(instance, { word, ttlSeconds, untilMs })
    }
    return effects
  }

  #question(nowMs: number): MdnsPacket {
    const name = realmService(this.#options.realm)
    const records: MdnsRecord[] = []
    for (const [target, { ttlSeconds, untilMs }] of this.#heard) {
      if (records.length >= RECORDS_MAX) break
      const leftSeconds = Math.floor((untilMs - nowMs) / SECOND_MS)
      // What has less than half of its time left should be said again.
      if (leftSeconds < ttlSeconds / 2) continue
      records.push({ type: 'PTR', name, ttlSeconds: leftSeconds, target })
    }
    return { type: 'query', questions: [{ name, type: 'PTR' }], records }
  }

  #goodbye(word: NodeWord): MdnsEffect {
    return this.#say(word, 0)
  }

  #say(word: NodeWord, ttlSeconds: number): MdnsEffect {
    const records = recordsOf(word, this.#options.realm, ttlSeconds)
    return { type: 'send', packet: { type: 'response', questions: [], records } }
  }
}

/** No claim holds longer than that: 75 minutes, the longest that RFC 6762 advises. */
const TTL_MAX = 4_500

function same(a: NodeWord | undefined, b: NodeWord): boolean {
  return (
    a !== undefined &&
    // The name of an instance has a part of the key only.
    a.key === b.key &&
    a.name === b.name &&
    a.cluster === b.cluster &&
    a.address.host === b.address.host &&
    a.address.port === b.address.port
  )
}
