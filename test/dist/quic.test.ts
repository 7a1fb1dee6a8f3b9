/** The same over real UDP sockets and QUIC, in one OS process. Waits for events, never for time. */
import { afterEach, describe, expect, it } from 'vitest'
import {
  contract,
  implement,
  reply,
  type Contract,
  type Ref,
  type Server,
} from '../../behaviours/index.ts'
import { startNode, type FoveaNode, type NodeOptions } from '../../dist/index.ts'
import { createRealm } from '../../mesh/index.ts'
import { Counter, CounterContract, probe, type CounterApi } from './support/world.ts'

interface BookApi {
  call: { note(number: number): number }
  cast: {}
}

const BookContract: Contract<BookApi> = contract('book/1', { call: { note: true }, cast: {} })

/** Notes what it is told, where the test sees it. */
const bookOf = (noted: number[]): Server<BookApi> =>
  implement<BookApi, undefined, undefined>(BookContract, {
    init: () => undefined,
    call: {
      note: (state, number) => {
        noted.push(number)
        return reply(number, state)
      },
    },
    cast: {},
  })

const realm = createRealm('com.example.quic')
const running: FoveaNode[] = []

async function start(nodeName: string, options: NodeOptions = {}): Promise<FoveaNode> {
  const seeds = running.map(({ id }) => id)
  const node = await startNode({
    ...{ nodeName, host: '127.0.0.1', port: 0, realm, seeds, keepaliveIntervalMs: 200 },
    ...options,
  })
  running.push(node)
  node.behaviorRegistry.register('counter', Counter, { remote: true })
  return node
}

async function started(count: number, options: NodeOptions = {}): Promise<FoveaNode[]> {
  for (let i = 1; i <= count; i++) await start(`q${i}`, options)
  for (const here of running) {
    for (const there of running) await here.cluster.waitFor(there.id)
  }
  return running
}

afterEach(async () => {
  await Promise.all(running.splice(0).map((node) => node.stop()))
})

const spawn = (from: FoveaNode, on: FoveaNode, arg = 0): Promise<Ref<CounterApi>> =>
  from.remoteSpawn.spawn(CounterContract, on.id, { arg })

const reasonOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no failure',
    (error: { reason?: unknown; code?: unknown }) => error.reason ?? error.code,
  )

const reasonOr = (promise: Promise<unknown>): Promise<unknown> =>
  promise.catch((error: { reason?: unknown }) => error.reason)

describe('over QUIC', () => {
  it('two nodes spawn, call, cast in order, monitor, and see a graceful stop', async () => {
    const [a, b] = (await started(2, { leaveTimeoutMs: 200 })) as [FoveaNode, FoveaNode]
    const ref = await spawn(a, b)
    for (let i = 0; i < 1_000; i++) ref.cast.add(1)
    expect(await ref.call.get()).toBe(1_000)
    const many = await Promise.all(Array.from({ length: 500 }, () => ref.call.add(1)))
    expect(many).toEqual(Array.from({ length: 500 }, (_, i) => 1_001 + i))
    const big = new Uint8Array(5_000_000).fill(7)
    expect(((await ref.call.echo(big)) as Uint8Array).length).toBe(big.length)
    expect(await reasonOf(ref.call.unsendable())).toBe('ERR_VALUE_UNSENDABLE')
    const downs: unknown[] = []
    const down = new Promise<void>((resolve) => {
      a.remoteMonitor.monitor(ref, (_ref, reason) => {
        downs.push(reason)
        resolve()
      })
    })
    const left = new Promise<unknown>((resolve) => a.cluster.onNodeDown((_id, why) => resolve(why)))
    const pending = reasonOf(ref.call.hang())
    await ref.call.get()
    await b.stop()
    await down
    expect(downs).toEqual(['noconnection'])
    expect(await pending).toBe('noconnection')
    expect(await left).toBe('graceful_shutdown')
    expect(await reasonOf(ref.call.get())).toBe('noconnection')
  })

  it('a node that stops answers what was sent before its caller knew, and executes no other call', async () => {
    const [a, b] = (await started(2)) as [FoveaNode, FoveaNode]
    const noted: number[] = []
    b.behaviorRegistry.register('book', bookOf(noted), { remote: true })
    const book = await a.remoteSpawn.spawn(BookContract, b.id)
    const outcomes: unknown[] = []
    let late = 0
    const stopped = b.stop()
    for (let number = 0; !outcomes.includes('noconnection'); number += 20) {
      let isSameTurn = true
      const calls = Array.from({ length: 20 }, async (_, at) => {
        outcomes[number + at] = await reasonOr(book.call.note(number + at))
        if (outcomes[number + at] === 'noconnection' && !isSameTurn) late++
      })
      for (let i = 0; i < 20; i++) await Promise.resolve()
      isSameTurn = false
      await Promise.all(calls)
    }
    await stopped
    const answered = outcomes.filter((outcome) => typeof outcome === 'number')
    expect(answered.length).toBeGreaterThan(20)
    // What its caller knew to be in vain was refused at once, and nothing else was.
    expect([noted, late]).toEqual([answered, 0])
  })

  it('three nodes pass refs on, and a broken link harms nobody else', async () => {
    const [a, b, c] = (await started(3)) as [FoveaNode, FoveaNode, FoveaNode]
    const onB = await spawn(a, b, 10)
    const onC = await spawn(a, c, 100)
    expect(await onB.call.relay({ ref: onC, by: 1 })).toBe(101)
    expect(await onC.call.relay({ ref: onB, by: 5 })).toBe(15)
    const watcher = probe(a)
    a.system.monitor(watcher.pid, onB.pid)
    const linked = await spawn(a, b, 1)
    a.system.link(watcher.pid, linked.pid)
    await linked.call.get()
    const pending = reasonOf(onB.call.hang())
    await onB.call.get()
    const lost = new Promise<unknown>((resolve) => a.cluster.onNodeDown((_id, why) => resolve(why)))
    a.mesh.linkTo(b.key.hex)!.fail('ERR_TEST', 'for the test')
    expect(await lost).toBe('connection_closed')
    expect(await pending).toBe('noconnection')
    expect(await onC.call.get()).toBe(101)
    // The mesh dials again; what was lost stays lost.
    await a.cluster.waitFor(b.id)
    expect(await onB.call.get()).toBe(15)
    // The linked one did not trap exits: X-22 took it along.
    expect(await reasonOf(linked.call.get())).toBe('noproc')
    await onB.call.quit('later')
    expect(await onC.call.relay({ ref: await spawn(a, b, 1), by: 1 })).toBe(2)
    expect(watcher.signals().sort()).toEqual(['down noconnection', 'exit noconnection'])
  })
})
