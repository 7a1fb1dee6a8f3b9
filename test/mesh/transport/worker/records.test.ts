import { describe, expect, it } from 'vitest'
import { BatchWriter, readBatch } from '../../../../mesh/transport/worker/records.ts'
import type { RecordSink } from '../../../../mesh/transport/worker/records.ts'

/** Records as lists of their parts. */
function read(batch: unknown): unknown[][] {
  const seen: unknown[][] = []
  const note =
    (name: string) =>
    (...parts: readonly unknown[]): void => {
      const copy = parts.map((part) => (part instanceof Uint8Array ? [...part] : part))
      seen.push([name, ...copy])
    }
  const names = [
    ...['data', 'reset', 'stop', 'credit', 'datagram', 'taken', 'ping', 'pong', 'ended'],
  ] as const
  const sink = Object.fromEntries(names.map((name) => [name, note(name)]))
  readBatch(batch, sink as unknown as RecordSink)
  return seen
}

/** A batch of one record whose header says `length`. */
function record(
  type: number,
  a: number,
  payload: readonly number[],
  length = payload.length,
): ArrayBuffer {
  const batch = Buffer.allocUnsafeSlow(9 + payload.length)
  batch[0] = type
  batch.writeUInt32LE(a, 1)
  batch.writeUInt32LE(length, 5)
  batch.set(payload, 9)
  return batch.buffer as ArrayBuffer
}

const double = (value: number): number[] => {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(value)
  return [...bytes]
}

describe('batches', () => {
  it('bring every kind of record in order, and leave the writer empty', () => {
    const writer = new BatchWriter()
    const datagram = Uint8Array.of(7, 8)
    writer.data(4, Uint8Array.of(1, 2, 3))
    writer.datagram(datagram)
    datagram.fill(0) // a datagram is copied when it is said
    writer.fin(4)
    writer.reset(0xffff_fffc, Number.MAX_SAFE_INTEGER)
    writer.stop(8, 0)
    writer.credit(8, 2 ** 33)
    writer.taken(512)
    writer.ping(1)
    writer.pong(0xffff_ffff)
    writer.close('error', 2 ** 32 - 1, Buffer.from('é'))
    const batch = writer.finish()
    expect(writer.empty).toBe(true)
    expect(read(batch)).toEqual([
      ['data', 4, [1, 2, 3], false],
      ['datagram', [7, 8]],
      ['data', 4, [], true],
      ['reset', 0xffff_fffc, Number.MAX_SAFE_INTEGER],
      ['stop', 8, 0],
      ['credit', 8, 2 ** 33],
      ['taken', 512],
      ['ping', 1],
      ['pong', 0xffff_ffff],
      ['ended', 'error', 2 ** 32 - 1, 'é'],
    ])
  })

  it('lie in a buffer of their own, so that nothing else is moved with them', () => {
    const writer = new BatchWriter()
    writer.data(0, Buffer.from('pooled'))
    const batch = writer.finish()
    expect(batch.byteLength).toBe(9 + 'pooled'.length)
  })

  it.each([
    ['text', 'hello'],
    ['shared memory, which could change under our eyes', new SharedArrayBuffer(9)],
    ['a view', new Uint8Array(9)],
    ['a cut header', new ArrayBuffer(8)],
    ['a record that is longer than its batch', record(1, 0, [1, 2], 3)],
    ['a length near 2^32', record(1, 0, [], 0xffff_ffff)],
    ['an unknown type', record(11, 0, [])],
    ['type 0', record(0, 0, [])],
    ['a code that is no whole number', record(3, 0, double(0.5))],
    ['a negative code', record(4, 0, double(-1))],
    ['a credit that is none', record(5, 0, double(Number.NaN))],
    ['a credit of four bytes', record(5, 0, [1, 2, 3, 4])],
    ['a close by nobody', record(10, 0, [])],
    ['a close by an unknown side', record(10, 0, [3])],
    [
      'a close with too long a text',
      record(
        10,
        0,
        Array.from({ length: 258 }, () => 0),
      ),
    ],
  ])('do not come from %s', (_what, batch) => {
    expect(() => read(batch)).toThrowError(
      expect.objectContaining({ code: 'ERR_TRANSPORT_GARBAGE' }) as Error,
    )
  })
})
