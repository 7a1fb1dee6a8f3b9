import { getEventListeners } from 'node:events'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { Pid, System } from '../../../runtime/index.ts'
import {
  defineServer,
  noreply,
  reply,
  sys,
  Task,
  type TaskContext,
  type TaskUse,
} from '../../../behaviours/index.ts'
import { ending, idler, outcome, watcher, within, world, type World } from '../world.ts'

let w: World
let system: System
beforeEach(() => {
  w = world()
  system = w.system
})

const hang = (ctx: TaskContext): Promise<unknown> => ctx.receive()
const nothingLeft = async (): Promise<void> => {
  await w.clock.advance(0)
  expect(system.stats()).toMatchObject({ processes: 0, timers: 0, monitors: 0 })
}

describe('a task', () => {
  it('is no promise: it goes through async functions as it is', async () => {
    const start = async () => Task.async(() => 1, { system })
    const task = await start()
    expect('then' in task).toBe(false)
    expect(await Task.await(task)).toBe(1)
  })

  it('gives what its function gives, now, later or from a foreign thenable', async () => {
    const thenable = {
      then: (resolve: (value: number) => void) => resolve(3),
    } as PromiseLike<number>
    const fns: (() => unknown)[] = [() => 1, async () => 2, () => thenable]
    const tasks = fns.map((fn) => Task.async(fn, { system }))
    expect(await Task.awaitMany(tasks)).toEqual([1, 2, 3])
  })

  it('fails with what a thenable fails with that knows only half of a promise', async () => {
    const late: (() => void)[] = []
    const failing = {
      then: (_resolve: unknown, reject: (error: Error) => void) =>
        void late.push(() => reject(new RangeError('oops'))),
    } as unknown as PromiseLike<number>
    const task = Task.async(() => failing, { system, trapExit: true })
    const failed = outcome(Task.await(task))
    await w.clock.settle()
    late[0]?.()
    await w.clock.settle()
    expect(failed.error).toMatchObject({ code: 'ERR_TASK_EXIT', reason: expect.any(RangeError) })
    await nothingLeft()
  })

  it('runs after the starter is done, in a process of its own', async () => {
    const order: string[] = []
    const task = Task.async((ctx) => (order.push('task'), ctx.self), { system })
    order.push('starter')
    expect(await Task.await(task)).toBe(task.pid)
    expect(order).toEqual(['starter', 'task'])
  })

  it('of plain code is linked to nobody; its failure is in the await, and in the log', async () => {
    const task = Task.async(
      () => {
        throw new RangeError('oops')
      },
      { system },
    )
    expect(task.owner).toBeUndefined()
    await expect(Task.await(task)).rejects.toMatchObject({
      name: 'TaskExecutionError',
      code: 'ERR_TASK_EXIT',
      cause: expect.any(RangeError) as unknown,
    })
    expect(w.texts('error')).toEqual(['process crashed'])
  })

  it('can receive messages, and sees signals when it traps exits', async () => {
    const task = Task.async(async (ctx) => [await ctx.receive(), await ctx.receive()], {
      system,
      trapExit: true,
    })
    const pid = task.pid as Pid
    await w.clock.advance(0)
    system.send(pid, 'hello')
    system.exit(pid, 'because', pid)
    expect(await Task.await(task)).toEqual([
      'hello',
      { type: 'exit', from: pid, reason: 'because' },
    ])
  })

  it('that was killed has its signal aborted, and its continuation changes nothing', async () => {
    let signal: AbortSignal | undefined
    let go: () => void = () => {}
    const task = Task.async(
      async (ctx) => {
        signal = ctx.signal
        await new Promise<void>((resolve) => (go = resolve))
        return 'late'
      },
      { system },
    )
    await w.clock.advance(0)
    system.exit(task.pid as Pid, 'kill')
    go()
    expect(signal?.aborted).toBe(true)
    expect(await Task.yield(task)).toEqual({ exit: 'killed' })
  })

  it('is refused with nonsense', () => {
    const code = (value: string): unknown => expect.objectContaining({ code: value })
    expect(() => Task.async(5 as never)).toThrow(code('ERR_ARGUMENT'))
    expect(() => Task.async(() => 1, { owner: {} as never })).toThrow(code('ERR_ARGUMENT'))
    expect(() => Task.async(() => 1, { ownr: 1 } as never)).toThrow(code('ERR_OPTION_UNKNOWN'))
    const owner = system.pidFor('elsewhere', 1, 0)
    expect(() => Task.async(() => 1, { owner })).toThrow(code('ERR_TASK_REMOTE'))
    const other = world().system
    expect(() => Task.async(() => 1, { owner: idler(system), system: other })).toThrow(
      code('ERR_ARGUMENT'),
    )
    expect(() => Task.async(() => 1, { owner: 5 as never })).toThrow('a pid, a ref or a context')
    expect(() => Task.ignore({} as never)).toThrow(code('ERR_ARGUMENT'))
    expect(() => Task.completed(1, { ownr: 1 } as never)).toThrow(code('ERR_OPTION_UNKNOWN'))
  })
})

