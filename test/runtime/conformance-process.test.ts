/** Processes, mailbox, sending: cases P of the conformance list, confirmed on Erlang/OTP 25. */
import { describe, expect, it } from 'vitest'
import { ItemKind } from '../../runtime/index.ts'
import { createWorld, idle, inProcess, observe, reasonsOf } from './world.ts'

describe('processes', () => {
  it('P-01 spawn gives a pid at once, the process runs later, its value is discarded', async () => {
    const { clock, system } = createWorld()
    let ran = false
    const pid = system.spawn(() => {
      ran = true
      return 'discarded'
    })
    const reasons = reasonsOf(system, pid)
    expect(ran).toBe(false)
    expect(system.isAlive(pid)).toBe(true)
    await clock.settle()
    expect(ran).toBe(true)
    expect(reasons).toEqual(['normal'])
  })

  it('P-02 the exit reason of an uncaught error is that error, with its stack', async () => {
    const { clock, system } = createWorld()
    const boom = new Error('boom')
    const sync = reasonsOf(
      system,
      system.spawn(() => {
        throw boom
      }),
    )
    const async = reasonsOf(
      system,
      system.spawn(async () => {
        await Promise.resolve()
        throw boom
      }),
    )
    await clock.settle()
    expect(sync).toEqual([boom])
    expect(async).toEqual([boom])
    expect(sync[0]).toBe(boom)
  })

  it('P-03 the exit reason of an uncaught throw of another value is { nocatch }', async () => {
    const { clock, system } = createWorld()
    const reasons = reasonsOf(
      system,
      system.spawn(() => {
        throw 't'
      }),
    )
    await clock.settle()
    expect(reasons).toEqual([{ nocatch: 't' }])
  })

  it('P-05 exit that is caught does not end the process', async () => {
    const { clock, system } = createWorld()
    const { pid } = observe(system, {
      first: (context) => {
        try {
          context.exit('quit')
        } catch {
          // stays alive
        }
      },
    })
    await clock.settle()
    expect(system.isAlive(pid)).toBe(true)
  })

  it('P-06 a message to a dead pid is dropped silently, and counted', async () => {
    const { clock, system } = createWorld()
    const pid = system.spawn(() => {})
    await clock.settle()
    system.send(pid, 'hello')
    expect(system.stats().messagesDroppedNoproc).toBe(1)
  })

  it('P-07 (deviation) sending to an unknown name is dropped like a cast, one rule for both', () => {
    const { system } = createWorld()
    system.send('nobody', 'hello')
    expect(system.cast('nobody', 'hello', 1)).toBe(false)
    expect(system.stats().messagesDroppedNoproc).toBe(2)
  })

  it('P-08 ten thousand messages of one sender arrive in order', async () => {
    const { clock, system } = createWorld()
    const { pid, seen } = observe(system)
    const sent = Array.from({ length: 10_000 }, (_, i) => i)
    system.spawn((context) => {
      for (const i of sent) context.send(pid, i)
    })
    await clock.settle()
    expect(seen).toEqual(sent)
  })

  it('P-09 a receive that matches only b leaves a and c in order', async () => {
    const { clock, system } = createWorld()
    const order: unknown[] = []
    const pid = system.spawn(async (context) => {
      order.push(await context.receive((value) => value === 'b'))
      order.push(await context.receive(), await context.receive())
    })
    for (const value of ['a', 'b', 'c']) system.send(pid, value)
    await clock.settle()
    expect(order).toEqual(['b', 'a', 'c'])
  })

  it('P-11 after exit(B, kill) the very next question says B is dead', async () => {
    const { clock, system } = createWorld()
    const pid = idle(system)
    await clock.settle()
    const alive = await inProcess(system, (context) => {
      system.exit(pid, 'kill', context.self)
      return system.isAlive(pid)
    })
    expect(alive).toBe(false)
  })
})

describe('zombies', () => {
  it('a continuation of a handler changes nothing after the death of its process', async () => {
    const { clock, system, errors } = createWorld()
    const target = observe(system)
    let release = (): void => {}
    const gate = new Promise<void>((resolve) => (release = resolve))
    const zombie = system.spawn(async (context) => {
      await gate
      context.send(target.pid, 'from the dead')
      context.spawn(() => {})
      throw new Error('unseen')
    })
    await clock.settle()
    system.exit(zombie, 'kill')
    const before = system.stats().processesStarted
    release()
    await clock.settle()
    expect(target.seen).toEqual([])
    expect(system.stats().processesStarted).toBe(before)
    expect(errors).toEqual([])
  })

  it('a program that settles after death is not given another item', async () => {
    const { clock, system } = createWorld()
    const handled: unknown[] = []
    let release = (): void => {}
    const process = system.start({
      label: 'slow',
      handle(_process, item) {
        handled.push(item.kind === ItemKind.call ? item.input : item.value)
        return new Promise<void>((resolve) => (release = resolve))
      },
    })
    system.send(process.pid, 1)
    system.send(process.pid, 2)
    await clock.settle()
    process.exit('shutdown')
    release()
    await clock.settle()
    expect(handled).toEqual([1])
  })
})
