import { beforeEach, describe, expect, it } from 'vitest'
import { createSystem, type Pid, type System } from '../../../runtime/index.ts'
import { sys, Task, type TaskContext, type TaskStreamOptions } from '../../../behaviours/index.ts'
import { ending, idler, outcome, watcher, within, world, type World } from '../world.ts'

let w: World
let system: System
beforeEach(() => {
  w = world()
  system = w.system
})

const nap = async <T>(ctx: TaskContext, ms: number, value: T): Promise<T> => {
  await ctx.receive(() => false, { timeoutMs: ms }).catch(() => undefined)
  return value
}
const hang = (_input: unknown, ctx: TaskContext): Promise<unknown> => ctx.receive()
/** Milliseconds as the work, and as the result. */
const work = (ms: number, ctx: TaskContext): Promise<number> => nap(ctx, ms, ms)

const collect = async <V>(stream: AsyncIterable<V>): Promise<V[]> => {
  const all: V[] = []
  for await (const value of stream) all.push(value)
  return all
}
const nothingLeft = async (): Promise<void> => {
  await w.clock.advance(0)
  expect(system.stats()).toMatchObject({ processes: 0, timers: 0, monitors: 0 })
}
const run = (items: readonly number[], options: TaskStreamOptions = {}) =>
  outcome(
    collect(Task.asyncStream(items, work, { ...options, zipInputOnExit: false, system })).then(
      (all) => all.map((result) => ('ok' in result ? result.ok : result.exit)),
    ),
  )

describe('results', () => {
  it('come in the order of the source, or as they are there', async () => {
    const ordered = run([30, 10, 20])
    const unordered = run([30, 10, 20], { ordered: false })
    await w.clock.advance(31)
    expect(ordered.value).toEqual([30, 10, 20])
    expect(unordered.value).toEqual([10, 20, 30])
    await nothingLeft()
  })

  it('of nothing are nothing, and nothing starts before they are asked for', async () => {
    Task.asyncStream([1], hang, { system })
    expect(system.stats().processesStarted).toBe(0)
    expect(await collect(Task.asyncStream([], hang, { system }))).toEqual([])
    await nothingLeft()
  })

  it('can be asked for several at a time', async () => {
    const stream = Task.asyncStream([1, 2], (n) => n, { system })
    const asked = await Promise.all([stream.next(), stream.next(), stream.next(), stream.next()])
    expect(asked).toEqual([
      { done: false, value: { ok: 1 } },
      { done: false, value: { ok: 2 } },
      { done: true, value: undefined },
      { done: true, value: undefined },
    ])
  })

  it('carry their element with zipInputOnExit', async () => {
    const stream = Task.asyncStream(['a', 'b'], (s, ctx) => (s === 'a' ? s : ctx.exit('normal')), {
      system,
      zipInputOnExit: true,
    })
    expect(await collect(stream)).toEqual([{ ok: 'a' }, { exit: 'normal', input: 'b' }])
  })
})

describe('backpressure', () => {
  /** A source that tells how far it was pulled. */
  function counted(): { source: Generator<number>; taken: () => number; closed: () => boolean } {
    const seen = { taken: 0, closed: false }
    function* source(): Generator<number> {
      try {
        for (;;) yield ++seen.taken
      } finally {
        seen.closed = true
      }
    }
    return { source: source(), taken: () => seen.taken, closed: () => seen.closed }
  }

  it.each([
    { maxConcurrency: 1, bufferedMax: 0, pulled: 1 },
    { maxConcurrency: 2, bufferedMax: 0, pulled: 2 },
    { maxConcurrency: 2, bufferedMax: 3, pulled: 5 },
    { maxConcurrency: 2, bufferedMax: undefined, pulled: 4 },
  ])(
    'takes no more than fits: $maxConcurrency at a time, $bufferedMax kept',
    async ({ maxConcurrency, bufferedMax, pulled }) => {
      const { source, taken, closed } = counted()
      const options = { system, maxConcurrency, bufferedMax }
      const stream = Task.asyncStream(source, (n) => n, options)
      expect(taken()).toBe(0)
      expect(await stream.next()).toEqual({ done: false, value: { ok: 1 } })
      await w.clock.advance(1)
      // One was given; as many as allowed are done and wait.
      expect(taken()).toBe(1 + pulled)
      await stream.return()
      expect(closed()).toBe(true)
      await nothingLeft()
    },
  )

  it('a slow first element holds back what does not fit behind it', async () => {
    const options = { system, maxConcurrency: 2, bufferedMax: 1 }
    const started: number[] = []
    const stream = Task.asyncStream(
      [100, 1, 1, 1, 1],
      (ms, ctx) => (started.push(ms), nap(ctx, ms, ms)),
      options,
    )
    const all = outcome(collect(stream))
    await w.clock.advance(50)
    // The slow one runs, and the two that fit behind it are done and wait for their turn.
    expect(started).toEqual([100, 1, 1])
    await w.clock.advance(60)
    expect(all.value).toHaveLength(5)
  })

  it('runs no more than maxConcurrency at a time', async () => {
    let running = 0
    let most = 0
    const all = outcome(
      collect(
        Task.asyncStream(
          Array.from({ length: 20 }, (_, i) => i),
          async (i, ctx) => {
            most = Math.max(most, ++running)
            await nap(ctx, 10, i)
            running--
          },
          { system, maxConcurrency: 3 },
        ),
      ),
    )
    await w.clock.advance(100)
    expect([all.value?.length, most]).toEqual([20, 3])
  })
})

