/**
 * The conformance kit of `Store`: every implementation passes the same tests. A world is a place that stores are
 * opened on one after another.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Store, StoreLimits, StoreWrite } from '../../mesh/store/store.ts'
import { ENTRY_BYTES } from '../../mesh/store/store.ts'

/** Where stores are opened. */
export interface StoreWorld {
  open(limits?: Partial<StoreLimits>): Promise<Store>
  /** Closes what is open and removes the place. */
  end(): Promise<void>
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (value: Uint8Array | undefined): string | undefined =>
  value && new TextDecoder().decode(value)
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'done',
    (error: unknown) => (error as { code?: string }).code ?? String(error),
  )
const all = (store: Store, prefix?: string): string[] =>
  Array.from(store.entries(prefix), ({ key, value }) => `${key}=${text(value)}`)

/** Runs the kit against worlds made by `makeWorld`, a new one for each test. */
export function describeStore(name: string, makeWorld: () => Promise<StoreWorld>): void {
  describe(`store ${name}`, () => {
    let world: StoreWorld
    beforeEach(async () => {
      world = await makeWorld()
    })
    afterEach(() => world.end())
    describeKeeping(() => world)
    describeLimits(() => world)
    describeClosing(() => world)
  })
}

function describeKeeping(world: () => StoreWorld): void {
  it('gives back what was put, byte for byte, and nothing else', async () => {
    const store = await world().open()
    const value = Uint8Array.from({ length: 256 }, (_, index) => index)
    await store.put('a/1', value)
    await store.put('empty', new Uint8Array(0))
    expect(store.get('a/1')).toEqual(value)
    expect(store.get('empty')).toEqual(new Uint8Array(0))
    expect(store.get('a')).toBeUndefined()
    expect(store.get('a/1/')).toBeUndefined()
  })

  it('replaces and deletes', async () => {
    const store = await world().open()
    await store.put('k', bytes('one'))
    await store.put('k', bytes('two'))
    expect(text(store.get('k'))).toBe('two')
    await store.delete('k')
    expect(store.get('k')).toBeUndefined()
    expect(all(store)).toEqual([])
    expect(await codeOf(store.delete('absent'))).toBe('done')
  })

  it('finds after it was opened again what was there when it was closed', async () => {
    const first = await world().open()
    await first.batch([
      { key: 'b', value: bytes('2') },
      { key: 'a', value: bytes('1') },
    ])
    await first.delete('b')
    await first.close()
    const second = await world().open()
    expect(all(second)).toEqual(['a=1'])
    expect(second.stats()).toMatchObject({ entries: 1, bytes: ENTRY_BYTES + 2 })
  })

  it('lists entries in the order of their keys, whatever order they were put in', async () => {
    const store = await world().open()
    const keys = ['b', 'a/2', 'a', 'a/10', 'A', '~', '!', 'a0']
    await Promise.all(keys.map((key) => store.put(key, bytes(key))))
    expect(Array.from(store.entries(), ({ key }) => key)).toEqual([
      '!',
      'A',
      'a',
      'a/10',
      'a/2',
      'a0',
      'b',
      '~',
    ])
    expect(Array.from(store.entries('a/'), ({ key }) => key)).toEqual(['a/10', 'a/2'])
    expect(Array.from(store.entries('c'), ({ key }) => key)).toEqual([])
  })

  it('leaves out what is deleted while it is listed', async () => {
    const store = await world().open()
    await store.batch(['a', 'b', 'c'].map((key) => ({ key, value: bytes(key) })))
    const seen: string[] = []
    for (const { key } of store.entries()) {
      seen.push(key)
      if (key === 'a') await store.delete('b')
    }
    expect(seen).toEqual(['a', 'c'])
  })

  it('takes the bytes as they are at the call, and gives away copies', async () => {
    const store = await world().open()
    const value = bytes('before')
    const written = store.put('k', value)
    value.fill(0)
    await written
    store.get('k')!.fill(0)
    expect(text(store.get('k'))).toBe('before')
  })

  it('applies writes in the order of the calls, waiting or not', async () => {
    const store = await world().open()
    const writes: Promise<void>[] = []
    for (let index = 0; index < 200; index++) {
      writes.push(index % 7 === 6 ? store.delete('k') : store.put('k', bytes(`${index}`)))
    }
    await Promise.all(writes)
    expect(text(store.get('k'))).toBe('199')
    await store.batch([
      { key: 'k', value: undefined },
      { key: 'k', value: bytes('last') },
    ])
    expect(text(store.get('k'))).toBe('last')
  })

  it('counts writes, transactions and what is there', async () => {
    const store = await world().open()
    await Promise.all(Array.from({ length: 50 }, (_, i) => store.put(`k${i % 10}`, bytes('x'))))
    const stats = store.stats()
    expect(stats).toMatchObject({ entries: 10, written: 50, pending: 0, failed: 0 })
    expect(stats.bytes).toBe(10 * (ENTRY_BYTES + 3))
    // Written together: the first alone or all of one turn.
    expect(stats.commits).toBeLessThanOrEqual(2)
  })

  it('keeps what a batch says when a key is put and deleted many times', async () => {
    const store = await world().open()
    let expected = new Map<string, string>()
    for (let round = 0; round < 20; round++) {
      const writes: StoreWrite[] = Array.from({ length: 17 }, (_, i) => ({
        key: `k${(round * 7 + i * i) % 23}`,
        value: (round + i) % 3 === 0 ? undefined : bytes(`${round}.${i}`),
      }))
      for (const { key, value } of writes) {
        if (value === undefined) expected.delete(key)
        else expected.set(key, text(value)!)
      }
      await store.batch(writes)
    }
    expected = new Map([...expected].sort(([a], [b]) => (a < b ? -1 : 1)))
    expect(all(store)).toEqual(Array.from(expected, ([key, value]) => `${key}=${value}`))
    expect(store.stats().entries).toBe(expected.size)
  })
}

