import { describe, expect, it } from 'vitest'
import { currentProcess, self } from '../../runtime/index.ts'
import { createWorld } from './world.ts'

describe('self', () => {
  it('is the running process, only synchronously', async () => {
    const { clock, system } = createWorld()
    const seen: unknown[] = []
    const a = system.start({
      label: 'a',
      async handle(process) {
        seen.push(self(), currentProcess() === process)
        await Promise.resolve()
        seen.push(self())
      },
    })
    system.cast(a.pid, 'x', 1)
    expect(self()).toBeUndefined()
    await clock.settle()
    expect(seen).toEqual([a.pid, true, undefined])
    expect(currentProcess()).toBeUndefined()
  })

  it('is right again after a process was started or ended inside a handler', async () => {
    const { clock, system } = createWorld()
    const seen: unknown[] = []
    const other = system.start({
      label: 'other',
      handle: () => {},
      onExit: () => void seen.push(self()),
    })
    const a = system.start({
      label: 'a',
      handle() {
        system.watch(other.pid, () => void seen.push(self()))
        system.exit(other.pid, 'kill')
        seen.push(self())
      },
    })
    system.cast(a.pid, 'x', 1)
    await clock.settle()
    expect(seen).toEqual([undefined, undefined, a.pid])
  })

  it('is undefined again after a handler threw', async () => {
    const { clock, system } = createWorld()
    const { pid } = system.start({
      label: 'throws',
      handle: () => {
        throw new Error('x')
      },
    })
    system.cast(pid, 'x', 1)
    await clock.settle()
    expect(self()).toBeUndefined()
  })

  it('is the owner inside the callback of a timer', async () => {
    const { clock, system } = createWorld()
    const process = system.start({ label: 'timed', handle: () => {} })
    let seen: unknown
    system.setTimer(process, 1, () => (seen = self()))
    await clock.advance(1)
    expect(seen).toBe(process.pid)
  })
})
