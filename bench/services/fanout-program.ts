/**
 * One program of the bench of fan-out: `fanout-program WAY publisher AT` or `... subscribers AT COUNT`. Told what to do, it says
 * when that is done, and how much processor time it took since it was told before. Ends with its parent.
 */
import { fanoutWay } from './fanout-ways.ts'

const TOPIC = 'bench.data'

/** What the parent says. */
export type FanoutOrder =
  | { readonly type: 'ready'; readonly programs: number }
  /** For a publisher. */
  | { readonly type: 'publish'; readonly messages: number; readonly bytes: number }
  /** For subscribers: answer when so many deliveries have come. */
  | { readonly type: 'expect'; readonly deliveries: number }
  | { readonly type: 'cpu' }

/** What a program says. */
export interface FanoutReply {
  readonly address?: string
  /** Since the last `cpu`. */
  readonly microseconds?: number
}

const [wayName, role, at, count] = process.argv.slice(2)
if (wayName === undefined || at === undefined) throw new Error('usage: WAY ROLE AT [COUNT]')
const way = await fanoutWay(wayName)
const say = (reply: FanoutReply): void => void process.send!(reply)

let before = process.cpuUsage()
function cpu(): FanoutReply {
  const { user, system } = process.cpuUsage(before)
  before = process.cpuUsage()
  return { microseconds: user + system }
}

async function runPublisher(): Promise<void> {
  const publisher = await way.publisher(at!, TOPIC)
  process.on('message', (order: FanoutOrder) => {
    if (order.type === 'cpu') say(cpu())
    if (order.type === 'ready') void publisher.ready(order.programs).then(() => say({}))
    if (order.type !== 'publish') return
    const payload = new Uint8Array(order.bytes).fill(7)
    for (let i = 0; i < order.messages; i++) publisher.publish(payload)
    void publisher.settled().then(() => say({}))
  })
  say({ address: publisher.address })
}

async function runSubscribers(): Promise<void> {
  let expected = Infinity
  let seen = 0
  const settle = (): void => {
    if (seen < expected) return
    expected = Infinity
    seen = 0
    say({})
  }
  await way.subscribers(at!, TOPIC, Number(count), (bytes) => {
    // The probes of a publisher that asks who is there are empty.
    if (bytes === 0) return
    seen += 1
    settle()
  })
  process.on('message', (order: FanoutOrder) => {
    if (order.type === 'cpu') say(cpu())
    if (order.type !== 'expect') return
    expected = order.deliveries
    settle()
  })
  say({})
}

process.on('disconnect', () => process.exit(0))
await (role === 'publisher' ? runPublisher() : runSubscribers())
