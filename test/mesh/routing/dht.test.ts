import { describe, expect, it } from 'vitest'
import type { Mesh } from '../../../mesh/mesh.ts'
import type { DhtFindOptions, DhtProvider } from '../../../mesh/routing/dht.ts'
import type { DhtError } from '../../../mesh/routing/errors.ts'
import { MemoryDisk } from '../../../mesh/store/memory.ts'
import type { Store } from '../../../mesh/store/store.ts'
import { codeOf } from '../cluster.ts'
import { bytes, dhtCluster, namesOf, startAll, startOne, textOf } from './dht-cluster.ts'

/** Everything that comes. */
async function all<T>(iterable: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const value of iterable) found.push(value)
  return found
}

/** Why it fails. */
async function errorOf(promise: Promise<unknown>): Promise<DhtError> {
  try {
    await promise
  } catch (error) {
    return error as DhtError
  }
  throw new Error('it did not fail')
}

describe('values', () => {
  it('K28 what one node put is found by all others, unchanged and signed', async () => {
    await using cluster = dhtCluster()
    const meshes = await startAll(cluster, 5)
    const put = await cluster.during(meshes[0]!.dht.put(bytes('hello')))
    expect(namesOf(meshes, put.holders)).toBe('n2 n3 n4 n5')
    expect(put.refusals).toEqual([])
    for (const mesh of meshes) {
      const got = await cluster.during(mesh.dht.get(put.key))
      expect(textOf(got.value)).toBe('hello')
      expect(got).toMatchObject({ kind: 'immutable', publisher: meshes[0]!.key, name: '' })
    }
  })

  it('K32 a named value is replaced by a newer one, and only by that', async () => {
    await using cluster = dhtCluster({ seed: 2 })
    const [a, b] = (await startAll(cluster, 4)) as [Mesh, Mesh, Mesh, Mesh]
    const put = (value: string, sequence?: number) =>
      cluster.during(a.dht.put({ name: 'colour', value: bytes(value), sequence }))
    const first = await put('red')
    const second = await put('green')
    expect(second.key).toEqual(first.key)
    expect(second.sequence).toBeGreaterThan(first.sequence)
    const key = b.dht.nameKey('colour', a.key)
    expect(key.hex).toBe(first.key.hex)
    expect(textOf((await cluster.during(b.dht.get(key, { quorum: 2 }))).value)).toBe('green')
    const low = await errorOf(put('old', 1))
    expect(low).toMatchObject({ code: 'ERR_DHT_SEQUENCE_LOW', standing: { publisher: a.key } })
    expect(low.standing?.sequence).toBe(second.sequence)
    expect(textOf(low.standing!.value)).toBe('green')
    expect(low.message).toContain(`put of "colour" (${key.hex}): sequence 1,`)
    expect(low.message).toContain(`sequence ${second.sequence} stands`)
    expect(textOf((await cluster.during(b.dht.get(key))).value)).toBe('green')
  })

  it('K32 without a sequence is newer than what had one, also after a restart', async () => {
    await using cluster = dhtCluster({ seed: 14, real: true })
    const disk = new MemoryDisk()
    const dataDir = await cluster.dir()
    const start = async (store: Store) =>
      startOne(cluster, 1, { dht: { store }, more: { dataDir } })
    const store = await disk.open()
    const a = await start(store)
    await startOne(cluster, 2)
    await cluster.clock.advance(10_000)
    const ahead = Math.floor(cluster.clock.wallNow()) + 1_000_000
    const put = (mesh: Mesh, value: string, sequence?: number) =>
      cluster.during(mesh.dht.put({ name: 'colour', value: bytes(value), sequence }))
    await put(a, 'red', ahead)
    expect((await put(a, 'green')).sequence).toBe(ahead + 1)
    await cluster.stop(a)
    await store.close()
    const again = await start(await disk.open())
    await cluster.clock.advance(10_000)
    expect(again.key.hex).toBe(a.key.hex)
    expect((await put(again, 'blue')).sequence).toBe(ahead + 2)
    // What nobody took is not counted: the highest of all would be the last.
    const name = { name: 'colour', value: bytes('x') }
    const top = { ...name, sequence: Number.MAX_SAFE_INTEGER, expectedSequence: 5 }
    expect(await codeOf(cluster.during(again.dht.put(top)))).toBe('ERR_DHT_SEQUENCE_UNEXPECTED')
    expect((await put(again, 'white')).sequence).toBe(ahead + 3)
  })

  it('K32 compare and swap fails for the second of two who read the same', async () => {
    await using cluster = dhtCluster({ seed: 3 })
    const [a, b] = (await startAll(cluster, 4)) as [Mesh, Mesh, Mesh, Mesh]
    const swap = (value: string, expectedSequence: number) =>
      cluster.during(a.dht.put({ name: 'owner', value: bytes(value), expectedSequence }))
    const first = await swap('one', 0)
    const second = await swap('two', first.sequence)
    const late = await errorOf(swap('three', first.sequence))
    expect(late.code).toBe('ERR_DHT_SEQUENCE_UNEXPECTED')
    expect(late.standing?.sequence).toBe(second.sequence)
    const { sequence, value } = await cluster.during(b.dht.get(first.key))
    expect([sequence, textOf(value)]).toEqual([second.sequence, 'two'])
  })

  it('nobody has: ERR_DHT_NOT_FOUND; too few holders: ERR_DHT_QUORUM, said with who refused', async () => {
    await using cluster = dhtCluster({ seed: 4 })
    const meshes = await startAll(cluster, 3)
    const a = meshes[0]!
    const nothing = await errorOf(cluster.during(a.dht.get('nothing')))
    expect(nothing).toMatchObject({ code: 'ERR_DHT_NOT_FOUND', holders: [], standing: undefined })
    expect(nothing.message).toContain(`get of "nothing" (${a.dht.keyOf('nothing').hex}): nobody`)
    const few = await errorOf(cluster.during(a.dht.put(bytes('x'), { quorum: 4 })))
    expect(few).toMatchObject({ code: 'ERR_DHT_QUORUM', refusals: [] })
    expect(namesOf(meshes, few.holders)).toBe('n2 n3')
    expect(few.message).toMatch(/^put of a value of 1 bytes \([0-9a-f]{64}\): .*\(quorum 4\)/)
    const { key } = await cluster.during(a.dht.put(bytes('x')))
    const one = await errorOf(cluster.during(a.dht.get(key, { quorum: 9 })))
    expect(one).toMatchObject({ code: 'ERR_DHT_QUORUM', standing: { sequence: 1 } })
    expect(one.message).toContain('agreed (quorum 9)')
  })

  it('that holders refuse: ERR_DHT_QUORUM names them and why', async () => {
    await using cluster = dhtCluster({ seed: 15 })
    const a = await startOne(cluster, 1)
    const b = await startOne(cluster, 2, { dht: { valueBytesMax: 8 } })
    await cluster.clock.advance(10_000)
    const refused = await errorOf(cluster.during(a.dht.put(bytes('too large'), { quorum: 2 })))
    const refusals = [{ contact: { key: b.key }, code: 'ERR_DHT_RECORD_TOO_LARGE' }]
    expect(refused).toMatchObject({ code: 'ERR_DHT_QUORUM', holders: [], refusals })
    expect(refused.message).toContain('1 refused with ERR_DHT_RECORD_TOO_LARGE')
  })

  it('with a sequence or a field that is none are refused, and the next one is not', async () => {
    await using cluster = dhtCluster()
    const { dht } = await startOne(cluster, 1)
    const good = { name: 'n', value: bytes('x') }
    for (const wrong of [NaN, 'x', 2 ** 53, 2 ** 53 - 1, -1, 0.5, null] as never[]) {
      const refused = await errorOf(dht.put({ ...good, expectedSequence: wrong }))
      expect(refused).toMatchObject({ code: 'ERR_OPTION_INVALID', option: 'expectedSequence' })
    }
    for (const wrong of [NaN, 'x', 2 ** 53, 0, -1, 0.5, null] as never[]) {
      const refused = await errorOf(dht.put({ ...good, sequence: wrong }))
      expect(refused).toMatchObject({ code: 'ERR_OPTION_INVALID', option: 'sequence' })
    }
    const unknown = { ...good, seqence: 5 } as never
    expect(await codeOf(dht.put(unknown))).toBe('ERR_OPTION_UNKNOWN')
    expect(await codeOf(dht.put({ ...good, name: '\u0000' }))).toBe('ERR_DHT_KEY_INVALID')
    expect(dht.stats().records?.operations).toBe(0)
    const { sequence } = await cluster.during(dht.put(good))
    expect(sequence).toBe(Math.floor(cluster.clock.wallNow()))
  })

  it('ML2 what cannot be brought back is refused where it would begin', async () => {
    await using cluster = dhtCluster()
    const a = await startOne(cluster, 1)
    const value = { at: new Date(5), list: [1n, new Map([['a', 'b']])] }
    expect(a.dht.decode(a.dht.encode(value))).toEqual(value)
    expect(() => a.dht.encode({ call: () => 1 })).toThrow(
      expect.objectContaining({ code: 'ERR_DHT_VALUE_INVALID' }),
    )
    expect(() => a.dht.decode(bytes('\u00c1'))).toThrow(
      expect.objectContaining({ code: 'ERR_DHT_VALUE_INVALID' }),
    )
    const wrong = [{ name: 'x', value: 'text' }, 'text', undefined] as never[]
    for (const given of wrong) {
      expect(await codeOf(a.dht.put(given))).toBe('ERR_DHT_VALUE_INVALID')
    }
    const large = await errorOf(a.dht.put({ name: 'n', value: new Uint8Array(65_537) }))
    expect(large).toMatchObject({ code: 'ERR_DHT_RECORD_TOO_LARGE' })
    expect(large.message).toMatch(/^put of "n" .* 65537 bytes, `valueBytesMax` is 65536$/)
    const metadata = await errorOf(a.dht.provide('api', new Uint8Array(1_025)))
    expect(metadata.message).toMatch(/^provide of "api" .* 1025 bytes, `providerBytesMax` is 1024$/)
    const long = await errorOf(a.dht.put(bytes('x'), { ttlMs: 172_800_001 }))
    expect(long).toMatchObject({ code: 'ERR_DHT_RECORD_EXPIRY' })
    expect(long.message).toMatch(/ 172800001 ms, `recordTtlMaxMs` is 172800000$/)
    expect(a.dht.stats().records?.operations).toBe(0)
  })

  it('a node that is alone keeps what it put, and whoever comes later finds it', async () => {
    await using cluster = dhtCluster({ seed: 5 })
    const a = await startOne(cluster, 1)
    const { key, holders } = await cluster.during(a.dht.put(bytes('first')))
    expect(holders).toEqual([])
    const b = await startOne(cluster, 2)
    await cluster.clock.advance(10_000)
    expect(textOf((await cluster.during(b.dht.get(key))).value)).toBe('first')
  })
})

