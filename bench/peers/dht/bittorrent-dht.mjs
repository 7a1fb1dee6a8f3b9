/**
 * bittorrent-dht as its documentation has it: `listen`, `bootstrap` with the first node, `lookup`. What a
 * lookup found is kept for the announcement that usually follows; there is no public way to see it.
 */
import { readFileSync } from 'node:fs'
import DHT from 'bittorrent-dht'
import { measure, nearest, NODES, settled } from './figures.mjs'

const K = 20
const ID_BYTES = 20

const { version } = JSON.parse(
  readFileSync(new URL('node_modules/bittorrent-dht/package.json', import.meta.url), 'utf8'),
)

const nodes = []
let counted
let messages = 0

const begin = async (bootstrap) => {
  const dht = new DHT({ bootstrap })
  dht.on('warning', () => {})
  const { socket } = dht._rpc
  const query = socket.query
  socket.query = (peer, message, done) => {
    if (dht === counted && message.q === 'get_peers') messages++
    return query.call(socket, peer, message, done)
  }
  const ready = new Promise((resolve, reject) => dht.once('ready', resolve).once('error', reject))
  await new Promise((resolve) => dht.listen(0, '127.0.0.1', resolve))
  await ready
  nodes.push(dht)
  return dht
}

const first = await begin(false)
const seed = `127.0.0.1:${first.address().port}`
while (nodes.length < NODES) await begin([seed])
await settled(() => nodes.map((dht) => dht.nodes.count()), { calmMs: 3_000, timeoutMs: 30_000 })

const lookup = (dht, key) =>
  new Promise((resolve, reject) => {
    const target = key.subarray(0, ID_BYTES)
    counted = dht
    messages = 0
    dht.lookup(target, (error) => {
      counted = undefined
      if (error) return reject(error)
      const found = dht._tables.get(target.toString('hex')).closest(target, K)
      resolve({ messages, found: found.map(({ id }) => id.toString('hex')) })
    })
  })

const truth = (dht, key) => {
  const others = nodes.filter((node) => node !== dht)
  const right = nearest(others, ({ nodeId }) => nodeId, key.subarray(0, ID_BYTES), K)
  return right.map(({ nodeId }) => nodeId.toString('hex'))
}

const figures = await measure({ name: 'bittorrent-dht', version, k: K, nodes, lookup, truth })
console.log(JSON.stringify(figures))
process.exit(0)
