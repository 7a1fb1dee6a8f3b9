/** Large numbers: nothing here may be quadratic, overflow the stack or be lost. */
import { describe, expect, it } from 'vitest'
import { createRealClock, createSystem, ItemKind } from '../../runtime/index.ts'
import { createWorld, idle } from './world.ts'
import type { Call, Message } from '../../runtime/index.ts'

const MILLION = 1_000_000
const MANY = 100_000

const nextTurn = (): Promise<void> => new Promise((resolve) => createRealClock().nextTurn(resolve))

describe('a mailbox with a million messages', () => {
  it('keeps their order, refuses the next one, and is drained', async () => {
    const system = createSystem()
    let next = 0
    let sorted = true
    const { pid } = system.start({
      label: 'sink',
      handle: (_process, item: Message | Call) => {
        if (item.kind === ItemKind.call) item.reply(next)
        else if ((item as Message).value !== next++) sorted = false
      },
    })
    for (let i = 0; i < MILLION; i++) system.cast(pid, 'x', i)
    expect(system.cast(pid, 'x', MILLION)).toBe(false)
    await expect(system.call(pid, 'x', 1)).rejects.toMatchObject({ code: 'ERR_MAILBOX_FULL' })
    const seen = await new Promise<unknown>((resolve) => {
      const ask = (): void => {
        system
          .call(pid, 'done', 0, { timeoutMs: Infinity })
          .then(resolve, () => void nextTurn().then(ask))
      }
      ask()
    })
    expect([seen, next, sorted]).toEqual([MILLION, MILLION, true])
    await system.stop()
  })

  it('drop_oldest keeps the last million of two', async () => {
    const { clock, system } = createWorld({ mailboxPolicy: 'drop_oldest' })
    let first: unknown
    let count = 0
    const { pid } = system.start({
      label: 'sink',
      handle: (_process, item: Message | Call) => {
        first ??= (item as Message).value
        count++
      },
    })
    for (let i = 0; i < 2 * MILLION; i++) system.cast(pid, 'x', i)
    await clock.settle()
    expect([first, count]).toEqual([MILLION, MILLION])
    expect(system.stats().messagesEvicted).toBe(MILLION)
  })

  it('ends with its process: every caller in it is told', async () => {
    const { clock, system } = createWorld()
    const pid = idle(system)
    await clock.settle()
    const { pid: busy } = system.start({ label: 'busy', handle: () => new Promise<void>(() => {}) })
    let told = 0
    for (let i = 0; i < MANY; i++) {
      system.cast(busy, 'x', i)
      void system.call(busy, 'x', i).catch(() => told++)
    }
    await clock.settle()
    system.exit(busy, 'kill')
    await clock.settle()
    expect(told).toBe(MANY)
    expect(system.stats()).toMatchObject({ callsPending: 0, processes: 1 })
    expect(system.isAlive(pid)).toBe(true)
  })
})

describe('a process with a hundred thousand', () => {
  it('links takes all of them along, or tells those that trap', async () => {
    const { clock, system } = createWorld()
    const hub = idle(system)
    let told = 0
    for (let i = 0; i < MANY; i++) {
      const trapExit = i % 2 === 0
      const { pid } = system.start({ label: 'peer', handle: () => void told++ }, { trapExit })
      system.link(hub, pid)
    }
    await clock.settle()
    system.exit(hub, 'boom')
    await clock.settle()
    expect(told).toBe(MANY / 2)
    expect(system.stats()).toMatchObject({ processes: MANY / 2, timers: 0, monitors: 0 })
  })

  it('monitors of it, by one owner and by many, tells each once', async () => {
    const { clock, system } = createWorld()
    const hub = idle(system)
    const downs: unknown[] = []
    const owner = system.start({ label: 'owner', handle: (_p, item) => void downs.push(item) })
    let told = 0
    const program = { label: 'watcher', handle: (): void => void told++ }
    for (let i = 0; i < MANY; i++) {
      system.monitor(owner.pid, hub)
      system.monitor(system.start(program).pid, hub)
    }
    expect(system.stats().monitors).toBe(2 * MANY)
    system.exit(hub, 'boom')
    await clock.settle()
    expect([downs.length, told]).toEqual([MANY, MANY])
    expect(system.stats().monitors).toBe(0)
  })

  it('monitors that it owns leaves none of them when it ends', async () => {
    const { clock, system } = createWorld()
    const owner = idle(system)
    const targets = Array.from({ length: MANY }, () => idle(system))
    for (const target of targets) system.monitor(owner, target)
    system.exit(owner, 'kill')
    await clock.settle()
    expect(system.stats()).toMatchObject({ monitors: 0, processes: MANY })
  })

  it('timers leaves none of them when it ends', async () => {
    const { clock, system } = createWorld()
    const owner = idle(system)
    for (let i = 0; i < MANY; i++) system.sendAfter(1000 + i, owner, i)
    expect(system.stats().timers).toBe(MANY)
    await clock.settle()
    system.exit(owner, 'kill')
    expect(system.stats().timers).toBe(0)
  })
})
