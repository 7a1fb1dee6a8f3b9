import { describe, expect, it } from 'vitest'
import { DhtRegistrar } from '../../../dist/discovery/dht-registrar.ts'
import {
  clusterKey,
  dhtNodes,
  encodeNames,
  nameKey,
  wordsOf,
} from '../../../dist/discovery/dht-nodes.ts'
import { nodeKeyFromBytes, type Dht, type DhtProvider, type Mesh } from '../../../mesh/index.ts'
import { createSeededEntropy, createSimClock } from '../../../runtime/index.ts'
import { running } from './context.ts'

const key = (fill: number) => nodeKeyFromBytes(new Uint8Array(32).fill(fill))

/** A DHT that keeps what it is told, and fails when it is told to. */
class FakeDht {
  readonly lines: string[] = []
  readonly found: DhtProvider[] = []
  failure: Error | undefined
  readonly encode = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value))
  readonly decode = (bytes: Uint8Array): unknown =>
    JSON.parse(Buffer.from(bytes).toString()) as unknown
  async provide(name: string, metadata: Uint8Array): Promise<void> {
    if (this.failure !== undefined) throw this.failure
    this.lines.push(`+${name} ${Buffer.from(metadata).toString()}`)
  }
  async withdraw(name: string): Promise<boolean> {
    this.lines.push(`-${name}`)
    return true
  }
  async providers(): Promise<readonly DhtProvider[]> {
    if (this.failure !== undefined) throw this.failure
    return this.found
  }
  get dht(): Dht {
    return this as unknown as Dht
  }
}

const provider = (fill: number, metadata: Uint8Array): DhtProvider => ({
  ...{ key: key(fill), metadata, sequence: 1, expiresAtMs: 1 },
  address: { host: `10.0.0.${fill}`, port: 4433 },
})

describe('what providers say', () => {
  const fake = new FakeDht()
  const { dht } = fake
  const read = (metadata: Uint8Array, generation?: number) => {
    const member = () => (generation === undefined ? undefined : { incarnation: { generation } })
    const mesh = { dht, membership: { member } } as unknown as Pick<Mesh, 'dht' | 'membership'>
    return wordsOf(mesh, 'main', provider(7, metadata)).map(({ name }) => name)
  }

  it('is their names, unless they have begun another life since', () => {
    const said = encodeNames(dht, ['a', 'b'], 5)
    expect(read(said)).toEqual(['a', 'b'])
    expect(read(said, 4)).toEqual(['a', 'b'])
    expect(read(said, 5)).toEqual(['a', 'b'])
    expect(read(said, 6)).toEqual([])
  })

  it.each([
    ['no bytes of ours', Buffer.from([0xc1])],
    ['no object', dht.encode(7)],
    ['no list', dht.encode({ names: 'a', generation: 1 })],
    ['no life', dht.encode({ names: ['a'] })],
  ])('is nothing when it is %s', (_what, metadata) => {
    expect(read(metadata)).toEqual([])
  })

  it('is 64 names at most, and only what can be a name', () => {
    const names = Array.from({ length: 65 }, (_, i) => `n${i}`)
    expect(read(dht.encode({ names, generation: 1 }))).toHaveLength(64)
    expect(read(dht.encode({ names: ['ok', '1x', 7, null], generation: 1 }))).toEqual(['ok'])
  })
})

describe('DhtRegistrar', () => {
  it('tells what is asked for and no more, takes back what is not, and tries again after failures', async () => {
    const clock = createSimClock()
    const fake = new FakeDht()
    const abort = new AbortController()
    const failures: unknown[] = []
    const state = { names: ['a'], generation: 1 }
    const word = (name: string) => ({
      ...provider(1, new Uint8Array()),
      key: '',
      name,
      cluster: 'main',
    })
    const registrar = new DhtRegistrar(
      {
        ...{ dht: fake.dht, clock, entropy: createSeededEntropy(1), signal: abort.signal },
        own: () => state.names.map(word),
        generation: () => state.generation,
        failed: (error) => failures.push(error),
      },
      new Map(),
    )
    const running = registrar.run()
    await clock.advance(300_000)
    const said = (names: string, generation: number) =>
      `{"names":[${names}],"generation":${generation}}`
    const all = [
      `+${clusterKey('main')} ${said('"a"', 1)}`,
      `+${nameKey('main', 'a')} ${said('"a"', 1)}`,
    ]
    expect(fake.lines).toEqual(all)
    fake.failure = new Error('nobody')
    state.names = ['a', 'b']
    registrar.changed()
    await clock.advance(60_000)
    expect(failures.length).toBeGreaterThan(2)
    fake.failure = undefined
    await clock.advance(30_000)
    expect(fake.lines.slice(2)).toEqual([
      `+${clusterKey('main')} ${said('"a","b"', 1)}`,
      `+${nameKey('main', 'b')} ${said('"b"', 1)}`,
    ])
    state.names = []
    registrar.changed()
    await clock.settle()
    expect(fake.lines.slice(4).sort()).toEqual(
      [clusterKey('main'), nameKey('main', 'a'), nameKey('main', 'b')]
        .map((one) => `-${one}`)
        .sort(),
    )
    state.names = ['c']
    state.generation = 2
    await clock.advance(30_000)
    expect(fake.lines.at(-1)).toBe(`+${nameKey('main', 'c')} ${said('"c"', 2)}`)
    abort.abort()
    await running
    expect(clock.timerCount).toBe(0)
  })
})

describe('dhtNodes', () => {
  it('MG21 D1 proposes providers, each with its key, not this node; a lookup that fails is a failure', async () => {
    const fake = new FakeDht()
    fake.found.push(provider(1, new Uint8Array()), provider(2, new Uint8Array()))
    const one = running(dhtNodes({ intervalMs: 1_000 }), { number: 1, dht: fake.dht })
    await one.clock.settle()
    expect(one.said).toEqual(['+10.0.0.2:4433'])
    fake.failure = Object.assign(new Error('late'), { code: 'ERR_DHT_TIMEOUT' })
    await one.clock.advance(200_000)
    expect(new Set(one.said.slice(1))).toEqual(new Set(['!ERR_DHT_TIMEOUT']))
    await one.stop()
  })
})
