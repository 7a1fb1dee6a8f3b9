import { beforeEach, describe, expect, it } from 'vitest'
import { createSystem, type Pid, type System } from '../../../runtime/index.ts'
import {
  Supervisor,
  Task,
  TaskSupervisor,
  type TaskContext,
  type TaskSupervisorRef,
} from '../../../behaviours/index.ts'
import { ending, idler, outcome, watcher, within, world, type World } from '../world.ts'

let w: World
let system: System
let sup: TaskSupervisorRef
beforeEach(async () => {
  w = world()
  system = w.system
  sup = await TaskSupervisor.start({ system })
})

const hang = (ctx: TaskContext): Promise<unknown> => ctx.receive()

describe('a task supervisor', () => {
  it('knows its tasks, oldest first, stops one, and all with itself', async () => {
    const pids: Pid[] = []
    for (let i = 0; i < 3; i++) pids.push((await TaskSupervisor.startChild(sup, hang)).pid)
    expect(await TaskSupervisor.children(sup)).toEqual(pids)
    await TaskSupervisor.terminateChild(sup, pids[1]!)
    expect(await TaskSupervisor.children(sup)).toEqual([pids[0], pids[2]])
    await expect(TaskSupervisor.terminateChild(sup, pids[1]!)).rejects.toMatchObject({
      code: 'ERR_CHILD_NOT_FOUND',
    })
    await TaskSupervisor.stop(sup)
    await w.clock.advance(0)
    expect(system.stats()).toMatchObject({ processes: 0, timers: 0, monitors: 0 })
  })

  it('forgets tasks that are done, also at once', async () => {
    const task = await TaskSupervisor.async(sup, () => 1)
    expect(await Task.await(task)).toBe(1)
    await w.clock.advance(0)
    expect(await TaskSupervisor.children(sup)).toEqual([])
    expect(w.lines).toEqual([])
  })

  it('holds no more than childrenMax', async () => {
    const small = await TaskSupervisor.start({ system, childrenMax: 1, name: 'small' })
    await TaskSupervisor.asyncNolink('small', hang, { system })
    for (const start of [TaskSupervisor.async, TaskSupervisor.startChild]) {
      await expect(start(small, hang)).rejects.toMatchObject({ code: 'ERR_CHILD_LIMIT' })
    }
    const stream = TaskSupervisor.asyncStream(small, [1], hang as never)
    await expect(stream.next()).rejects.toMatchObject({ code: 'ERR_CHILD_LIMIT' })
  })

  it('is a child of another supervisor', async () => {
    const children = [TaskSupervisor.child({ name: 'tasks' }, { id: 'tasks' })]
    const top = await Supervisor.start({ system, children })
    const task = await TaskSupervisor.async('tasks', () => 1, { system })
    expect(await Task.await(task)).toBe(1)
    await Supervisor.stop(top)
    await expect(TaskSupervisor.async('tasks', () => 1, { system })).rejects.toMatchObject({
      reason: 'noproc',
    })
  })

  it('gives its tasks so long to end when it stops', async () => {
    const stubborn = async (ctx: TaskContext): Promise<unknown> => {
      for (;;) await ctx.receive()
    }
    const options = { trapExit: true, shutdown: 100 }
    await TaskSupervisor.startChild(sup, stubborn, options)
    await TaskSupervisor.asyncNolink(sup, stubborn, options)
    const stopped = outcome(TaskSupervisor.stop(sup))
    await w.clock.advance(99)
    expect(stopped.settled).toBe(false)
    await w.clock.advance(1)
    expect(stopped.settled).toBe(true)
  })
})

