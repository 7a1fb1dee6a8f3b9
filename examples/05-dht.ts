/**
 * A directory without a server. Five nodes know one address each; what one of them stores, every other one finds, and
 * it outlives the node that stored it. Run it with: npm run example 05
 */
import { startNode } from 'fovea/dist'
import type { FoveaNode } from 'fovea/dist'
import { createRealm, DhtError } from 'fovea/mesh'

const realm = createRealm('com.example.directory')
const nodes: FoveaNode[] = []
for (const nodeName of ['a', 'b', 'c', 'd', 'e']) {
  const seeds = nodes.slice(0, 1).map(({ id }) => id)
  nodes.push(await startNode({ nodeName, host: '127.0.0.1', port: 0, realm, seeds }))
}
const [a, b, c, d, e] = nodes.map(({ mesh }) => mesh.dht)
await Promise.all(nodes.map(({ mesh }) => mesh.dht.joined()))

// A value that never changes is found by what it says; one with a name can be replaced, by its owner only.
const { key, holders } = await a!.put(new TextEncoder().encode('hello'))
console.log(
  `kept by ${holders.length} others, found by e:`,
  new TextDecoder().decode((await e!.get(key)).value),
)
const put = (colour: string) => a!.put({ name: 'colour', value: a!.encode({ colour }) })
await put('red')
const { sequence } = await put('green')
const config = b!.nameKey('colour', nodes[0]!.key)
console.log('b reads', b!.decode((await b!.get(config)).value))

// Compare and swap: whoever read an old version is refused.
const stale = {
  name: 'colour',
  value: a!.encode({ colour: 'blue' }),
  expectedSequence: sequence - 1,
}
const refused = await a!.put(stale).catch((error: unknown) => error)
if (refused instanceof DhtError) console.log('refused:', refused.code)

// Who provides something, with a word about it, as they are found.
await c!.provide('thumbnails', c!.encode({ zone: 'west' }))
const provision = await d!.provide('thumbnails', d!.encode({ zone: 'east' }))
for await (const { address, metadata } of e!.findProviders('thumbnails')) {
  console.log('thumbnails at', address.host, e!.decode(metadata))
}
await provision.withdraw()

// Where a node is, by its own signature; and how a lookup got there.
console.log('d is at', (await e!.findNode(nodes[3]!.id))?.address.host)
const lookup = e!.lookup('thumbnails')
for await (const { outcome, depth } of lookup)
  console.log(`asked one at depth ${depth}: ${outcome}`)
console.log('nearest that answered:', (await lookup.result).closest.length)

// The node that stored the value is gone; the value is not.
await nodes[0]!.stop()
console.log('without a:', new TextDecoder().decode((await e!.get(key)).value))
await Promise.all(nodes.map((node) => node.stop()))