describe('owners', () => {
  it('fail with a task that fails', async () => {
    const owner = idler(system)
    const end = ending(system, owner)
    Task.async((ctx) => ctx.exit('boom'), { owner })
    await w.clock.advance(0)
    expect(end.reason).toBe('boom')
  })

  it('that end normally leave the task running, as a link does', async () => {
    const task = await within(system, (ctx) => Task.async(hang, { owner: ctx }))
    await w.clock.advance(0)
    expect(system.isAlive(task.pid as Pid)).toBe(true)
    await Task.shutdown(task)
    await nothingLeft()
  })

  it('that are dead have a task that ends at once', async () => {
    const owner = idler(system)
    system.exit(owner, 'kill')
    const task = Task.async(() => 1, { owner })
    expect(await Task.yield(task)).toEqual({ exit: 'noproc' })
  })

  it('that trap exits get an EXIT of each task besides', async () => {
    const { pid: owner, got } = watcher(system)
    const task = Task.async(() => 1, { owner })
    expect(await Task.await(task)).toBe(1)
    await w.clock.advance(0)
    expect(got).toEqual([{ type: 'exit', from: task.pid, reason: 'normal' }])
  })

  it('are found synchronously in handlers, and given as ctx after an await', async () => {
    const Owner = defineServer({
      init: () => undefined,
      call: {
        now: (state) => reply(Task.async(() => 1).owner, state),
        later: async (state, _input: undefined, ctx) => {
          await Promise.resolve()
          return reply(
            [Task.async(() => 1, { system }).owner, Task.async(() => 1, { owner: ctx }).owner],
            state,
          )
        },
      },
      cast: { done: (state) => noreply(state) },
    })
    const server = await Owner.start(undefined, { system })
    expect(await server.call.now()).toEqual(server.pid)
    expect(await server.call.later(undefined)).toEqual([undefined, server.pid])
  })
})

describe('owners with asyncContext', () => {
  it('are known after an await too, and so is who asks', async () => {
    const { createSystem } = await import('../../../runtime/index.ts')
    const tracked = createSystem({ clock: w.clock, asyncContext: true })
    const seen = await within(tracked, async (ctx) => {
      await Promise.resolve()
      const task = Task.async(async (inner) => {
        await Promise.resolve()
        return [Task.callers(), await Task.await(Task.async(() => 1)), inner.self]
      })
      const other = Task.async(hang, { owner: idler(tracked) })
      const refused = await Task.await(other).catch((error: { code: string }) => error.code)
      return { owner: task.owner, me: ctx.self, result: await Task.await(task), refused }
    })
    expect(seen.owner).toEqual(seen.me)
    expect(seen.result.slice(0, 2)).toEqual([[seen.me], 1])
    expect(seen.refused).toBe('ERR_TASK_OWNER')
    await tracked.stop()
  })
})

