import { describe, expect, it } from 'vitest'
import { Rates } from '../../../mesh/exchange/rates.ts'
import { SimClock } from '../../../runtime/index.ts'

describe('rates of peers', () => {
  it('allow so many per second and no more, each peer by itself', async () => {
    const clock = new SimClock()
    const rates = new Rates(clock, 2)
    const asked = (): boolean[] => ['a', 'a', 'a', 'b'].map((peer) => rates.allow(peer))
    expect(asked()).toEqual([true, true, false, true])
    await clock.advance(999)
    expect(rates.allow('a')).toBe(false)
    await clock.advance(1)
    expect(asked()).toEqual([true, true, false, true])
  })

  it('ML6 keep no window of peers that nobody said were gone', async () => {
    const clock = new SimClock()
    const rates = new Rates(clock, 1)
    for (let n = 0; n < 10_000; n++) {
      rates.allow(`p${n}`)
      if (n % 100 === 99) await clock.advance(1_000)
    }
    expect(rates.size).toBeLessThanOrEqual(200)
  })

  it('keep the windows of all that ask within the same second', () => {
    const rates = new Rates(new SimClock(), 1)
    for (let n = 0; n < 1_000; n++) expect(rates.allow(`p${n}`)).toBe(true)
    for (let n = 0; n < 1_000; n++) expect(rates.allow(`p${n}`)).toBe(false)
  })
})