describe('providers', () => {
  it('are found with their metadata, one by one and all at once, until they withdraw', async () => {
    await using cluster = dhtCluster({ seed: 6 })
    const meshes = await startAll(cluster, 5)
    const [a, b, , , e] = meshes as [Mesh, Mesh, Mesh, Mesh, Mesh]
    const provision = await cluster.during(a.dht.provide('api', bytes('v1')))
    await cluster.during(b.dht.provide('api', bytes('v2')))
    const said = ({ metadata, address }: DhtProvider) => `${address.host} ${textOf(metadata)}`
    const listed = await cluster.during(e.dht.providers('api'))
    expect(listed.map(said).sort()).toEqual(['10.0.0.1 v1', '10.0.0.2 v2'])
    const found = await cluster.during(all(e.dht.findProviders('api')))
    expect(found.map(said).sort()).toEqual(['10.0.0.1 v1', '10.0.0.2 v2'])
    // ML14: who provides itself still finds the others.
    const own = await cluster.during(a.dht.providers('api'))
    expect(namesOf(meshes, own)).toBe('n1 n2')
    expect(await cluster.during(provision.withdraw())).toBe(true)
    expect(await cluster.during(provision.withdraw())).toBe(false)
    expect(await cluster.during(a.dht.withdraw('api'))).toBe(false)
    expect(namesOf(meshes, await cluster.during(a.dht.providers('api')))).not.toBe('n1')
    expect(await cluster.during(e.dht.providers('other'))).toEqual([])
  })

  it('a loop that is left gives up its lookup', async () => {
    await using cluster = dhtCluster({ seed: 7 })
    const meshes = await startAll(cluster, 4)
    await cluster.during(meshes[0]!.dht.provide('api'))
    const first = async () => {
      for await (const provider of meshes[3]!.dht.findProviders('api')) return provider.key.hex
      return undefined
    }
    expect(await cluster.during(first())).toBe(meshes[0]!.key.hex)
    await cluster.clock.advance(1)
    expect(meshes[3]!.dht.stats().records).toMatchObject({
      operationsRunning: 0,
      lookupsRunning: 0,
    })
  })
})