describe('sources', () => {
  it('may be asynchronous, and are asked one thing at a time', async () => {
    let asking = 0
    async function* source(): AsyncGenerator<number> {
      for (let i = 1; i <= 3; i++) {
        expect(++asking).toBe(1)
        await Promise.resolve()
        asking--
        yield i
      }
    }
    expect(await collect(Task.asyncStream(source(), (n) => n * n, { system }))).toEqual([
      { ok: 1 },
      { ok: 4 },
      { ok: 9 },
    ])
    await nothingLeft()
  })

  it('that fail end the stream with their error, after what they gave before', async () => {
    const error = new RangeError('source')
    function* sync(): Generator<number> {
      yield 10
      throw error
    }
    async function* later(): AsyncGenerator<number> {
      yield 10
      throw error
    }
    for (const source of [sync(), later()]) {
      const stream = Task.asyncStream(source, work, { system })
      const first = outcome(stream.next())
      await w.clock.advance(10)
      expect(first.value).toEqual({ done: false, value: { ok: 10 } })
      await expect(stream.next()).rejects.toBe(error)
      expect(await stream.next()).toEqual({ done: true, value: undefined })
      await nothingLeft()
    }
  })

  it('are waited for when they close, unless they are in the middle of something', async () => {
    let closed = false
    async function* source(): AsyncGenerator<number> {
      try {
        for (let i = 0; ; i++) yield i
      } finally {
        await Promise.resolve()
        closed = true
      }
    }
    const stream = Task.asyncStream(source(), (n) => n, {
      system,
      maxConcurrency: 1,
      bufferedMax: 0,
    })
    await stream.next()
    await w.clock.advance(0)
    await stream.return()
    expect(closed).toBe(true)
    const stuck = Task.asyncStream(
      { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) },
      (n) => n,
      { system },
    )
    const asked = outcome(stuck.next())
    await w.clock.advance(0)
    expect(await stuck.return()).toEqual({ done: true, value: undefined })
    await w.clock.advance(0)
    expect(asked.value).toEqual({ done: true, value: undefined })
    await nothingLeft()
  })

  it('that do not close properly are reported', async () => {
    const iterator: Iterator<number> = {
      next: () => ({ done: false, value: 1 }),
      return: () => {
        throw new RangeError('close')
      },
    }
    const stream = Task.asyncStream({ [Symbol.iterator]: () => iterator }, (n) => n, { system })
    await stream.next()
    await expect(stream.return()).rejects.toThrow('close')
    expect(w.texts('warn')).toEqual(['the source of a stream did not close'])
    await nothingLeft()
  })

  it('must be iterable', async () => {
    for (const source of [5, null, undefined, {}]) {
      expect(() => Task.asyncStream(source as never, (n) => n, { system })).toThrow(
        expect.objectContaining({ code: 'ERR_ARGUMENT' }),
      )
    }
    const strange = { [Symbol.iterator]: () => 5 } as never
    const stream = Task.asyncStream(strange, (n) => n, { system })
    await expect(stream.next()).rejects.toMatchObject({ code: 'ERR_ARGUMENT' })
    await nothingLeft()
  })

  it.each(['iterator', 'asyncIterator'] as const)(
    'whose %s gives no steps end the stream with an error',
    async (kind) => {
      const failing = {
        get done(): boolean {
          throw new RangeError('done')
        },
      }
      for (const step of [undefined, 5, failing]) {
        const next = (): unknown => (kind === 'iterator' ? step : Promise.resolve(step))
        const source = { [Symbol[kind]]: () => ({ next }) } as never
        const failed = outcome(collect(Task.asyncStream(source, (n) => n, { system })))
        await w.clock.settle()
        const expected = step === failing ? { message: 'done' } : { code: 'ERR_ARGUMENT' }
        expect(failed.error).toMatchObject(expected)
        await nothingLeft()
      }
    },
  )

  it('may give their steps by a thenable that settles twice', async () => {
    let given = 0
    const next = (): unknown => ({
      then(resolve: (step: unknown) => void) {
        const step = ++given > 3 ? { done: true } : { done: false, value: given }
        resolve(step)
        resolve(step)
      },
    })
    const source = { [Symbol.asyncIterator]: () => ({ next }) } as unknown as AsyncIterable<number>
    const all = await collect(Task.asyncStream(source, (n) => n, { system }))
    expect(all).toEqual([{ ok: 1 }, { ok: 2 }, { ok: 3 }])
  })
})

