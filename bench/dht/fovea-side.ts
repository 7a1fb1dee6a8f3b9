/**
 * Fovea's side of the comparison with other DHTs: whole nodes on QUIC in one program, as the sides in
 * bench/peers/dht are. Arguments: nodes, lookups. One JSON object per line and per width of the lookup.
 */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { createRealm, startMesh, type Mesh } from 'fovea/mesh'

const K = 20
const PATIENCE_MS = 10_000
const FIGURES = pathToFileURL(join(process.cwd(), 'bench', 'peers', 'dht', 'figures.mjs')).href

/** What every side runs; plain JavaScript, since the libraries' sides are not compiled. */
interface SideKit {
  readonly NODES: number
  measure(side: {
    readonly name: string
    readonly version: string
    readonly k: number
    readonly nodes: readonly Mesh[]
    lookup(
      origin: Mesh,
      key: Uint8Array,
    ): Promise<{ readonly found: readonly string[]; readonly messages: number }>
    truth(origin: Mesh, key: Uint8Array): readonly string[]
  }): Promise<object>
  nearest(
    nodes: readonly Mesh[],
    idOf: (node: Mesh) => Uint8Array,
    target: Uint8Array,
    count: number,
  ): readonly Mesh[]
  settled(
    sizes: () => readonly number[],
    options: { readonly calmMs: number; readonly timeoutMs: number },
  ): Promise<void>
}

const { NODES, measure, nearest, settled } = (await import(FIGURES)) as SideKit

const realm = createRealm('side-by-side.fovea')
const nodes: Mesh[] = []
const tables = (of: readonly Mesh[]): readonly number[] => of.map((node) => node.dht.table().length)
while (nodes.length < NODES) {
  const seeds = nodes[0] === undefined ? [] : [nodes[0].nodeId]
  const name = `node-${nodes.length}`
  const node = await startMesh({
    ...{ name, realm, seeds },
    host: '127.0.0.1',
    port: 0,
    // Links are not what is measured: they stay, and whoever waits for a handshake has not failed.
    linksIdleMax: NODES,
    dht: { k: K, requestTimeoutMs: PATIENCE_MS },
  })
  nodes.push(node)
  // One after the other, as the other sides do: each looks around before the next comes.
  const joining = { calmMs: 500, timeoutMs: PATIENCE_MS }
  while (nodes.length > 1 && node.dht.table().length === 0) {
    await settled(() => tables([node]), joining)
  }
  await settled(() => tables([node]), joining)
}
await settled(() => tables(nodes), { calmMs: 10_000, timeoutMs: 120_000 })

const truth = (origin: Mesh, key: Uint8Array): readonly string[] => {
  const others = nodes.filter((node) => node !== origin)
  const right = nearest(others, (node) => Buffer.from(node.key.hex, 'hex'), key, K)
  return right.map((node) => node.key.hex)
}

for (const alpha of [3, 10]) {
  const figures = await measure({
    name: `Fovea, alpha ${alpha}`,
    version: 'this',
    ...{ k: K, nodes, truth },
    lookup: async (origin, key) => {
      const { closest, requests } = await origin.dht.lookup(key, { alpha }).result
      return { found: closest.map((contact) => contact.key.hex), messages: requests }
    },
  })
  console.log(JSON.stringify(figures))
}
await Promise.all(nodes.map((node) => node.stop()))
process.exit(0)
