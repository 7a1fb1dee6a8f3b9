import { describe, expect, it } from 'vitest'
import { Neighbourhood } from '../../../mesh/topology/neighbourhood.ts'
import type { NeighbourhoodEffect } from '../../../mesh/topology/neighbourhood.ts'

const options = { own: 'm', neighbours: 4, reconnectBaseMs: 500, reconnectMaxMs: 30_000 }
const make = (living: string, chance = () => 0.5) => {
  const machine = new Neighbourhood(options, chance)
  for (const key of living) machine.memberUp(key)
  return machine
}
const words = (effects: readonly NeighbourhoodEffect[]) =>
  effects.map(({ type, key }) => `${type} ${key}`)

/** Answers every dial with a link, until nothing is left to do. */
function settle(machine: Neighbourhood, nowMs = 0): string[] {
  const said: string[] = []
  for (let effects = machine.choose(nowMs); effects.length > 0; effects = machine.choose(nowMs)) {
    said.push(...words(effects))
    for (const { type, key } of effects) if (type === 'dial') machine.linkUp(key)
  }
  return said
}

describe('choosing', () => {
  it('dials whom it chose, holds the link when it is there, and is content', () => {
    const machine = make('ln')
    expect(words(machine.choose(0))).toEqual(['dial n', 'dial l'])
    machine.linkUp('n')
    expect(words(machine.choose(0))).toEqual(['hold n'])
    machine.linkUp('l')
    expect(words(machine.choose(0))).toEqual(['hold l'])
    expect(machine.choose(0)).toEqual([])
    expect(machine.standing().sort()).toEqual(['l', 'n'])
  })

  it('holds a link that exists without dialling', () => {
    const machine = make('n')
    machine.linkUp('n')
    expect(words(machine.choose(0))).toEqual(['hold n'])
  })

  it('lets go of whom a newcomer next on the ring displaces, and says so', () => {
    const machine = make('abkp', () => 0)
    settle(machine)
    expect(machine.chosen().sort()).toEqual(['a', 'b', 'k', 'p'])
    machine.memberUp('l')
    const said = settle(machine)
    expect(said).toContain('hold l')
    const released = said.filter((line) => line.startsWith('decline'))
    expect(released).toHaveLength(1)
    const [, gone] = released[0]!.split(' ')
    expect(said).toContain(`let_go ${gone}`)
    expect(machine.chosen()).toHaveLength(4)
  })

  it('chooses another one at once when a chosen node dies', () => {
    const machine = make('abcklnop')
    settle(machine)
    machine.memberDown('n')
    machine.linkDown('n', 'lost', 0)
    settle(machine)
    expect(machine.chosen()).toContain('o')
    expect(machine.chosen()).toHaveLength(4)
  })
})

describe('trouble', () => {
  it('waits before it dials a lost neighbour again, with a longer pause each time', () => {
    const machine = make('n')
    settle(machine)
    let nowMs = 1_000
    const pauses: number[] = []
    for (let i = 0; i < 3; i++) {
      machine.dialFailed('n', nowMs)
      machine.linkDown('n', 'lost', nowMs)
      expect(machine.choose(nowMs)).toEqual([])
      const dueMs = machine.nextDueMs(nowMs)
      pauses.push(dueMs - nowMs)
      expect(machine.choose(dueMs - 1)).toEqual([])
      nowMs = dueMs
      expect(words(machine.choose(nowMs))).toEqual(['dial n'])
      machine.dialFailed('n', nowMs)
      nowMs = machine.nextDueMs(nowMs)
      machine.choose(nowMs)
    }
    expect(pauses[1]).toBeGreaterThan(pauses[0]!)
    expect(pauses[2]).toBeGreaterThan(pauses[1]!)
  })

  it('does not wait when the lost neighbour comes back by itself', () => {
    const machine = make('n')
    settle(machine)
    machine.linkDown('n', 'goodbye', 0)
    expect(machine.choose(0)).toEqual([])
    machine.linkUp('n')
    expect(words(machine.choose(0))).toEqual(['hold n'])
    expect(machine.nextDueMs(0)).toBe(Infinity)
  })

  it('lets go of a link that the peer refused to hold, chooses another and asks again later', () => {
    const machine = make('abcklnop')
    settle(machine)
    const [refuser] = machine.chosen().filter((key) => key !== 'l' && key !== 'n') as [string]
    expect(words(machine.declined(refuser, 0))).toEqual([`let_go ${refuser}`])
    settle(machine)
    expect(machine.chosen()).toHaveLength(4)
    expect(machine.chosen()).not.toContain(refuser)
    // The link is still there; only time ends a refusal.
    machine.linkUp(refuser)
    settle(machine)
    expect(machine.chosen()).not.toContain(refuser)
    expect(machine.nextDueMs(0)).toBeGreaterThanOrEqual(15_000)
  })

  it('a refusal of a link that was not held means nothing', () => {
    const machine = make('n')
    expect(machine.declined('n', 0)).toEqual([])
    expect(words(machine.choose(0))).toEqual(['dial n'])
  })
})

