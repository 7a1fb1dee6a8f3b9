import { describe, expect, test } from 'vitest'
import { createSimClock } from '../../../../runtime/index.ts'
import { EventLog } from '../../../../dist/cli/demo/event-log.ts'

const named =
  (name: string) =>
  (event: { readonly event: string }): boolean =>
    event.event === name

describe('EventLog', () => {
  test('an event counts whether it came before or comes after the wait', async () => {
    const log = new EventLog(createSimClock())
    log.push({ event: 'a', n: 1 })
    const before = log.wait(named('a'), { timeoutMs: 10, what: 'a' })
    const after = log.wait(named('b'), { timeoutMs: 10, what: 'b' })
    log.push({ event: 'b', n: 2 })
    log.push({ event: 'b', n: 3 })
    expect([await before, await after]).toEqual([
      { event: 'a', n: 1 },
      { event: 'b', n: 2 },
    ])
  })

  test('a wait ends at its deadline, saying what was missing', async () => {
    const clock = createSimClock()
    const log = new EventLog(clock)
    const wait = log.wait(named('a'), { timeoutMs: 100, what: 'a sign of life' })
    await Promise.all([
      expect(wait).rejects.toMatchObject({
        code: 'ERR_CONTROL_TIMEOUT',
        message: expect.stringContaining('a sign of life within 100 ms') as string,
      }),
      clock.advance(100),
    ])
  })

  test('a wait ends with its signal, also with one that is aborted already', async () => {
    const log = new EventLog(createSimClock())
    const controller = new AbortController()
    const options = { timeoutMs: 100, what: 'a', signal: controller.signal }
    const wait = log.wait(named('a'), options)
    const reason = new Error('enough')
    controller.abort(reason)
    await expect(wait).rejects.toBe(reason)
    await expect(log.wait(named('a'), options)).rejects.toBe(reason)
  })

  test('when its program has ended, what waits and what comes later is told so', async () => {
    const log = new EventLog(createSimClock())
    const gone = new Error('gone')
    const wait = log.wait(named('a'), { timeoutMs: 100, what: 'a' })
    log.end(gone)
    log.end(new Error('a second time'))
    await expect(wait).rejects.toBe(gone)
    await expect(log.wait(named('a'), { timeoutMs: 100, what: 'a' })).rejects.toBe(gone)
  })

  test('ten thousand events are kept, older ones make room', () => {
    const log = new EventLog(createSimClock())
    for (let n = 0; n < 10_000; n++) log.push({ event: 'x', n })
    expect(log.events).toHaveLength(10_000)
    log.push({ event: 'x', n: 10_000 })
    expect(log.events.length).toBeLessThanOrEqual(10_000)
    expect(log.events.at(-1)).toEqual({ event: 'x', n: 10_000 })
  })
})
