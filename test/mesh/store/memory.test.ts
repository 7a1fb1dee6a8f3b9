import { describe, expect, it } from 'vitest'
import { MemoryDisk, openMemoryStore } from '../../../mesh/store/memory.ts'
import type { Store } from '../../../mesh/store/store.ts'
import { describeStore } from '../../conformance/store.ts'

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'done',
    (error: unknown) => (error as { code?: string }).code ?? String(error),
  )

const one = Uint8Array.of(1)

const keys = (store: Store): string[] => Array.from(store.entries(), ({ key }) => key)

describeStore('memory', async () => {
  const disk = new MemoryDisk()
  return { open: (limits) => disk.open(limits), end: async () => disk.crash() }
})

describe('a store in memory', () => {
  it('without a disk is empty each time', async () => {
    const store = openMemoryStore({ entriesMax: 1 })
    await store.put('a', one)
    expect(await codeOf(store.put('b', one))).toBe('ERR_STORE_FULL')
    await store.close()
    expect(keys(openMemoryStore())).toEqual([])
  })
})

describe('a disk in memory', () => {
  it('loses with a crash what it has not acknowledged, and nothing else', async () => {
    const disk = new MemoryDisk()
    const store = await disk.open()
    await store.put('kept', one)
    disk.hold()
    const written = codeOf(store.put('lost', one))
    await Promise.resolve()
    expect(store.get('lost')).toBeUndefined()
    expect(store.stats()).toMatchObject({ pending: 1, written: 1 })
    disk.crash()
    expect(await written).toBe('ERR_STORE_CLOSED')
    disk.release()
    expect(keys(await disk.open())).toEqual(['kept'])
  })

  it('may have written what it never acknowledged', async () => {
    const disk = new MemoryDisk()
    const store = await disk.open()
    disk.hold()
    const first = codeOf(store.put('a', one))
    await Promise.resolve()
    await Promise.resolve()
    const second = codeOf(store.put('b', one))
    disk.crash({ keepsHeld: true })
    expect(await Promise.all([first, second])).toEqual(['ERR_STORE_CLOSED', 'ERR_STORE_CLOSED'])
    disk.release()
    // What waited behind the transaction had not reached the disk.
    expect(keys(await disk.open())).toEqual(['a'])
  })

  it('takes nothing from a process that has died', async () => {
    const disk = new MemoryDisk()
    const dead = await disk.open()
    disk.crash()
    const alive = await disk.open()
    expect(await codeOf(dead.put('ghost', one))).toBe('ERR_STORE_CLOSED')
    await dead.close()
    expect(await codeOf(disk.open())).toBe('ERR_STORE_LOCKED')
    expect(keys(alive)).toEqual([])
    expect(disk.size).toBe(0)
  })

  it('acknowledges what was held when it is released, in order', async () => {
    const disk = new MemoryDisk()
    const store = await disk.open()
    disk.hold()
    const order: string[] = []
    const writes = ['a', 'b', 'c'].map((key) => store.put(key, one).then(() => order.push(key)))
    await Promise.resolve()
    expect(order).toEqual([])
    disk.release()
    await Promise.all(writes)
    expect(order).toEqual(['a', 'b', 'c'])
  })

  it('fails writes while it is told to, and has their room back', async () => {
    const disk = new MemoryDisk()
    const store = await disk.open({ entriesMax: 2 })
    await store.put('a', one)
    disk.fail('no such device')
    const results = [store.put('b', one), store.delete('a'), store.put('a', new Uint8Array(9))]
    expect(await Promise.all(results.map(codeOf))).toEqual(Array(3).fill('ERR_STORE_WRITE'))
    expect(store.get('a')).toEqual(one)
    expect(store.stats()).toMatchObject({ entries: 1, bytes: 66, pending: 0, failed: 3 })
    disk.fail(undefined)
    await store.put('b', one)
    expect(keys(store)).toEqual(['a', 'b'])
  })

  it('that was lost is an empty one', async () => {
    const disk = new MemoryDisk()
    await (await disk.open()).put('a', one)
    disk.lose()
    expect(keys(await disk.open())).toEqual([])
  })
})
