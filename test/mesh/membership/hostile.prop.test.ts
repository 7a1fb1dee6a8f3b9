/**
 * A member with a valid certificate that sends messages of every kind, well formed and made of what it has
 * heard, has signed itself, or has invented, in any order: the detector goes on, nobody honest dies, and
 * events stay words of their language (S14, S43).
 */
import { describe, expect, it } from 'vitest'
import type { SyncEntry, Update } from '../../../mesh/membership/swim/message.ts'
import { SYNC_BUCKETS } from '../../../mesh/membership/swim/message.ts'
import type { Statement } from '../../../mesh/membership/swim/statement.ts'
import { createSeededEntropy } from '../../../runtime/index.ts'
import { Cluster, membersOf } from '../cluster.ts'
import { watch } from './histories.ts'
import { authorityOf, invented, scene, statement, type Scene } from './hostile-scene.ts'

const MESSAGES = Number(process.env['FOVEA_MODEL_RUNS'] ?? 500)
const FRAME_BYTES_MAX = 65_536

/** Draws messages of a liar. */
class Liar {
  readonly #scene: Scene
  readonly #chance: () => number
  readonly #fakes: readonly Statement[]
  readonly #sign: ReturnType<typeof authorityOf>

  constructor(cluster: Cluster, world: Scene, seed: number) {
    const entropy = createSeededEntropy(seed)
    this.#scene = world
    this.#chance = () => entropy.random()
    this.#fakes = Array.from({ length: 30 }, (_, n) => invented(cluster, n))
    this.#sign = authorityOf(cluster, cluster.realm, world.evil)
  }

  below(max: number): number {
    return Math.floor(this.#chance() * max)
  }

  /** Says one thing; what the link does not take was not said. */
  say(): void {
    const { evil, protocol } = this.#scene
    const link = evil.links().find(({ peer }) => peer.name === 'a')
    if (link === undefined) return
    const [sequence, updates] = [this.below(1_000), this.#some(5, () => this.#update())]
    const entries = this.#some(20, () => this.#entry())
    const asked = (message: Parameters<typeof protocol.request>[1]) =>
      protocol.request(sequence, message, FRAME_BYTES_MAX)
    const digests = Uint32Array.from({ length: SYNC_BUCKETS * 2 }, () => this.below(2))
    const wanted = this.#some(SYNC_BUCKETS, () => this.below(SYNC_BUCKETS))
    const [self, flag] = [this.#statement(), this.below(2) === 0]
    const reply = { type: 'sync_reply', self, entries, wanted, more: flag } as const
    const kinds: (() => readonly Uint8Array[])[] = [
      () => [protocol.datagram({ type: 'ping', sequence, updates })],
      () => [protocol.datagram({ type: 'ack', sequence, updates })],
      () => [protocol.datagram({ type: 'nack', sequence, updates })],
      () => [protocol.datagram({ type: 'ping_req', sequence, updates, target: this.#id() })],
      () => [protocol.datagram({ type: 'gossip', updates })],
      () => asked({ type: 'probe', updates }),
      () => asked({ type: 'sync', self, digests, join: flag }),
      () => asked({ type: 'sync_push', entries }),
      () => protocol.reply(sequence, reply, FRAME_BYTES_MAX),
      () => [protocol.hold(flag)],
    ]
    const kind = this.below(kinds.length)
    for (const frame of kinds[kind]!()) {
      if (kind < 5) link.sendDatagram(frame)
      else link.send('sync', frame)
    }
  }

  #some<T>(max: number, draw: () => T): T[] {
    return Array.from({ length: this.below(max) }, draw)
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!
  }

  #id(): string {
    const { a, b, evil } = this.#scene
    const known = [a, b, evil].map(({ key }) => key.hex)
    return this.#pick([...known, 'ab'.repeat(32), this.#pick(this.#fakes).id])
  }

  #statement(): Statement {
    const [real, fake] = [this.#pick(this.#scene.ofB), this.#pick(this.#fakes)]
    return this.#pick([
      ...[real, fake, { ...fake, counter: this.below(9) }, { ...real, left: true }],
      this.#sign(this.below(50), { x: this.below(9) }),
      this.#sign(this.below(50), {}, this.below(8) === 0),
    ])
  }

  #update(): Update {
    if (this.below(2) === 0) return statement(this.#statement())
    const { a, b } = this.#scene
    const id = this.#id()
    const own = { generation: a.identity.incarnation, counter: this.below(40) }
    const { generation, counter } = (id === a.key.hex
      ? own
      : a.membership.member(id)?.incarnation) ?? { generation: b.identity.incarnation, counter: 0 }
    return {
      ...{ type: this.#pick(['suspect', 'dead'] as const), id, generation },
      ...{ counter: Math.max(0, counter + this.below(3) - 1), accuser: this.#id() },
    }
  }

  #entry(): SyncEntry {
    const said = this.#statement()
    const status = said.left ? 'left' : this.#pick(['alive', 'suspect', 'dead'] as const)
    if (status === 'alive' || status === 'left') return { statement: said, status }
    return { statement: said, status, accuser: this.#id() }
  }
}

/** Members whose events are no word of `(up (update | suspect | alive)* (down | left))*`. */
function ungrammatical(seen: readonly string[]): string[] {
  const there = new Set<string>()
  return seen.filter((line) => {
    const [type, name = ''] = line.split(' ')
    const was = there.has(name)
    if (type === 'up') return there.add(name) && was
    if (type === 'down' || type === 'left') return !there.delete(name)
    return type !== 'forgotten' && type !== 'conflict' && !was
  })
}

describe('a hostile member', () => {
  it.each([1, 2])('S14 S43 says anything, and the detector goes on (seed %d)', async (seed) => {
    await using cluster = new Cluster(100 + seed)
    const world = await scene(cluster, { membersMax: 64, linksMax: 8 })
    const { a } = world
    const liar = new Liar(cluster, world, seed)
    const seen = watch(a)
    for (let i = 0; i < MESSAGES; i++) {
      liar.say()
      if (liar.below(10) === 0) await cluster.clock.advance(liar.below(300))
    }
    await cluster.clock.advance(60_000)
    expect(ungrammatical(seen)).toEqual([])
    expect(seen.filter((line) => /^(down|left) b$/.test(line))).toEqual([])
    expect(a.membership.log().filter(({ type }) => type === 'restarted')).toEqual([])
    expect(a.stats().refused['ERR_LINK_HANDLER']).toBeUndefined()
    expect(membersOf(a)).toMatch(/^b up, /)
    expect(seen.length).toBeGreaterThan(20)
  })
})
