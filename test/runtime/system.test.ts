import { describe, expect, it } from 'vitest'
import {
  createSeededEntropy,
  createSystem,
  OptionError,
  SYSTEM_DEFAULTS,
} from '../../runtime/index.ts'
import { createWorld, idle, observe } from './world.ts'
import type { Pid, System, SystemOptions } from '../../runtime/index.ts'

const program = { label: 'x', handle: () => {} }

describe('a system', () => {
  it('is named local- and eight hex digits of its entropy, or as told', () => {
    const named = createWorld({ node: 'here', incarnation: 3 }).system
    expect([named.node, named.incarnation]).toEqual(['here', 3])
    const first = createWorld({ entropy: createSeededEntropy(1) }).system
    expect(first.node).toMatch(/^local-[0-9a-f]{8}$/)
    expect(createWorld({ entropy: createSeededEntropy(1) }).system.node).toBe(first.node)
    expect(createWorld().system.node).not.toBe(createWorld().system.node)
  })

  it('shares nothing with another one', async () => {
    const one = createWorld()
    const two = createWorld()
    const { pid, seen } = observe(one.system, { name: 'n' })
    two.system.send(pid, 'x')
    expect(two.system.whereis('n')).toBeUndefined()
    expect(two.system.isAlive(pid)).toBe(false)
    expect(two.system.process(pid)).toBeUndefined()
    await one.clock.settle()
    await two.clock.settle()
    expect(seen).toEqual([])
    expect(two.system.stats().messagesDroppedNoconnection).toBe(1)
  })

  it('lists its live processes', () => {
    const { system } = createWorld()
    const processes = [1, 2, 3].map(() => system.start(program))
    processes[1]!.exit('normal')
    expect([...system.processes()]).toEqual([processes[0], processes[2]])
  })

  it.each([null, 5, {}, { node: 'a', id: 1, incarnation: 0 }])(
    '%o is no target: refused, not dropped',
    async (nonsense) => {
      const { system } = createWorld()
      const to = nonsense as unknown as Pid
      const refused: unknown = expect.objectContaining({ code: 'ERR_ARGUMENT' })
      expect(() => system.send(to, 1)).toThrow(refused)
      expect(() => system.cast(to, 'x', 1)).toThrow(refused)
      await expect(system.call(to, 'x', 1)).rejects.toThrow(refused)
      expect(() => system.exit(to, 'x')).toThrow(refused)
      expect(() => system.link(idle(system), to)).toThrow(refused)
      expect(() => system.unlink(to, to)).toThrow(refused)
      expect(() => system.watch(to, () => {})).toThrow(refused)
      expect(system.isAlive(to)).toBe(false)
    },
  )
})

describe('limits', () => {
  it('processes: processesMax may live, one more is refused', () => {
    const { system } = createWorld({ processesMax: 2 })
    const first = system.start(program)
    system.start(program)
    expect(() => system.start(program)).toThrow(
      expect.objectContaining({ code: 'ERR_PROCESSES_MAX', limit: 'processesMax', max: 2 }),
    )
    first.exit('normal')
    expect(() => system.start(program)).not.toThrow()
  })

  it('names: namesMax may be held, one more is refused', () => {
    const { system } = createWorld({ namesMax: 2 })
    const pid = idle(system)
    system.register('a', pid)
    system.register('b', pid)
    const refused: unknown = expect.objectContaining({ code: 'ERR_NAMES_MAX', max: 2 })
    expect(() => system.register('c', pid)).toThrow(refused)
    expect(() => system.start(program, { name: 'c' })).toThrow(refused)
    system.unregister('a')
    expect(() => system.register('c', pid)).not.toThrow()
    expect(system.stats()).toMatchObject({ names: 2, processes: 1 })
  })

  it('links: linksPerProcessMax may be held, one more is refused on either side', () => {
    const { system } = createWorld({ linksPerProcessMax: 2 })
    const hub = system.start(program)
    const peers = [1, 2, 3].map(() => system.start(program))
    system.link(hub.pid, peers[0]!.pid)
    system.link(hub.pid, hub.pid)
    system.link(peers[1]!.pid, hub.pid)
    const refused: unknown = expect.objectContaining({
      code: 'ERR_LINKS_MAX',
      limit: 'linksPerProcessMax',
      max: 2,
    })
    expect(() => system.link(hub.pid, peers[2]!.pid)).toThrow(refused)
    expect(() => system.link(peers[2]!.pid, hub.pid)).toThrow(refused)
    expect(() => system.link(hub.pid, peers[0]!.pid)).not.toThrow()
    expect(() => system.start(program, { parent: hub.pid, link: true })).toThrow(refused)
    expect(system.stats().processes).toBe(4)
  })

  it('monitors: monitorsPerProcessMax may be owned, one more is refused', () => {
    const { system } = createWorld({ monitorsPerProcessMax: 2 })
    const owner = system.start(program).pid
    const target = system.start(program).pid
    const first = system.monitor(owner, target)
    system.monitor(owner, target)
    const refused: unknown = expect.objectContaining({
      code: 'ERR_MONITORS_MAX',
      limit: 'monitorsPerProcessMax',
      max: 2,
    })
    expect(() => system.monitor(owner, target)).toThrow(refused)
    expect(() => system.start(program, { monitor: owner })).toThrow(refused)
    expect(system.stats().processes).toBe(2)
    system.demonitor(first)
    expect(() => system.monitor(owner, target)).not.toThrow()
  })

  it('a dead process can own nothing', () => {
    const { system } = createWorld()
    const dead = system.start(program)
    dead.exit('normal')
    const refused: unknown = expect.objectContaining({ code: 'ERR_NOPROC', pid: dead.pid })
    expect(() => system.monitor(dead.pid, idle(system))).toThrow(refused)
    expect(() => system.link(dead.pid, idle(system))).toThrow(refused)
  })
})

describe('options', () => {
  it('are the documented defaults', () => {
    const { options } = createWorld().system
    expect(options).toMatchObject({
      callTimeoutMs: 5000,
      messageBudget: 1000,
      turnBudgetMs: 10,
      mailboxMessagesMax: 1_000_000,
      mailboxPolicy: 'reject',
      processesMax: 4_000_000,
    })
    expect(Object.isFrozen(SYSTEM_DEFAULTS)).toBe(true)
  })

  it.each([
    [{ callTimeoutMs: -1 }, 'ERR_OPTION_INVALID', 'callTimeoutMs'],
    [{ messageBudget: 0 }, 'ERR_OPTION_INVALID', 'messageBudget'],
    [{ mailboxPolicy: 'drop' }, 'ERR_OPTION_INVALID', 'mailboxPolicy'],
    [{ node: '' }, 'ERR_OPTION_INVALID', 'node'],
    [{ maxProcesses: 1 }, 'ERR_OPTION_UNKNOWN', 'maxProcesses'],
  ])('%o is refused', (options, code, option) => {
    const make = (): System => createSystem(options as Partial<SystemOptions>)
    expect(make).toThrow(OptionError)
    expect(make).toThrow(expect.objectContaining({ code, option }))
  })
})
