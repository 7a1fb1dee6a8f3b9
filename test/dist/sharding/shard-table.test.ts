import { describe, expect, it } from 'vitest'
import { OutgoingShard } from '../../../dist/sharding/outgoing-shard.ts'
import { hostOf, shardOf } from '../../../dist/sharding/shard-map.ts'
import { ShardTable, type ShardEffect } from '../../../dist/sharding/shard-table.ts'
import { createSeededEntropy, type Entropy } from '../../../runtime/index.ts'

const SHARDS = 12

interface Host {
  readonly name: string
  readonly table: ShardTable
  readonly sees: Set<string>
  /** Hosts whose answer to the greeting is awaited before it takes shards. */
  readonly greeting: Set<string>
  open: boolean
  alive: boolean
  requests: number
  readonly answers: Map<number, () => void>
}

/** Hosts whose messages arrive in order per pair, and otherwise in any order. */
class Cluster {
  readonly hosts = new Map<string, Host>()
  readonly #links = new Map<string, (() => void)[]>()
  readonly #entropy: Entropy
  readonly #isStrict: boolean
  readonly cut = new Set<string>()
  steps = 0

  constructor(seed: number, isStrict = false) {
    this.#entropy = createSeededEntropy(seed)
    this.#isStrict = isStrict
  }

  pick(count: number): number {
    return Math.floor(this.#entropy.random() * count)
  }

  start(name: string): void {
    const facts = { entity: 'e', shards: SHARDS, self: name, isStrict: this.#isStrict }
    const table = new ShardTable(facts)
    const host: Host = {
      ...{ name, table, sees: new Set([name]), greeting: new Set() },
      ...{ open: false, alive: true, requests: 0, answers: new Map() },
    }
    const others = [...this.hosts.values()].filter((other) => this.#reaches(host, other))
    this.hosts.set(name, host)
    for (const other of others) {
      host.greeting.add(other.name)
      this.#greet(host, other)
    }
    this.#openIfGreeted(host)
  }

  kill(host: Host): void {
    host.alive = false
    for (const other of this.hosts.values()) this.#loses(other, host.name)
  }

  /** Cuts the hosts in two; each side sees the others go in its own time. */
  partition(isLeft: (name: string) => boolean): void {
    for (const a of this.hosts.values()) {
      for (const b of this.hosts.values()) {
        if (isLeft(a.name) === isLeft(b.name)) continue
        this.cut.add(`${a.name}>${b.name}`)
        this.#links.delete(`${a.name}>${b.name}`)
        this.#loses(a, b.name)
      }
    }
  }

  heal(): void {
    this.cut.clear()
    for (const a of this.hosts.values()) {
      for (const b of this.hosts.values()) if (a !== b && this.#reaches(a, b)) this.#greet(a, b)
    }
  }

  /** One message, anywhere; false if there is none. */
  step(): boolean {
    const busy = [...this.#links].filter(([, queue]) => queue.length > 0)
    const link = busy[this.pick(busy.length)]
    if (link === undefined) return false
    this.steps++
    link[1].shift()!()
    return true
  }

  active(shard: number): string[] {
    const hosts = [...this.hosts.values()].filter(({ alive }) => alive)
    return hosts.filter(({ table }) => table.isActive(shard)).map(({ name }) => name)
  }

  #reaches(a: Host, b: Host): boolean {
    return a !== b && a.alive && b.alive && !this.cut.has(`${a.name}>${b.name}`)
  }

  #send(from: string, to: string, action: () => void): void {
    const key = `${from}>${to}`
    if (this.cut.has(key)) return
    const queue = this.#links.get(key) ?? []
    this.#links.set(key, queue)
    queue.push(() => {
      if (this.hosts.get(to)?.alive === true) action()
    })
  }

  /** Something of its own, in its own time. */
  #later(host: Host, action: () => void): void {
    this.#send(host.name, host.name, action)
  }

  #greet(from: Host, to: Host): void {
    this.#send(from.name, to.name, () => {
      this.#see(to, from.name)
      this.#send(to.name, from.name, () => {
        this.#see(from, to.name)
        from.greeting.delete(to.name)
        this.#openIfGreeted(from)
      })
    })
  }

  #openIfGreeted(host: Host): void {
    if (host.open || host.greeting.size > 0) return
    host.open = true
    this.#do(host, host.table.open(new Set(host.sees)))
  }

  #see(host: Host, name: string): void {
    if (this.hosts.get(name)?.alive !== true || host.sees.has(name)) return
    host.sees.add(name)
    this.#do(host, host.table.setHosts(new Set(host.sees)))
  }

  #loses(host: Host, name: string): void {
    this.#later(host, () => {
      host.sees.delete(name)
      this.#do(host, host.table.setHosts(new Set(host.sees)))
      host.greeting.delete(name)
      this.#openIfGreeted(host)
    })
  }

  #do(host: Host, effects: readonly ShardEffect[]): void {
    for (const effect of effects) {
      if (effect.type === 'ask') this.#ask(host, effect)
      if (effect.type === 'stop') {
        this.#later(host, () => this.#do(host, host.table.stopped(effect.shard)))
      }
      if (effect.type === 'answer') {
        host.answers.get(effect.request)?.()
        host.answers.delete(effect.request)
      }
      if (effect.type === 'lease') {
        const { shard, ask } = effect
        this.#later(host, () => this.#do(host, host.table.leased(shard, ask) ?? []))
      }
    }
  }

  #ask(from: Host, { host: to, ask, shards }: Extract<ShardEffect, { type: 'ask' }>): void {
    this.#send(from.name, to, () => {
      const other = this.hosts.get(to)!
      this.#see(other, from.name)
      const request = ++other.requests
      other.answers.set(request, () =>
        this.#send(to, from.name, () => this.#do(from, from.table.released(to, ask, shards))),
      )
      this.#do(other, other.table.asked(request, shards))
    })
  }
}

