/**
 * One node of the soak as an operating-system process: `node member.js OPTIONS`. It starts to work by itself, writes down
 * everything in its journal, takes JSON lines as commands on standard input and says JSON lines as events
 * (`test/support/json-child.ts`). After `stop` it must end by itself: what keeps it alive is a leak. It ends with its input.
 */
import process from 'node:process'
import { createInterface } from 'node:readline'
import { startNode } from '../../dist/index.ts'
import { createSeededEntropy } from '../../runtime/index.ts'
import { Heart } from './heart.ts'
import { Journal, nowUs } from './journal.ts'
import { Load, serve } from './member-load.ts'
import { Names } from './member-names.ts'
import { Strict } from './member-strict.ts'

/** The argument of the program. */
export interface MemberOptions {
  readonly nodeName: string
  readonly port: number
  readonly seeds: readonly string[]
  readonly realm: string
  readonly dataDir: string
  readonly voters: readonly string[]
  readonly ttlMs: number
  readonly journal: string
  /** Names this start. */
  readonly run: string
  readonly seed: number
}

const TICK_MS = 250

const say = (event: object): void => void process.stdout.write(`${JSON.stringify(event)}\n`)
process.on('unhandledRejection', (error) => {
  say({ event: 'unhandled', message: String(error) })
  process.exit(1)
})

const {
  journal: path,
  run,
  seed,
  ttlMs,
  ...options
} = JSON.parse(process.argv[2]!) as MemberOptions
const journal = new Journal(path)
const heart = new Heart(journal)
const sinceUs = nowUs()
const node = await startNode({
  ...options,
  host: '127.0.0.1',
  membership: 'local',
  leases: { ttlMs },
}).catch((error: unknown) => {
  // The ledger judges whether it had the time for it.
  journal.write({ kind: 'unstarted', sinceUs, reason: String(error) })
  say({ event: 'begun', isReady: false })
  process.exit(1)
})
const member = { node, journal, run, entropy: createSeededEntropy(seed) }
await serve(member)
const load = new Load(member)
const names = new Names(member)
const strict = new Strict(member)
strict.start()

const { clock } = node.system
let [isWorking, ticks, isStopped] = [true, 0, false]
const tick = (): void => {
  if (!isWorking) return
  load.tick()
  if (ticks++ % 3 === 0) names.tick()
  clock.setTimer(TICK_MS, tick)
}
tick()

const stats = (): object => {
  const { peers, refused } = node.stats()
  const sum = {
    callsOut: 0,
    callsIn: 0,
    spawnsOut: 0,
    bytesWaiting: 0,
    monitorsIn: 0,
    monitorsOut: 0,
  }
  for (const peer of Object.values(peers)) {
    for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += peer[name]
  }
  const { heapUsed, rss } = process.memoryUsage()
  return { ...sum, refused, heapUsed, rss, processes: [...node.system.processes()].length }
}

const commands: Readonly<Record<string, () => unknown>> = {
  /** No new work; resolves when all that was asked has ended. */
  rest: async () => {
    isWorking = false
    await Promise.all([load.settled(), strict.end()])
  },
  view: () => ({
    names: names.view(),
    strict: strict.view(),
    waiting: load.waiting + names.waiting,
    connected: node.cluster
      .getConnectedNodes()
      .map(({ key }) => key.hex)
      .sort(),
    stats: stats(),
  }),
  stop: async () => {
    isWorking = false
    const resting = strict.end()
    await node.stop()
    await Promise.all([load.settled(), resting])
    isStopped = true
    heart.stop()
    journal.close()
    lines.close()
    process.stdin.destroy()
  },
}

say({
  ...{ event: 'begun', isReady: true },
  ...{ id: node.id, key: node.key.hex, port: node.mesh.address.port },
})
const lines = createInterface({ input: process.stdin })
lines.on('line', (line) => {
  const { id, command } = JSON.parse(line) as { readonly id: number; readonly command: string }
  Promise.resolve()
    .then(() => commands[command]!())
    .then(
      (value) => say({ event: 'done', id, value }),
      (error: unknown) => say({ event: 'done', id, error: String(error) }),
    )
})
lines.on('close', () => {
  if (!isStopped) process.exit(0)
})
