import { describe, expect, it } from 'vitest'
import { createSystem, ItemKind } from '../../runtime/index.ts'
import { createCountingClock, createWorld, failure, idle, nextTurn, observe } from './world.ts'
import type { Pid, Program, RemoteGate, StopRequest, System } from '../../runtime/index.ts'

/** Ends when asked, and writes down when. */
const polite = (name: string, log: string[]): Program => ({
  label: name,
  handle(_process, item) {
    if (item.kind === ItemKind.stop) {
      log.push(`${name}: ${String((item.value as StopRequest).reason)}`)
    }
  },
})

const deaf: Program = { label: 'deaf', handle: () => new Promise<void>(() => {}) }

describe('stop', () => {
  it('asks the roots, newest first, to stop with reason shutdown', async () => {
    const { system } = createWorld()
    const log: string[] = []
    for (const name of ['one', 'two', 'three']) system.start(polite(name, log))
    await system.stop()
    expect(log).toEqual(['three: shutdown', 'two: shutdown', 'one: shutdown'])
    expect(system.stats().processes).toBe(0)
  })

  it('leaves children to their parent, and asks those that are left without one', async () => {
    const { system } = createWorld()
    const log: string[] = []
    const parent = system.start(polite('parent', log))
    const child = system.start(polite('child', log), { parent: parent.pid })
    system.start(polite('linked', log), { parent: parent.pid, link: true })
    system.start(polite('grandchild', log), { parent: child.pid })
    await system.stop()
    expect(log).toEqual(['parent: shutdown', 'child: shutdown', 'grandchild: shutdown'])
  })

  it('ends plain processes, trapping or not', async () => {
    const { clock, system } = createWorld()
    idle(system)
    observe(system, { trapExit: true })
    await clock.settle()
    await system.stop()
    expect(system.stats().processes).toBe(0)
  })

  it('asks a long chain of starters in one go', async () => {
    const { system } = createWorld()
    const reasons: unknown[] = []
    let parent: Pid | undefined
    for (let i = 0; i < 20_000; i++) parent = idle(system, { parent })
    const log: string[] = []
    system.start(polite('last', log), { parent })
    system.watch(parent!, (reason) => reasons.push(reason))
    await system.stop()
    expect(reasons).toEqual(['shutdown'])
    expect(log).toEqual(['last: shutdown'])
  })

  it('refuses a signal that is none, and does not stop', async () => {
    const { system } = createWorld()
    idle(system)
    expect(await failure(system.stop({ signal: 5 as never }))).toMatchObject({ argument: 'signal' })
    expect([system.stopping, system.stats().processes]).toEqual([false, 1])
  })

  it('kills what has not stopped at the deadline', async () => {
    const { clock, system } = createWorld({ stopTimeoutMs: 100 })
    const process = system.start(deaf)
    system.send(process.pid, 'busy for ever')
    const reasons: unknown[] = []
    system.watch(process.pid, (reason) => void reasons.push(reason))
    const stopped = system.stop()
    await clock.advance(99)
    expect(process.alive).toBe(true)
    await clock.advance(1)
    await stopped
    expect(reasons).toEqual(['killed'])
  })

  it('kills at once when its signal is aborted, before or while it waits', async () => {
    for (const before of [true, false]) {
      const { clock, system } = createWorld()
      const process = system.start(deaf)
      system.send(process.pid, 'busy for ever')
      await clock.settle()
      const controller = new AbortController()
      if (before) controller.abort()
      const stopped = system.stop({ signal: controller.signal })
      await clock.settle()
      controller.abort()
      await stopped
      expect(process.alive).toBe(false)
      expect(clock.now()).toBe(0)
    }
  })

  it('is idempotent, and true of stopping from its first call', async () => {
    const { system } = createWorld()
    system.start(polite('x', []))
    expect(system.stopping).toBe(false)
    const first = system.stop()
    expect(system.stopping).toBe(true)
    expect(system.stop()).toBe(first)
    await first
    await system[Symbol.asyncDispose]()
  })

  it('leaves no timer, no pending call and no name', async () => {
    const { clock, system } = createWorld()
    const { pid } = system.start(polite('x', []), { name: 'n' })
    const error = failure(system.call(pid, 'never', 1))
    system.sendAfter(1000, 'nobody', 'm')
    system.sendAfter(1000, pid, 'm')
    await clock.settle()
    await system.stop()
    expect(await error).toMatchObject({ reason: 'shutdown' })
    expect(clock.timerCount).toBe(0)
    expect(system.stats()).toMatchObject({
      processes: 0,
      timers: 0,
      callsPending: 0,
      names: 0,
      monitors: 0,
    })
  })

  it('afterwards nothing starts, sends fail softly, timers are not armed', async () => {
    const { clock, system } = createWorld()
    const pid = idle(system)
    await system.stop()
    expect(() => system.spawn(() => {})).toThrow(
      expect.objectContaining({ code: 'ERR_SYSTEM_STOPPED' }),
    )
    expect(system.cast(pid, 'x', 1)).toBe(false)
    expect(await failure(system.call(pid, 'x', 1))).toMatchObject({ reason: 'noproc' })
    system.sendAfter(1, 'n', 'm')
    await clock.settle()
    expect(clock.timerCount).toBe(0)
  })

  it('something that starts anew on every death does not keep it from ending', async () => {
    const { clock, system } = createWorld({ stopTimeoutMs: 50 })
    const restart = (target: System): void => {
      const { pid } = target.start(polite('phoenix', []))
      target.watch(pid, () => restart(target))
    }
    restart(system)
    const stopped = system.stop()
    await clock.advance(50)
    await stopped
    expect(system.stats().processes).toBe(0)
  })

  it('a real system with timers and calls leaves nothing that holds the program alive', async () => {
    const clock = createCountingClock()
    const system = createSystem({ clock })
    const { pid } = system.start(polite('x', []))
    void failure(system.call(pid, 'never', 1))
    system.sendAfter(60_000, 'nobody', 'm')
    await nextTurn()
    await nextTurn()
    expect(clock.holding).toBeGreaterThan(0)
    await system.stop()
    expect(clock.holding).toBe(0)
  })

  it('lets nothing start once the last process has ended, not even what waited for that end', async () => {
    const { system } = createWorld()
    const ended = new Promise((resolve) => system.watch(idle(system), resolve))
    const late = ended.then(() => idle(system))
    const stopped = system.stop()
    expect(await failure(late)).toMatchObject({ code: 'ERR_SYSTEM_STOPPED' })
    await stopped
    expect(system.stats().processes).toBe(0)
  })

  it('a second stop can lose patience: its signal kills what the first one waits for', async () => {
    const { clock, system } = createWorld({ stopTimeoutMs: Infinity })
    const process = system.start(deaf)
    system.send(process.pid, 1)
    await clock.settle()
    const first = system.stop()
    await clock.settle()
    expect(process.alive).toBe(true)
    const second = system.stop({ signal: AbortSignal.abort() })
    await Promise.all([first, second])
    expect(process.alive).toBe(false)
  })

  it('a call to another node after the stop fails at once and arms nothing', async () => {
    const { clock, system } = createWorld()
    system.setRemote({ call: () => {} } as Partial<RemoteGate> as RemoteGate)
    await system.stop()
    const error = failure(system.call(system.pidFor('far', 1, 0), 'x', 1))
    expect(await error).toMatchObject({ code: 'ERR_CALL_EXIT', reason: 'noconnection' })
    await clock.settle()
    expect(clock.timerCount).toBe(0)
  })
})
