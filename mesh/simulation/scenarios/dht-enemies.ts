/** Enemies: a share of all nodes that work together (S/Kademlia), and Sybils around one key. */
import { keyFromWords, type KadKey } from '../../routing/kademlia/id.ts'
import { routingSettings } from '../../routing/kademlia/settings.ts'
import { recordsSettings, type RecordsSettings } from '../../routing/records/settings.ts'
import { Sequence } from '../chance.ts'
import { Conspiracy } from '../conspiracy.ts'
import { nearest } from '../dht-oracle.ts'
import { DhtWorld } from '../dht-world.ts'
import { mutableKey } from '../keyed-record-authority.ts'
import { mean } from '../statistics.ts'
import { WIDE_AREA, wideWorld, type DhtScenarioOptions } from './dht-lookups.ts'

/** How lookups among colluders went. */
export interface Resistance {
  readonly lookups: number
  /** Reached the honest node that is nearest to the key. */
  readonly reached: number
  readonly requestsMean: number
  readonly depthMean: number
}

/** Lookups of honest nodes while a share of all nodes colludes; `paths` disjoint paths each. */
export function colluders(
  options: DhtScenarioOptions & { readonly share: number; readonly paths: number },
): Resistance {
  const { seed, nodes, share, paths, lookups = 200 } = options
  const settings = options.settings ?? routingSettings({ k: 16 })
  const luck = new Sequence(seed + 1)
  const evil = new Set(luck.sample(Math.round(share * nodes), nodes))
  const conspiracy = new Conspiracy(settings.k * settings.answerFactor)
  const world = new DhtWorld({
    seed,
    nodes,
    settings,
    links: false,
    network: WIDE_AREA,
    hostile: (self, index) => (evil.has(index) ? conspiracy.enlist(self) : undefined),
  })
  const honest = world.servers().filter(({ id }) => !conspiracy.has(id))
  let reached = 0
  const requests: number[] = []
  const depths: number[] = []
  for (let done = 0; done < lookups; done += 20) {
    const begun = Array.from({ length: Math.min(20, lookups - done) }, () =>
      world.startLookup(world.randomNode(), world.randomKey(), { paths, ...options.spec }),
    )
    world.settle(begun)
    for (const { index, spec, result } of begun) {
      const own = world.contactOf(index).id
      const [best] = nearest(
        honest.filter(({ id }) => id !== own),
        spec.target,
        1,
      )
      if (result!.closest.some(({ id }) => id === best!.id)) reached++
      requests.push(result!.requests)
      depths.push(result!.depth)
    }
  }
  return { lookups, reached, requestsMean: mean(requests), depthMean: mean(depths) }
}

/** What S/Kademlia gives as the least share of lookups with an honest path: 1 - (1 - (1 - a)^h)^d. */
export function honestPathShare(share: number, depth: number, paths: number): number {
  return 1 - (1 - (1 - share) ** depth) ** paths
}

/** How gets went while Sybils sat around the keys. */
export interface Eclipse {
  readonly keys: number
  readonly gets: number
  readonly found: number
  /** Holders of ours per key. */
  readonly holdersMean: number
  readonly requestsMean: number
}

/** A key that is nearer to `target` than any honest one: the first 64 bits are the same. */
function besideKey(target: KadKey, luck: Sequence): KadKey {
  const words = Uint32Array.from(target.words)
  for (let at = 2; at < words.length; at++) words[at] = Math.floor(luck.next() * 2 ** 32)
  return keyFromWords(words)
}

/**
 * `sybils` ids nearest to a key acknowledge what they are given to keep and throw it away. An honest node puts
 * a record there, others get it; one world per key, since a table of many Sybils estimates nothing.
 */
export function eclipse(
  options: DhtScenarioOptions & {
    readonly sybils: number
    readonly keys: number
    readonly getsPerKey?: number
    readonly putRadius: boolean
    readonly records?: Partial<RecordsSettings>
  },
): Eclipse {
  const { seed, nodes, sybils, keys, getsPerKey = 5, putRadius } = options
  const settings = options.settings ?? routingSettings()
  let found = 0
  const holders: number[] = []
  const requests: number[] = []
  for (let key = 0; key < keys; key++) {
    const conspiracy = new Conspiracy(settings.k * settings.answerFactor)
    const luck = new Sequence(1_000 * seed + key)
    let target: KadKey | undefined
    const world: DhtWorld = wideWorld({
      seed: 1_000 * seed + key,
      nodes: nodes + sybils + 1,
      settings,
      world: {
        ...options.world,
        warm: nodes + sybils,
        records: recordsSettings({ ...options.records, putRadius }),
        keyOf: (index, keyed) => {
          target ??= mutableKey(keyed(nodes + sybils).hex, 'x')
          return index >= nodes && index < nodes + sybils ? besideKey(target, luck) : undefined
        },
        hostile: (self, index) =>
          index >= nodes && index < nodes + sybils ? conspiracy.enlist(self) : undefined,
      },
    })
    const publisher = nodes + sybils
    // Whoever joins looks up enough to know how large the network is.
    world.startJoining(publisher, [0])
    world.run(60_000)
    const put = world.put(publisher, world.mutable(publisher, 'x'))
    holders.push((put.outcome?.holders ?? []).filter(({ id }) => !conspiracy.has(id)).length)
    requests.push(put.outcome?.requests ?? 0)
    world.core.stop(publisher)
    for (let i = 0; i < getsPerKey; i++) {
      const reader = world.randomNode()
      // As every node that has lived for an hour: it has refreshed some buckets.
      world.settle(Array.from({ length: 8 }, () => world.startLookup(reader, world.randomKey())))
      const { outcome, code } = world.get(reader, target!)
      if (code === undefined && outcome!.records.length > 0) found++
    }
  }
  return {
    keys,
    gets: keys * getsPerKey,
    found,
    holdersMean: mean(holders),
    requestsMean: mean(requests),
  }
}
