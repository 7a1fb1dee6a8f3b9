import { describe, expect, test } from 'vitest'
import { EventStream } from '../../../../dist/cli/control/event-stream.ts'

/** A stream over a socket that takes `room` events and then none until it has drained. */
function stream(eventsQueuedMax: number, room: number) {
  const written: unknown[] = []
  const socket = { room }
  const events = new EventStream({
    eventsQueuedMax,
    write: (event) => {
      written.push(event)
      socket.room -= 1
      return socket.room > 0
    },
  })
  const drain = (more: number): void => {
    socket.room = more
    events.drained()
  }
  return { events, written, drain }
}

describe('events of a client that reads slowly', () => {
  test('wait in order and are written as it reads', async () => {
    const { events, written, drain } = stream(10, 1)
    for (const n of [1, 2, 3, 4]) events.push(n)
    expect(written).toEqual([1])
    const flushed = events.flushed()
    drain(2)
    expect(written).toEqual([1, 2, 3])
    drain(2)
    await flushed
    expect(written).toEqual([1, 2, 3, 4])
  })

  test('eventsQueuedMax may wait; one more ends it with ERR_CONTROL_SLOW and nothing is written later', async () => {
    const { events, written, drain } = stream(2, 1)
    const ended = events.ended().catch((error: unknown) => error)
    for (const n of [1, 2, 3]) events.push(n)
    drain(1)
    events.push(4)
    drain(0)
    expect(written).toEqual([1, 2, 3])
    const full = stream(2, 1)
    const cut = full.events.ended().catch((error: unknown) => error)
    for (const n of [1, 2, 3, 4]) full.events.push(n)
    expect(await cut).toMatchObject({ code: 'ERR_CONTROL_SLOW' })
    full.drain(9)
    full.events.push(5)
    expect(full.written).toEqual([1])
    await expect(full.events.flushed()).rejects.toMatchObject({ code: 'ERR_CONTROL_SLOW' })
    await expect(full.events.ended()).rejects.toMatchObject({ code: 'ERR_CONTROL_SLOW' })
    events.end(new Error('gone'))
    expect(await ended).toMatchObject({ message: 'gone' })
  })
})