const everyShard = Array.from({ length: SHARDS }, (_, shard) => shard)

function settle(cluster: Cluster, check: () => void): void {
  while (cluster.step()) {
    check()
    if (cluster.steps > 100_000) throw new Error('it does not settle')
  }
}

function expectOwners(cluster: Cluster): void {
  const alive = [...cluster.hosts.values()].filter((host) => host.alive).map(({ name }) => name)
  for (const shard of everyShard) {
    expect(cluster.active(shard)).toEqual([hostOf('e', shard, alive)])
  }
}

describe('ShardTable', () => {
  it.each([false, true])(
    'has each shard at one host at most in every order of joins and deaths, then at its own (strict: %s)',
    (isStrict) => {
      for (let seed = 1; seed <= 40; seed++) {
        const cluster = new Cluster(seed, isStrict)
        const check = (): void => {
          for (const shard of everyShard) {
            if (cluster.active(shard).length > 1) {
              throw new Error(`seed ${seed}: ${cluster.active(shard).join(' and ')} have ${shard}`)
            }
          }
        }
        let next = 0
        for (let round = 0; round < 12; round++) {
          const hosts = [...cluster.hosts.values()].filter(({ alive }) => alive)
          if (hosts.length < 2 || cluster.pick(3) > 0) cluster.start(`h${++next}`)
          else cluster.kill(hosts[cluster.pick(hosts.length)]!)
          for (let i = cluster.pick(60); i > 0 && cluster.step(); i--) check()
        }
        settle(cluster, check)
        expectOwners(cluster)
      }
    },
  )

  it('has each shard once in each part of a network that fell apart, and once when it healed', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const cluster = new Cluster(seed)
      const count = 2 + cluster.pick(4)
      for (let i = 1; i <= count; i++) cluster.start(`h${i}`)
      settle(cluster, () => {})
      const left = 1 + cluster.pick(count - 1)
      const isLeft = (name: string): boolean => Number(name.slice(1)) <= left
      cluster.partition(isLeft)
      settle(cluster, () => {})
      for (const shard of everyShard) {
        expect(cluster.active(shard).map(isLeft).toSorted()).toEqual([false, true])
      }
      cluster.heal()
      settle(cluster, () => {})
      expectOwners(cluster)
    }
  })

  it('keeps a shard until its new host asks, and then lets go before it answers', () => {
    const table = new ShardTable({ entity: 'e', shards: 64, self: 'a', isStrict: false })
    table.open(new Set(['a']))
    expect(table.counts).toMatchObject({ active: 64 })
    expect(table.setHosts(new Set(['a', 'b']))).toEqual([
      expect.objectContaining({ type: 'ask', host: 'b' }),
    ])
    expect(table.counts).toMatchObject({ active: 64 })
    const theirs = Array.from({ length: 64 }, (_, i) => i).filter(
      (shard) => hostOf('e', shard, ['a', 'b']) === 'b',
    )
    const [first] = theirs as [number]
    expect(table.asked(1, [first])).toEqual([{ type: 'stop', shard: first }])
    expect(table.door(first)).toBe('bounce')
    expect(table.stopped(first)).toEqual([
      { type: 'answer', request: 1 },
      { type: 'bounce', shard: first },
    ])
    // What it does not have is let go at once.
    expect(table.asked(2, [first])).toEqual([{ type: 'answer', request: 2 }])
  })
})