describe('nodes', () => {
  it('are found by key and by id, with the address that they signed', async () => {
    await using cluster = dhtCluster({ seed: 8 })
    const meshes = await startAll(cluster, 5)
    const [a, , , , e] = meshes as [Mesh, Mesh, Mesh, Mesh, Mesh]
    const expected = { key: e.key, nodeId: e.nodeId, address: e.address }
    expect(await cluster.during(a.dht.findNode(e.key))).toMatchObject(expected)
    expect(await cluster.during(a.dht.findNode(e.nodeId))).toMatchObject(expected)
    expect(await cluster.during(a.dht.findNode('n9@10.0.0.9:4433'))).toBeUndefined()
    expect(await cluster.during(a.dht.findNode(a.key))).toMatchObject({ nodeId: a.nodeId })
    for (const wrong of ['no id', undefined, null, {}, 7] as never[]) {
      expect(await codeOf(a.dht.findNode(wrong))).toBe('ERR_DHT_KEY_INVALID')
    }
  })

  it('are found though they were told to provide under their own key', async () => {
    await using cluster = dhtCluster({ seed: 13 })
    const [a, b] = (await startAll(cluster, 3)) as [Mesh, Mesh, Mesh]
    expect(await codeOf(a.dht.provide(a.key, bytes('x')))).toBe('ERR_DHT_KEY_INVALID')
    expect(await codeOf(a.dht.withdraw(a.key))).toBe('ERR_DHT_KEY_INVALID')
    await cluster.during(a.dht.provide(b.key))
    expect(await cluster.during(b.dht.findNode(a.key))).toMatchObject({ nodeId: a.nodeId })
  })

  it('K19 closest names who is nearest, and a lookup shows how it found them', async () => {
    await using cluster = dhtCluster({ seed: 9 })
    const meshes = await startAll(cluster, 6)
    const a = meshes[0]!
    const closest = await cluster.during(a.dht.closest(meshes[3]!.key, { count: 1 }))
    expect(namesOf(meshes, closest)).toBe('n4')
    const lookup = a.dht.lookup('anything')
    const hops = await cluster.during(all(lookup))
    const { closest: found, reason, requests } = await lookup.result
    expect(namesOf(meshes, found)).toBe('n2 n3 n4 n5 n6')
    expect([reason, requests]).toEqual(['exhausted', 5])
    expect(hops.map(({ outcome, depth }) => `${outcome} ${depth}`)).toEqual(
      Array(5).fill('answered 1'),
    )
  })

  it('keys are texts, node keys and bytes; nothing else', async () => {
    await using cluster = dhtCluster()
    const { dht, key } = await startOne(cluster, 1)
    expect(dht.keyOf(key).hex).toBe(key.hex)
    expect(dht.keyOf(key.bytes).hex).toBe(key.hex)
    expect(dht.keyOf(dht.keyOf('a'))).toEqual(dht.keyOf('a'))
    // Text is hashed whatever it looks like (ML9).
    expect(dht.keyOf(key.hex).hex).not.toBe(key.hex)
    for (const wrong of [
      '',
      { words: new Uint32Array(8) },
      { words: new Uint32Array(8), hex: 'AB' },
      'x'.repeat(256),
      new Uint8Array(31),
      {},
      null,
      7,
      undefined,
    ] as never[]) {
      expect(() => dht.keyOf(wrong)).toThrow(
        expect.objectContaining({ code: 'ERR_DHT_KEY_INVALID' }),
      )
    }
    expect(() => dht.nameKey('\u0000')).toThrow(
      expect.objectContaining({ code: 'ERR_DHT_KEY_INVALID' }),
    )
  })

  it('the key of a name is that of this node or of a node key, as such or as its digits', async () => {
    await using cluster = dhtCluster()
    const { dht, key } = await startOne(cluster, 1)
    expect(dht.nameKey('a', key)).toEqual(dht.nameKey('a'))
    expect(dht.nameKey('a', key.hex)).toEqual(dht.nameKey('a'))
    expect(dht.nameKey('a', 'ab'.repeat(32))).not.toEqual(dht.nameKey('a'))
    for (const wrong of [
      'zz',
      '',
      'AB'.repeat(32),
      {},
      null,
      7,
      key.bytes,
      { hex: 'zz' },
    ] as never[]) {
      expect(() => dht.nameKey('a', wrong)).toThrow(
        expect.objectContaining({ code: 'ERR_DHT_KEY_INVALID' }),
      )
    }
  })
})

