/**
 * Nodes by the DHT of the mesh: all that registered for a cluster provide one key, and sign where they are. It brings a
 * node that knows one other together with all the rest; the first it must know by something else.
 */
import type { Dht, DhtProvider, Mesh } from '../../mesh/index.ts'
import { isClusterName, isNodeName } from '../../mesh/index.ts'
import {
  numberOption,
  resolveOptions,
  stringOption,
  type OptionCheck,
} from '../../runtime/index.ts'
import { isObject } from './json.ts'
import type { NodeWord } from './node-book.ts'
import { poll } from './poll.ts'
import type { Strategy } from './strategy.ts'

/** Names that one provider may say at most. */
const NAMES_MAX = 64

/** The key that the nodes of a cluster provide. */
export function clusterKey(cluster: string): string {
  return `fovea.discovery/1 cluster ${cluster}`
}

/** The key that the nodes of a name provide. */
export function nameKey(cluster: string, name: string): string {
  return `fovea.discovery/1 node ${cluster} ${name}`
}

/** What a provider says, as bytes: its names, and in which life of its it registered them. */
export function encodeNames(dht: Dht, names: readonly string[], generation: number): Uint8Array {
  return dht.encode({ names: [...names], generation })
}

/**
 * What a provider of `cluster` says; nothing when it says nothing of ours. A node with a data directory goes on saying
 * what it registered in an earlier life; who knows that it has begun another one does not believe that.
 */
export function wordsOf(
  { dht, membership }: Pick<Mesh, 'dht' | 'membership'>,
  cluster: string,
  provider: DhtProvider,
): NodeWord[] {
  let said: unknown
  try {
    said = dht.decode(provider.metadata)
  } catch {
    // Anybody of the realm may provide the key with any bytes.
    return []
  }
  const { names, generation } = isObject(said) ? said : {}
  if (!Array.isArray(names) || typeof generation !== 'number') return []
  const member = membership.member(provider.key.hex)
  if (member !== undefined && member.incarnation.generation > generation) return []
  const { host, port } = provider.address
  return names
    .slice(0, NAMES_MAX)
    .filter(isNodeName)
    .map((name) => ({ key: provider.key.hex, name, cluster, address: { host, port } }))
}

/** Options of {@link dhtNodes}. */
export interface DhtNodesOptions {
  /** Default `'dht'`. */
  readonly name: string
  /** Default: the cluster of the node. */
  readonly cluster: string | undefined
  /** Pause between two lookups. Default 30,000 ms. */
  readonly intervalMs: number
  /** Shortest pause. Default 1,000 ms. */
  readonly intervalMinMs: number
  /** Wait for one lookup. Default 10,000 ms. */
  readonly timeoutMs: number
  /** An address that no lookup found for so long is not tried any more. Default 120,000 ms. */
  readonly forgetAfterMs: number
}

const millis = numberOption(1, 2_147_483_647)

const CHECKS: { readonly [K in keyof DhtNodesOptions]-?: OptionCheck } = {
  name: stringOption,
  cluster: {
    expected: 'the name of a cluster',
    test: (value) => value === undefined || isClusterName(value),
  },
  intervalMs: millis,
  intervalMinMs: millis,
  timeoutMs: millis,
  forgetAfterMs: millis,
}

const DEFAULTS: DhtNodesOptions = Object.freeze<DhtNodesOptions>({
  name: 'dht',
  cluster: undefined,
  intervalMs: 30_000,
  intervalMinMs: 1_000,
  timeoutMs: 10_000,
  forgetAfterMs: 120_000,
})

/**
 * Proposes the nodes that registered in the DHT with `registerNode`.
 *
 * @example
 * dhtNodes({ cluster: 'shop' })
 */
export function dhtNodes(given: Partial<DhtNodesOptions> = {}): Strategy {
  const options = resolveOptions('dhtNodes', DEFAULTS, CHECKS, given)
  return {
    name: options.name,
    start: (sink, context) => {
      const { dht, self } = context
      const key = clusterKey(options.cluster ?? self.cluster)
      const ask = async (signal: AbortSignal) => {
        const found = await dht.providers(key, { signal, timeoutMs: options.timeoutMs })
        const others = found.filter((one) => one.key.hex !== self.key.hex)
        return {
          candidates: others.map(({ address: { host, port }, key: own }) => ({
            host,
            port,
            key: own,
          })),
        }
      }
      return poll({ ...options, ask }, sink, context)
    },
  }
}