describe('waiting', () => {
  it('that times out shuts a task without owner down', async () => {
    const task = Task.async(hang, { system })
    const asked = outcome(Task.await(task, { timeoutMs: 10 }))
    await w.clock.advance(10)
    expect(asked.error).toMatchObject({ code: 'ERR_TASK_TIMEOUT' })
    await nothingLeft()
  })

  it('kills a task without owner that does not stop in time', async () => {
    const stubborn = async (ctx: TaskContext): Promise<never> => {
      for (;;) await ctx.receive()
    }
    const task = Task.async(stubborn, { system, trapExit: true })
    outcome(Task.await(task, { timeoutMs: 10 }))
    await w.clock.advance(10 + 4999)
    expect(system.isAlive(task.pid as Pid)).toBe(true)
    await w.clock.advance(1)
    await nothingLeft()
  })

  it('from inside the death of the task gives its reason', async () => {
    const asks = [
      Task.await,
      Task.yield,
      Task.shutdown,
      (task: Task<unknown>) => Task.yieldMany([task]),
    ]
    for (const ask of asks) {
      const task = Task.async(hang, { system })
      const asked: ReturnType<typeof outcome>[] = []
      system.watch(task.pid as Pid, () => asked.push(outcome<unknown>(ask(task))))
      system.exit(task.pid as Pid, 'boom')
      await w.clock.settle()
      const { error, value } = asked[0] as ReturnType<typeof outcome>
      if (ask === Task.await) expect(error).toMatchObject({ code: 'ERR_TASK_EXIT', reason: 'boom' })
      else expect([value].flat(2)).toContainEqual({ exit: 'boom' })
    }
    await nothingLeft()
  })

  it('of many needs one listener on the signal, and none when it is over', async () => {
    const { signal } = new AbortController()
    const tasks = Array.from({ length: 20 }, () => Task.async(hang, { system }))
    const listen = vi.spyOn(signal, 'addEventListener')
    const yields = outcome(Task.yieldMany(tasks, { signal, timeoutMs: 10 }))
    expect(listen).toHaveBeenCalledTimes(1)
    await w.clock.advance(10)
    expect(yields.settled).toBe(true)
    expect(getEventListeners(signal, 'abort')).toEqual([])
    await Promise.all(tasks.map((task) => Task.shutdown(task, 'brutal_kill', { signal })))
    expect(getEventListeners(signal, 'abort')).toEqual([])
    await nothingLeft()
  })

  it('refuses what is no signal and no list, and leaves the task as it is', async () => {
    const task = Task.async(hang, { system })
    const signal = {} as AbortSignal
    const asks = [
      Task.await(task, { signal }),
      Task.yieldMany([task], { signal }),
      Task.shutdown(task, 5, { signal }),
      Task.awaitMany(task as never),
      Task.yieldMany(null as never),
    ]
    const codes = await Promise.all(asks.map((ask) => ask.catch((e: { code: string }) => e.code)))
    const option = 'ERR_OPTION_INVALID'
    expect(codes).toEqual([option, option, option, 'ERR_ARGUMENT', 'ERR_ARGUMENT'])
    expect(system.stats()).toMatchObject({ processes: 1, timers: 0 })
    expect(await Task.yield(task, { timeoutMs: 0 })).toBeUndefined()
  })

  it('can be given up with a signal, before and meanwhile', async () => {
    const controller = new AbortController()
    const { signal } = controller
    const tasks = [Task.async(hang, { system }), Task.async(hang, { system })] as const
    const awaited = outcome(Task.await(tasks[0], { signal }))
    const yielded = outcome(Task.yield(tasks[1], { signal }))
    await w.clock.advance(1)
    controller.abort(new Error('enough'))
    await w.clock.advance(1)
    expect(awaited.error).toMatchObject({ code: 'ERR_TASK_ABORTED', cause: new Error('enough') })
    expect(yielded.error).toMatchObject({ code: 'ERR_TASK_ABORTED' })
    await expect(Task.yield(tasks[1], { signal })).rejects.toMatchObject({
      code: 'ERR_TASK_ABORTED',
    })
    expect(await Task.shutdown(tasks[1])).toBeUndefined()
    await nothingLeft()
  })

  it('gives a result once, and says where it went', async () => {
    const use = async (task: Task<unknown>): Promise<TaskUse> =>
      Task.await(task).then(
        () => 'awaited' as const,
        (error: { use: TaskUse }) => error.use,
      )
    const done = (): Task<number> => Task.completed(1)
    const awaited = done()
    await Task.await(awaited)
    const yielded = done()
    await Task.yield(yielded)
    const ignored = done()
    Task.ignore(ignored)
    const stopped = Task.async(hang, { system })
    await Task.shutdown(stopped)
    const late = Task.async(hang, { system })
    outcome(Task.await(late, { timeoutMs: 1 }))
    const waiting = Task.async(hang, { system })
    const first = outcome(Task.await(waiting))
    const aborted = done()
    outcome(Task.await(aborted, { signal: AbortSignal.abort() }))
    await w.clock.advance(1)
    const uses = [awaited, yielded, ignored, stopped, late, waiting, aborted].map(use)
    expect(await Promise.all(uses)).toEqual([
      'awaited',
      'awaited',
      'ignored',
      'shut_down',
      'timed_out',
      'waiting',
      'aborted',
    ])
    expect(() => Task.ignore(waiting)).toThrow(expect.objectContaining({ code: 'ERR_TASK_TAKEN' }))
    expect(Task.ignore(awaited)).toBeUndefined()
    expect(await Task.shutdown(awaited)).toBeUndefined()
    await Task.shutdown(waiting)
    expect(first.error).toMatchObject({ code: 'ERR_TASK_EXIT', reason: 'shutdown' })
    await nothingLeft()
  })

  it('needs no timer with Infinity, and refuses what is no time', async () => {
    const task = Task.async(hang, { system })
    const asked = outcome(Task.yield(task, { timeoutMs: Infinity }))
    expect(system.stats().timers).toBe(0)
    await Task.shutdown(task)
    expect(asked.value).toEqual({ exit: 'shutdown' })
    await expect(Task.await(task, { timeoutMs: -1 })).rejects.toMatchObject({
      code: 'ERR_OPTION_INVALID',
    })
  })

  it('leaves the task untouched when there is no timer to be had', async () => {
    const { createSystem } = await import('../../../runtime/index.ts')
    const small = createSystem({ clock: w.clock, timersMax: 1 })
    small.sendAfter(1000, 'nobody', 1)
    const task = Task.async(async () => 1, { system: small })
    await expect(Task.await(task)).rejects.toMatchObject({ code: 'ERR_TIMERS_MAX' })
    const many = [Task.async(hang, { system: small }), Task.async(() => 1, { system: small })]
    await expect(Task.awaitMany(many)).rejects.toMatchObject({ code: 'ERR_TIMERS_MAX' })
    expect(await Task.await(task, { timeoutMs: Infinity })).toBe(1)
    await small.stop()
  })
})