function describeLimits(world: () => StoreWorld): void {
  it.each([
    ['', 'ERR_STORE_KEY'],
    ['k'.repeat(9), 'ERR_STORE_KEY'],
    ['k'.repeat(8), 'done'],
    ['a b', 'ERR_STORE_KEY'],
    ['ä', 'ERR_STORE_KEY'],
    ['\0', 'ERR_STORE_KEY'],
    ['a\n', 'ERR_STORE_KEY'],
  ])('answers the key %j with %s', async (key, code) => {
    const store = await world().open({ keyBytesMax: 8 })
    expect(await codeOf(store.put(key, bytes('x')))).toBe(code)
    expect(await codeOf(store.delete(key))).toBe(code)
  })

  it('takes a value of valueBytesMax and none longer', async () => {
    const store = await world().open({ valueBytesMax: 5_000 })
    const value = new Uint8Array(5_000).fill(7)
    await store.put('k', value)
    expect(await codeOf(store.put('k', new Uint8Array(5_001)))).toBe('ERR_STORE_VALUE_BYTES_MAX')
    expect(store.get('k')).toEqual(value)
  })

  it('keeps entriesMax entries and refuses a further one, not a change', async () => {
    const store = await world().open({ entriesMax: 2 })
    await store.put('a', bytes('1'))
    await store.put('b', bytes('1'))
    expect(await codeOf(store.put('c', bytes('1')))).toBe('ERR_STORE_FULL')
    await store.put('b', bytes('22'))
    await store.batch([
      { key: 'a', value: undefined },
      { key: 'c', value: bytes('3') },
    ])
    expect(all(store)).toEqual(['b=22', 'c=3'])
  })

  it('keeps bytesMax bytes and refuses one more, also of writes that wait', async () => {
    const store = await world().open({ bytesMax: 2 * (ENTRY_BYTES + 1 + 10) })
    await store.put('a', new Uint8Array(10))
    expect(await codeOf(store.put('b', new Uint8Array(11)))).toBe('ERR_STORE_FULL')
    const waiting = [store.put('b', new Uint8Array(10)), store.put('c', new Uint8Array(0))]
    expect(await Promise.all(waiting.map(codeOf))).toEqual(['done', 'ERR_STORE_FULL'])
    expect(store.stats()).toMatchObject({ entries: 2, failed: 2 })
    await store.put('b', new Uint8Array(9))
    await store.delete('a')
    await store.put('c', new Uint8Array(11))
    expect(store.stats().bytes).toBe(2 * (ENTRY_BYTES + 1 + 10))
  })

  it('changes nothing for a batch of which one part is refused', async () => {
    const store = await world().open({ entriesMax: 2, valueBytesMax: 4 })
    await store.put('a', bytes('1'))
    const wrong: readonly StoreWrite[][] = [
      [
        { key: 'b', value: bytes('2') },
        { key: 'c', value: bytes('3') },
      ],
      [
        { key: 'b', value: bytes('2') },
        { key: 'c', value: bytes('33333') },
      ],
      [
        { key: 'a', value: undefined },
        { key: '', value: undefined },
      ],
    ]
    expect(await Promise.all(wrong.map((batch) => codeOf(store.batch(batch))))).toEqual([
      'ERR_STORE_FULL',
      'ERR_STORE_VALUE_BYTES_MAX',
      'ERR_STORE_KEY',
    ])
    expect(all(store)).toEqual(['a=1'])
    expect(store.stats()).toMatchObject({ entries: 1, bytes: ENTRY_BYTES + 2, failed: 6 })
  })

  it('lets pendingMax writes wait and refuses the next', async () => {
    const store = await world().open({ pendingMax: 3 })
    const results = ['a', 'b', 'c', 'd'].map((key) => codeOf(store.put(key, bytes(key))))
    expect(store.stats().pending).toBe(3)
    expect(await Promise.all(results)).toEqual(['done', 'done', 'done', 'ERR_STORE_BUSY'])
    expect(await codeOf(store.put('d', bytes('d')))).toBe('done')
  })

  it('opens what is over a limit that was lowered, and takes what makes it smaller', async () => {
    const before = await world().open()
    await before.batch(['a', 'b', 'c'].map((key) => ({ key, value: bytes(key) })))
    await before.close()
    const store = await world().open({ entriesMax: 1 })
    expect(store.stats().entries).toBe(3)
    expect(await codeOf(store.put('d', bytes('d')))).toBe('ERR_STORE_FULL')
    await store.put('a', bytes('x'))
    await store.delete('b')
    expect(all(store)).toEqual(['a=x', 'c=c'])
  })
}