describe('OutgoingShard', () => {
  it('delivers each message once and in order, whatever hosts bounce', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const entropy = createSeededEntropy(seed)
      const chance = (count: number): number => Math.floor(entropy.random() * count)
      const lane = new OutgoingShard<{ seq: number }>(1)
      const wires = new Map<string, { message: { seq: number }; epoch: number }[]>()
      const refused = new Map<string, number>()
      const got: number[] = []
      let owner = 'a'
      const out = (all: ReturnType<typeof lane.add>): void => {
        for (const { message, host, epoch } of all) {
          const wire = wires.get(host) ?? []
          wires.set(host, wire)
          wire.push({ message, epoch })
        }
      }
      const arrive = (host: string): void => {
        const next = wires.get(host)?.shift()
        if (next === undefined) return
        const { message, epoch } = next
        if (host === owner && epoch > (refused.get(host) ?? 0)) {
          got.push(message.seq)
          out(lane.done(message))
        } else {
          refused.set(host, Math.max(epoch, refused.get(host) ?? 0))
          lane.bounced(message)
        }
      }
      for (let seq = 1; seq <= 100; seq++) {
        if (chance(10) === 0) owner = ['a', 'b', 'c'][chance(3)]!
        if (chance(10) === 0) out(lane.setHost(['a', 'b', 'c'][chance(3)]))
        out(lane.add({ seq }))
        for (let i = chance(4); i > 0; i--) arrive(['a', 'b', 'c'][chance(3)]!)
        if (chance(3) === 0) out(lane.retry())
      }
      out(lane.setHost(owner))
      for (let i = 0; lane.size > 0; i++) {
        for (const host of ['a', 'b', 'c']) arrive(host)
        out(lane.retry())
        if (i > 1_000) throw new Error(`seed ${seed} does not settle`)
      }
      expect(got).toEqual(Array.from({ length: 100 }, (_, i) => i + 1))
    }
  })
})

describe('shardOf', () => {
  it('spreads ids over all shards and is the same everywhere', () => {
    const counts = new Array<number>(64).fill(0)
    for (let i = 0; i < 6_400; i++) counts[shardOf(`cart-${i}`, 64)]!++
    expect(Math.min(...counts)).toBeGreaterThan(60)
    expect(Math.max(...counts)).toBeLessThan(150)
    expect([shardOf('cart-7', 64), shardOf('cart-7', 1)]).toEqual([shardOf('cart-7', 64), 0])
  })
})
