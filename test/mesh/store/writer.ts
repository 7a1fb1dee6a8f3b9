/**
 * A program that writes to a store until it is killed, and says on stdout what was acknowledged: `<counter>
 * <key>,<key>,...` for a batch, `gone <key>` for a deletion. Values follow from key and counter.
 */
import { RandomStream } from '../../../mesh/machine/random-stream.ts'
import { openLmdbStore } from '../../../mesh/store/lmdb.ts'
import { valueOf } from './written-value.ts'

const IN_FLIGHT = 6
const [dir = '', seed = '0', start = '0'] = process.argv.slice(2)
const random = new RandomStream(Number(seed), 1)
const store = await openLmdbStore(dir)
let counter = Number(start)

async function write(): Promise<void> {
  for (;;) {
    const own = ++counter
    const keys = Array.from({ length: 1 + random.below(8) }, () => `key/${random.below(400)}`)
    await store.batch(keys.map((key) => ({ key, value: valueOf(key, own, random.below(6_000)) })))
    process.stdout.write(`${own} ${keys.join()}\n`)
    if (own % 4 > 0) continue
    await store.put(`tmp/${own}`, valueOf(`tmp/${own}`, own, 3_000))
    await store.delete(`tmp/${own}`)
    process.stdout.write(`gone tmp/${own}\n`)
  }
}

await Promise.all(Array.from({ length: IN_FLIGHT }, write))
