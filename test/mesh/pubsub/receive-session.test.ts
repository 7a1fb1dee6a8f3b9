import { describe, expect, it } from 'vitest'
import { ReceiveSession } from '../../../mesh/pubsub/receive-session.ts'

function session(messagesMax = 4, bytesMax = 100) {
  const machine = new ReceiveSession<number>(1, { messagesMax, bytesMax }, 0)
  const order: number[] = []
  const take = (number: number, previous = number - 1, bytes = 1): string => {
    const outcome = machine.take({ session: 1, number, previous }, () => number, bytes)
    if (outcome === 'next') order.push(number)
    for (let next = machine.release(); next !== undefined; next = machine.release()) {
      order.push(next.content)
    }
    return outcome
  }
  return { machine, order, take }
}

describe('a receiving session', () => {
  it('brings what comes too early into order', () => {
    const { order, take, machine } = session()
    expect([take(3), take(2), take(1)]).toEqual(['held', 'held', 'next'])
    expect(order).toEqual([1, 2, 3])
    expect(machine.held).toBe(0)
  })

  it('drops what it had', () => {
    const { order, take } = session()
    expect([take(1), take(1), take(3), take(3)]).toEqual(['next', 'duplicate', 'held', 'duplicate'])
    expect(order).toEqual([1])
  })

  it('begins with the first that has none before it, and goes over what is given up', () => {
    const { order, take, machine } = session()
    take(100, 99)
    expect(order).toEqual([])
    take(90, 0)
    expect(take(100, 90)).toBe('next')
    expect(order).toEqual([90, 100])
    expect([machine.next, machine.held]).toEqual([101, 0])
  })

  it('says what is settled, what is not, and what came too early', () => {
    const { take, machine } = session()
    take(1)
    take(2)
    take(3)
    take(6)
    machine.settle(2)
    expect(machine.state()).toEqual({
      ...{ type: 'state', session: 1, next: 4 },
      ...{ unsettled: [1, 1, 3, 3], held: [6, 6] },
    })
    machine.settle(1)
    machine.settle(3)
    expect(machine.state()).toMatchObject({ unsettled: [] })
  })

  it('holds as many messages and bytes as it may, and one more not', () => {
    const { take } = session(2, 10)
    expect([take(5, 4, 5), take(6, 5, 6), take(7, 6, 5), take(8)]).toEqual([
      ...['held', 'beyond', 'held', 'beyond'],
    ])
  })

  it('hands on no more than may be unsettled', () => {
    const { take, machine, order } = session(2)
    expect([take(1), take(2), take(3)]).toEqual(['next', 'next', 'beyond'])
    machine.settle(1)
    expect(take(3)).toBe('next')
    expect(order).toEqual([1, 2, 3])
  })
})