describe('failures', () => {
  const fail = (n: number, ctx: TaskContext): unknown => {
    if (n === 2) throw new RangeError('two')
    return n === 1 ? n : ctx.receive()
  }

  it('of a task reject without an owner, and end the others', async () => {
    const stream = Task.asyncStream([1, 2, 3], fail, { system })
    expect(await stream.next()).toEqual({ done: false, value: { ok: 1 } })
    await expect(stream.next()).rejects.toMatchObject({
      code: 'ERR_TASK_EXIT',
      reason: expect.any(RangeError) as unknown,
    })
    expect(await stream.next()).toEqual({ done: true, value: undefined })
    await nothingLeft()
  })

  it('of a task end an owner that does not trap exits', async () => {
    const owner = system.spawn((ctx) => collect(Task.asyncStream([1, 2, 3], fail, { owner: ctx })))
    const end = ending(system, owner)
    await w.clock.advance(1)
    expect(end.reason).toBeInstanceOf(RangeError)
    await nothingLeft()
  })

  it('of a task are results for an owner that traps exits, which gets no EXIT', async () => {
    const { pid: owner, got } = watcher(system)
    const stream = Task.asyncStream([1, 2], fail, { owner })
    expect(await collect(stream)).toEqual([{ ok: 1 }, { exit: expect.any(RangeError) as unknown }])
    await w.clock.advance(0)
    expect(got).toEqual([])
  })

  it('of a task that was killed count too', async () => {
    const { pid: owner } = watcher(system)
    const pids: Pid[] = []
    const stream = Task.asyncStream([1], (_n, ctx) => (pids.push(ctx.self), ctx.receive()), {
      owner,
    })
    const asked = outcome(stream.next())
    await w.clock.advance(0)
    system.exit(pids[0]!, 'kill')
    await w.clock.advance(0)
    expect(asked.value).toEqual({ done: false, value: { exit: 'killed' } })
  })

  it('that nobody waits for are told to the next who asks', async () => {
    const stream = Task.asyncStream([1, 2], fail, { system })
    await stream.next()
    await w.clock.advance(1)
    await expect(stream.next()).rejects.toMatchObject({ code: 'ERR_TASK_EXIT' })
    expect(await stream.next()).toEqual({ done: true, value: undefined })
  })

  it('to start are failures of the stream', async () => {
    const small = createSystem({ clock: w.clock, processesMax: 2 })
    const stream = Task.asyncStream([1, 2], hang, { system: small })
    await expect(stream.next()).rejects.toMatchObject({ code: 'ERR_PROCESSES_MAX' })
    await w.clock.advance(0)
    expect(small.stats().processes).toBe(0)
  })
})

