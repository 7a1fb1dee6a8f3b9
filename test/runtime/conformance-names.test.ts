/** Local names: cases N of the conformance list. */
import { describe, expect, it } from 'vitest'
import { AlreadyStartedError, CallExitError } from '../../runtime/index.ts'
import { createWorld, failure, idle, observe } from './world.ts'
import type { Pid, Via } from '../../runtime/index.ts'

/** One name in a directory of its own. */
function viaDirectory(): Via & { holder: Pid | undefined } {
  return {
    label: 'directory:x',
    holder: undefined,
    whereisName() {
      return this.holder
    },
    registerName(pid) {
      if (this.holder !== undefined) return false
      this.holder = pid
      return true
    },
    unregisterName() {
      this.holder = undefined
    },
  }
}

describe('names', () => {
  it('N-01 a registered name is found, reached and listed', async () => {
    const { clock, system } = createWorld()
    const { pid, seen } = observe(system)
    system.register('n', pid)
    expect(system.whereis('n')).toBe(pid)
    expect(system.registered()).toEqual(['n'])
    system.send('n', 'hi')
    await clock.settle()
    expect(seen).toEqual(['hi'])
  })

  it('N-02 a taken name stays with its holder', () => {
    const { system } = createWorld()
    const holder = idle(system)
    system.register('n', holder)
    expect(() => system.register('n', idle(system))).toThrow(
      expect.objectContaining({ code: 'ERR_NAME_TAKEN', pid: holder }),
    )
    expect(system.whereis('n')).toBe(holder)
  })

  it('N-03 (deviation) a process may hold several names, all freed when it ends', () => {
    const { system } = createWorld()
    const pid = idle(system)
    system.register('a', pid)
    system.register('b', pid)
    expect(system.whereis('a')).toBe(pid)
    expect(system.whereis('b')).toBe(pid)
    system.exit(pid, 'kill')
    expect(system.registered()).toEqual([])
  })

  it('N-05 a name is free before anybody sees DOWN, and can be taken at once', async () => {
    const { clock, system } = createWorld()
    const holder = idle(system, { name: 'n' })
    const next = idle(system)
    const seen: unknown[] = []
    system.spawn(async (context) => {
      context.monitor(holder)
      await context.receive()
      seen.push(system.whereis('n'))
      system.register('n', next)
    })
    system.watch(holder, () => seen.push(system.whereis('n')))
    await clock.settle()
    system.exit(holder, 'boom')
    await clock.settle()
    expect(seen).toEqual([undefined, undefined])
    expect(system.whereis('n')).toBe(next)
  })

  it('N-06 an unknown name cannot be freed, an empty name or a dead process not registered', async () => {
    const { clock, system } = createWorld()
    const dead = system.spawn(() => {})
    await clock.settle()
    const code = (code: string): unknown => expect.objectContaining({ code })
    expect(() => system.unregister('n')).toThrow(code('ERR_NAME_UNKNOWN'))
    expect(() => system.register('', idle(system))).toThrow(code('ERR_NAME_INVALID'))
    expect(() => system.register('n', dead)).toThrow(code('ERR_NAME_INVALID'))
  })

  it('N-07 anybody may free a name; its holder lives on', () => {
    const { system } = createWorld()
    const pid = idle(system, { name: 'n' })
    system.unregister('n')
    expect(system.whereis('n')).toBeUndefined()
    expect(system.isAlive(pid)).toBe(true)
  })

  it('N-08 a second start under a name is refused with the running pid, and never runs', async () => {
    const { clock, system } = createWorld()
    const pid = idle(system, { name: 'n' })
    let ran = false
    const start = (): unknown => system.spawn(() => (ran = true), { name: 'n' })
    expect(start).toThrow(expect.objectContaining({ code: 'ERR_ALREADY_STARTED', pid }))
    await clock.settle()
    expect(ran).toBe(false)
    expect(system.stats().processesStarted).toBe(1)
  })

  it('N-09 a process that ends in its init holds no name any more', async () => {
    const { clock, system } = createWorld()
    system.start(
      { label: 'ignoring', handle: (process) => process.exit('normal') },
      { name: 'n', initArg: 1 },
    )
    expect(system.whereis('n')).toBeDefined()
    await clock.settle()
    expect(system.whereis('n')).toBeUndefined()
  })

  it('N-11 a call to a name nobody holds fails at once with noproc', async () => {
    const { system } = createWorld()
    const error = (await failure(system.call('n11', 'req', 1))) as CallExitError
    expect(error).toBeInstanceOf(CallExitError)
    expect(error).toMatchObject({ server: 'n11', request: 'req', reason: 'noproc' })
  })

  it('N-12 a via name that is held refuses the start with the holder', async () => {
    const { clock, system } = createWorld()
    const via = viaDirectory()
    const { pid, seen } = observe(system, { name: via })
    expect(() => idle(system, { name: via })).toThrow(AlreadyStartedError)
    expect(system.stats().processes).toBe(1)
    system.send({ via }, 'hi')
    await clock.settle()
    expect(seen).toEqual(['hi'])
    expect(via.whereisName()).toBe(pid)
  })

  it('N-12 a via name lost in a race leaves no process behind', () => {
    const { system } = createWorld()
    const holder = idle(system)
    const via = viaDirectory()
    via.registerName = () => {
      via.holder = holder // taken between the question and the registration
      return false
    }
    expect(() => idle(system, { name: via })).toThrow(
      expect.objectContaining({ code: 'ERR_ALREADY_STARTED', pid: holder }),
    )
    expect(system.stats().processes).toBe(1)
  })

  it('a directory whose registerName throws refuses the start and leaves no process behind', async () => {
    const { clock, system } = createWorld()
    const via: Via = {
      ...viaDirectory(),
      registerName: () => {
        throw new Error('directory is down')
      },
    }
    let ran = false
    expect(() =>
      system.spawn(
        () => {
          ran = true
        },
        { name: via },
      ),
    ).toThrow('directory is down')
    await clock.settle()
    expect(ran).toBe(false)
    expect(system.stats()).toMatchObject({ processes: 0, processesStarted: 1, processesEnded: 1 })
  })

  it('G-36 a directory whose whereisName throws knows nobody: no send, cast or timer throws', async () => {
    const { clock, system, errors } = createWorld()
    const via: Via = {
      ...viaDirectory(),
      whereisName: () => {
        throw new Error('directory is down')
      },
    }
    const owner = idle(system)
    system.send({ via }, 1)
    expect(system.cast({ via }, 'x', 1)).toBe(false)
    expect(await failure(system.call({ via }, 'x', 1))).toMatchObject({
      code: 'ERR_CALL_EXIT',
      server: via.label,
      reason: 'noproc',
    })
    system.sendAfter(10, { via }, 1, { owner })
    await clock.advance(10)
    expect(system.isAlive(owner)).toBe(true)
    expect(system.stats().messagesDroppedNoproc).toBe(3)
    expect(errors[0]).toMatchObject({ fields: { what: `look-up of '${via.label}'` } })
  })
})
