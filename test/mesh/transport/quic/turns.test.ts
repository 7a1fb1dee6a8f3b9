import { describe, expect, it } from 'vitest'
import { Turns } from '../../../../mesh/transport/quic/turns.ts'
import type { Served } from '../../../../mesh/transport/quic/turns.ts'
import { createSimClock } from '../../../../runtime/index.ts'
import type { SimClock } from '../../../../runtime/index.ts'

interface One extends Served {
  readonly name: string
}

function one(name: string): One {
  return { name, dirty: false, sendDue: false, probeDue: false }
}

/** What happened, in order; `onServe` is what handlers do. */
class World {
  readonly log: string[] = []
  readonly clock: SimClock = createSimClock()
  onServe: (connection: One) => void = () => {}
  readonly turns: Turns<One> = new Turns<One>(this.clock, {
    serve: (connection) => {
      this.log.push(`serve ${connection.name}`)
      this.onServe(connection)
    },
    send: (connection) => this.log.push(`send ${connection.name}`),
  })
}

/** After the immediate that is due, its microtasks and ticks. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('Turns', () => {
  it('serves what was touched, once, and sends after that', async () => {
    const { turns, log } = new World()
    const [a, b] = [one('a'), one('b')]
    turns.touch(a)
    turns.touch(b)
    turns.touch(a)
    expect(log).toEqual([])
    await turn()
    await turn()
    expect(log).toEqual(['serve a', 'serve b', 'send a', 'send b'])
  })

  it('sends once for what microtasks of its handlers wrote, however long their chain', async () => {
    const world = new World()
    const { turns, log } = world
    const a = one('a')
    world.onServe = () => {
      world.onServe = () => {}
      const step = (left: number): void => {
        if (left > 0) queueMicrotask(() => step(left - 1))
        else turns.touch(a)
      }
      step(10)
    }
    turns.touch(a)
    await turn()
    await turn()
    expect(log).toEqual(['serve a', 'serve a', 'send a'])
  })

  it('leaves to the next turn what is touched by sending', async () => {
    const { turns, log, clock } = new World()
    const a = one('a')
    let sent = 0
    const again: Turns<One> = new Turns<One>(clock, {
      serve: () => log.push('serve'),
      send: () => {
        log.push('send')
        if (++sent < 3) again.touch(a)
      },
    })
    again.touch(a)
    for (let n = 0; n < 4; n++) await turn()
    expect(log).toEqual(['serve', 'send', 'serve', 'send', 'serve', 'send'])
    turns.stop()
  })

  it('says 5 ms after it was asked that it is time to probe, once for many askings', async () => {
    const { turns, log, clock } = new World()
    const a = one('a')
    turns.probeLater(a)
    turns.probeLater(a)
    await clock.advance(4)
    expect([a.probeDue, log]).toEqual([false, []])
    await clock.advance(1)
    await turn()
    await turn()
    expect([a.probeDue, log]).toEqual([true, ['serve a', 'send a']])
    expect(clock.timerCount).toBe(0)
  })

  it('does nothing after its end, and both steps at once when told to finish', async () => {
    const { turns, log, clock } = new World()
    const [a, b] = [one('a'), one('b')]
    turns.touch(a)
    turns.finish()
    expect(log).toEqual(['serve a', 'send a'])
    turns.touch(b)
    turns.probeLater(b)
    turns.stop()
    expect(clock.timerCount).toBe(0)
    await turn()
    await turn()
    expect(log).toHaveLength(2)
  })
})
