import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Leave, type LeaveWord } from '../../dist/leave.ts'

/** One side, with what it has said and what is under way on it. */
class Side {
  readonly said: LeaveWord[] = []
  readonly leave: Leave
  quiets = 0
  bytes = 0
  unanswered = 0

  constructor() {
    this.leave = new Leave({
      say: (word) => void this.said.push(word),
      bytesWaiting: () => this.bytes,
      unanswered: () => this.unanswered,
    })
  }

  begin(): void {
    this.leave.begin(() => this.quiets++)
  }
}

describe('who leaves', () => {
  it('is quiet when its peer has acknowledged and nothing is under way', () => {
    const side = new Side()
    side.begin()
    expect([side.said, side.quiets]).toEqual([['leave'], 0])
    side.leave.step()
    expect(side.quiets).toBe(0)
    side.leave.hear('leave_ack')
    side.leave.step()
    side.leave.hear('leave_ack')
    expect([side.said, side.quiets]).toEqual([['leave'], 1])
  })

  it('waits for the last answer, and until that is sent', () => {
    const side = new Side()
    side.unanswered = 1
    side.begin()
    side.leave.hear('leave_ack')
    side.unanswered = 0
    side.bytes = 10
    side.leave.step()
    expect(side.quiets).toBe(0)
    side.bytes = 0
    side.leave.step()
    expect(side.quiets).toBe(1)
  })

  it('is told to leave once, however often it is wanted, and tells each that it is quiet', () => {
    const side = new Side()
    side.begin()
    side.begin()
    side.leave.hear('leave_ack')
    expect([side.said, side.quiets]).toEqual([['leave'], 2])
    side.begin()
    expect([side.said, side.quiets]).toEqual([['leave'], 3])
  })

  it('is quiet when the channel is lost, once', () => {
    const side = new Side()
    side.begin()
    side.leave.over()
    side.leave.over()
    side.leave.hear('leave_ack')
    expect(side.quiets).toBe(1)
  })
})

describe('its peer', () => {
  it('knows at once, acknowledges once, behind everything that waits', () => {
    const side = new Side()
    side.bytes = 1
    expect(side.leave.isPeerLeaving).toBe(false)
    side.leave.hear('leave')
    expect([side.leave.isPeerLeaving, side.said]).toEqual([true, []])
    side.bytes = 0
    side.leave.step()
    side.leave.step()
    side.leave.hear('leave')
    expect([side.leave.isPeerLeaving, side.said]).toEqual([true, ['leave_ack']])
  })
})

it('two that leave at once both end quiet, in every order of what happens', () => {
  const event = fc.constantFrom('begin', 'deliver', 'answer', 'drain') as fc.Arbitrary<string>
  const step = fc.tuple(event, fc.constantFrom(0, 1))
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const sides = [new Side(), new Side()] as const
      const taken = [0, 0]
      const begun = new Set<number>()
      const happens = (what: string, at: 0 | 1): void => {
        const [side, other] = [sides[at], sides[at === 0 ? 1 : 0]]
        const word = other.said[taken[at]!]
        if (what === 'begin' && !begun.has(at)) {
          begun.add(at)
          side.unanswered = 2
          side.bytes = 5
          side.begin()
        } else if (what === 'deliver' && word !== undefined) {
          taken[at]! += 1
          side.leave.hear(word)
        } else if (what === 'answer' && side.unanswered > 0) side.unanswered--
        else if (what === 'drain') side.bytes = 0
        side.leave.step()
        if (side.quiets > 0) expect([side.unanswered, side.bytes]).toEqual([0, 0])
      }
      for (const [what, at] of steps) happens(what, at as 0 | 1)
      for (const at of [0, 1] as const) happens('begin', at)
      for (let round = 0; round < 3; round++) {
        for (const at of [0, 1] as const)
          for (const what of ['answer', 'drain', 'deliver', 'deliver']) happens(what, at)
      }
      expect(sides.map(({ quiets }) => quiets)).toEqual([1, 1])
    }),
    { seed: 7, numRuns: 300 },
  )
})
