/**
 * Small worlds in which a core of the DHT with a rule less shows itself. Each throws an error that names a
 * property; sound cores pass all of them.
 */
import { routingSettings } from '../../mesh/routing/kademlia/settings.ts'
import { recordsSettings } from '../../mesh/routing/records/settings.ts'
import { watchDht } from '../../mesh/simulation/dht-checkers/index.ts'
import { DhtWorld, type DhtWorldOptions } from '../../mesh/simulation/dht-world.ts'
import { eclipse } from '../../mesh/simulation/scenarios/dht-enemies.ts'
import { sizeGuesses } from '../../mesh/simulation/scenarios/dht-joining.ts'
import { measureLookups, suddenDeath } from '../../mesh/simulation/scenarios/dht-lookups.ts'
import { dhtChaosOf, runDhtChaos } from './dht-chaos.ts'

/** Makes the cores under test. */
export type MakeCores = Pick<DhtWorldOptions, 'makeRouting' | 'makeRecords'>

/** Where a mutant shows itself. */
export type DhtKiller =
  | 'chaos'
  | 'clients'
  | 'networks'
  | 'deaths'
  | 'slow'
  | 'late_seed'
  | 'size'
  | 'trace'
  | 'replay'
  | 'forgery'
  | 'liar'
  | 'expiry'
  | 'holders'
  | 'newcomer'
  | 'old_holders'
  | 'flood'
  | 'sybils'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const CHAOS_SEEDS = 8
const SMALL = routingSettings({ k: 4, refreshIntervalMs: MINUTE, bootstrapMaxMs: 5 * SECOND })
const SMALL_RECORDS = recordsSettings({ k: 4, putRadius: false, replicateIntervalMs: 5 * MINUTE })

function claim(holds: boolean, id: string, text: string): void {
  if (!holds) throw new Error(`${id}: ${text}`)
}

function worldOf(make: MakeCores, options: Partial<DhtWorldOptions>): DhtWorld {
  const base = {
    seed: 1,
    nodes: 24,
    links: false,
    settings: SMALL,
    records: SMALL_RECORDS,
  } as const
  const world = new DhtWorld({ ...base, ...make, ...options })
  watchDht(world)
  return world
}

/** Seats that keep something under that key. */
function holdersOf(world: DhtWorld, hex: string): number[] {
  return world.living().flatMap(({ index, node }) => {
    const kept = [...node.records.entries()].some(
      ({ record, own, cached }) => record.key.hex === hex && !own && !cached,
    )
    return kept ? [index] : []
  })
}