function describeClosing(world: () => StoreWorld): void {
  it('finishes what was written before it closes, and is closed once', async () => {
    const store = await world().open()
    const written = store.put('k', bytes('v'))
    await Promise.all([store.close(), store.close()])
    expect(await codeOf(written)).toBe('done')
    expect(all(await world().open())).toEqual(['k=v'])
  })

  it('does nothing after it was closed but say so', async () => {
    const store = await world().open()
    await store.put('k', bytes('v'))
    const entries = store.entries()
    await store.close()
    expect(await codeOf(store.put('k', bytes('x')))).toBe('ERR_STORE_CLOSED')
    expect(await codeOf(store.delete('k'))).toBe('ERR_STORE_CLOSED')
    expect(await codeOf(store.batch([]))).toBe('ERR_STORE_CLOSED')
    const closed = expect.objectContaining({ code: 'ERR_STORE_CLOSED' }) as Error
    expect(() => store.get('k')).toThrow(closed)
    expect(() => entries.next()).toThrow(closed)
    expect(await codeOf(store.close())).toBe('done')
  })

  it('lets one in at a time', async () => {
    const store = await world().open()
    expect(await codeOf(world().open())).toBe('ERR_STORE_LOCKED')
    await store.put('k', bytes('v'))
    await store.close()
    expect(all(await world().open())).toEqual(['k=v'])
  })
}
