import { describe, expect, it } from 'vitest'
import { exit } from '../../runtime/index.ts'
import { createWorld, idle, inProcess } from './world.ts'
import type { CallOptions, Pid } from '../../runtime/index.ts'

describe('the context of a plain process', () => {
  it('can be taken apart', async () => {
    const { clock, system } = createWorld()
    const other = idle(system)
    const seen: unknown[] = []
    system.spawn(
      async ({ self, send, receive, cast, monitor, link, unlink, trapExit, spawnLink }) => {
        seen.push(trapExit(true))
        send(self, 'm')
        seen.push(await receive(), cast(self, 'c', 1))
        monitor(other)
        link(other)
        unlink(other)
        const child = spawnLink(() => exit('shutdown'))
        seen.push(await receive((m) => (m as { from?: Pid }).from === child))
      },
    )
    await clock.settle()
    expect(seen).toEqual([
      false,
      'm',
      true,
      expect.objectContaining({ type: 'exit', reason: 'shutdown' }),
    ])
  })

  it('refuses to work after death, taken apart or not', async () => {
    const { clock, system } = createWorld()
    const seen: unknown[] = []
    const pid = system.spawn(async (ctx) => {
      const { call } = ctx
      await new Promise<void>((resolve) => clock.setTimer(10, () => resolve()))
      const uses = [(): void => void call(ctx.self, 'x'), (): void => ctx.send(ctx.self, 1)]
      for (const use of uses) {
        try {
          use()
          seen.push('worked')
        } catch {
          seen.push('refused')
        }
      }
    })
    await clock.settle()
    system.exit(pid, 'kill')
    await clock.advance(10)
    expect(seen).toEqual(['refused', 'refused'])
  })

  it('L-16 ends itself by a signal `normal`, also after an await', async () => {
    const { clock, system } = createWorld()
    const reasons: unknown[] = []
    const pid = system.spawn(async (ctx) => {
      await Promise.resolve()
      ctx.sendExit(ctx.self, 'normal')
      await new Promise(() => {})
    })
    const other = system.spawn(async (ctx) => {
      await Promise.resolve()
      ctx.sendExit(pid, 'normal') // from another process it does nothing (L-14)
      await new Promise(() => {})
    })
    system.watch(pid, (reason) => reasons.push(reason))
    system.watch(other, (reason) => reasons.push(reason))
    await clock.settle()
    expect(reasons).toEqual(['normal'])
  })

  it('calls in its own name after an await: a call to itself is refused (G-26)', async () => {
    const { system } = createWorld()
    const result = inProcess(system, async (ctx) => {
      await Promise.resolve()
      return await ctx.call(ctx.self, 'x')
    })
    await expect(result).rejects.toMatchObject({ code: 'ERR_CALL_EXIT', reason: 'calling_self' })
  })

  it('refuses options that calls do not have', async () => {
    const { system } = createWorld()
    const other = system.spawn(() => new Promise(() => {}))
    const result = inProcess(system, (ctx) =>
      ctx.call(other, 'x', 1, { timeout: 5 } as unknown as CallOptions),
    )
    await expect(result).rejects.toMatchObject({ code: 'ERR_OPTION_RENAMED', option: 'timeout' })
  })
})

describe('the label of a process', () => {
  it('is given at the start, or the name of its function, or `process`', async () => {
    const { clock, system, errors } = createWorld()
    const labelOf = (pid: Pid): string | undefined => system.process(pid)?.label
    async function worker(): Promise<never> {
      return await new Promise(() => {})
    }
    expect(labelOf(system.spawn(worker, { label: 'mail' }))).toBe('mail')
    expect(labelOf(system.spawn(worker))).toBe('worker')
    expect(labelOf(system.spawn(() => {}))).toBe('process')
    expect(labelOf(system.spawnMonitor(worker, { owner: idle(system) }).pid)).toBe('worker')
    const server = { label: 'server', handle: () => {} }
    expect(system.start(server).label).toBe('server')
    expect(system.start(server, { label: 'mine' }).label).toBe('mine')
    system.spawn(() => exit('boom'), { label: 'mail' })
    await clock.settle()
    expect(errors.map(({ fields }) => fields['label'])).toEqual(['mail'])
  })
})
