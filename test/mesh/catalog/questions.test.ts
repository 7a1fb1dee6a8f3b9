import { describe, expect, it } from 'vitest'
import type { QuestionMessage } from '../../../mesh/catalog/message.ts'
import { Questions } from '../../../mesh/catalog/questions.ts'
import { catalogSettings } from '../../../mesh/catalog/settings.ts'
import type { CatalogOptions } from '../../../mesh/catalog/settings.ts'

/** Questions whose gateway the test plays. */
class Play {
  nowMs = 1_000
  readonly asked: QuestionMessage[] = []
  readonly log: string[] = []
  takes = true
  readonly questions: Questions
  #id = 0

  constructor(options: CatalogOptions = {}) {
    this.questions = new Questions(catalogSettings(options), () => 0.5, {
      ask: (message) => {
        if (this.takes) this.asked.push(message)
        return this.takes
      },
      answered: (_kind, name, groups) => {
        this.log.push(`${name}: ${groups.flatMap(({ items }) => items).length}`)
      },
      released: (_kind, name) => void this.log.push(`released ${name}`),
      sought: (id) => void this.log.push(`sought ${id}`),
      refused: (code) => void this.log.push(code),
    })
  }

  seek(name: string, timeoutMs = 2_000): void {
    this.#id += 1
    this.questions.seek(this.nowMs, this.#id, 'topic', name, timeoutMs)
  }

  /** Answers what was asked, each with so many entries. */
  answer(entries = 1, isPartial?: boolean): void {
    const items = Array.from({ length: entries }, (_, at) => ({ pattern: `p${at}`, detail: {} }))
    const groups = entries === 0 ? [] : [{ node: 'n', via: undefined, items }]
    for (const { number } of this.asked.splice(0)) {
      this.questions.answer(this.nowMs, { type: 'answer', number, last: true, isPartial, groups })
    }
  }

  advance(ms: number): void {
    const untilMs = this.nowMs + ms
    for (;;) {
      const dueMs = Math.max(this.nowMs, this.questions.nextDeadline())
      if (dueMs > untilMs) break
      this.nowMs = dueMs
      this.questions.tick(dueMs)
    }
    this.nowMs = untilMs
  }
}

describe('questions to a gateway', () => {
  it('are asked once for all who seek a name, and answered to all of them', () => {
    const play = new Play()
    play.questions.linked(play.nowMs)
    play.seek('a')
    play.seek('a')
    expect(play.asked.map(({ name }) => name)).toEqual(['a'])
    play.answer()
    expect(play.log).toEqual(['a: 1', 'sought 1', 'sought 2'])
    expect(play.questions.isSought(play.nowMs, 'topic', 'a')).toBe(true)
    play.seek('a')
    expect(play.log.at(-1)).toBe('sought 3')
    expect(play.asked).toEqual([])
  })

  it('ML8 wait for a gateway, and end with their time when none comes', () => {
    const play = new Play()
    play.seek('a')
    play.seek('b', 300)
    expect(play.asked).toEqual([])
    play.advance(300)
    expect(play.log).toEqual(['sought 2'])
    play.questions.linked(play.nowMs)
    expect(play.asked.map(({ name }) => name)).toEqual(['a', 'b'])
    play.answer()
    expect(play.log).toContain('sought 1')
  })

  it('are asked again of another gateway, for every name that is used', () => {
    const play = new Play()
    play.questions.linked(play.nowMs)
    play.seek('a')
    play.answer()
    play.questions.unlinked()
    expect(play.questions.isSought(play.nowMs, 'topic', 'a')).toBe(true)
    play.questions.linked(play.nowMs)
    expect(play.questions.isSought(play.nowMs, 'topic', 'a')).toBe(false)
    expect(play.asked.map(({ name }) => name)).toEqual(['a'])
  })

  it('are no more within a second than half of what a gateway takes, and a few at once', () => {
    const play = new Play({ edgeSeeksPerSecondMax: 64 })
    play.questions.linked(play.nowMs)
    for (let at = 0; at < 200; at++) play.seek(`n${at}`, 60_000)
    expect(play.asked.length).toBeLessThanOrEqual(10)
    play.advance(1_000)
    expect(play.asked.length).toBeGreaterThan(30)
    expect(play.asked.length).toBeLessThanOrEqual(44)
    for (let seconds = 0; seconds < 8; seconds++) {
      play.answer(0)
      play.advance(1_000)
    }
    play.answer(0)
    expect(play.log.filter((line) => line.startsWith('sought')).length).toBe(200)
  })

  it('are asked later when the lane takes no more', () => {
    const play = new Play()
    play.questions.linked(play.nowMs)
    play.takes = false
    play.seek('a')
    play.takes = true
    expect(play.asked).toEqual([])
    play.advance(1_500)
    expect(play.asked.map(({ name }) => name)).toEqual(['a'])
  })

  it('PS6 ML8 are asked of a gateway at once, though the one before took no more', () => {
    const play = new Play()
    play.questions.linked(play.nowMs)
    play.takes = false
    play.seek('a')
    play.questions.unlinked()
    play.advance(80)
    play.takes = true
    play.questions.linked(play.nowMs)
    expect(play.asked.map(({ name }) => name)).toEqual(['a'])
  })

  it('are asked again in the background while the name is used, and released after its lease', () => {
    const play = new Play({ refreshMs: 5_000, seekLeaseMs: 12_000 })
    play.questions.linked(play.nowMs)
    play.seek('a')
    play.answer()
    play.advance(6_500)
    expect(play.asked.map(({ name }) => name)).toEqual(['a'])
    play.answer()
    play.advance(8_000)
    expect(play.log.at(-1)).toBe('released a')
    play.advance(10_000)
    expect(play.questions.sizes()).toEqual({ sought: 0, asked: 0, queued: 0, seeking: 0 })
    expect(play.questions.nextDeadline()).toBe(Infinity)
  })

  it('H31 take answers to what was asked, and what has changed since under the last number only', () => {
    const play = new Play()
    play.questions.linked(play.nowMs)
    play.seek('a')
    const { number } = play.asked[0]!
    const answer = { type: 'answer', number: number + 1, last: true, groups: [] } as const
    play.questions.answer(play.nowMs, answer)
    expect(play.log).toEqual([])
    play.answer()
    play.questions.answer(play.nowMs, { ...answer, number })
    expect(play.log).toEqual(['a: 1', 'sought 1', 'a: 0'])
    play.advance(6_000)
    play.seek('a')
    play.answer()
    play.questions.answer(play.nowMs, { ...answer, number })
    expect(play.log.slice(3)).toEqual(['a: 1', 'sought 2'])
    play.questions.linked(play.nowMs)
    const [last] = play.asked
    play.questions.answer(play.nowMs, { ...answer, number: last!.number - 1 })
    expect(play.log.length).toBe(5)
  })

  it('PS6 are asked again after seekIntervalMs while the answer is partial, and a seek waits for that', () => {
    const play = new Play()
    play.questions.linked(play.nowMs)
    play.seek('a')
    play.answer(1, true)
    expect(play.log.splice(0)).toEqual(['a: 1', 'sought 1'])
    expect(play.questions.isUnanswered('topic', 'a')).toBe(true)
    expect(play.questions.isSought(play.nowMs, 'topic', 'a')).toBe(false)
    // What is not to be known yet is neither said at once nor asked at once.
    play.seek('a', 3_000)
    play.advance(1_999)
    expect([play.asked.length, play.log.length]).toEqual([0, 0])
    play.advance(1)
    expect(play.asked).toHaveLength(1)
    play.answer(2)
    expect(play.log.splice(0)).toEqual(['a: 2', 'sought 2'])
    expect(play.questions.isUnanswered('topic', 'a')).toBe(false)
    expect(play.questions.isSought(play.nowMs, 'topic', 'a')).toBe(true)
  })

  it('take answerEntriesMax entries of an answer in parts, not one more', () => {
    const play = new Play({ answerEntriesMax: 3 })
    play.questions.linked(play.nowMs)
    play.seek('a')
    play.answer(3)
    expect(play.log).toEqual(['a: 3', 'sought 1'])
    play.advance(6_000)
    play.seek('a')
    play.answer(4)
    expect(play.log.slice(2)).toEqual(['ERR_CATALOG_NODE_MAX', 'a: 3', 'sought 2'])
  })
})
