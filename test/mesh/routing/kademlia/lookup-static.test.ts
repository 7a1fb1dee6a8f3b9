import { describe, expect, it } from 'vitest'
import { nearest, randomKey, StaticNetwork } from './static-network.ts'

const N = 1_000
const LOOKUPS = 100
const network = new StaticNetwork(N, 19)

/** Runs lookups of random keys from random origins, and what the figures of the catalogue are made of. */
function figures(spec: { readonly alpha: number; readonly beta: number }, lookups = LOOKUPS) {
  let exact = 0
  let messages = 0
  let messagesMax = 0
  let depth = 0
  let depthMax = 0
  let inFlightMax = 0
  const times: number[] = []
  for (let i = 0; i < lookups; i++) {
    const target = randomKey(network.chance)
    const origin = network.chance.next() % N
    const run = network.run({ origin, target, spec })
    const self = network.contacts[origin]!
    const truth = network.closest(target, 21).filter((contact) => contact !== self)
    const found = run.result.closest
    if (found.length === 20 && found.every((one, place) => one === truth[place])) exact++
    messages += run.result.requests
    messagesMax = Math.max(messagesMax, run.result.requests)
    depth += run.result.depth
    depthMax = Math.max(depthMax, run.result.depth)
    inFlightMax = Math.max(inFlightMax, run.inFlightMax)
    times.push(run.elapsedMs)
  }
  times.sort((a, b) => a - b)
  return {
    exact: exact / lookups,
    messages: messages / lookups,
    messagesMax,
    depth: depth / lookups,
    depthMax,
    inFlightMax,
    medianMs: times[lookups >>> 1]!,
  }
}

describe('lookups among a thousand nodes whose tables do not change', () => {
  for (const alpha of [1, 3, 10]) {
    for (const beta of [0, 3]) {
      it(`K19 are exact from everywhere, alpha ${alpha}, beta ${beta}`, () => {
        const { exact, inFlightMax } = figures({ alpha, beta })
        expect(exact).toBe(1)
        expect(inFlightMax).toBeLessThanOrEqual(beta === 0 ? alpha : 20)
      })
    }
  }

  it('K20 go few hops', () => {
    const { depth, depthMax } = figures({ alpha: 3, beta: 3 })
    expect(depth).toBeLessThanOrEqual(0.3 * Math.log2(N))
    expect(depthMax).toBeLessThanOrEqual(Math.ceil(Math.log2(N) / 2) + 1)
  })

  it('K21 send at most k + 6 messages on average with alpha 3, 36 with alpha 10', () => {
    const three = figures({ alpha: 3, beta: 3 })
    expect(three.messages).toBeLessThanOrEqual(24)
    expect(three.messagesMax).toBeLessThanOrEqual(28)
    const ten = figures({ alpha: 10, beta: 3 })
    expect(ten.messages).toBeLessThanOrEqual(30)
    expect(ten.messagesMax).toBeLessThanOrEqual(40)
  })

  it('K22 the follow-up halves their time and costs no messages', () => {
    const wide = figures({ alpha: 3, beta: 3 })
    const narrow = figures({ alpha: 3, beta: 0 })
    expect(wide.medianMs).toBeLessThanOrEqual(480)
    expect(wide.medianMs).toBeLessThan(0.6 * narrow.medianMs)
    expect(wide.messages).toBeLessThan(narrow.messages + 0.5)
  })
})

describe('lookups after many have died at once', () => {
  /** Part of lookups that found the nearest living ones exactly, and their median time. */
  function afterDeaths(answerFactor: number, softTimeoutMs: number) {
    const mortal = new StaticNetwork(N, 24, { requestTimeoutMs: 1_000, answerFactor })
    let exact = 0
    const times: number[] = []
    for (let i = 0; i < 60; i++) {
      const living = mortal.contacts.filter(() => mortal.chance.next() % 10 >= 3)
      const livingIds = new Set(living.map(({ id }) => id))
      const dead = new Set(mortal.contacts.map(({ id }) => id).filter((id) => !livingIds.has(id)))
      const self = living[mortal.chance.next() % living.length]!
      const target = randomKey(mortal.chance)
      const run = mortal.run({
        origin: mortal.contacts.indexOf(self),
        target,
        dead,
        softTimeoutMs,
      })
      const truth = nearest(living, target, 21).filter((contact) => contact !== self)
      if (truth.slice(0, 20).every((one, place) => one === run.result.closest[place])) exact++
      times.push(run.elapsedMs)
    }
    times.sort((a, b) => a - b)
    return { exact: exact / 60, medianMs: times[30]! }
  }

  it('K24 are exact with answers of 2k contacts, and seldom with answers of k', () => {
    expect(afterDeaths(2, 300).exact).toBeGreaterThanOrEqual(0.98)
    expect(afterDeaths(1, 300).exact).toBeLessThan(0.5)
  })

  it('K25 take half of the time when slow peers do not hold them up', () => {
    const soft = afterDeaths(2, 300)
    const hard = afterDeaths(2, 5_000)
    expect(soft.medianMs).toBeLessThanOrEqual(2_200)
    expect(soft.medianMs).toBeLessThan(0.7 * hard.medianMs)
  })
})
