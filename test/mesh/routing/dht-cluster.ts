/** Worlds of nodes that run a DHT, for tests. */
import type { NodeDisk } from '../../../mesh/identity/data-dir.ts'
import { ed25519Signatures } from '../../../mesh/identity/signatures.ts'
import { simulatedSignatures } from '../../../mesh/identity/simulated-signatures.ts'
import type { Mesh } from '../../../mesh/mesh.ts'
import type { MeshOptions } from '../../../mesh/options.ts'
import type { DhtContact } from '../../../mesh/routing/dht.ts'
import type { DhtOptions } from '../../../mesh/routing/options.ts'
import type { Store } from '../../../mesh/store/store.ts'
import { Cluster } from '../cluster.ts'

/** How nodes are started. */
export interface DhtWorldOptions {
  readonly seed?: number
  readonly latencyMs?: number
  /** Real signatures: a data directory keeps real keys only. */
  readonly real?: boolean
  readonly dht?: DhtOptions
  readonly more?: MeshOptions
}

/** The address by which others find node `n`. */
export function seedOf(n: number): string {
  return `n${n}@10.0.0.${n}:4433`
}

/** A world without nodes. */
export function dhtCluster({
  seed = 1,
  latencyMs = 1,
  real = false,
}: DhtWorldOptions = {}): Cluster {
  const signatures = real ? ed25519Signatures : simulatedSignatures()
  return new Cluster(seed, { latencyMs, jitterMs: 1, signatures })
}

/** Starts node `n`, which knows node 1. */
export function startOne(
  cluster: Cluster,
  n: number,
  { dht = {}, more = {} }: DhtWorldOptions = {},
): Promise<Mesh> {
  const seeds = n === 1 ? [] : [seedOf(1)]
  return cluster.start(`n${n}`, n, { seeds, membership: 'local', dht, ...more })
}

/** Starts nodes 1 to `count` and waits until they have joined and published where they are. */
export async function startAll(
  cluster: Cluster,
  count: number,
  options: DhtWorldOptions = {},
): Promise<Mesh[]> {
  const meshes: Mesh[] = []
  for (let n = 1; n <= count; n++) meshes.push(await startOne(cluster, n, options))
  await cluster.clock.advance(10_000)
  return meshes
}

/** Names of the nodes with those keys, sorted. */
export function namesOf(meshes: readonly Mesh[], contacts: readonly DhtContact[]): string {
  const names = new Map(meshes.map(({ key, nodeId }) => [key.hex, nodeId.split('@')[0]]))
  return contacts
    .map(({ key }) => names.get(key.hex) ?? key.hex)
    .sort()
    .join(' ')
}

/** Names in the routing table of a node, sorted. */
export function tableOf(meshes: readonly Mesh[], mesh: Mesh): string {
  return namesOf(
    meshes,
    mesh.dht.table().map(({ contact }) => contact),
  )
}

/** Kills the process of a node whose contract has that name. */
export function killPart(mesh: Mesh, part: 'routing' | 'records'): void {
  const found = [...mesh.system.processes()].find(({ label }) => label.includes(`fovea.${part}/`))
  if (found === undefined) throw new Error(`${mesh.nodeId} has no process ${part}`)
  mesh.system.exit(found.pid, 'kill')
}

/** The bytes of a text. */
export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** The text of bytes. */
export function textOf(value: Uint8Array): string {
  return new TextDecoder().decode(value)
}

/** A data directory whose store is opened by the test. */
export function diskOf(openStore: () => Promise<Store>): NodeDisk {
  return {
    open: async ({ createKeys }) => ({
      path: 'simulated',
      membershipPath: 'simulated/membership.json',
      keys: createKeys(),
      incarnation: 1,
      readMembership: async () => undefined,
      raise: async () => {},
      openStore,
      close: async () => {},
    }),
  }
}
