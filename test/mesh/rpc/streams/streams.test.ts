import { describe, expect, it } from 'vitest'
import { sizeOf } from '../../../support/sizes.ts'
import { fateOf, listen, pairOf } from './stream-net.ts'

/** A stream of numbers that counts what it made. */
function counter(): {
  made: number
  isStopped: boolean
  readonly handler: (to: number) => AsyncGenerator<number, string, undefined>
} {
  const state = {
    made: 0,
    isStopped: false,
    handler: async function* (to: number): AsyncGenerator<number, string, undefined> {
      try {
        for (let number = 1; number <= to; number++) {
          state.made = number
          yield number
        }
        return 'done'
      } finally {
        state.isStopped = true
      }
    },
  }
  return state
}

describe('streams', () => {
  it('give the items of a generator, then its result', async () => {
    const { world, caller, provider } = pairOf()
    await provider.rpc.advertiseStream('math.count', counter().handler)
    await world.advance()
    const stream = caller.rpc.stream<number, string>('math.count', 5, { mode: 'server' })
    const seen = listen(stream)
    const result = fateOf(stream.result)
    await world.advance()
    expect(seen).toEqual({ items: [1, 2, 3, 4, 5], isOver: true })
    expect(result.value).toBe('done')
    expect(stream.node).toBe(provider.node.self)
    expect([caller.driver.stats().outbound, provider.driver.stats().inbound]).toEqual([0, 0])
  })

  it('take items of the caller and give one result', async () => {
    const { world, caller, provider } = pairOf()
    await provider.rpc.advertiseStream('math.total', async (start: number, items) => {
      let total = start
      for await (const item of items) total += item as number
      return total
    })
    await world.advance()
    const stream = caller.rpc.stream<never, number, number>('math.total', 100)
    const result = fateOf(stream.result)
    for (const number of [1, 2, 3]) void stream.write(number)
    stream.end()
    await world.advance()
    expect(result.value).toBe(106)
    await expect(stream.write(4)).rejects.toMatchObject({ code: 'ERR_RPC_STREAM_CLOSED' })
  })

  it('carry both directions, each at its pace, and a half that has ended', async () => {
    const { world, caller, provider } = pairOf()
    await provider.rpc.advertiseStream('text.upper', async function* (_input, items) {
      for await (const item of items) yield (item as string).toUpperCase()
      yield 'END'
      return 'bye'
    })
    await world.advance()
    const stream = caller.rpc.stream<string, string, string>('text.upper')
    const seen = listen(stream)
    void stream.write('a')
    await world.advance()
    expect(seen.items).toEqual(['A'])
    void stream.write('b')
    stream.end()
    await world.advance()
    expect(seen).toEqual({ items: ['A', 'B', 'END'], isOver: true })
    await expect(stream.result).resolves.toBe('bye')
  })

  it('R8 has at most the window on the way while a reader is slow, and loses nothing', async () => {
    const { world, caller, provider } = pairOf({ streamWindowBytes: 65_536 })
    const numbers = counter()
    const count = sizeOf(100_000, 1_000_000)
    await provider.rpc.advertiseStream('math.count', async function* (to: number) {
      for await (const number of numbers.handler(to)) yield { number, more: 'x'.repeat(100) }
    })
    await world.advance()
    const stream = caller.rpc.stream<{ number: number }>('math.count', count, { mode: 'server' })
    await world.advance()
    let most = 0
    let next = 1
    // A reader of 1,000 items a second, for a while; then it reads what comes.
    for (let read = 0; read < 800; read++) {
      const step = fateOf(stream.next())
      await world.advance(1)
      expect(step.value?.value).toMatchObject({ number: next })
      next += 1
      const { bytesUnacknowledged, bytesWaiting } = provider.driver.stats()
      most = Math.max(most, bytesUnacknowledged + bytesWaiting, caller.driver.stats().bytesUnread)
    }
    expect(most).toBeLessThanOrEqual(65_536 + 200)
    expect(numbers.made).toBeLessThan(800 + 1_100)
    const seen = listen(stream)
    for (let turns = 0; turns < count / 50 && !seen.isOver; turns++) await world.advance(10)
    expect(seen.items.length).toBe(count - 800)
    expect(seen.items.every(({ number }, at) => number === at + 801)).toBe(true)
  })

  it('R8 a reader that leaves its loop stops the producer within one round trip', async () => {
    const { world, caller, provider } = pairOf()
    const numbers = counter()
    await provider.rpc.advertiseStream('math.count', numbers.handler)
    await world.advance()
    const stream = caller.rpc.stream<number>('math.count', 1_000_000, { mode: 'server' })
    const first = fateOf(stream.next())
    await world.advance(10)
    expect(first.value).toEqual({ done: false, value: 1 })
    await stream.return()
    await world.advance(2)
    expect(numbers.isStopped).toBe(true)
    const { made } = numbers
    await world.advance(1_000)
    expect(numbers.made).toBe(made)
    expect([caller.driver.stats().outbound, provider.driver.stats().inbound]).toEqual([0, 0])
    await expect(stream.result).rejects.toMatchObject({ code: 'ERR_RPC_CANCELLED' })
  })

  it('R8 an error comes after all items before it', async () => {
    const { world, caller, provider } = pairOf()
    await provider.rpc.advertiseStream('math.fails', async function* () {
      yield 1
      yield 2
      throw Object.assign(new RangeError('too far'), { code: 'ERR_FAR', details: { at: 3 } })
    })
    await world.advance()
    const stream = caller.rpc.stream<number>('math.fails')
    await world.advance()
    const seen = listen(stream)
    await world.advance()
    expect(seen.items).toEqual([1, 2])
    const remote = { name: 'RangeError', message: 'too far', code: 'ERR_FAR', details: { at: 3 } }
    expect(seen.error).toMatchObject({ code: 'ERR_RPC_REMOTE', remote })
    await expect(stream.result).rejects.toMatchObject({ code: 'ERR_RPC_REMOTE', remote })
  })

  it('R8 every item written is delivered when the reader says stop for a while', async () => {
    const { world, caller, provider } = pairOf({ streamWindowFrames: 4 })
    let go: () => void = () => {}
    const gate = new Promise<void>((resolve) => (go = resolve))
    await provider.rpc.advertiseStream('log.take', async (_input, items) => {
      const seen: unknown[] = []
      for await (const item of items) {
        if (seen.length === 0) await gate
        seen.push(item)
      }
      return seen
    })
    await world.advance()
    const stream = caller.rpc.stream<never, number[], number>('log.take')
    const written = Array.from({ length: 50 }, (_, at) => fateOf(stream.write(at)))
    stream.end()
    await world.advance()
    expect(written.filter((fate) => 'value' in fate).length).toBeLessThan(8)
    go()
    await world.advance(200)
    expect(written.every((fate) => 'value' in fate)).toBe(true)
    await expect(stream.result).resolves.toEqual(Array.from({ length: 50 }, (_, at) => at))
  })

  it('R10 carry items of 64 KB, 1 MB and 16 MB, and of one byte more than the limit none', async () => {
    const { world, caller, provider } = pairOf()
    await provider.rpc.advertiseStream('blob.echo', async function* (_input, items) {
      for await (const item of items) yield item
    })
    await world.advance()
    const stream = caller.rpc.stream<Uint8Array, void, Uint8Array>('blob.echo')
    const seen = listen(stream)
    // MessagePack puts five bytes before a large binary.
    const sizes = [65_536, 1_048_576, 16_777_216 - 5]
    for (const size of sizes) {
      void stream.write(new Uint8Array(size).fill(7))
      for (let turns = 0; turns < 100 && seen.items.length < sizes.indexOf(size) + 1; turns++) {
        await world.advance(20)
      }
    }
    expect(seen.items.map(({ length }) => length)).toEqual(sizes)
    expect(seen.items.every((item) => item.every((byte) => byte === 7))).toBe(true)
    await expect(stream.write(new Uint8Array(16_777_216 - 4))).rejects.toMatchObject({
      code: 'ERR_RPC_PAYLOAD_TOO_LARGE',
    })
    void stream.write(new Uint8Array(1))
    stream.end()
    await world.advance(50)
    expect(seen.items.length).toBe(4)
    expect(seen.isOver).toBe(true)
  })
})
