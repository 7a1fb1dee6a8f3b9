import { describe, expect, it } from 'vitest'
import { MemoryNetwork } from '../../../../mesh/transport/memory.ts'
import type { MemoryNetworkOptions } from '../../../../mesh/transport/memory.ts'
import { createSeededEntropy, createSimClock } from '../../../../runtime/index.ts'
import type { SimClock } from '../../../../runtime/index.ts'
import { echo, Kit, Watched } from '../../../conformance/transport-world.ts'
import type { KitNode, Pair } from '../../../conformance/transport-world.ts'

const A = '10.0.0.1'
const B = '10.0.0.2'

interface Setting {
  readonly clock: SimClock
  readonly network: MemoryNetwork
  readonly kit: Kit
  readonly a: KitNode
  readonly b: KitNode
  readonly pair: Pair
}

async function setUp(options: Partial<MemoryNetworkOptions> = {}, seed = 1): Promise<Setting> {
  const clock = createSimClock()
  const entropy = createSeededEntropy(seed)
  const network = new MemoryNetwork({ latencyMs: 10, ...options, clock, entropy })
  const kit = new Kit({
    host: A,
    transport: (limits) => network.transport(limits),
    nowMs: () => clock.now(),
    kill: () => {},
    until: async (condition, what) => {
      await clock.settle()
      for (let step = 0; !condition(); step++) {
        if (step > 60_000) expect.fail(`waited in vain for ${what}`)
        await clock.advance(1)
      }
    },
  })
  const b = await kit.node({ host: B, port: 4_433 })
  const a = await kit.node({ host: A, port: 4_433 })
  const pair = await kit.join(a, b)
  return { clock, network, kit, a, b, pair }
}

const idle = { by: 'idle_timeout', code: 0, reason: '' }