describe('giving up', () => {
  it('a signal ends an operation at once, with its reason as the cause', async () => {
    await using cluster = dhtCluster({ seed: 10 })
    const [a] = (await startAll(cluster, 3)) as [Mesh, Mesh, Mesh]
    const abort = new AbortController()
    const options = { signal: abort.signal }
    const calls = [
      a.dht.get('x', options),
      a.dht.put(bytes('x'), options),
      a.dht.closest('x', options),
      a.dht.providers('x', options),
    ]
    const ends = Promise.allSettled(calls)
    abort.abort('enough')
    for (const end of await ends) {
      const reason = { code: 'ERR_DHT_ABORTED', cause: 'enough' }
      expect(end).toMatchObject({ status: 'rejected', reason })
    }
    expect(await codeOf(a.dht.get('x', options))).toBe('ERR_DHT_ABORTED')
    expect(a.dht.stats()).toMatchObject({
      routing: { lookupsRunning: 0, requestsRunning: 0 },
      records: { operationsRunning: 0, lookupsRunning: 0, requestsRunning: 0 },
    })
  })

  it('waiting for the join ends with it, with its time, with the signal and with the mesh', async () => {
    await using cluster = dhtCluster({ seed: 12 })
    const a = await startOne(cluster, 1)
    expect(await codeOf(cluster.during(a.dht.joined({ timeoutMs: 500 })))).toBe('ERR_DHT_TIMEOUT')
    const abort = new AbortController()
    const aborted = codeOf(a.dht.joined({ signal: abort.signal }))
    abort.abort()
    expect(await aborted).toBe('ERR_DHT_ABORTED')
    const waits = a.dht.joined()
    const b = await startOne(cluster, 2)
    await cluster.during(Promise.all([waits, b.dht.joined(), b.dht.joined()]))
    await cluster.during(b.dht.joined())
    const c = await startOne(cluster, 9, { more: { seeds: [] } })
    await cluster.stop(a)
    await cluster.stop(b)
    const late = codeOf(c.dht.joined())
    await cluster.stop(c)
    expect(await late).toBe('ERR_DHT_ABORTED')
    expect(cluster.clock.timerCount).toBe(0)
  })

  it('an operation ends at timeoutMs, not before, when nobody answers', async () => {
    await using cluster = dhtCluster({ seed: 11 })
    const [a] = (await startAll(cluster, 3)) as [Mesh, Mesh, Mesh]
    cluster.network.partition('10.0.0.1', '10.0.0.2')
    cluster.network.partition('10.0.0.1', '10.0.0.3')
    let code: unknown
    void codeOf(a.dht.get('x', { timeoutMs: 700 })).then((given) => (code = given))
    await cluster.clock.advance(699)
    expect(code).toBeUndefined()
    await cluster.clock.advance(2)
    expect(code).toBe('ERR_DHT_TIMEOUT')
  })

  it('K26 what is critical takes the disjoint paths of the settings, unless it names its own', async () => {
    await using cluster = dhtCluster({ seed: 12 })
    const [a, b] = (await startAll(cluster, 12, { dht: { k: 2, disjointPaths: 4 } })) as Mesh[]
    const { key } = await cluster.during(a!.dht.put(bytes('x'), { critical: true }))
    const paths = async (options: DhtFindOptions): Promise<number> => {
      const lookup = b!.dht.lookup('somewhere', options)
      const hops = all(lookup)
      await cluster.during(lookup.result)
      return new Set((await hops).map(({ path }) => path)).size
    }
    expect(await paths({})).toBe(1)
    expect(await paths({ critical: false })).toBe(1)
    expect(await paths({ critical: true })).toBe(4)
    expect(await paths({ critical: true, disjointPaths: 2 })).toBe(2)
    const requests = async (critical: boolean): Promise<number> =>
      (await cluster.during(b!.dht.get(key, { critical, quorum: 2 }))).requests
    expect(await requests(true)).toBeGreaterThan(await requests(false))
  })

  it('closest and lookup end at timeoutMs, too, and at operationTimeoutMs without one', async () => {
    await using cluster = dhtCluster({ seed: 16 })
    const dht = { operationTimeoutMs: 900, requestTimeoutMs: 5_000, lookupTimeoutMs: 60_000 }
    const [a] = (await startAll(cluster, 3, { dht })) as [Mesh, Mesh, Mesh]
    cluster.network.partition('10.0.0.1', '10.0.0.2')
    cluster.network.partition('10.0.0.1', '10.0.0.3')
    const ends: string[] = []
    const watch = (name: string, promise: Promise<unknown>) =>
      void codeOf(promise).then((code) => ends.push(`${name} ${String(code)}`))
    const looked = a.dht.lookup('x', { timeoutMs: 700 })
    watch('loop', all(looked))
    watch('result', looked.result)
    watch('closest', a.dht.closest('y', { timeoutMs: 700 }))
    watch('default', a.dht.closest('z'))
    await cluster.clock.advance(699)
    expect(ends).toEqual([])
    await cluster.clock.advance(2)
    expect(ends.sort()).toEqual(
      ['closest', 'loop', 'result'].map((name) => `${name} ERR_DHT_TIMEOUT`),
    )
    await cluster.clock.advance(198)
    expect(ends).toHaveLength(3)
    await cluster.clock.advance(2)
    expect(ends[3]).toBe('default ERR_DHT_TIMEOUT')
    const { message } = await errorOf(cluster.during(a.dht.closest('x', { timeoutMs: 5 })))
    expect(message).toContain(`lookup of "x" (${a.dht.keyOf('x').hex}): not done after`)
  })

  it('options that are none are refused by name', async () => {
    await using cluster = dhtCluster()
    const { dht } = await startOne(cluster, 1)
    const bad = { deadline: 5 } as never
    expect(await codeOf(dht.get('x', bad))).toBe('ERR_OPTION_UNKNOWN')
    expect(await codeOf(dht.findNode('n2@10.0.0.2:1', bad))).toBe('ERR_OPTION_UNKNOWN')
    const signal = { signal: {} } as never
    const calls = [
      dht.get('x', signal),
      dht.put(bytes('x'), signal),
      dht.provide('x', undefined, signal),
      dht.providers('x', signal),
      dht.findNode('n2@10.0.0.2:1', signal),
      dht.closest('x', signal),
      dht.lookup('x', signal).result,
      dht.joined(signal),
      all(dht.findProviders('x', signal)),
    ]
    for (const call of calls) {
      const refused = { code: 'ERR_OPTION_INVALID', option: 'signal' }
      expect(await errorOf(call)).toMatchObject(refused)
    }
    expect(await codeOf(dht.put(bytes('x'), { quorum: 65 }))).toBe('ERR_OPTION_INVALID')
    expect(await codeOf(dht.lookup('x', { disjointPaths: 0 }).result)).toBe('ERR_OPTION_INVALID')
  })
})
