/**
 * Topics, procedures and presence without a broker: three nodes, none of which is special. Run it with:
 * npm run example 06
 */
import { startNode } from 'fovea/dist'
import type { FoveaNode } from 'fovea/dist'
import { createRealm, PubSubError } from 'fovea/mesh'

const realm = createRealm('com.example.shop')
const nodes: FoveaNode[] = []
for (const nodeName of ['till', 'stock', 'office']) {
  const seeds = nodes.slice(0, 1).map(({ id }) => id)
  nodes.push(await startNode({ nodeName, host: '127.0.0.1', port: 0, realm, seeds }))
}
const [till, stock, office] = nodes.map(({ mesh }) => mesh)
await Promise.all(nodes.map(({ mesh }) => mesh.dht.joined()))

// Who subscribes is found, wherever it is; `*` is one segment, `**` any number of them.
const sold: string[] = []
const subscription = office!.pubsub.subscribe<number>('shop.*.sold', ({ topic, payload }) => {
  sold.push(`${topic} ${payload}`)
})
stock!.pubsub.subscribe('shop.**', () => {}, { group: 'stock' })

// A procedure is called by its name. The deadline travels, and so does the end of a call nobody waits for any more.
const prices = new Map([['tea', 3]])
await stock!.rpc.advertise('shop.price', (of: string) => prices.get(of))

// Who wants or offers something new is known to others a moment later: `told` waits until all linked nodes know.
till!.presence.track('shop.counter', 'ann', { since: 9 })
await Promise.all([stock!.services.told(), office!.services.told()])
console.log('tea costs', await till!.rpc.call('shop.price', 'tea'))

// At least once: resolves when the subscribers of every node have had it.
await till!.pubsub.publish('shop.tea.sold', 2, { delivery: 'at_least_once' })
console.log('the office heard:', sold.join())

// Who is here, and who just left.
const here = await office!.presence.list('shop.counter')
console.log('at the counter:', here.map(({ key }) => key).join())

// What nobody wants is said at once, not by a timeout.
subscription.unsubscribe()
const nobody = await till!.pubsub.request('office.question', '?').catch((error: unknown) => error)
if (nobody instanceof PubSubError) console.log('refused:', nobody.code)

await Promise.all(nodes.map((node) => node.stop()))
