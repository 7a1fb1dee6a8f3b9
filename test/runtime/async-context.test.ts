import { afterEach, describe, expect, it } from 'vitest'
import { asCaller, createSystem, currentProcess, self } from '../../runtime/index.ts'
import { createWorld, idle } from './world.ts'
import type { Call, Message, Pid, System, SystemOptions } from '../../runtime/index.ts'
import type { World } from './world.ts'

const worlds: World[] = []

/** A world whose system keeps track of continuations until the test is over. */
function tracked(options: Partial<SystemOptions> = {}): World {
  const w = createWorld({ asyncContext: true, ...options })
  worlds.push(w)
  return w
}

afterEach(async () => {
  for (const { system } of worlds.splice(0)) await system.stop({ signal: AbortSignal.abort() })
})

/** Starts a process that writes down who runs before and after each wait. */
function recorder(system: System, seen: unknown[]): Pid {
  return system.spawn(async (ctx) => {
    seen.push(self() === ctx.self)
    await Promise.resolve()
    seen.push(self() === ctx.self)
    await new Promise<void>((resolve) => system.clock.setTimer(10, () => resolve()))
    seen.push(self() === ctx.self, currentProcess()?.pid === ctx.self)
  })
}

describe('self() after an await', () => {
  it('is the process itself with asyncContext, undefined without', async () => {
    const on: unknown[] = []
    const off: unknown[] = []
    const a = tracked()
    recorder(a.system, on)
    await a.clock.advance(10)
    expect(on).toEqual([true, true, true, true])
    const b = createWorld()
    recorder(b.system, off)
    await b.clock.advance(10)
    expect(off).toEqual([true, false, false, false])
  })

  it('is never another process (NX-L9)', async () => {
    const { clock, system } = tracked()
    const wrong: unknown[] = []
    const program = {
      label: 'two',
      async handle(process: { pid: Pid }, item: Message | Call) {
        const ms = (item as Message).value as number
        for (let i = 0; i < 5; i++) {
          if (self() !== process.pid) wrong.push([i, ms])
          await new Promise<void>((resolve) => clock.setTimer(ms, () => resolve()))
        }
      },
    }
    for (const ms of [1, 2, 3, 5]) system.cast(system.start(program).pid, 'x', ms)
    await clock.advance(30)
    expect(wrong).toEqual([])
    expect(self()).toBeUndefined()
  })

  it('is still the pid of a process that has ended', async () => {
    const { clock, system } = tracked()
    const seen: unknown[] = []
    const pid = system.spawn(async () => {
      await new Promise<void>((resolve) => clock.setTimer(10, () => resolve()))
      seen.push(self(), currentProcess()?.alive)
    })
    await clock.settle()
    system.exit(pid, 'kill')
    await clock.advance(10)
    expect(seen).toEqual([pid, false])
  })

  it('is undefined in callbacks that belong to nobody, and in what they await', async () => {
    const { clock, system } = tracked()
    const seen: unknown[] = []
    const note = async (): Promise<void> => {
      seen.push(self())
      await Promise.resolve()
      seen.push(self())
    }
    const victim = idle(system)
    system.watch(victim, () => void note())
    await clock.settle()
    system.spawn(() => system.exit(victim, 'kill'))
    await clock.settle()
    expect(seen).toEqual([undefined, undefined])
  })

  it('is the owner in a timer of a process, and in what it awaits', async () => {
    const { clock, system } = tracked()
    const seen: unknown[] = []
    const process = system.start({ label: 'owner', handle: () => {} })
    system.setTimer(process, 10, () => {
      seen.push(self())
      void Promise.resolve().then(() => seen.push(self()))
    })
    await clock.advance(10)
    expect(seen).toEqual([process.pid, process.pid])
  })
})

describe('a second system', () => {
  it.each([
    ['without asyncContext', false],
    ['with it', true],
  ])('%s does not inherit the process that reached it', async (_text, asyncContext) => {
    const { clock, system } = tracked()
    const other = createWorld({ clock, node: 'other', asyncContext })
    worlds.push(other)
    const seen: unknown[] = []
    const server = other.system.start({
      label: 'server',
      async handle(_process, item: Message | Call) {
        await Promise.resolve()
        seen.push(self())
        ;(item as Call).reply(1)
      },
    })
    system.spawn(async () => {
      await Promise.resolve()
      await other.system.call(server.pid, 'x', 1)
      other.system.spawn(async () => {
        await Promise.resolve()
        seen.push(self()?.node)
      })
    })
    await clock.settle()
    expect(seen).toEqual(asyncContext ? [server.pid, 'other'] : [undefined, undefined])
  })

  it('that stops leaves the first one its context', async () => {
    const { clock, system } = tracked()
    await using other = createSystem({ clock, asyncContext: true })
    await other.stop()
    const seen: unknown[] = []
    recorder(system, seen)
    await clock.advance(10)
    expect(seen).toEqual([true, true, true, true])
  })
})

describe('with asyncContext, after an await', () => {
  it('a call knows its caller: to itself it is refused (G-26)', async () => {
    const { clock, system } = tracked()
    const reasons: unknown[] = []
    system.spawn(async (ctx) => {
      await Promise.resolve()
      await system.call(ctx.self, 'x', 1).catch((error: unknown) => {
        reasons.push((error as { reason: unknown }).reason)
      })
    })
    await clock.settle()
    expect(reasons).toEqual(['calling_self'])
  })

  it('L-16 exit(self(), normal) ends the process', async () => {
    const { clock, system } = tracked()
    const reasons: unknown[] = []
    const pid = system.spawn(async (ctx) => {
      await Promise.resolve()
      system.exit(ctx.self, 'normal')
      await new Promise(() => {})
    })
    system.watch(pid, (reason) => reasons.push(reason))
    await clock.settle()
    expect(reasons).toEqual(['normal'])
  })

  it('asCaller runs a function in the name of who made it', async () => {
    const { clock, system } = tracked()
    const seen: unknown[] = []
    let note: (value: string) => void = () => {}
    const pid = system.spawn(async () => {
      note = asCaller((value: string) => seen.push(value, self()))
      await new Promise(() => {})
    })
    await clock.settle()
    note('x')
    expect(seen).toEqual(['x', pid])
  })
})
