import { describe, expect, it } from 'vitest'
import { ChunkQueue } from '../../../mesh/transport/chunks.ts'
import { createSeededEntropy } from '../../../runtime/index.ts'

describe('ChunkQueue', () => {
  it('gives bytes back in order, never more than asked for', () => {
    const queue = new ChunkQueue()
    queue.push(Buffer.from('abc'))
    queue.push(new Uint8Array(0))
    queue.push(Buffer.from('de'))
    const taken = [2, 5, 1, 9, 9].map((max) => queue.take(max))
    expect(taken.map((bytes) => bytes && Buffer.from(bytes).toString())).toEqual([
      'ab',
      'c',
      'd',
      'e',
      undefined,
    ])
    expect([queue.bytes, queue.take(0)]).toEqual([0, undefined])
  })

  it('loses and invents nothing for random pushes and takes', () => {
    const entropy = createSeededEntropy(2)
    const queue = new ChunkQueue()
    const all: number[] = []
    const back: number[] = []
    for (let i = 0; i < 3_000; i++) {
      const chunk = entropy.bytes(Math.floor(entropy.random() * 10))
      all.push(...chunk)
      queue.push(chunk)
      back.push(...(queue.take(Math.floor(entropy.random() * 12)) ?? []))
      expect(queue.bytes).toBe(all.length - back.length)
    }
    for (let next = queue.take(1_000); next !== undefined; next = queue.take(1_000))
      back.push(...next)
    expect(back).toEqual(all)
    queue.push(Buffer.from('x'))
    queue.clear()
    expect([queue.bytes, queue.take(1)]).toEqual([0, undefined])
  })
})