describe('peers that chose this node', () => {
  const crowd = 'abcdefghijk'

  it('holds their links up to 2k and refuses the next one', () => {
    const machine = make('')
    for (const key of crowd) machine.linkUp(key)
    const said = Array.from(crowd).flatMap((key) => words(machine.wanted(key)))
    expect(said.filter((line) => line.startsWith('accept'))).toHaveLength(8)
    expect(said.slice(8)).toEqual(['decline i', 'decline j', 'decline k'])
    expect(machine.standing()).toHaveLength(8)
  })

  it('never refuses those nearest on the ring', () => {
    const machine = make('')
    for (const key of 'abcdefgh') {
      machine.linkUp(key)
      machine.wanted(key)
    }
    machine.memberUp('n')
    machine.choose(0)
    machine.linkUp('n')
    expect(words(machine.wanted('n'))).toEqual(['accept n'])
  })

  it('sheds what is above 2k after it chose others itself, the youngest first', () => {
    const machine = make('')
    for (const key of 'abcdefgh') {
      machine.linkUp(key)
      machine.wanted(key)
    }
    for (const key of 'wxyz') machine.memberUp(key)
    const said = settle(machine)
    expect(said.filter((line) => line.startsWith('decline'))).toEqual([
      'decline h',
      'decline g',
      'decline f',
      'decline e',
    ])
    expect(machine.standing()).toHaveLength(8)
  })

  it('lets go when the peer needs the link no more, unless it needs it itself', () => {
    const machine = make('n')
    settle(machine)
    expect(machine.wanted('n')).toEqual([])
    expect(machine.declined('n', 0)).toEqual([])
    expect(machine.chosen()).toEqual(['n'])
    machine.linkUp('x')
    expect(words(machine.wanted('x'))).toEqual(['accept x'])
    expect(machine.wanted('x')).toEqual([])
    expect(words(machine.declined('x', 0))).toEqual(['let_go x'])
    expect(machine.declined('x', 0)).toEqual([])
  })

  it('keeps the link of a peer that chose it when it does not choose that peer any more', () => {
    const machine = make('n')
    settle(machine)
    machine.wanted('n')
    machine.memberDown('n')
    expect(words(machine.choose(0))).toEqual(['decline n'])
    expect(machine.standing()).toEqual(['n'])
  })

  it('takes no word over a link that is gone', () => {
    const machine = make('')
    expect(machine.wanted('n')).toEqual([])
    machine.linkUp('n')
    machine.wanted('n')
    machine.linkDown('n', 'lost', 0)
    expect(machine.standing()).toEqual([])
  })
})

describe('bounds', () => {
  it('remembers 1,024 pauses and forgets the oldest', () => {
    const machine = make('')
    const keys = Array.from({ length: 1_025 }, (_, i) => `m${String(i).padStart(5, '0')}`)
    for (const key of keys) {
      machine.memberUp(key)
      machine.choose(0)
      machine.dialFailed(key, 0)
    }
    const paused = keys.filter((key) => {
      const alone = new Set([key])
      return !machine.chosen().some((one) => alone.has(one))
    })
    expect(paused).toHaveLength(1_025)
    expect(words(machine.choose(0))).toEqual([`dial ${keys[0]}`])
  })
})