describe('shutdown', () => {
  const stubborn = async (ctx: TaskContext): Promise<unknown> => {
    await ctx.receive()
    return ctx.receive()
  }

  it('waits for a task that traps exits, and takes its result', async () => {
    const task = Task.async(async (ctx) => (await ctx.receive(), 'saved'), {
      system,
      trapExit: true,
    })
    await w.clock.advance(0)
    expect(await Task.shutdown(task)).toEqual({ ok: 'saved' })
  })

  it('kills it after so many milliseconds', async () => {
    const task = Task.async(stubborn, { system, trapExit: true })
    await w.clock.advance(0)
    const asked = outcome(Task.shutdown(task, 100))
    await w.clock.advance(99)
    expect(asked.settled).toBe(false)
    await w.clock.advance(1)
    expect(asked.value).toEqual({ exit: 'killed' })
    await nothingLeft()
  })

  it('does not take an owner along that does not trap', async () => {
    const alive = await within(system, async (ctx) => {
      await Task.shutdown(Task.async(hang, { owner: ctx }))
      await Task.shutdown(Task.async(hang, { owner: ctx }), 'brutal_kill')
      return system.isAlive(ctx.self)
    })
    expect(alive).toBe(true)
  })

  it('can be given up with a signal; the task goes on stopping', async () => {
    for (const early of [true, false]) {
      const controller = new AbortController()
      if (early) controller.abort()
      const task = Task.async(stubborn, { system, trapExit: true })
      await w.clock.advance(0)
      const asked = outcome(Task.shutdown(task, 100, { signal: controller.signal }))
      await w.clock.advance(1)
      controller.abort()
      await w.clock.advance(0)
      expect(asked.error).toMatchObject({ code: 'ERR_TASK_ABORTED' })
      expect(system.stats().monitors).toBe(0)
      await w.clock.advance(100)
      await nothingLeft()
    }
  })

  it('refuses what is no way to end', async () => {
    const task = Task.async(hang, { system })
    await expect(Task.shutdown(task, 'slowly' as never)).rejects.toMatchObject({
      code: 'ERR_ARGUMENT',
    })
    expect(await Task.shutdown(task, 'infinity')).toBeUndefined()
  })
})