describe('supervised tasks', () => {
  it('are linked to their owner, or not', async () => {
    const { pid: owner, got } = watcher(system)
    await TaskSupervisor.async(sup, (ctx) => ctx.exit('boom'), { owner })
    await TaskSupervisor.asyncNolink(sup, (ctx) => ctx.exit('bang'), { owner })
    await w.clock.advance(0)
    expect(got).toMatchObject([{ type: 'exit', reason: 'boom' }])
  })

  it('without owner are shut down by the await that gives up', async () => {
    const task = await TaskSupervisor.asyncNolink(sup, hang)
    const asked = outcome(Task.await(task, { timeoutMs: 10 }))
    await w.clock.advance(10)
    expect(asked.error).toMatchObject({ code: 'ERR_TASK_TIMEOUT' })
    expect(await TaskSupervisor.children(sup)).toEqual([])
  })

  it('that are not linked go on when the await of their owner gives up', async () => {
    const task = await TaskSupervisor.asyncNolink(sup, hang, { owner: idler(system) })
    const asked = outcome(Task.await(task, { timeoutMs: 10 }))
    await w.clock.advance(10)
    expect(asked.error).toMatchObject({ code: 'ERR_TASK_TIMEOUT' })
    expect(await TaskSupervisor.children(sup)).toEqual([task.pid])
  })

  it('know their callers', async () => {
    const seen = await within(system, async (ctx) => {
      const task = await TaskSupervisor.async(sup, (inner) => inner.callers, { owner: ctx })
      return [await Task.await(task), ctx.self]
    })
    expect(seen[0]).toEqual([seen[1]])
  })

  it('are not started for an owner that is dead, and end with one that dies meanwhile', async () => {
    const owner = idler(system)
    system.exit(owner, 'kill')
    await expect(TaskSupervisor.async(sup, hang, { owner })).rejects.toMatchObject({
      code: 'ERR_CHILD_START',
    })
    expect(await TaskSupervisor.children(sup)).toEqual([])
  })

  it('are not left behind by a request that was given up', async () => {
    const busy = TaskSupervisor.startChild(sup, hang)
    const controller = new AbortController()
    const { signal } = controller
    const asked = outcome(TaskSupervisor.async(sup, hang, { signal }))
    controller.abort()
    const { pid } = await busy
    await w.clock.advance(0)
    expect(asked.error).toMatchObject({ code: 'ERR_CALL_ABORTED' })
    expect(await TaskSupervisor.children(sup)).toEqual([pid])
  })

  it('need a supervisor', async () => {
    for (const target of [undefined, null, 5, {}, { pid: 5 }] as never[]) {
      const refused = { code: 'ERR_ARGUMENT' }
      await expect(TaskSupervisor.async(target, hang)).rejects.toMatchObject(refused)
      await expect(TaskSupervisor.startChild(target, hang)).rejects.toMatchObject(refused)
      await expect(TaskSupervisor.children(target)).rejects.toMatchObject(refused)
      await expect(TaskSupervisor.stop(target)).rejects.toMatchObject(refused)
      await expect(TaskSupervisor.terminateChild(sup, target)).rejects.toMatchObject(refused)
      expect(() => TaskSupervisor.asyncStream(target, [1], hang as never)).toThrow(
        expect.objectContaining(refused) as Error,
      )
    }
  })

  it('cannot be elsewhere', async () => {
    const remote = system.pidFor('elsewhere', 1, 0)
    for (const target of [remote, { pid: remote }]) {
      const refused = { code: 'ERR_TASK_REMOTE' }
      await expect(TaskSupervisor.async(target, hang)).rejects.toMatchObject(refused)
      await expect(TaskSupervisor.startChild(target, hang)).rejects.toMatchObject(refused)
      expect(() => TaskSupervisor.asyncStream(target, [1], hang as never)).toThrow(
        expect.objectContaining(refused) as Error,
      )
    }
    const other = createSystem({ clock: w.clock })
    await expect(TaskSupervisor.async(sup, hang, { owner: idler(other) })).rejects.toMatchObject({
      code: 'ERR_ARGUMENT',
    })
  })
})

describe('supervised streams', () => {
  const fail = (n: number, ctx: TaskContext): unknown => (n === 2 ? ctx.exit('boom') : n)

  it('give the failures of tasks that are not linked, and go on', async () => {
    const { pid: owner, got } = watcher(system)
    const all: unknown[] = []
    const stream = TaskSupervisor.asyncStreamNolink(sup, [1, 2, 3], fail, { owner })
    for await (const result of stream) all.push(result)
    expect(all).toEqual([{ ok: 1 }, { exit: 'boom' }, { ok: 3 }])
    await w.clock.advance(0)
    expect(got).toEqual([])
    expect(await TaskSupervisor.children(sup)).toEqual([])
  })

  it('end with the failure of a linked task, which ends the owner', async () => {
    const owner = system.spawn(async (ctx) => {
      for await (const _ of TaskSupervisor.asyncStream(sup, [1, 2, 3], fail, { owner: ctx }));
    })
    const end = ending(system, owner)
    await w.clock.advance(1)
    expect(end.reason).toBe('boom')
    expect(await TaskSupervisor.children(sup)).toEqual([])
  })

  it.each(['asyncStream', 'asyncStreamNolink'] as const)(
    '%s runs its tasks under the supervisor and ends them with it',
    async (name) => {
      const stream = TaskSupervisor[name](sup, [1, 2, 3], (_n, ctx) => hang(ctx), {
        maxConcurrency: 2,
      })
      const asked = outcome(stream.next())
      await w.clock.advance(1)
      expect(await TaskSupervisor.children(sup)).toHaveLength(2)
      await stream.return()
      await w.clock.advance(1)
      expect(asked.value).toEqual({ done: true, value: undefined })
      expect(await TaskSupervisor.children(sup)).toEqual([])
      expect(system.stats()).toMatchObject({ processes: 1, timers: 0 })
    },
  )

  it.each([0, 1, 2, 3, 5, 8, 13, 21])(
    'run nothing after their end, which may come %i ticks after the first question',
    async (ticks) => {
      let over = false
      const late: number[] = []
      const work = async (n: number): Promise<void> => {
        if (over) late.push(n)
      }
      const source = Array.from({ length: 20 }, (_, n) => n)
      const streams = [TaskSupervisor.asyncStream, TaskSupervisor.asyncStreamNolink].map((start) =>
        start(sup, source, work, { maxConcurrency: 4 }),
      )
      const asked = streams.map((stream) => stream.next())
      for (let tick = 0; tick < ticks; tick++) await Promise.resolve()
      await Promise.all(streams.map((stream) => stream.return()))
      over = true
      await Promise.all(asked)
      await w.clock.settle()
      expect(late).toEqual([])
      expect(await TaskSupervisor.children(sup)).toEqual([])
    },
  )

  it('leave nothing when they end while a task is being started', async () => {
    const stream = TaskSupervisor.asyncStreamNolink(sup, [1], (_n, ctx) => hang(ctx))
    const asked = outcome(stream.next())
    const starting = new Promise<void>((resolve) => {
      system.clock.microtask(() => resolve())
    })
    await starting
    await stream.return()
    await w.clock.advance(1)
    expect(asked.value).toEqual({ done: true, value: undefined })
    expect(await TaskSupervisor.children(sup)).toEqual([])
  })
})