describe('the end', () => {
  it('of the owner ends the stream, also a normal one', async () => {
    for (const reason of ['gone', 'normal']) {
      for (const trapExit of [true, false]) {
        const owner = idler(system, { trapExit })
        const stream = Task.asyncStream([1, 2], hang, { owner })
        const asked = outcome(stream.next())
        await w.clock.advance(0)
        expect(system.stats().processes).toBe(4)
        if (reason === 'gone') system.exit(owner, 'kill')
        else system.send(owner, 'end')
        await w.clock.advance(0)
        expect(asked.error).toMatchObject({ code: 'ERR_TASK_EXIT' })
        await nothingLeft()
      }
    }
  })

  it('by a signal, before or meanwhile, rejects and leaves nothing', async () => {
    const controller = new AbortController()
    const options = { system, signal: controller.signal }
    const asked = outcome(Task.asyncStream([1], hang, options).next())
    await w.clock.advance(1)
    controller.abort(new Error('enough'))
    await w.clock.advance(1)
    expect(asked.error).toMatchObject({ code: 'ERR_TASK_ABORTED', cause: new Error('enough') })
    await expect(Task.asyncStream([1], hang, options).next()).rejects.toMatchObject({
      code: 'ERR_TASK_ABORTED',
    })
    await nothingLeft()
  })

  it('of the system ends the stream', async () => {
    const asked = outcome(Task.asyncStream([1], hang, { system }).next())
    await w.clock.advance(1)
    await system.stop()
    expect(asked.error).toMatchObject({ code: 'ERR_TASK_EXIT', reason: 'shutdown' })
    await expect(Task.asyncStream([1], hang, { system }).next()).rejects.toMatchObject({
      code: 'ERR_SYSTEM_STOPPED',
    })
  })

  it('by leaving the loop or the scope ends what runs, also what traps exits', async () => {
    const stubborn = async (n: number, ctx: TaskContext): Promise<number> => {
      ctx.trapExit(true)
      return n === 1 ? 1 : ((await ctx.receive(() => false)) as number)
    }
    {
      await using stream = Task.asyncStream([1, 2, 3], stubborn, { system })
      expect(await stream.next()).toEqual({ done: false, value: { ok: 1 } })
    }
    await nothingLeft()
    const unused = Task.asyncStream([1], hang, { system })
    expect(await unused.return()).toEqual({ done: true, value: undefined })
    expect(await unused.next()).toEqual({ done: true, value: undefined })
  })

  it('refuses calls to the process of the stream', async () => {
    const asked = outcome(Task.asyncStream([1], hang, { system }).next())
    await w.clock.advance(0)
    const [stream] = [...system.processes()].filter(({ label }) => label === 'task_stream')
    await expect(system.call(stream!.pid, 'hello', 1)).rejects.toMatchObject({
      code: 'ERR_CALL_UNKNOWN',
    })
    const seen = sys.status(stream!.pid)
    expect(seen).toMatchObject({ behaviour: 'task_stream', state: { running: 1, waiting: 1 } })
    await expect(sys.replaceState(stream!.pid, () => 1)).rejects.toMatchObject({
      code: expect.any(String) as unknown,
    })
    expect(sys.formatTree(sys.tree(system))).toContain('task_stream')
    system.exit(stream!.pid, 'kill')
    await w.clock.advance(0)
    expect(asked.error).toMatchObject({ reason: 'killed' })
    await nothingLeft()
  })
})

describe('tasks of a stream', () => {
  it('work for the owner and those it works for', async () => {
    const [callers, owner] = await within(system, async (ctx) => {
      const stream = Task.asyncStream([1], (_n, inner) => inner.callers, { owner: ctx })
      const [result] = await collect(stream)
      return [result, ctx.self] as const
    })
    expect(callers).toEqual({ ok: [owner] })
  })

  it('have their deadline each; kill_task goes on, also with what traps exits', async () => {
    const all = outcome(
      collect(
        Task.asyncStream(
          [1, 99, 2],
          async (ms, ctx) => {
            ctx.trapExit(true)
            return nap(ctx, ms, ms)
          },
          {
            system,
            maxConcurrency: 1,
            timeoutMs: 10,
            onTimeout: 'kill_task',
            zipInputOnExit: true,
          },
        ),
      ),
    )
    await w.clock.advance(20)
    expect(all.value).toEqual([{ ok: 1 }, { exit: 'timeout', input: 99 }, { ok: 2 }])
    await nothingLeft()
  })

  it('are refused with nonsense', () => {
    const bad =
      (options: object): (() => unknown) =>
      () =>
        Task.asyncStream([1], (n) => n, options as never)
    const refused = expect.objectContaining({ code: 'ERR_OPTION_INVALID' }) as unknown
    expect(bad({ maxConcurrency: 0 })).toThrow(refused as Error)
    expect(bad({ bufferedMax: -1 })).toThrow(refused as Error)
    expect(bad({ onTimeout: 'ignore' })).toThrow(refused as Error)
    expect(() => Task.asyncStream([1], 5 as never)).toThrow(
      expect.objectContaining({ code: 'ERR_ARGUMENT' }),
    )
  })
})