describe('MemoryNetwork', () => {
  it('carries bytes after exactly the latency', async () => {
    const { clock, pair } = await setUp()
    const out = pair.near.open()
    out.stream.write(Buffer.from('x'))
    await clock.advance(9)
    expect(pair.far.streams).toHaveLength(0)
    await clock.advance(1)
    expect(pair.far.streams[0]!.text).toBe('x')
  })

  it('connects in one round trip; the listener hears of it half a trip later', async () => {
    const { clock, a, b } = await setUp()
    const startMs = clock.now()
    const dialled: number[] = []
    const dial = a.endpoint.dial(b.endpoint.address).then(() => dialled.push(clock.now() - startMs))
    await clock.advance(29)
    expect([dialled, b.accepted.length]).toEqual([[20], 1])
    await clock.advance(1)
    expect(b.accepted).toHaveLength(2)
    await dial
  })

  it('a partition that heals in time loses no byte of a stream, but loses datagrams', async () => {
    const { clock, network, pair } = await setUp()
    const out = pair.near.open()
    out.stream.write(Buffer.from('on its way '))
    await clock.advance(5)
    network.partition(A, B)
    out.stream.write(Buffer.from('during '))
    pair.near.connection.sendDatagram(Buffer.from('lost'))
    await clock.advance(5_000)
    expect(pair.far.streams).toHaveLength(0)
    network.heal()
    expect(pair.far.streams).toHaveLength(0) // not inside the call
    out.stream.write(Buffer.from('after'))
    out.stream.end()
    await clock.advance(100)
    expect(pair.far.streams[0]).toMatchObject({ text: 'on its way during after', ended: 1 })
    expect(pair.far.datagrams).toEqual([])
    expect([pair.near.closed, pair.far.closed]).toEqual([[], []])
  })

  it('a partition that lasts ends both sides at the idle timeout', async () => {
    const { clock, network, pair } = await setUp()
    network.partition(A, B)
    await clock.advance(9_999)
    expect([pair.near.closed, pair.far.closed]).toEqual([[], []])
    await clock.advance(1)
    expect([pair.near.closed, pair.far.closed]).toEqual([[idle], [idle]])
  })

  it('a cut of one direction makes only its receiver deaf, then the other side', async () => {
    const { clock, network, pair } = await setUp()
    network.cut({ from: A, to: B })
    const back = pair.far.open()
    back.stream.write(Buffer.from('you hear me'))
    await clock.advance(10)
    expect(pair.near.streams[0]!.text).toBe('you hear me')
    await clock.advance(9_990)
    expect([pair.near.closed, pair.far.closed]).toEqual([[], [idle]])
    await clock.advance(10_000)
    expect(pair.near.closed).toEqual([idle])
  })

  it('heals only what it is told to heal', async () => {
    const { clock, network, pair } = await setUp()
    network.partition(A, B)
    network.partition(A, '10.0.0.3')
    network.heal(A, B)
    pair.near.open().stream.write(Buffer.from('x'))
    await clock.advance(20)
    expect(pair.far.streams).toHaveLength(1)
  })

  it('cuts lists of places, and single ports of a host', async () => {
    const { clock, network, kit, pair, a } = await setUp()
    const other = await kit.node({ host: B, port: 5_000 })
    const second = await kit.join(a, other)
    network.partition([A, '10.0.0.9'], `${B}:4433`)
    pair.near.open().stream.write(Buffer.from('x'))
    second.near.open().stream.write(Buffer.from('x'))
    await clock.advance(50)
    expect([pair.far.streams.length, second.far.streams.length]).toEqual([0, 1])
  })

  it('a close is lost in a partition; the other side learns it by silence', async () => {
    const { clock, network, pair } = await setUp()
    network.partition(A, B)
    pair.near.connection.close(1, 'nobody hears this')
    await clock.advance(10)
    expect([pair.near.closed.length, pair.far.closed.length]).toEqual([1, 0])
    await clock.advance(10_000)
    expect(pair.far.closed).toEqual([idle])
  })

  it('a killed endpoint says nothing, hears nothing and frees its address', async () => {
    const { clock, network, kit, pair } = await setUp()
    network.kill(`${B}:4433`)
    pair.near.open().stream.write(Buffer.from('anybody?'))
    await clock.advance(10_000)
    expect(pair.near.closed).toEqual([idle])
    expect([pair.far.closed, pair.far.streams]).toEqual([[], []])
    expect(network.endpoints).toBe(1)
    await kit.node({ host: B, port: 4_433 })
  })

  it('a dial waits for a partition to heal, within its deadline', async () => {
    const { clock, network, kit, a, b } = await setUp()
    network.partition(A, B)
    const dial = a.endpoint.dial(b.endpoint.address, { timeoutMs: 4_000 })
    const outcome = kit.codeOf(dial)
    await clock.advance(2_000)
    network.heal()
    expect(await outcome).toBe('no error')
    expect(clock.now()).toBeLessThan(4_000)
  })

  it('loses the share of datagrams that it is told to lose, and no stream byte', async () => {
    const { clock, pair } = await setUp({ conditions: () => ({ lossRatio: 0.3 }) }, 2)
    echo(pair.far)
    const out = pair.near.open()
    for (let i = 0; i < 1_000; i++) {
      pair.near.connection.sendDatagram(Buffer.from([i & 0xff]))
      out.stream.write(Buffer.from([i & 0xff]))
      await clock.advance(1)
    }
    out.stream.end()
    await clock.advance(10_000)
    const arrived = pair.far.datagrams.length
    expect(arrived).toBeGreaterThan(630)
    expect(arrived).toBeLessThan(770)
    const expected = Buffer.from(Array.from({ length: 1_000 }, (_, i) => i & 0xff))
    expect(Buffer.concat(out.chunks).equals(expected)).toBe(true)
  })

  it('overwrites a view after onData, so that a handler which keeps one is found out', async () => {
    const { clock, pair } = await setUp()
    const kept: Uint8Array[] = []
    pair.far.onStream = ({ stream }) => {
      stream.handle({ onData: (bytes) => void kept.push(bytes) })
    }
    pair.near.open().stream.write(Buffer.from('precious'))
    await clock.advance(20)
    expect(Buffer.from(kept[0]!).toString('latin1')).not.toContain('precious')
  })

  it('the same seed repeats the same run, another seed another one', async () => {
    const run = async (seed: number): Promise<string> => {
      const { clock, pair } = await setUp({ jitterMs: 20, lossRatio: 0.1 }, seed)
      const events: string[] = []
      pair.far.onStream = (watched) => {
        watched.onData = (bytes) => {
          events.push(`${clock.now()}:${watched.stream.id}:${bytes.length}`)
        }
      }
      const streams = [pair.near.open(), pair.near.open(), pair.near.open()]
      for (let i = 0; i < 60; i++) {
        streams[i % 3]!.stream.write(Buffer.alloc(1 + i))
        pair.near.connection.sendDatagram(Buffer.alloc(1))
        await clock.advance(3)
      }
      await clock.advance(1_000)
      return `${events.join(' ')} ${pair.far.datagrams.length}`
    }
    const [first, again, other] = [await run(7), await run(7), await run(8)]
    expect(again).toBe(first)
    expect(other).not.toBe(first)
  })

  it('leaves no timer when every endpoint is closed', async () => {
    const { clock, network, kit, pair } = await setUp()
    new Watched(pair.near.connection).open().stream.write(Buffer.alloc(10))
    await kit.close()
    await clock.advance(100)
    expect([clock.timerCount, network.endpoints]).toEqual([0, 0])
  })
})
