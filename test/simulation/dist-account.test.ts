/** What the account of whole nodes takes for an explanation when something is lost in calm, and what it does not. */
import { describe, expect, it } from 'vitest'
import { DistAccount } from './dist-account.ts'

const CALM_MS = 10_000
const TIMEOUT_MS = 2_000

/** Of one step: who speaks to whom, when, and whether it arrives. */
type Step = readonly ['say' | 'call', from: number, to: number, atMs: number, arrives: boolean]

function lossesAfter(steps: readonly Step[]): string {
  let nowMs = 0
  const account = new DistAccount(() => nowMs)
  for (const [what, from, to, atMs, arrives] of steps) {
    nowMs = atMs
    if (what === 'say') {
      const message = account.message(from, to)
      if (arrives) account.heard(to, message)
    } else {
      const { id } = account.call(from, to)
      if (arrives) account.applied(to, id)
    }
  }
  const { unexplained, doomed } = account.losses([1, 2, 3], CALM_MS, TIMEOUT_MS)
  return `${unexplained} unexplained, ${doomed} doomed`
}

describe('messages that are lost although all have links', () => {
  it.each<[string, readonly Step[], string]>([
    ['nothing is lost', [['say', 1, 2, CALM_MS, true]], '0 unexplained, 0 doomed'],
    ['what was lost before is no matter', [['say', 1, 2, 9_999, false]], '0 unexplained, 0 doomed'],
    ['one is lost', [['say', 1, 2, CALM_MS, false]], '1 unexplained, 0 doomed'],
    [
      'its session had lost one before, in the other direction',
      [...[['say', 2, 1, 9_999, false] as const, ['say', 1, 2, CALM_MS, false] as const]],
      '0 unexplained, 1 doomed',
    ],
    [
      'its session had lost a call before',
      [...[['call', 1, 2, 9_999, false] as const, ['say', 1, 2, CALM_MS, false] as const]],
      '0 unexplained, 1 doomed',
    ],
    [
      'its session had lost nothing',
      [...[['call', 1, 2, 9_999, true] as const, ['say', 1, 2, CALM_MS, false] as const]],
      '1 unexplained, 0 doomed',
    ],
    [
      'that of another pair had lost one before',
      [...[['say', 1, 3, 9_999, false] as const, ['say', 1, 2, CALM_MS, false] as const]],
      '1 unexplained, 0 doomed',
    ],
    [
      'its session had lost one so long before that it has ended',
      [...[['say', 2, 1, 7_999, false] as const, ['say', 1, 2, CALM_MS, false] as const]],
      '1 unexplained, 0 doomed',
    ],
    [
      'and another one is lost when that session must have ended',
      [...[['say', 1, 2, 9_999, false] as const, ['say', 1, 2, 12_000, false] as const]],
      '1 unexplained, 0 doomed',
    ],
  ])('X-04 %s', (_what, steps, expected) => {
    expect(lossesAfter(steps)).toBe(expected)
  })
})

/** What becomes of the two ends of a link that was made just before all had links. */
interface LinkStory {
  readonly nearAtMs?: number
  readonly isFarTold?: boolean
  readonly isFarKilled?: boolean
}

function lossesAfterLink({ nearAtMs, isFarTold = false, isFarKilled = false }: LinkStory): string {
  let nowMs = 9_999
  const account = new DistAccount(() => nowMs)
  const { near, far } = account.link(2, 1)
  if (nearAtMs !== undefined) Object.assign(near, { fired: 1, firedMs: nearAtMs })
  if (isFarTold) Object.assign(far, { fired: 1, firedMs: nearAtMs })
  far.isDead = isFarKilled
  nowMs = CALM_MS
  account.message(1, 2)
  const { unexplained, doomed } = account.losses([1, 2], CALM_MS, TIMEOUT_MS)
  return `${unexplained} unexplained, ${doomed} doomed`
}

describe('a link as a sign that a session had lost something', () => {
  it.each<[string, LinkStory, string]>([
    ['only who made it hears of an end', { nearAtMs: 10_001 }, '0 unexplained, 1 doomed'],
    ['nobody hears of one', {}, '1 unexplained, 0 doomed'],
    ['both hear of it', { nearAtMs: 10_001, isFarTold: true }, '1 unexplained, 0 doomed'],
    ['it ended before', { nearAtMs: 9_999 }, '1 unexplained, 0 doomed'],
    ['the other was killed', { nearAtMs: 10_001, isFarKilled: true }, '1 unexplained, 0 doomed'],
  ])('X-04 %s', (_what, story, expected) => {
    expect(lossesAfterLink(story)).toBe(expected)
  })
})
