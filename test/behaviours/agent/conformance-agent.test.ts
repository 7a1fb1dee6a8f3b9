/** Agents as Elixir does them: one test per case of `otp-conformance.md` section 12. */
import { beforeEach, describe, expect, it } from 'vitest'
import type { System } from '../../../runtime/index.ts'
import { Agent } from '../../../behaviours/index.ts'
import { ending, outcome, world, type World } from '../world.ts'

let w: World
let system: System
beforeEach(() => {
  w = world()
  system = w.system
})

describe('agents', () => {
  it('A-01 functions run in the agent in the order of their arrival', async () => {
    const ran: unknown[] = []
    const agent = await Agent.start(() => 1, { system })
    const get = Agent.get(agent, (n) => (ran.push('get'), n))
    const update = Agent.update(agent, (n) => (ran.push('update'), n + 1))
    const both = Agent.getAndUpdate(agent, (n) => (ran.push('both'), ['r', n + 3] as const))
    expect(Agent.cast(agent, (n) => (ran.push('cast'), n + 4))).toBe(true)
    const last = Agent.get(agent, (n) => n)
    expect(await Promise.all([get, update, both, last])).toEqual([1, undefined, 'r', 9])
    expect(ran).toEqual(['get', 'update', 'both', 'cast'])
  })

  it('A-02 a function that throws ends the agent, and its caller hears why', async () => {
    const agent = await Agent.start(() => 1, { system })
    const end = ending(system, agent.pid)
    const failed = Agent.get(agent, () => {
      throw new RangeError('oops')
    })
    await expect(failed).rejects.toMatchObject({
      code: 'ERR_CALL_EXIT',
      reason: expect.any(RangeError) as unknown,
    })
    expect(end.reason).toBeInstanceOf(RangeError)
    expect(system.isAlive(agent.pid)).toBe(false)
  })

  it('A-03 others wait for a slow function, and may stop waiting', async () => {
    const agent = await Agent.start(1, { system })
    const slow = outcome(
      Agent.get(
        agent,
        () =>
          new Promise<string>((resolve) => void system.clock.setTimer(50, () => resolve('slow'))),
      ),
    )
    const patient = outcome(Agent.get(agent, (n) => n))
    const hasty = outcome(Agent.get(agent, (n) => n, { timeoutMs: 10 }))
    await w.clock.advance(49)
    expect(hasty.error).toMatchObject({ code: 'ERR_CALL_TIMEOUT', timeoutMs: 10 })
    expect([slow.settled, patient.settled]).toEqual([false, false])
    await w.clock.advance(1)
    expect([slow.value, patient.value]).toEqual(['slow', 1])
  })
})
