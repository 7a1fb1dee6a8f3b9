/**
 * Tasks as Elixir does them: one test per case of `otp-conformance.md` section 11. Where Elixir's caller
 * exits, the promise rejects; a caller that does not catch it ends with that error.
 */
import { beforeEach, describe, expect, it } from 'vitest'
import type { Pid, ProcessContext, System } from '../../../runtime/index.ts'
import {
  Supervisor,
  Task,
  TaskSupervisor,
  type TaskContext,
  type TaskOwner,
  type TaskSupervisorRef,
} from '../../../behaviours/index.ts'
import { ending, idler, outcome, within, world, type World } from '../world.ts'

let w: World
let system: System
beforeEach(() => {
  w = world()
  system = w.system
})

/** A task that ends when it is told to. */
function open<R>(owner: TaskOwner, value?: R) {
  let done: (value: R) => void = () => {}
  const result = new Promise<R>((resolve) => {
    done = resolve
  })
  const task = Task.async(() => result, { owner })
  return { task, done: () => done(value as R) }
}

const nap = (ctx: TaskContext, ms: number): Promise<unknown> =>
  ctx.receive(() => false, { timeoutMs: ms }).catch(() => undefined)

/** What is in the mailbox of a process. */
const queued = async (ctx: ProcessContext): Promise<unknown[]> => {
  const got: unknown[] = []
  for (;;) {
    try {
      got.push(await ctx.receive(undefined, { timeoutMs: 0 }))
    } catch {
      return got
    }
  }
}

describe('await', () => {
  it('T-01 gives the result of the function, and nothing is left in the mailbox', async () => {
    const seen = await within(system, async (ctx) => {
      const task = Task.async(async () => 42)
      const value = await Task.await(task)
      return [value, await queued(ctx), system.isAlive(task.pid as Pid)]
    })
    expect(seen).toEqual([42, [], false])
    await w.clock.advance(0)
    expect(system.stats()).toMatchObject({ timers: 0, monitors: 0, processes: 0 })
  })

  it('T-02 that times out rejects and does not kill the task, which dies with its caller', async () => {
    let alive: boolean | undefined
    let task: Task<unknown> | undefined
    const caller = system.spawn(async (ctx) => {
      task = open(ctx).task
      const error = await Task.await(task, { timeoutMs: 100 }).catch((thrown: unknown) => thrown)
      alive = system.isAlive(task.pid as Pid)
      throw error
    })
    const end = ending(system, caller)
    await w.clock.advance(101)
    expect(end.reason).toMatchObject({ code: 'ERR_TASK_TIMEOUT', timeoutMs: 100 })
    expect(alive).toBe(true)
    expect(system.isAlive(task?.pid as Pid)).toBe(false)
  })

  it('T-03 leaves neither reply nor DOWN when the task ends after its timeout', async () => {
    const seen = outcome(
      within(system, async (ctx) => {
        const { task, done } = open(ctx, 1)
        await Task.await(task, { timeoutMs: 10 }).catch(() => undefined)
        done()
        await new Promise<void>((resolve) => system.watch(task.pid as Pid, () => resolve()))
        return queued(ctx)
      }),
    )
    await w.clock.advance(20)
    expect(seen.value).toEqual([])
  })

  it('T-05 rejects with the reason of the task if the caller traps exits', async () => {
    const reasons = await within(
      system,
      async (ctx) => {
        const crash = (fn: (task: TaskContext) => unknown): Promise<unknown> =>
          Task.await(Task.async(fn, { owner: ctx })).catch(
            (error: { code: string; reason: unknown; cause: unknown }) => {
              expect(error.code).toBe('ERR_TASK_EXIT')
              expect(error.cause).toBe(error.reason)
              return error.reason
            },
          )
        return [
          await crash((task) => task.exit('unknown')),
          await crash(() => {
            throw new RangeError('oops')
          }),
          await crash(async () => {
            throw 'a value' as unknown as Error
          }),
        ]
      },
      { trapExit: true },
    )
    expect(reasons).toEqual(['unknown', expect.any(RangeError), { nocatch: 'a value' }])
  })

  it('T-06 rejects with normal if the task exits normally without a result', async () => {
    const failed = within(system, (ctx) =>
      Task.await(Task.async((task) => task.exit('normal'), { owner: ctx })),
    )
    await expect(failed).rejects.toMatchObject({ code: 'ERR_TASK_EXIT', reason: 'normal' })
  })

  it('T-07 yield and shutdown are for the owner only', async () => {
    const owner = idler(system)
    const { task } = open(owner)
    const refused = await within(system, () => {
      const asks = [Task.await(task), Task.yield(task), Task.shutdown(task)]
      expect(() => Task.ignore(task)).toThrow(expect.objectContaining({ code: 'ERR_TASK_OWNER' }))
      return Promise.all(asks.map((ask) => ask.catch((error: { code: string }) => error.code)))
    })
    expect(refused).toEqual(['ERR_TASK_OWNER', 'ERR_TASK_OWNER', 'ERR_TASK_OWNER'])
    expect(system.isAlive(task.pid as Pid)).toBe(true)
  })

  it('T-18 of a task whose result was given is refused at once', async () => {
    const task = Task.async(() => 1, { system })
    expect(await Task.await(task)).toBe(1)
    await expect(Task.await(task)).rejects.toMatchObject({ code: 'ERR_TASK_TAKEN', use: 'awaited' })
  })

  it('T-20 of a completed task needs no process', async () => {
    const task = Task.completed(3)
    expect([await Task.await(task), task.pid]).toEqual([3, undefined])
  })
})

