import { describe, expect, it } from 'vitest'
import { InOrder } from '../../dist/in-order.ts'

type Listener = (event: string) => void

/** Listeners that are told of letters, and how to tell them. */
function setup(): { readonly listeners: Set<Listener>; tell: (...events: string[]) => void } {
  const order = new InOrder()
  const listeners = new Set<Listener>()
  const tell = (...events: string[]): void =>
    order.tell(listeners, events, (listener, event) => listener(event))
  return { listeners, tell }
}

describe('events for several listeners', () => {
  it('come in one order to all, also those that one of them causes', () => {
    const { listeners, tell } = setup()
    const heard: string[] = []
    listeners.add((event) => {
      if (event === 'a') tell('c', 'd')
    })
    listeners.add((event) => heard.push(event))
    tell('a', 'b')
    expect(heard).toEqual(['a', 'b', 'c', 'd'])
    tell('e')
    expect(heard.at(-1)).toBe('e')
  })

  it('come to who listened when they happened and listens still', () => {
    const { listeners, tell } = setup()
    const heard: string[] = []
    const last: Listener = (event) => heard.push(`last ${event}`)
    listeners.add((event) => {
      if (event !== 'a') return
      listeners.delete(last)
      listeners.add((late) => heard.push(`late ${late}`))
      tell('c')
    })
    listeners.add(last)
    tell('a', 'b')
    expect(heard).toEqual(['late c'])
  })

  it('go on after a teller that threw, which none should', () => {
    const order = new InOrder()
    const heard: number[] = []
    const tell = (event: number): void =>
      order.tell(new Set([heard]), [event], (to, each) => {
        if (each === 1) throw new Error('a bad teller')
        to.push(each)
      })
    expect(() => tell(1)).toThrow('a bad teller')
    tell(2)
    expect(heard).toEqual([2])
  })
})