describe('many tasks', () => {
  it('of which one fails are left to be asked for, or shut down without owner', async () => {
    const [good, slow] = [Task.async(() => 1, { system }), Task.async(hang, { system })]
    const bad = Task.async((ctx) => ctx.exit('boom'), { system })
    await expect(Task.awaitMany([good, slow, bad])).rejects.toMatchObject({ reason: 'boom' })
    expect(system.isAlive(slow.pid as Pid)).toBe(false)
    expect(await Task.await(good)).toBe(1)
    await nothingLeft()
  })

  it('that are late are shut down without owner; the others can be asked for', async () => {
    const [good, slow] = [Task.async(() => 1, { system }), Task.async(hang, { system })]
    const asked = outcome(Task.awaitMany([good, slow], { timeoutMs: 10 }))
    await w.clock.advance(10)
    expect(asked.error).toMatchObject({ code: 'ERR_TASK_TIMEOUT' })
    expect(await Task.await(good)).toBe(1)
    await nothingLeft()
  })

  it('cannot be waited for twice at once', async () => {
    const task = Task.async(hang, { system })
    await expect(Task.awaitMany([task, task])).rejects.toMatchObject({ use: 'waiting' })
    await expect(
      Task.awaitMany([Task.completed(1), task], { signal: AbortSignal.abort() }),
    ).rejects.toMatchObject({ code: 'ERR_TASK_ABORTED' })
    await nothingLeft()
  })

  it('yield as soon as limit of them are done', async () => {
    const tasks = [hang, () => 2, () => 3].map((fn) => Task.async(fn as () => unknown, { system }))
    const results = (await Task.yieldMany(tasks, { limit: 1 })).map(([, result]) => result)
    expect(results).toEqual([undefined, { ok: 2 }, undefined])
    expect(await Task.yield(tasks[2]!)).toEqual({ ok: 3 })
    expect(await Task.yieldMany([])).toEqual([])
    await expect(Task.yieldMany(tasks, { limit: 0 })).rejects.toMatchObject({
      code: 'ERR_OPTION_INVALID',
    })
    await Task.shutdown(tasks[0]!)
  })

  it.each(['nothing', 'ignore', 'kill_task'] as const)('that are late: %s', async (onTimeout) => {
    const task = Task.async(hang, { owner: idler(system) })
    const asked = outcome(Task.yieldMany([task], { timeoutMs: 10, onTimeout }))
    await w.clock.advance(10)
    expect(asked.value).toEqual([[task, undefined]])
    expect(system.isAlive(task.pid as Pid)).toBe(onTimeout !== 'kill_task')
    const again = outcome(Task.yield(task, { timeoutMs: 0 }))
    await w.clock.advance(1)
    if (onTimeout === 'nothing') expect(again).toEqual({ settled: true, value: undefined })
    else expect(again.error).toMatchObject({ code: 'ERR_TASK_TAKEN' })
  })

  it('that yield can be given up with a signal and asked again', async () => {
    const controller = new AbortController()
    const tasks = [Task.completed(1), Task.async(hang, { system })] as const
    const asked = outcome(Task.yieldMany(tasks, { signal: controller.signal }))
    controller.abort()
    await w.clock.advance(0)
    expect(asked.error).toMatchObject({ code: 'ERR_TASK_ABORTED' })
    expect(await Task.await(tasks[0])).toBe(1)
    await Task.shutdown(tasks[1])
  })
})

