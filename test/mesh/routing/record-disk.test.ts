import { describe, expect, it } from 'vitest'
import { Refusals } from '../../../mesh/refusals.ts'
import { keyFromHex } from '../../../mesh/routing/kademlia/id.ts'
import { RecordDisk } from '../../../mesh/routing/record-disk.ts'
import type { StoredEntry } from '../../../mesh/routing/records/machine.ts'
import { MemoryDisk } from '../../../mesh/store/memory.ts'
import { createSimClock, silentLogger } from '../../../runtime/index.ts'
import { makeRecord } from './records/records-network.ts'

/** Names of the entries with 1 and with 2. */
const [A, B] = ['aa'.repeat(32), 'bb'.repeat(32)] as const

/** A codec that keeps only what tells entries apart. */
const codec = {
  encode: ({ storedAtMs }: StoredEntry) => Uint8Array.of(storedAtMs),
  decode: (bytes: Uint8Array) => {
    if (bytes.length !== 1) throw new Error('no entry')
    const record = makeRecord(keyFromHex(bytes[0] === 1 ? A : B))
    return { record, storedAtMs: bytes[0] } as StoredEntry
  },
}

async function make() {
  const clock = createSimClock()
  const memory = new MemoryDisk()
  const store = await memory.open()
  const refusals = new Refusals(clock, silentLogger)
  const disk = new RecordDisk({ store, refusals, codec: codec as never })
  const said: string[] = []
  const write = (entryId: string, storedAtMs: number | undefined) =>
    disk.write(
      entryId,
      storedAtMs === undefined ? undefined : ({ storedAtMs } as StoredEntry),
      (ok) => void said.push(`${entryId} ${ok}`),
    )
  return { clock, memory, store, refusals, disk, said, write }
}

describe('RecordDisk', () => {
  it('tells of a write once it is on disk, and gives back what is there', async () => {
    const { clock, memory, disk, said, write } = await make()
    memory.hold()
    write(A, 1)
    write(B, 2)
    await clock.settle()
    expect(said).toEqual([])
    memory.release()
    await clock.settle()
    write(A, undefined)
    await clock.settle()
    expect(said).toEqual([`${A} true`, `${B} true`, `${A} true`])
    expect(disk.entries().map(({ storedAtMs }) => storedAtMs)).toEqual([2])
  })

  it('counts what it can not write and what it can not read, and leaves both', async () => {
    const { clock, memory, store, refusals, disk, said, write } = await make()
    memory.fail('full')
    write(A, 1)
    await clock.settle()
    expect(said).toEqual([`${A} false`])
    memory.fail(undefined)
    await store.put('record/b', Uint8Array.of(1, 2))
    await store.put('other', Uint8Array.of(1))
    expect(disk.entries()).toEqual([])
    expect(refusals.counters()).toEqual({ ERR_DHT_STORE_FAILED: 1, ERR_DHT_RECORD_INVALID: 1 })
    expect(store.get('record/b')).toBeDefined()
  })

  it('counts and deletes what stands under another name', async () => {
    const { clock, store, refusals, disk, write } = await make()
    write(A, 1)
    await store.put(`record/${B}`, Uint8Array.of(1))
    await clock.settle()
    expect(disk.entries().map(({ storedAtMs }) => storedAtMs)).toEqual([1])
    await clock.settle()
    expect(store.get(`record/${B}`)).toBeUndefined()
    expect(store.get(`record/${A}`)).toBeDefined()
    expect(refusals.counters()).toEqual({ ERR_DHT_RECORD_INVALID: 1 })
  })
})
