/**
 * A program that publishes at least once, with an outbox on disk and a network that loses little or much, until it is killed. It
 * says on stdout what happened: `kept <n>` when message n was accepted (what is written after it is flushed), `got <n>`
 * when its subscriber handled it, `done` when, with `rest` as mode, nothing waits any more.
 */
import { RandomStream } from '../../../mesh/machine/random-stream.ts'
import { openLmdbStore } from '../../../mesh/store/lmdb.ts'
import { PubSubNet } from './pubsub-net.ts'

const [dir = '', round = '0', start = '0', mode = 'publish'] = process.argv.slice(2)
const isPublishing = mode === 'publish'
const random = new RandomStream(Number(round), 1)
// Some lives bring all that waits, others nothing.
const lostPercent = isPublishing ? random.below(100) : 0
const store = await openLmdbStore(dir)
const net = new PubSubNet({ seed: Number(round) + 1, pubsub: { retryMaxMs: 1_000 } })
const publisher = await net.start({ store, key: 'a'.repeat(64), incarnation: Number(round) + 1 })
const subscriber = await net.start({ key: 'b'.repeat(64), incarnation: Number(round) + 1 })
net.net.loses = () => random.below(100) < lostPercent

subscriber.pubsub.subscribe('x', ({ payload }) => {
  process.stdout.write(`got ${(payload as { readonly number: number }).number}\n`)
})
await net.advance(10)

for (let number = Number(start); isPublishing; number++) {
  const payload = { number, filling: 'x'.repeat(random.below(1_000) * random.below(200)) }
  publisher.pubsub.publish('x', payload, { qos: 1 }).catch((error: unknown) => {
    process.stdout.write(`failed ${number} ${String(error)}\n`)
  })
  await store.put('mark', Buffer.from(`${number}`))
  process.stdout.write(`kept ${number}\n`)
  await net.advance(20)
}
while (publisher.pubsub.stats().outbox > 0) await net.advance(100)
await store.close()
process.stdout.write('done\n')
process.disconnect()
