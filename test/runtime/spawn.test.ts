import { describe, expect, it } from 'vitest'
import { ArgumentError, ExitThrow, isPid } from '../../runtime/index.ts'
import { createWorld, failure, idle, inProcess, observe, reasonsOf } from './world.ts'
import type { Pid, ProcessContext } from '../../runtime/index.ts'

describe('the context of a plain process', () => {
  it('knows itself, its system and its parent', async () => {
    const { clock, system } = createWorld()
    let child: Pid | undefined
    const parent = await inProcess(system, async (context) => {
      child = context.spawn(async (own) => void (await own.receive()))
      await context.receive(undefined, { timeoutMs: 0 }).catch(() => {})
      return context.self
    })
    await clock.settle()
    expect(system.process(child!)!.parent).toBe(parent)
    expect(system.process(child!)!.system).toBe(system)
  })

  it('its signal is aborted when the process ends', async () => {
    const { clock, system } = createWorld()
    let signal: AbortSignal | undefined
    const { pid } = observe(system, { first: (context) => (signal = context.signal) })
    await clock.settle()
    expect(signal!.aborted).toBe(false)
    system.exit(pid, 'boom')
    expect(signal!.aborted).toBe(true)
    expect(signal!.reason).toBe('boom')
  })

  it('a process that is dead already has an aborted signal', async () => {
    const { system } = createWorld()
    const process = system.start({ label: 'x', handle: () => {} })
    process.exit('normal')
    expect(process.signal.aborted).toBe(true)
  })

  it('calls, casts, sends and timers go out in its name', async () => {
    const { clock, system } = createWorld()
    const froms: unknown[] = []
    const server = system.start({
      label: 'server',
      handle: (_process, item) => {
        froms.push(item.from)
        if ('reply' in item) item.reply('ok')
      },
    })
    const { pid, seen } = observe(system)
    const self = await inProcess(system, async (context) => {
      await context.call(server.pid, 'x', 1)
      context.cast(pid, 'c', 1)
      context.send(pid, 'message')
      context.sendAfter(10, pid, 'timer')
      return context.self
    })
    await clock.advance(10)
    expect(froms).toEqual([self])
    expect(seen).toEqual([{ type: 'cast', name: 'c', input: 1 }, 'message', 'timer'])
  })

  it('spawnMonitor gives pid and ref of the same process', async () => {
    const { clock, system } = createWorld()
    const { seen } = observe(system, {
      first: (context) => {
        const { pid, ref } = context.spawnMonitor((child) => child.exit('boom'))
        context.send(context.self, { pid, ref })
      },
    })
    await clock.settle()
    const [made, down] = seen as [{ pid: Pid; ref: unknown }, unknown]
    expect(isPid(made.pid)).toBe(true)
    expect(down).toMatchObject({ type: 'down', pid: made.pid, ref: made.ref, reason: 'boom' })
  })

  it('system.spawnMonitor monitors for the owner it is given', async () => {
    const { clock, system } = createWorld()
    const { pid: owner, seen } = observe(system)
    const { ref } = system.spawnMonitor(() => {}, { owner })
    await clock.settle()
    expect(seen).toEqual([expect.objectContaining({ type: 'down', ref, reason: 'normal' })])
  })

  it('a link to a parent that is dead is EXIT noproc to the child', async () => {
    const { clock, system } = createWorld()
    const parent = idle(system)
    system.exit(parent, 'kill')
    const child = system.start({ label: 'orphan', handle: () => {} }, { parent, link: true })
    const reasons = reasonsOf(system, child.pid)
    await clock.settle()
    expect(child.alive).toBe(false)
    expect(reasons).toEqual(['noproc'])
  })

  it('every operation of a dead process refuses to work', async () => {
    const { clock, system } = createWorld()
    const target = observe(system)
    let zombie: ProcessContext | undefined
    const { pid } = observe(system, { first: (context) => void (zombie = context) })
    await clock.settle()
    system.exit(pid, 'kill')
    const context = zombie!
    const operations: (() => unknown)[] = [
      () => context.send(target.pid, 'x'),
      () => context.cast(target.pid, 'x', 1),
      () => context.call(target.pid, 'x', 1),
      () => context.receive(),
      () => context.link(target.pid),
      () => context.unlink(target.pid),
      () => context.monitor(target.pid),
      () => context.demonitor({ node: 'x', id: 1 }),
      () => context.trapExit(true),
      () => context.spawn(() => {}),
      () => context.spawnMonitor(() => {}),
      () => context.sendAfter(1, target.pid, 'x'),
    ]
    for (const operation of operations) {
      expect(operation).toThrow(expect.objectContaining({ code: 'ERR_NOPROC', pid }))
    }
    expect(() => context.exit('x')).toThrow(ExitThrow)
    await clock.settle()
    expect(target.seen).toEqual([])
    expect(system.stats().processes).toBe(1)
  })
})

it('an error inside a body that nobody awaits is the error of its process', async () => {
  const { system } = createWorld()
  const error = await failure(inProcess(system, () => Promise.reject(new Error('inside'))))
  expect(error).toMatchObject({ message: 'inside' })
})

it('a body may give any thenable: the process lives until it settles', async () => {
  const { clock, system } = createWorld()
  let settle = (_value: unknown): void => {}
  const foreign = { then: (resolve: (value: unknown) => void) => void (settle = resolve) }
  const pid = system.spawn(() => foreign)
  const reasons = reasonsOf(system, pid)
  await clock.settle()
  expect(system.isAlive(pid)).toBe(true)
  settle(1)
  await clock.settle()
  expect(reasons).toEqual(['normal'])
})

it('refuses what is no body and no bound, and leaves nothing behind', () => {
  const { system } = createWorld()
  const bodies = [undefined, 3, {}] as unknown as (() => void)[]
  for (const body of bodies) expect(() => system.spawn(body)).toThrow(ArgumentError)
  const bounds = [0, -1, NaN, '5', null] as unknown as number[]
  for (const mailboxMessagesMax of bounds) {
    expect(() => system.spawn(() => {}, { mailboxMessagesMax })).toThrow(ArgumentError)
  }
  expect(() => system.spawn(() => {}, { mailboxPolicy: 'drop' as never })).toThrow(ArgumentError)
  expect(system.stats()).toMatchObject({ processes: 0, processesStarted: 0 })
})
