/**
 * Chaos among 2 to 8 nodes of the DHT, then calm: every property is watched, and in the end every lookup is
 * exact, and everything that was acknowledged is found.
 */
import fc from 'fast-check'
import { routingSettings } from '../../mesh/routing/kademlia/settings.ts'
import { recordsSettings } from '../../mesh/routing/records/settings.ts'
import { watchDht } from '../../mesh/simulation/dht-checkers/index.ts'
import { DhtWorld, type DhtWorldOptions } from '../../mesh/simulation/dht-world.ts'
import { calmFromMs, describeFaults, type Fault } from '../../mesh/simulation/faults.ts'
import { textKey } from '../../mesh/simulation/dht-oracle.ts'
import { faultArbitrary } from './arbitraries.ts'

/** Something that an application does in the middle of it. */
export interface Errand {
  readonly type: 'lookup' | 'cancel' | 'put' | 'get' | 'provide' | 'find_providers'
  readonly atMs: number
  readonly node: number
  /** Of a few keys. */
  readonly item: number
}

/** A world's size, what goes wrong in it, and what is asked of it meanwhile. */
export interface DhtChaos {
  readonly nodes: number
  readonly faults: readonly Fault[]
  readonly errands: readonly Errand[]
}

/** What happened, so that a run in which nothing did is noticed. */
export interface DhtChaosReport {
  readonly counts: Record<string, number>
  readonly trace: string
}

const CHAOS_MS = 120_000
const ITEMS = 3

function errandArbitrary(nodes: number): fc.Arbitrary<Errand> {
  return fc.record({
    type: fc.constantFrom<Errand['type']>(
      'lookup',
      'cancel',
      'put',
      'put',
      'get',
      'provide',
      'find_providers',
    ),
    atMs: fc.nat({ max: CHAOS_MS }),
    node: fc.nat({ max: nodes - 1 }),
    item: fc.nat({ max: ITEMS - 1 }),
  })
}

/** Chaos for 2 to 8 nodes. */
export const dhtChaosArbitrary: fc.Arbitrary<DhtChaos> = fc
  .integer({ min: 2, max: 8 })
  .chain((nodes) =>
    fc.record({
      nodes: fc.constant(nodes),
      faults: fc.array(faultArbitrary(nodes, CHAOS_MS), { minLength: 3, maxLength: 10 }),
      errands: fc.array(errandArbitrary(nodes), { minLength: 6, maxLength: 24 }),
    }),
  )

/** The schedule of a seed. */
export function dhtChaosOf(seed: number): DhtChaos {
  return fc.sample(dhtChaosArbitrary, { seed, numRuns: 1 })[0]!
}

/** Small buckets and short intervals, so that all of it happens within minutes. */
export const DHT_CHAOS_SETTINGS = routingSettings({
  k: 3,
  alpha: 2,
  beta: 2,
  replacementsMax: 3,
  requestTimeoutMs: 1_000,
  lookupTimeoutMs: 10_000,
  refreshIntervalMs: 20_000,
  bootstrapMaxMs: 5_000,
})

const RECORDS_SETTINGS = recordsSettings({
  k: 3,
  requestTimeoutMs: 1_000,
  operationTimeoutMs: 15_000,
  replicateIntervalMs: 20_000,
  republishIntervalMs: 60_000,
  reprovideIntervalMs: 60_000,
})

/** Two refreshes, two replications. */
const CALM_MS = 90_000
const TTL_MS = 47 * 3_600_000

interface Acknowledged {
  readonly what: 'put' | 'provide'
  readonly key: ReturnType<typeof textKey>
  readonly publisher: number
  readonly sequence: number
  readonly holders: readonly number[]
  readonly atMs: number
}

/** Runs one schedule; throws with seed and schedule when a property breaks. */
export function runDhtChaos(
  seed: number,
  { nodes, faults, errands }: DhtChaos,
  options: Partial<DhtWorldOptions> = {},
): DhtChaosReport {
  const world = new DhtWorld({
    seed,
    nodes,
    settings: DHT_CHAOS_SETTINGS,
    records: RECORDS_SETTINGS,
    seeds: Array.from({ length: nodes }, (_, index) => index),
    network: { lossShare: 0.01 },
    ...options,
  })
  const run = new ChaosRun(world)
  try {
    watchDht(world)
    for (const { index } of world.living()) world.join(index)
    const took = world.runFaults(faults, (node) =>
      run.errand({ type: 'put', atMs: 0, node, item: 0 }),
    )
    for (const errand of errands) world.core.at(errand.atMs, () => run.errand(errand))
    world.run(Math.max(CHAOS_MS, calmFromMs(faults)) + 1)
    world.core.network.clear()
    for (const { index } of world.core.running()) {
      world.core.resume(index)
      world.core.unblock(index)
    }
    // As SWIM does when a partition heals or a node comes back.
    world.tellUp()
    world.run(CALM_MS)
    run.judge()
    for (const [type, times] of Object.entries(took)) run.counts[`fault ${type}`] = times
    return { counts: run.counts, trace: world.core.trace.hash }
  } catch (error) {
    const text = `seed ${seed}, ${nodes} nodes, at ${world.nowMs} ms: ${String(error)}`
    const lines = errands.map((errand) => `  ${JSON.stringify(errand)}`).join('\n')
    throw new Error(`${text}\n${describeFaults(faults)}\n${lines}`, { cause: error })
  }
}

