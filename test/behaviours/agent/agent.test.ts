import { beforeEach, describe, expect, it } from 'vitest'
import type { System } from '../../../runtime/index.ts'
import { Agent, Supervisor, sys, type AgentRef } from '../../../behaviours/index.ts'
import { ending, outcome, within, world, type World } from '../world.ts'

let w: World
let system: System
beforeEach(() => {
  w = world()
  system = w.system
})

describe('starting', () => {
  it('takes a value, a function or an asynchronous function', async () => {
    for (const init of [{ n: 1 }, () => ({ n: 1 }), async () => ({ n: 1 })]) {
      const agent = await Agent.start(init as () => { n: number }, { system })
      expect(await Agent.get(agent, ({ n }) => n)).toBe(1)
    }
  })

  it('fails with what the function threw, and leaves no process', async () => {
    const failed = Agent.start(
      () => {
        throw new RangeError('oops')
      },
      { system },
    )
    await expect(failed).rejects.toMatchObject({ code: 'ERR_INIT_FAILED' })
    expect(system.stats().processes).toBe(0)
  })

  it('gives up an asynchronous function that is too slow', async () => {
    const failed = outcome(Agent.start(() => new Promise(() => {}), { system, initTimeoutMs: 10 }))
    await w.clock.advance(10)
    expect(failed.error).toMatchObject({ code: 'ERR_INIT_TIMEOUT' })
  })

  it('linked, goes down with its parent', async () => {
    const agent = await within(system, () => Agent.startLink(1))
    await w.clock.advance(0)
    // The parent ended normally: over a link that does nothing.
    expect(system.isAlive(agent.pid)).toBe(true)
    const parent = system.spawn((ctx) => ctx.receive())
    const child = await Agent.startLink(1, { system, parent })
    system.exit(parent, 'gone')
    expect(system.isAlive(child.pid)).toBe(false)
  })

  it('as a child begins again with its first value', async () => {
    const children = [Agent.child(() => 1, { options: { name: 'count' } })]
    const sup = await Supervisor.start({ system, children })
    await Agent.update('count', (n: number) => n + 1, { system })
    expect(await Agent.get('count', (n: number) => n, { system })).toBe(2)
    system.exit(system.whereis('count')!, 'kill')
    await w.clock.advance(1)
    expect(await Agent.get('count', (n: number) => n, { system })).toBe(1)
    await Supervisor.stop(sup)
  })
})

describe('functions', () => {
  let agent: AgentRef<number>
  beforeEach(async () => {
    agent = await Agent.start(1, { system })
  })

  it('may be asynchronous', async () => {
    expect(await Agent.get(agent, async (n) => n + 1)).toBe(2)
    await Agent.update(agent, async (n) => n + 1)
    expect(await Agent.getAndUpdate(agent, async (n) => [n, n + 1])).toBe(2)
    expect(Agent.cast(agent, async (n) => n + 1)).toBe(true)
    expect(await Agent.get(agent, (n) => n)).toBe(4)
  })

  it('may give a thenable that knows only half of a promise', async () => {
    const agent = await Agent.start(1, { system })
    const half = { then: (resolve: (n: number) => void) => resolve(5) } as Promise<number>
    await Agent.update(agent, () => half)
    expect(await Agent.get(agent, () => half)).toBe(5)
    expect(await Agent.get(agent, (n) => n)).toBe(5)
  })

  it('may put in what looks like a result of a server', async () => {
    const { stop } = await import('../../../behaviours/index.ts')
    const odd = await Agent.start<unknown>(() => stop('normal'), { system })
    await Agent.update(odd, () => stop('normal'))
    expect(await Agent.get(odd, (value) => value)).toEqual(stop('normal'))
  })

  it('of getAndUpdate that give no pair end the agent', async () => {
    const end = ending(system, agent.pid)
    const failed = Agent.getAndUpdate(agent, () => 5 as never)
    await expect(failed).rejects.toMatchObject({ code: 'ERR_CALL_EXIT' })
    expect(end.reason).toMatchObject({ code: 'ERR_BAD_RETURN' })
  })

  it('are refused with options that there are not', async () => {
    const agent = await Agent.start(1, { system })
    const one = (n: number): number => n
    const late = Agent.get(agent, one, { timeout: 5 } as never)
    await expect(late).rejects.toMatchObject({ code: 'ERR_OPTION_RENAMED' })
    const fake = Agent.update(agent, one, { signal: {} as never })
    await expect(fake).rejects.toMatchObject({ code: 'ERR_OPTION_INVALID' })
    expect(() => Agent.cast(agent, one, { sytem: system } as never)).toThrow(
      "unknown option 'sytem'",
    )
  })

  it('are refused without an agent', async () => {
    for (const agent of [undefined, null, 5, {}, { pid: 5 }]) {
      await expect(Agent.get(agent as never, () => 1)).rejects.toMatchObject({
        code: 'ERR_ARGUMENT',
        message: expect.stringContaining(
          "'target' must be a pid, a ref, a name or { via }",
        ) as unknown,
      })
    }
  })

  it('are refused where there is none', async () => {
    await expect(Agent.get(agent, 5 as never)).rejects.toMatchObject({ code: 'ERR_ARGUMENT' })
    expect(() => Agent.cast(agent, 5 as never)).toThrow(
      expect.objectContaining({ code: 'ERR_ARGUMENT' }),
    )
  })

  it('reject when the agent is dead, stopped or unknown', async () => {
    await Agent.stop(agent)
    await expect(Agent.get(agent, (n) => n)).rejects.toMatchObject({ reason: 'noproc' })
    expect(Agent.cast(agent, (n) => n)).toBe(false)
    await expect(Agent.get('nobody', (n) => n, { system })).rejects.toMatchObject({
      reason: 'noproc',
    })
  })

  it('can be given up with a signal', async () => {
    const controller = new AbortController()
    const asked = outcome(
      Agent.get(agent, () => new Promise(() => {}), { signal: controller.signal }),
    )
    await w.clock.advance(1)
    controller.abort()
    await w.clock.advance(1)
    expect(asked.error).toMatchObject({ code: 'ERR_CALL_ABORTED' })
  })
})

describe('from elsewhere', () => {
  it('an agent of another node is refused with its own code', async () => {
    const agent = { pid: system.pidFor('elsewhere', 1, 0) } as AgentRef<number>
    await expect(Agent.get(agent, (n) => n)).rejects.toMatchObject({ code: 'ERR_AGENT_REMOTE' })
    expect(() => Agent.cast(agent, (n) => n)).toThrow(
      expect.objectContaining({ code: 'ERR_AGENT_REMOTE' }),
    )
  })

  it('what is no function or unknown does not reach the agent', async () => {
    const { pid } = await Agent.start(1, { system })
    await expect(system.call(pid, 'get', 5)).rejects.toMatchObject({ code: 'ERR_CALL_INPUT' })
    await expect(system.call(pid, 'drop', 5)).rejects.toMatchObject({ code: 'ERR_CALL_UNKNOWN' })
    system.cast(pid, 'update', 5)
    system.send(pid, 'hello')
    await w.clock.advance(1)
    expect(w.texts('warn')).toEqual(['cast refused'])
    expect(system.isAlive(pid)).toBe(true)
  })
})

describe('sys', () => {
  it('sees and replaces the value', async () => {
    const agent = await Agent.start(() => 1, { system })
    expect(await sys.getState(agent)).toBe(1)
    expect(sys.status(agent)).toMatchObject({ behaviour: 'agent', state: 1 })
    await sys.replaceState(agent, (n: number) => n + 1)
    expect(await Agent.get(agent, (n) => n)).toBe(2)
  })
})