describe('yield, shutdown, ignore', () => {
  it('T-08 yield gives undefined and can be repeated, then the value or the reason', async () => {
    const seen = outcome(
      within(
        system,
        async (ctx) => {
          const { task, done } = open(ctx, 1)
          const early = await Task.yield(task, { timeoutMs: 10 })
          done()
          const late = await Task.yield(task)
          const gone = Task.async((inner) => inner.exit('normal'), { owner: ctx })
          return [early, late, await Task.yield(gone)]
        },
        { trapExit: true },
      ),
    )
    await w.clock.advance(20)
    expect(seen.value).toEqual([undefined, { ok: 1 }, { exit: 'normal' }])
  })

  it('T-09 shutdown ends a task, or gives what it came to before', async () => {
    const seen = await within(
      system,
      async (ctx) => {
        const running = open(ctx).task
        const stopped = await Task.shutdown(running)
        const ended = async (fn: (task: TaskContext) => unknown): Promise<unknown> => {
          const task = Task.async(fn, { owner: ctx })
          await new Promise<void>((resolve) => system.watch(task.pid as Pid, () => resolve()))
          return Task.shutdown(task)
        }
        return [
          stopped,
          system.isAlive(running.pid as Pid),
          await ended(() => 5),
          await ended((task) => task.exit('boom')),
          await Task.shutdown(open(ctx).task, 'brutal_kill'),
        ]
      },
      { trapExit: true },
    )
    expect(seen).toEqual([undefined, false, { ok: 5 }, { exit: 'boom' }, undefined])
  })

  it('T-19 ignore drops what is still to come and gives what is there', async () => {
    const seen = await within(
      system,
      async (ctx) => {
        const { task, done } = open(ctx, 1)
        const ignored = Task.ignore(task)
        const goesOn = system.isAlive(task.pid as Pid)
        ctx.trapExit(false)
        done()
        const over = async (fn: (inner: TaskContext) => unknown): Promise<unknown> => {
          const other = Task.async(fn, { owner: ctx })
          await new Promise<void>((resolve) => system.watch(other.pid as Pid, () => resolve()))
          return Task.ignore(other)
        }
        const finished = await over(() => 2)
        const left = await queued(ctx)
        ctx.trapExit(true)
        return [ignored, goesOn, left, finished, await over((inner) => inner.exit('oops'))]
      },
      { trapExit: true },
    )
    expect(seen).toEqual([undefined, true, [], { ok: 2 }, { exit: 'oops' }])
  })
})

describe('many', () => {
  it('T-11 await_many keeps the order, takes no task, and fails with the first', async () => {
    const results = await within(system, async (ctx) => {
      const tasks = [open(ctx, 1), open(ctx, 2), open(ctx, 3)] as const
      const all = Task.awaitMany([tasks[0].task, tasks[1].task, tasks[2].task])
      for (const { done } of [...tasks].reverse()) done()
      return [await all, await Task.awaitMany([])]
    })
    expect(results).toEqual([[1, 2, 3], []])
    const failed = within(system, (ctx) => {
      const exits = Task.async((task) => task.exit('normal'), { owner: ctx })
      return Task.awaitMany([open(ctx).task, exits])
    })
    await expect(failed).rejects.toMatchObject({ code: 'ERR_TASK_EXIT', reason: 'normal' })
    const slow = outcome(
      within(system, (ctx) =>
        Task.awaitMany([Task.async(() => 1, { owner: ctx }), open(ctx).task], { timeoutMs: 50 }),
      ),
    )
    await w.clock.advance(49)
    expect(slow.settled).toBe(false)
    await w.clock.advance(1)
    expect(slow.error).toMatchObject({ code: 'ERR_TASK_TIMEOUT', timeoutMs: 50 })
  })

  it('T-12 yield_many gives each task with its result in input order', async () => {
    const seen = outcome(
      within(
        system,
        async (ctx) => {
          const tasks = [
            Task.async(() => 1, { owner: ctx }),
            open(ctx).task,
            Task.async((task) => task.exit('normal'), { owner: ctx }),
          ] as const
          const yields = await Task.yieldMany(tasks, { timeoutMs: 10 })
          expect(yields.map(([task]) => task)).toEqual(tasks)
          return yields.map(([, result]) => result)
        },
        { trapExit: true },
      ),
    )
    await w.clock.advance(20)
    expect(seen.value).toEqual([{ ok: 1 }, undefined, { exit: 'normal' }])
  })
})

