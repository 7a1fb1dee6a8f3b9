import { describe, expect, it } from 'vitest'
import { Pulse } from '../../../../mesh/transport/worker/pulse.ts'
import { createSimClock } from '../../../../runtime/index.ts'
import type { SimClock } from '../../../../runtime/index.ts'

function started(keepaliveIntervalMs = 100): {
  readonly clock: SimClock
  readonly pulse: Pulse
  readonly said: string[]
} {
  const clock = createSimClock()
  const said: string[] = []
  const pulse: Pulse = new Pulse({
    ...{ clock, keepaliveIntervalMs, idleTimeoutMs: 300, rttMs: 2 },
    ping: (stamp) => void said.push(`ping ${stamp}`),
    silent: () => void said.push('silent'),
  })
  return { clock, pulse, said }
}

describe('a pulse', () => {
  it('pings after silence of ours and measures the answer', async () => {
    const { clock, pulse, said } = started()
    await clock.advance(99)
    expect([said, pulse.rttMs]).toEqual([[], 2])
    await clock.advance(1)
    expect(said).toEqual(['ping 1'])
    await clock.advance(7)
    pulse.pong(2) // an answer to nothing
    expect(pulse.rttMs).toBe(2)
    pulse.pong(1)
    expect(pulse.rttMs).toBe(7)
    pulse.stop()
  })

  it('does not ping while we speak, and gives up once after idleTimeoutMs of silence', async () => {
    const { clock, pulse, said } = started()
    for (let i = 0; i < 5; i++) {
      pulse.spoke()
      await clock.advance(50)
    }
    expect(said).toEqual([])
    await clock.advance(500)
    expect(said.filter((word) => word === 'silent')).toEqual(['silent'])
  })

  it('blames nobody whose words wait behind its own long turn', async () => {
    const { clock, pulse, said } = started(Infinity)
    const real = clock.nextTurn.bind(clock)
    let turns = 0
    clock.nextTurn = (fn) => {
      turns++
      pulse.heard() // what waited is read before the next turn
      real(fn)
    }
    await clock.advance(450)
    expect([turns, said]).toEqual([1, []])
    pulse.stop()
  })

  it('leaves no timer after stop', async () => {
    const { clock, pulse, said } = started()
    pulse.stop()
    await clock.advance(1_000)
    expect(said).toEqual([])
  })
})
