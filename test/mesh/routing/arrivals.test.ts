import { describe, expect, it } from 'vitest'
import { Arrivals } from '../../../mesh/routing/arrivals.ts'

function make() {
  let left = 0
  const arrivals = new Arrivals<number>(() => void left++)
  const read = async () => {
    const found: number[] = []
    for await (const value of arrivals) found.push(value)
    return found
  }
  return { arrivals, read, left: () => left }
}

describe('Arrivals', () => {
  it('gives what was told before and while somebody reads, in order, then ends', async () => {
    const { arrivals, read, left } = make()
    arrivals.tell(1)
    arrivals.tell(2)
    const reading = read()
    await Promise.resolve()
    arrivals.tell(3)
    arrivals.end()
    arrivals.tell(4)
    expect(await reading).toEqual([1, 2, 3])
    expect(left()).toBe(0)
  })

  it('fails after what waits, once', async () => {
    const { arrivals, read } = make()
    const iterator = arrivals[Symbol.asyncIterator]()
    arrivals.tell(1)
    arrivals.end(new Error('over'))
    expect(await iterator.next()).toEqual({ done: false, value: 1 })
    await expect(iterator.next()).rejects.toThrow('over')
    expect(await read()).toEqual([])
  })

  it('fails a reader who waits', async () => {
    const { arrivals, read } = make()
    const reading = read()
    arrivals.end(new Error('over'))
    await expect(reading).rejects.toThrow('over')
  })

  it('tells that the loop was left, once, and keeps nothing', async () => {
    const { arrivals, left } = make()
    for (const n of [1, 2, 3]) arrivals.tell(n)
    for await (const value of arrivals) if (value === 2) break
    for await (const value of arrivals) expect(value).toBeUndefined()
    arrivals.tell(4)
    expect(left()).toBe(1)
  })

  it('serves several readers in the order in which they asked, and ends all of them', async () => {
    const { arrivals } = make()
    const iterator = arrivals[Symbol.asyncIterator]()
    const reads = [1, 2, 3, 4].map(() => iterator.next())
    arrivals.tell(1)
    arrivals.tell(2)
    arrivals.end(new Error('over'))
    const done = { status: 'fulfilled', value: { done: true, value: undefined } }
    expect(await Promise.allSettled(reads)).toMatchObject([
      { value: { done: false, value: 1 } },
      { value: { done: false, value: 2 } },
      { status: 'rejected', reason: { message: 'over' } },
      done,
    ])
  })

  it('ends readers who wait when the loop is left', async () => {
    const { arrivals, left } = make()
    const iterator = arrivals[Symbol.asyncIterator]()
    const reads = [iterator.next(), iterator.next()]
    await iterator.return?.()
    const done = { done: true, value: undefined }
    expect(await Promise.all(reads)).toEqual([done, done])
    expect(left()).toBe(1)
  })
})
