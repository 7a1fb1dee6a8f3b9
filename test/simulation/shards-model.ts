/**
 * Hosts of shards whose messages arrive in order per pair and otherwise in any order, with joins, deaths and cuts: a model for
 * `ShardTable` alone. What it runs throws with the seed when two hosts that never lost sight of each other have a shard.
 */
import { expect } from 'vitest'
import { hostOf } from '../../dist/sharding/shard-map.ts'
import { ShardTable, type ShardEffect } from '../../dist/sharding/shard-table.ts'
import { createSeededEntropy, type Entropy } from '../../runtime/index.ts'

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

function expectOwners(cluster: Cluster, seed: number): void {
  const alive = [...cluster.hosts.values()].filter((host) => host.alive).map(({ name }) => name)
  for (const shard of everyShard) {
    expect([seed, ...cluster.active(shard)]).toEqual([seed, hostOf('e', shard, alive)])
  }
}

/** Joins and deaths: a shard is at one host at most after every message, and at its own in the end. */
export function joinsAndDeaths(seed: number, isStrict: boolean): void {
  const cluster = new Cluster(seed, isStrict)
  const check = (): void => {
    for (const shard of everyShard) {
      const active = cluster.active(shard)
      if (active.length > 1) throw new Error(`seed ${seed}: ${active.join(' and ')} have ${shard}`)
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
  expectOwners(cluster, seed)
}

/** A cut and its end: a shard is once in each part, and once when all is over. */
export function cutAndHeal(seed: number): void {
  const cluster = new Cluster(seed)
  const count = 2 + cluster.pick(4)
  for (let i = 1; i <= count; i++) cluster.start(`h${i}`)
  settle(cluster, () => {})
  const left = 1 + cluster.pick(count - 1)
  const isLeft = (name: string): boolean => Number(name.slice(1)) <= left
  cluster.partition(isLeft)
  settle(cluster, () => {})
  for (const shard of everyShard) {
    expect([seed, ...cluster.active(shard).map(isLeft).toSorted()]).toEqual([seed, false, true])
  }
  cluster.heal()
  settle(cluster, () => {})
  expectOwners(cluster, seed)
}