describe('tasks for their effect', () => {
  it('run in the system of their parent, and in no other', async () => {
    const parent = idler(system)
    const { pid } = Task.startLink(hang, { parent })
    expect(pid.node).toBe(system.node)
    system.exit(parent, 'gone')
    expect(system.isAlive(pid)).toBe(false)
    const other = world('other').system
    const wrong = expect.objectContaining({ code: 'ERR_ARGUMENT' }) as Error
    for (const start of [Task.start, Task.startLink]) {
      expect(() => start(hang, { parent: idler(system), system: other })).toThrow(wrong)
    }
    await within(system, () => {
      expect(() => Task.startLink(hang, { system: other })).toThrow(wrong)
    })
    const remote = system.pidFor('elsewhere', 1, 0)
    expect(() => Task.startLink(hang, { parent: remote })).toThrow(
      expect.objectContaining({ code: 'ERR_TASK_REMOTE' }),
    )
    expect(other.stats().processes).toBe(0)
  })

  it('start alone, or linked', async () => {
    const { pid } = Task.start(hang, { system })
    expect(system.process(pid)?.parent).toBeUndefined()
    system.exit(pid, 'kill')
    const parent = idler(system)
    const linked = Task.startLink(hang, { system, parent })
    system.exit(parent, 'gone')
    expect(system.isAlive(linked.pid)).toBe(false)
    expect(() => Task.startLink(hang, { system })).toThrow(
      expect.objectContaining({ code: 'ERR_START_NO_PARENT' }),
    )
  })

  it('report a failure', async () => {
    Task.start((ctx) => ctx.exit('boom'), { system })
    await w.clock.advance(0)
    expect(w.texts('error')).toEqual(['process crashed'])
  })

  it('end with the system, also in the middle of something', async () => {
    const task = Task.async(() => new Promise(() => {}), { system })
    await w.clock.advance(0)
    await system.stop()
    expect(await Task.yield(task)).toEqual({ exit: 'shutdown' })
    expect(w.clock.now()).toBe(0)
  })
})

describe('sys', () => {
  it('sees a task that runs, without a state', async () => {
    const owner = idler(system)
    const task = Task.async(hang, { owner })
    await w.clock.advance(0)
    const target = { pid: task.pid as Pid }
    expect(sys.status(target)).toMatchObject({
      behaviour: 'task',
      details: { owner, callers: [owner], receiving: true },
    })
    await expect(sys.replaceState(target, () => 1)).rejects.toMatchObject({
      code: expect.any(String) as unknown,
    })
  })
})

describe('callers', () => {
  it('are kept up to a limit, the nearest of them', async () => {
    const chain = (depth: number, ctx: TaskContext): Promise<number> =>
      depth === 0
        ? Promise.resolve(ctx.callers.length)
        : Task.await(Task.async((next) => chain(depth - 1, next), { owner: ctx }))
    const run = (depth: number): Promise<number> =>
      Task.await(Task.async((ctx) => chain(depth, ctx), { system }))
    expect([await run(0), await run(1), await run(64), await run(65)]).toEqual([0, 1, 64, 64])
  })

  it('are nobody outside of tasks', async () => {
    expect(Task.callers()).toEqual([])
    expect(await within(system, () => Task.callers())).toEqual([])
  })
})