describe('streams', () => {
  it('T-17 a slow item gives exit timeout with kill_task, and ends the stream without', async () => {
    const run = async (onTimeout: 'exit' | 'kill_task'): Promise<unknown> => {
      const got: unknown[] = []
      const stream = Task.asyncStream(
        [1, 1000],
        async (ms, ctx) => {
          await nap(ctx, ms)
          return ms
        },
        { system, timeoutMs: 100, onTimeout },
      )
      for await (const result of stream) got.push(result)
      return got
    }
    const kept = outcome(run('kill_task'))
    const ended = outcome(run('exit'))
    await w.clock.advance(101)
    expect(kept.value).toEqual([{ ok: 1 }, { exit: 'timeout' }])
    expect(ended.error).toMatchObject({ code: 'ERR_TASK_TIMEOUT', timeoutMs: 100 })
    await w.clock.advance(0)
    expect(system.stats()).toMatchObject({ processes: 0, timers: 0 })
  })

  it('T-24 a stream of which one is taken ends the others, with nothing left', async () => {
    const seen = await within(
      system,
      async (ctx) => {
        const got: unknown[] = []
        const stream = Task.asyncStream(
          [1, 2, 3, 4],
          (n, inner) => (n === 1 ? 1 : nap(inner, 10_000)),
          { owner: ctx, maxConcurrency: 3 },
        )
        for await (const result of stream) {
          got.push(result)
          break
        }
        return [got, await queued(ctx)]
      },
      { trapExit: true },
    )
    expect(seen).toEqual([[{ ok: 1 }], []])
    await w.clock.advance(0)
    expect(system.stats()).toMatchObject({ processes: 0, timers: 0, monitors: 0 })
  })
})

describe('relations', () => {
  it('T-21 a nested task knows its callers, the nearest first', async () => {
    const seen = await within(system, async (ctx) => {
      const outer = Task.async(
        async (task) => {
          const inner = Task.async((nested) => [nested.callers, Task.callers()], { owner: task })
          return [task.self, await Task.await(inner)]
        },
        { owner: ctx },
      )
      const [pid, callers] = await Task.await(outer)
      return {
        callers,
        expected: [
          [pid, ctx.self],
          [pid, ctx.self],
        ],
      }
    })
    expect(seen.callers).toEqual(seen.expected)
  })

  it('T-23 a task under a supervisor is temporary', async () => {
    expect(Task.child(() => 1).restart).toBe('temporary')
    let ran = 0
    const children = [Task.child(() => ran++, { id: 'once' })]
    const sup = await Supervisor.start({ system, children })
    await w.clock.advance(10)
    expect(ran).toBe(1)
    expect(await Supervisor.whichChildren(sup)).toEqual([])
    await Supervisor.stop(sup)
  })
})

describe('under a task supervisor', () => {
  let sup: TaskSupervisorRef
  beforeEach(async () => {
    sup = await TaskSupervisor.start({ system })
  })

  it('T-13 a nolink task that crashes leaves its caller alive', async () => {
    const seen = await within(system, async (ctx) => {
      const task = await TaskSupervisor.asyncNolink(sup, (inner) => inner.exit('boom'), {
        owner: ctx,
      })
      return [await Task.yield(task), system.isAlive(ctx.self)]
    })
    expect(seen).toEqual([{ exit: 'boom' }, true])
  })

  it('T-14 a linked task dies with its caller; nolink and started ones go on', async () => {
    const pids: Pid[] = []
    const hang = (ctx: TaskContext): Promise<unknown> => ctx.receive()
    const caller = system.spawn(async (ctx) => {
      for (const start of [TaskSupervisor.async, TaskSupervisor.asyncNolink]) {
        pids.push((await start(sup, hang, { owner: ctx })).pid as Pid)
      }
      pids.push(Task.async(hang, { owner: ctx }).pid as Pid)
      pids.push((await TaskSupervisor.startChild(sup, hang)).pid)
      await ctx.receive()
    })
    await w.clock.advance(1)
    system.exit(caller, 'gone')
    expect(pids.map((pid) => system.isAlive(pid))).toEqual([false, true, false, true])
  })

  it('T-15 a started child is not restarted unless it is transient', async () => {
    let runs = 0
    const crash = (ctx: TaskContext): unknown => (runs++ === 0 ? ctx.exit('boom') : ctx.receive())
    await TaskSupervisor.startChild(sup, crash)
    await w.clock.advance(1)
    expect([runs, (await TaskSupervisor.children(sup)).length]).toEqual([1, 0])
    runs = 0
    await TaskSupervisor.startChild(sup, crash, { restart: 'transient' })
    await w.clock.advance(1)
    expect([runs, (await TaskSupervisor.children(sup)).length]).toEqual([2, 1])
  })
})
