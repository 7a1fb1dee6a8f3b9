import { describe, expect, it } from 'vitest'
import { Deadline, DeadlineQueue } from '../../../../mesh/transport/quic/deadlines.ts'
import { createSeededEntropy, createSimClock } from '../../../../runtime/index.ts'

function setUp(): {
  clock: ReturnType<typeof createSimClock>
  queue: DeadlineQueue<string>
  fired: [string, number][]
  deadline: (name: string) => Deadline<string>
} {
  const clock = createSimClock()
  const fired: [string, number][] = []
  const queue = new DeadlineQueue<string>(clock, (name) => fired.push([name, clock.now()]))
  return { clock, queue, fired, deadline: (name) => new Deadline(name) }
}

describe('DeadlineQueue', () => {
  it('fires each deadline once, at its time, in order', async () => {
    const { clock, queue, fired, deadline } = setUp()
    queue.set(deadline('late'), 30)
    queue.set(deadline('early'), 10)
    queue.set(deadline('middle'), 20)
    await clock.advance(100)
    expect(fired).toEqual([
      ['early', 10],
      ['middle', 20],
      ['late', 30],
    ])
    expect(queue.size).toBe(0)
  })

  it('moves a deadline later for nothing, and earlier at once', async () => {
    const { clock, queue, fired, deadline } = setUp()
    const one = deadline('one')
    queue.set(one, 10)
    for (let at = 11; at <= 50; at++) queue.set(one, at)
    expect(queue.size).toBe(1)
    await clock.advance(49)
    expect(fired).toEqual([])
    await clock.advance(1)
    expect(fired).toEqual([['one', 50]])
    queue.set(one, 200)
    queue.set(one, 100)
    await clock.advance(200)
    expect(fired).toEqual([
      ['one', 50],
      ['one', 100],
    ])
  })

  it('takes a deadline back, and forgets a disposed owner', async () => {
    const { clock, queue, fired, deadline } = setUp()
    const back = deadline('back')
    const gone = deadline('gone')
    queue.set(back, 10)
    queue.set(gone, 10)
    queue.set(back, Infinity)
    gone.dispose()
    queue.set(gone, 5)
    await clock.advance(100)
    expect(fired).toEqual([])
    expect(gone.owner).toBeUndefined()
  })

  it('lets a deadline set itself again while it fires', async () => {
    const clock = createSimClock()
    const deadline = new Deadline('again')
    let count = 0
    const queue = new DeadlineQueue<string>(clock, (_, nowMs) => {
      if (++count < 5) queue.set(deadline, nowMs + 10)
    })
    queue.set(deadline, 10)
    await clock.advance(1_000)
    expect([count, clock.timerCount]).toEqual([5, 0])
  })

  it('stops with nothing armed', async () => {
    const { clock, queue, fired, deadline } = setUp()
    queue.set(deadline('x'), 10)
    queue.stop()
    queue.set(deadline('y'), 10)
    await clock.advance(100)
    expect(fired).toEqual([])
    expect(clock.timerCount).toBe(0)
  })

  it('agrees with a plain sort for random deadlines that move', async () => {
    const entropy = createSeededEntropy(5)
    const { clock, queue, fired, deadline } = setUp()
    const last = new Map<string, number>()
    const all = Array.from({ length: 200 }, (_, i) => deadline(`d${i}`))
    for (let move = 0; move < 2_000; move++) {
      const one = all[Math.floor(entropy.random() * all.length)]!
      const at = 1 + Math.floor(entropy.random() * 1_000)
      queue.set(one, at)
      last.set(one.owner!, at)
    }
    await clock.advance(1_001)
    expect(new Map(fired)).toEqual(last)
    expect(fired.map(([, at]) => at)).toEqual([...last.values()].toSorted((a, b) => a - b))
  })
})