class ChaosRun {
  readonly counts: Record<string, number> = {}
  readonly #world: DhtWorld
  readonly #acknowledged: Acknowledged[] = []
  readonly #sequences = new Map<string, number>()
  /** When each seat lost its disk last. */
  readonly #lostMs: number[] = []

  constructor(world: DhtWorld) {
    this.#world = world
    world.core.observe({
      started: (node) => {
        this.#count(node.life === 1 ? 'start' : 'restart')
        if (node.diskGeneration === 1) this.#lostMs[node.index] = world.nowMs
      },
      event: (_, { type }) => this.#count(type),
      refused: (_, code) => this.#count(code),
    })
  }

  errand({ type, node, item }: Errand): void {
    const world = this.#world
    if (!world.core.node(node).running) return
    this.#count(`errand ${type}`)
    switch (type) {
      case 'lookup':
        world.startLookup(node, world.randomKey(), { trace: true })
        break
      case 'cancel': {
        const lookup = world.startLookup(node, world.randomKey())
        world.core.at(world.nowMs + 8, () => world.cancelLookup(lookup))
        break
      }
      case 'put':
        this.#publish('put', node, item)
        break
      case 'provide':
        this.#publish('provide', node, item)
        break
      case 'get': {
        const { key } = world.mutable((node + item) % world.core.nodes.length, `item ${item}`)
        world.start(node, { type: 'get', key, options: {} })
        break
      }
      case 'find_providers':
        world.start(node, { type: 'find_providers', key: providedKey(item), options: {} })
    }
  }

  /** Calm has been for long: lookups are exact, and what was acknowledged is found. */
  judge(): void {
    // Whatever went wrong with clocks, links and disks: nobody here is hostile.
    claim(this.counts.ERR_DHT_PEER_SHUNNED === undefined, 'ML9', 'an honest node was shunned')
    this.#judgeLookups()
    for (const put of this.#acknowledged) this.#judgeRecord(put)
    this.#judgeResidue()
  }

  /** K48: refreshes and upkeep go on, but each node comes to rest between them. */
  #judgeResidue(): void {
    const world = this.#world
    const busy = new Map(world.living().map(({ index, node }) => [index, node]))
    world.runUntil(
      () => {
        for (const [index, node] of busy) {
          const { lookupsRunning, requestsRunning } = node.routing.stats()
          const records = node.records.stats()
          const open = records.operationsRunning + records.requestsRunning + records.writesRunning
          const outstanding = world.core.node(index).outstanding.size
          if (lookupsRunning + requestsRunning + open + outstanding === 0) busy.delete(index)
        }
        return busy.size === 0
      },
      60_000,
      100,
    )
    claim(busy.size === 0, 'K48', `nodes ${[...busy.keys()].join(',')} never come to rest`)
  }

  #judgeLookups(): void {
    const world = this.#world
    for (const { index } of world.living()) {
      for (let i = 0; i < 3; i++) {
        const key = world.randomKey()
        const found = world.lookup(index, key, { trace: true })
        const truth = world.nearest(key, undefined, index)
        const got = found.closest.map(({ id }) => id).join(' ')
        const wanted = truth.map(({ id }) => id).join(' ')
        claim(got === wanted, 'K42', `node ${index} found ${got}, not ${wanted}`)
      }
    }
  }

  #judgeRecord({ what, key, publisher, sequence, holders, atMs }: Acknowledged): void {
    const world = this.#world
    const safe = holders.filter(
      (holder) => world.core.node(holder).running && (this.#lostMs[holder] ?? 0) < atMs,
    )
    if (safe.length === 0) return
    this.#count('judged')
    for (const { index } of world.living()) {
      const type = what === 'put' ? 'get' : 'find_providers'
      const asked = world.start(index, { type, key, options: { quorum: 3 } })
      world.settle([asked])
      const found = (asked.outcome?.records ?? []).filter(
        (record) => record.publisher === world.contactOf(publisher).id,
      )
      const best = Math.max(0, ...found.map((record) => record.sequence))
      const text = `${what} of node ${publisher}, sequence ${sequence}, acknowledged at ${atMs} by ${holders.join(',')}; node ${index} finds ${best}`
      claim(best >= sequence, 'K29', text)
    }
  }

  #publish(what: 'put' | 'provide', node: number, item: number): void {
    const world = this.#world
    const name = `${what} ${node} ${item}`
    const sequence = (this.#sequences.get(name) ?? 0) + 1
    this.#sequences.set(name, sequence)
    const given = { sequence, ttlMs: TTL_MS }
    const record =
      what === 'put'
        ? world.mutable(node, `item ${item}`, given)
        : world.provider(node, providedKey(item), given)
    const pending =
      what === 'put'
        ? world.start(node, { type: 'put', record, options: {}, publish: item !== 0 })
        : world.start(node, { type: 'provide', record, options: {} })
    pending.whenOver = () => {
      if (pending.code !== undefined) return
      this.#count(`acknowledged ${what}`)
      this.#acknowledged.push({
        what,
        key: record.key,
        publisher: node,
        sequence,
        holders: pending.outcome!.holders.map(({ id }) => world.core.nodeOf(id)!.index),
        atMs: world.nowMs,
      })
    }
  }

  #count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1
  }
}

function providedKey(item: number): ReturnType<typeof textKey> {
  return textKey(`provided ${item}`)
}

function claim(holds: boolean, id: string, text: string): void {
  if (!holds) throw new Error(`${id}: ${text}`)
}
