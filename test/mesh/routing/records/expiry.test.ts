import { describe, expect, it } from 'vitest'
import { keepUntil, lifeProblem, ttlBeyond } from '../../../../mesh/routing/records/expiry.ts'
import { recordsSettings } from '../../../../mesh/routing/records/settings.ts'
import { HOUR_MS, record } from './shelf-scene.ts'

const settings = recordsSettings({ recordTtlMaxMs: 48 * HOUR_MS, clockSkewMs: 300_000 })
const DAY_MS = 24 * HOUR_MS

describe('the life of a record', () => {
  it.each([
    [DAY_MS - 1, undefined],
    [DAY_MS, 'ERR_DHT_RECORD_EXPIRED'],
    [DAY_MS + 1, 'ERR_DHT_RECORD_EXPIRED'],
  ])('K31 ends exactly at its expiry: at %d %s', (wallNowMs, problem) => {
    expect(lifeProblem(record({ expiresAtMs: DAY_MS }), wallNowMs, settings)).toBe(problem)
  })

  it('K31 is at most the longest allowed and the difference of clocks', () => {
    const latestMs = 1_000 + 48 * HOUR_MS + 300_000
    expect(lifeProblem(record({ expiresAtMs: latestMs }), 1_000, settings)).toBeUndefined()
    expect(lifeProblem(record({ expiresAtMs: latestMs + 1 }), 1_000, settings)).toBe(
      'ERR_DHT_RECORD_EXPIRY',
    )
  })

  it.each([
    ['its expiry', { ttlMaxMs: 48 * HOUR_MS, ttlMs: undefined }, DAY_MS],
    ['its expiry, whatever is asked', { ttlMaxMs: 48 * HOUR_MS, ttlMs: 47 * HOUR_MS }, DAY_MS],
    ['the longest life', { ttlMaxMs: HOUR_MS, ttlMs: undefined }, 5_000 + HOUR_MS],
    ['the time asked for', { ttlMaxMs: HOUR_MS, ttlMs: 7 }, 5_007],
  ])('K31 it is kept until %s', (_, life, until) => {
    expect(keepUntil(record({ expiresAtMs: DAY_MS }), 5_000, life)).toBe(until)
  })
})

describe('the life of copies beyond the k nearest', () => {
  it('K31 K36 is whole for the k nearest and halves with every further one', () => {
    const lives = [0, 19, 20, 21, 22, 29].map((rank) => ttlBeyond(20, rank, 48 * HOUR_MS))
    expect(lives).toEqual([
      48 * HOUR_MS,
      48 * HOUR_MS,
      24 * HOUR_MS,
      12 * HOUR_MS,
      6 * HOUR_MS,
      168_750,
    ])
  })

  it('K31 case 5, rust-libp2p #1491: never overflows, never grows, for 0 to 10^6 nodes nearer', () => {
    let before = 172_800_000
    let wrong = 0
    for (let rank = 0; rank <= 1_000_000; rank++) {
      const ttlMs = ttlBeyond(20, rank, 172_800_000)
      if (!(Number.isInteger(ttlMs) && ttlMs >= 0 && ttlMs <= before)) wrong++
      before = ttlMs
    }
    expect(wrong).toBe(0)
    expect(before).toBe(0)
    for (const rank of [50, 51, 52, 83, 84, 1_043, 1_044]) {
      expect(ttlBeyond(20, rank, 172_800_000), `${rank}`).toBe(0)
    }
  })
})
