/**
 * One message to 100 subscribers of its own program (PS4): what the delivery costs when nothing leaves the node, for payloads
 * that are handed on as they are and for those of which every subscriber that reads gets a copy. The floor is an EventEmitter,
 * which checks and isolates nothing; for bytes that are read, one whose listeners copy them and do nothing else.
 */
import { EventEmitter } from 'node:events'
import { createRealm, startMesh } from 'fovea/mesh'
import { median } from '../harness.ts'
import { Targets } from '../local/targets.ts'
import { publish, round, type Row } from '../sim/table.ts'

const SUBSCRIBERS = 100
const MESSAGES = 10_000
const RUNS = 5

/** Payloads of 128 bytes, by name. */
const PAYLOADS: Readonly<Record<string, unknown>> = {
  text: 'x'.repeat(128),
  bytes: new Uint8Array(128),
}

/** Publishes, and gives deliveries per second of processor time, the first run left out. */
async function measure(send: () => unknown, delivered: () => number): Promise<number> {
  const figures: number[] = []
  for (let run = 0; run <= RUNS; run++) {
    const before = delivered()
    const from = process.cpuUsage()
    for (let i = 0; i < MESSAGES; i++) send()
    await new Promise(setImmediate)
    const { user, system } = process.cpuUsage(from)
    const got = delivered() - before
    if (got !== MESSAGES * SUBSCRIBERS) throw new Error(`${got} deliveries`)
    if (run > 0) figures.push(got / ((user + system) / 1e6))
  }
  return median(figures)
}

async function rowsOf(name: string, payload: unknown): Promise<Row[]> {
  const realm = createRealm('com.example.bench')
  const mesh = await startMesh({ realm, host: '127.0.0.1', name: 'bench', port: 0 })
  const rows: Row[] = []
  for (const reads of [false, true]) {
    let count = 0
    const subscriptions = Array.from({ length: SUBSCRIBERS }, () =>
      mesh.pubsub.subscribe('bench.local', (message) => {
        if (reads && message.payload === undefined) throw new Error('nothing came')
        count += 1
      }),
    )
    const perSecond = await measure(
      () => mesh.pubsub.publish('bench.local', payload),
      () => count,
    )
    for (const subscription of subscriptions) subscription.unsubscribe()
    rows.push({
      ...{ way: 'mesh.pubsub', payload: name, 'read by subscribers': reads ? 'yes' : 'no' },
      'deliveries / CPU-s': round(perSecond, 0),
    })
  }
  await mesh.stop()
  return rows
}

async function floor(name: string, reads: boolean): Promise<Row> {
  const emitter = new EventEmitter({ captureRejections: false }).setMaxListeners(SUBSCRIBERS)
  let count = 0
  // Kept until the next one, so that no compiler leaves the copy out.
  let last: Uint8Array | undefined
  for (let i = 0; i < SUBSCRIBERS; i++) {
    emitter.on('bench', (payload: Uint8Array) => {
      if (reads) last = new Uint8Array(payload)
      count += 1
    })
  }
  const payload = PAYLOADS[name]
  const perSecond = await measure(
    () => emitter.emit('bench', payload),
    () => count,
  )
  if (reads && last?.length !== 128) throw new Error('nothing was copied')
  return {
    ...{ way: 'EventEmitter', payload: name, 'read by subscribers': reads ? 'yes, copied' : 'no' },
    'deliveries / CPU-s': round(perSecond, 0),
  }
}

/** Runs all; writes bench/results/services-local-fanout.json and its plot. */
export async function benchLocalFanout(): Promise<void> {
  const rows: Row[] = [await floor('text', false), await floor('bytes', true)]
  for (const [name, payload] of Object.entries(PAYLOADS))
    rows.push(...(await rowsOf(name, payload)))
  publish('services-local-fanout', {
    title: 'One message to 100 subscribers of the same program',
    how: `128 bytes, ${MESSAGES} messages, processor time, median of ${RUNS} runs after one that is left out.`,
    rows,
    chart: {
      title: 'Deliveries per second of processor time',
      x: 'row of the table',
      y: 'deliveries, millions',
      series: [
        {
          name: 'mesh.pubsub',
          points: rows.slice(2).map((row, at) => [at + 1, Number(row['deliveries / CPU-s']) / 1e6]),
        },
      ],
    },
  })
  const targets = new Targets()
  for (const row of rows.slice(2)) {
    const what = `${row['payload']}, ${row['read by subscribers'] === 'yes' ? 'read' : 'not read'}`
    targets.atLeast(`PS4 1 -> 100, ${what}`, Number(row['deliveries / CPU-s']), 3e6, '/ CPU-s')
  }
  targets.print()
}
