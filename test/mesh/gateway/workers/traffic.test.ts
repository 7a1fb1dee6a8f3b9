import { describe, expect, it } from 'vitest'
import type { GatewayCounts } from '../../../../mesh/gateway/memory.ts'
import { Traffic } from '../../../../mesh/gateway/workers/traffic.ts'
import type { Link } from '../../../../mesh/link/link.ts'
import { Refusals } from '../../../../mesh/refusals.ts'
import { WireType } from '../../../../mesh/wire/messages.ts'
import { createSimClock, silentLogger } from '../../../../runtime/index.ts'

const linkOf = (hex: string): Link => ({ peer: { key: { hex }, nodeId: hex } }) as unknown as Link

function traffic(clientFramesPerSecond: number, clientBytesPerSecond: number) {
  const clock = createSimClock()
  const refusals = new Refusals(clock, silentLogger)
  const counts = { frames: 0, bytes: 0, dropped: 0 } as GatewayCounts
  const settings = { clientFramesPerSecond, clientBytesPerSecond }
  const of = new Traffic({ settings, clock, refusals, counts })
  const pass = (who: string, bytes: number) => of.pass(linkOf(who), WireType.publish, bytes)
  return { clock, refusals, counts, of, pass }
}

describe('the traffic of a client', () => {
  it('passes as many frames a second as it may, and not one more', async () => {
    const { pass, clock, counts, refusals } = traffic(2, 1_000)
    expect([pass('a', 1), pass('a', 1), pass('a', 1)]).toEqual([true, true, false])
    expect(pass('b', 1)).toBe(true)
    await clock.advance(1_000)
    expect(pass('a', 1)).toBe(true)
    expect(counts).toMatchObject({ frames: 4, bytes: 4, dropped: 1 })
    expect(refusals.counters()).toEqual({ ERR_GATEWAY_CLIENT_FLOOD: 1 })
  })

  it('passes as many bytes a second as it may, and not one more', () => {
    const { pass } = traffic(100, 1_000)
    expect([pass('a', 600), pass('a', 400), pass('a', 1)]).toEqual([true, true, false])
  })

  it('is forgotten with the client', () => {
    const { pass, of } = traffic(100, 1_000)
    pass('a', 1)
    pass('b', 1)
    of.forget('a')
    expect(of.size).toBe(1)
  })
})
