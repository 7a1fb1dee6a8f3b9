import { describe, expect, it } from 'vitest'
import { isOffence, PeerScores } from '../../../../mesh/routing/kademlia/scores.ts'
import type { Offence, ScoreSettings } from '../../../../mesh/routing/kademlia/scores.ts'
import { routingSettings } from '../../../../mesh/routing/kademlia/settings.ts'

const FORGED: Offence = 'ERR_DHT_RECORD_SIGNATURE'
const FLOOD: Offence = 'ERR_DHT_REQUESTS_MAX'

function scoresOf(given: Partial<ScoreSettings> = {}): PeerScores {
  return new PeerScores(routingSettings(given))
}

/** The outcome of each of so many offences. */
function offend(
  scores: PeerScores,
  times: number,
  given: { readonly id?: string; readonly code?: Offence; readonly nowMs?: number } = {},
): boolean[] {
  const { id = 'a', code = FORGED, nowMs = 0 } = given
  return Array.from({ length: times }, () => scores.offend(id, code, nowMs))
}

describe('scores of peers', () => {
  it('shun whoever reaches shunScore, with the offence that does, once', () => {
    const scores = scoresOf({ shunScore: 100 })
    expect(offend(scores, 9)).not.toContain(true)
    expect(scores.isShunned('a', 0)).toBe(false)
    expect(offend(scores, 1)).toEqual([true])
    expect(scores.isShunned('a', 0)).toBe(true)
    expect(scores.isShunned('b', 0)).toBe(false)
    expect(offend(scores, 1)).toEqual([false])
    expect(scores.shuns).toBe(1)
    expect(scores.offences).toBe(11)
    expect(scores.shunnedSize(0)).toBe(1)
  })

  it('let it come back after shunMs, not a moment earlier, and then begin anew', () => {
    const scores = scoresOf({ shunMs: 1_000, scoreHalfLifeMs: 1_000_000 })
    offend(scores, 10)
    expect(scores.isShunned('a', 999)).toBe(true)
    expect(scores.isShunned('a', 1_000)).toBe(false)
    expect(scores.shunnedSize(1_000)).toBe(0)
    expect(scores.score('a', 1_000)).toBe(0)
    expect(offend(scores, 9, { nowMs: 1_000 })).not.toContain(true)
    expect(offend(scores, 1, { nowMs: 1_000 })).toEqual([true])
  })

  it('shun it longer while it goes on, and not for what is slight', () => {
    const scores = scoresOf({ shunMs: 1_000 })
    offend(scores, 10)
    offend(scores, 1, { nowMs: 600 })
    offend(scores, 1, { nowMs: 900, code: 'ERR_DHT_SEQUENCE_LOW' })
    expect(scores.isShunned('a', 1_599)).toBe(true)
    expect(scores.isShunned('a', 1_600)).toBe(false)
  })

  it('fall to a half within scoreHalfLifeMs', () => {
    const scores = scoresOf({ scoreHalfLifeMs: 1_000 })
    offend(scores, 8)
    expect(scores.score('a', 0)).toBe(80)
    expect(scores.score('a', 1_000)).toBe(40)
    expect(scores.score('a', 3_000)).toBe(10)
    // A clock that goes back changes nothing.
    expect(scores.score('a', 2_000)).toBe(10)
  })

  it('never shun for what an honest node with other settings does, however often', () => {
    const scores = scoresOf()
    offend(scores, 10_000, { code: 'ERR_DHT_SEQUENCE_LOW' })
    offend(scores, 10_000, { code: 'ERR_DHT_RECORD_TOO_LARGE' })
    offend(scores, 10_000, { code: 'ERR_DHT_RECORD_EXPIRY' })
    expect(scores.score('a', 0)).toBe(50)
    expect(offend(scores, 4)).not.toContain(true)
    expect(offend(scores, 1)).toEqual([true])
  })

  it('count a flood once per second, from its second second on', () => {
    const scores = scoresOf()
    const countedAt = (nowMs: number): number => {
      offend(scores, 1_000, { code: FLOOD, nowMs })
      return scores.offences
    }
    expect([0, 999, 1_000, 1_999, 2_000].map(countedAt)).toEqual([0, 0, 1, 1, 2])
    expect(scores.score('a', 2_000)).toBeCloseTo(10, 1)
    // A burst of what was sent over two seconds, or more.
    expect([4_000, 6_000, 9_000].map(countedAt)).toEqual([2, 2, 2])
    // Without a pause it takes 21 seconds.
    for (let nowMs = 20_000; nowMs < 41_000; nowMs += 1_000) countedAt(nowMs)
    expect(scores.isShunned('a', 40_000)).toBe(true)
  })

  it('remember scoredPeersMax peers, and forget the one with the lowest score for one more', () => {
    const scores = scoresOf({ scoredPeersMax: 3 })
    offend(scores, 2, { id: 'a' })
    offend(scores, 1, { id: 'b' })
    offend(scores, 3, { id: 'c' })
    expect(scores.size).toBe(3)
    offend(scores, 1, { id: 'd' })
    expect(scores.size).toBe(3)
    expect(['a', 'b', 'c', 'd'].map((id) => scores.score(id, 0))).toEqual([20, 0, 30, 10])
  })

  it('forget those who are shunned last', () => {
    const scores = scoresOf({ scoredPeersMax: 2, shunMs: 1_000 })
    offend(scores, 10, { id: 'a' })
    offend(scores, 9, { id: 'b', nowMs: 500 })
    for (const id of ['c', 'd', 'e']) offend(scores, 1, { id, nowMs: 500 })
    expect(scores.isShunned('a', 500)).toBe(true)
    expect(scores.score('b', 500)).toBe(0)
    offend(scores, 10, { id: 'f', nowMs: 600 })
    offend(scores, 1, { id: 'g', nowMs: 600 })
    // All are: the one whose time is over first goes.
    expect(['a', 'f'].map((id) => scores.isShunned(id, 600))).toEqual([false, true])
  })

  it('know what is an offence', () => {
    expect(isOffence(FORGED)).toBe(true)
    expect(isOffence('ERR_DHT_SEQUENCE_LOW')).toBe(true)
    for (const code of ['ERR_DHT_RECORD_MEMBERSHIP', 'ERR_DHT_PEER_QUOTA', 'toString']) {
      expect(isOffence(code), code).toBe(false)
    }
  })
})
