import { describe, expect, it } from 'vitest'
import { Refusals } from '../../mesh/refusals.ts'
import { createSimClock, silentLogger } from '../../runtime/index.ts'

const make = () => {
  const lines: { fields: Readonly<Record<string, unknown>>; text: string }[] = []
  const clock = createSimClock()
  const warn = (fields: Readonly<Record<string, unknown>>, text: string) =>
    void lines.push({ fields, text })
  return { lines, clock, refusals: new Refusals(clock, { ...silentLogger, warn }) }
}

describe('Refusals', () => {
  it('counts everything and writes five lines per code and second, summing up the rest', async () => {
    const { lines, clock, refusals } = make()
    for (let i = 0; i < 100; i++) refusals.count('ERR_LINK_EARLY_FRAME', { peer: 'x' })
    refusals.count('ERR_LINK_PROTOCOL')
    expect(lines).toHaveLength(6)
    expect(refusals.counters()).toEqual({ ERR_LINK_EARLY_FRAME: 100, ERR_LINK_PROTOCOL: 1 })
    await clock.advance(1_000)
    refusals.count('ERR_LINK_EARLY_FRAME', { peer: 'y' })
    expect(lines.at(-1)).toEqual({
      fields: { code: 'ERR_LINK_EARLY_FRAME', peer: 'y', unsaid: 95 },
      text: 'ERR_LINK_EARLY_FRAME (101 so far)',
    })
  })

  it('counts several at once with one line', () => {
    const { lines, refusals } = make()
    refusals.count('ERR_MEMBERS_FULL', {}, { times: 40 })
    expect(lines).toHaveLength(1)
    expect(refusals.counters()).toEqual({ ERR_MEMBERS_FULL: 40 })
  })
})