/** Every scenario by name. */
export const DHT_KILLERS: Readonly<Record<DhtKiller, (make: MakeCores) => void>> = {
  chaos: (make) => {
    for (let seed = 0; seed < CHAOS_SEEDS; seed++) runDhtChaos(seed, dhtChaosOf(seed), make)
  },

  clients: (make) => {
    const world = worldOf(make, { nodes: 12, warm: 8, isClient: (index) => index >= 8 })
    for (let index = 8; index < 12; index++) world.startJoining(index, [0])
    world.run(10 * SECOND)
    for (const index of [1, 2]) world.command(index, { type: 'set_mode', mode: 'client' })
    measureLookups(world, 12)
  },

  networks: (make) => {
    const settings = routingSettings({ k: 8, networkEntriesMax: 4 })
    const hostOf = (index: number): string => `203.0.113.${index + 1}`
    const world = worldOf(make, { nodes: 16, warm: 0, settings, hostOf })
    for (let index = 0; index < 16; index++) world.startJoining(index, [0])
    world.run(MINUTE)
  },

  deaths: (make) => {
    const told = suddenDeath({
      seed: 1,
      nodes: 200,
      share: 0.3,
      lookups: 40,
      repair: 'told',
      settings: routingSettings({ answerFactor: 1 }),
      world: make,
    })
    claim(told.exact === 40, 'K24', `told of the dead, ${told.exact} of 40 lookups are exact`)
    const wide = suddenDeath({ seed: 1, nodes: 300, share: 0.3, lookups: 40, world: make })
    claim(wide.exact === 40, 'K24', `with 2k contacts ${wide.exact} of 40 lookups are exact`)
  },

  slow: (make) => {
    const settings = routingSettings({ requestTimeoutMs: 1_000, softTimeoutMs: 300, beta: 0 })
    const base = { seed: 1, nodes: 200, share: 0.3, lookups: 40, settings } as const
    const { p50Ms } = suddenDeath({ ...base, world: make })
    claim(p50Ms <= 3_000, 'K25', `with soft timeouts a lookup takes ${p50Ms} ms`)
  },

  late_seed: (make) => {
    // No refresh within it: what is lost is asked again at half of that interval.
    const settings = routingSettings({ k: 4, bootstrapMaxMs: 5 * SECOND })
    const world = worldOf(make, { nodes: 5, warm: 0, settings })
    for (let index = 1; index < 5; index++) world.startJoining(index, [0])
    world.run(5 * MINUTE)
    world.startJoining(0, [])
    world.run(MINUTE)
    const { closest } = world.lookup(3, world.randomKey())
    claim(closest.length === 4, 'K40', `the seed came, and node 3 finds ${closest.length}`)
  },

  size: (make) => {
    const { p50 } = sizeGuesses({ seed: 1, nodes: 300, lookups: 12, guesses: 8, world: make })
    claim(Math.abs(p50 - 1) < 0.2, 'K44', `half of the guesses are below ${p50} of the truth`)
  },

  trace: (make) => {
    const traceOf = (): string => {
      const world = worldOf(make, { nodes: 6, trace: true })
      world.run(5 * MINUTE)
      return world.core.trace.hash
    }
    claim(traceOf() === traceOf(), 'K47', 'two runs with one seed differ')
  },

  replay: (make) => {
    const world = worldOf(make, {})
    const old = world.mutable(3, 'x')
    world.put(3, world.mutable(3, 'x', { sequence: 2 }))
    const [holder] = holdersOf(world, old.key.hex).filter((index) => index !== 3)
    send(world, holder!, old)
  },

  forgery: (make) => {
    const world = worldOf(make, {})
    const forged = { ...world.mutable(3, 'x'), sequence: 9 }
    for (const index of [5, 6, 7]) send(world, index, forged)
    world.get(9, forged.key)
    const held = holdersOf(world, forged.key.hex).length
    claim(held === 0, 'K34', `${held} nodes keep what is forged`)
  },

  liar: (make) => {
    const liars = new Set([1, 2, 3, 4])
    const world: DhtWorld = worldOf(make, {
      nodes: 8,
      settings: routingSettings({ k: 8 }),
      hostile: ({ host, port }, index) =>
        liars.has(index)
          ? {
              nextDeadline: () => Infinity,
              step: (_, input, sink) => {
                if (input.type !== 'request') return
                const { key } = input.message
                const sender = { host, port, mode: 'server' } as const
                const record = { ...world.mutable(7, 'x'), sequence: 9 }
                const common = { key, sender, contacts: [] }
                if (input.message.type === 'find_value') {
                  sink.reply(input.replyId, { type: 'find_value_reply', record, ...common })
                } else sink.reply(input.replyId, { type: 'find_node_reply', ...common })
              },
            }
          : undefined,
    })
    world.get(0, world.mutable(7, 'x').key)
  },

  expiry: (make) => {
    const world = worldOf(make, {})
    const record = world.mutable(3, 'x', { ttlMs: 5 * MINUTE })
    world.put(3, record)
    world.run(6 * MINUTE)
    const held = holdersOf(world, record.key.hex).length
    claim(held === 0, 'K31', `${held} nodes keep what is over`)
  },

  holders: (make) => {
    const world = worldOf(make, { nodes: 30 })
    const record = world.mutable(3, 'x')
    world.put(3, record)
    const holders = holdersOf(world, record.key.hex)
    for (const holder of [3, ...holders.slice(1)]) {
      world.core.stop(holder)
      world.tellDown(holder)
    }
    world.run(20 * MINUTE)
    const now = holdersOf(world, record.key.hex).length
    claim(now >= 4, 'K29', `intervals after crashes there are ${now} holders`)
  },

  newcomer: (make) => {
    const settings = routingSettings({ k: 8 })
    const records = recordsSettings({ k: 8, putRadius: false })
    const world = worldOf(make, { nodes: 41, warm: 40, settings, records })
    const { key } = world.contactOf(40)
    const record = world.provider(3, key)
    world.settle([world.start(3, { type: 'provide', record, options: {} })])
    const before = world.messages['add_provider'] ?? 0
    world.startJoining(40, [1])
    world.run(MINUTE)
    claim(holdersOf(world, key.hex).includes(40), 'K35', 'the newcomer was not given its record')
    const sent = (world.messages['add_provider'] ?? 0) - before
    claim(sent <= 4, 'K35', `${sent} holders gave it`)
  },

  old_holders: (make) => {
    const records = recordsSettings({ k: 4, putRadius: false, replicate: false })
    const world = worldOf(make, { records })
    const record = world.mutable(3, 'x')
    world.put(3, record)
    const holders = holdersOf(world, record.key.hex).filter((index) => index !== 3)
    world.core.network.add({ type: 'partition', groups: [[holders[0]!]] })
    world.put(3, world.mutable(3, 'x', { sequence: 2 }))
    world.core.network.clear()
    // Until nobody holds it for down any more.
    world.run(3 * MINUTE)
    const reader = world.living().find(({ index }) => index !== 3 && !holders.includes(index))!
    world.get(reader.index, record.key, { quorum: 4 })
    world.run(2 * SECOND)
    const [kept] = [...world.dhtNode(holders[0]!).records.entries()].filter(
      (entry) => entry.record.key.hex === record.key.hex,
    )
    claim(kept?.record.sequence === 2, 'K33', 'a holder that was asked keeps the older record')
  },

  flood: (make) => {
    const world = worldOf(make, { nodes: 8, records: recordsSettings({ k: 4, recordsMax: 5 }) })
    for (let i = 0; i < 30; i++) send(world, 5, world.mutable(2, `flood ${i}`))
    world.run(MINUTE)
  },

  sybils: (make) => {
    const base = { seed: 5, nodes: 150, sybils: 20, keys: 1, putRadius: true } as const
    const { found, gets } = eclipse({ ...base, world: make })
    claim(found === gets, 'K45', `${found} of ${gets} gets find the record among Sybils`)
  },
}

/** A store of one node at another, as a hostile peer could send it. */
function send(world: DhtWorld, to: number, record: ReturnType<DhtWorld['mutable']>): void {
  const { id: from, host, port } = world.contactOf(to === 0 ? 1 : 0)
  const sender = { host, port, mode: 'server' } as const
  const { key } = record
  world.core.inject(to, {
    type: 'request',
    from,
    replyId: -1 - world.core.steps,
    message: { type: 'store', key, sender, record, ttlMs: undefined, expectedSequence: undefined },
  })
  world.run(SECOND)
}
