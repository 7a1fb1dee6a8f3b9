import { describe, expect, it } from 'vitest'
import {
  defineServer,
  IGNORE,
  noreply,
  Pool,
  reply,
  stop,
  Supervisor,
  sys,
  type ChildSpec,
  type Ctx,
  type PoolOptions,
  type PoolRef,
  type RefOf,
} from '../../../behaviours/index.ts'
import { createSimClock, createSystem, type Pid, type System } from '../../../runtime/index.ts'
import { ending, outcome, watcher, within, world } from '../world.ts'

const Worker = defineServer({
  init: (index: number) => index,
  call: {
    index: (n) => reply(n, n),
    hang: (n): never => noreply(n) as never,
  },
  cast: { crash: () => stop('crashed') },
})
type WorkerRef = Awaited<ReturnType<typeof Worker.start>>

/** A process that lives whatever it is sent. */
const sleeper = (system: System): Pid => system.spawn(() => new Promise<never>(() => {}))

/** Workers that end only after a minute. */
const Stubborn = defineServer({
  init: (_index: number, ctx: Ctx<never>) => {
    ctx.trapExit(true)
    return ctx
  },
  call: {},
  cast: {},
  terminate: (_reason, { system }) =>
    new Promise<void>((resolve) => system.clock.setTimer(60_000, resolve)),
})
const stubborn = (index: number): ChildSpec<WorkerRef> =>
  Stubborn.child(index, { id: 'stubborn', shutdown: 'infinity' }) as ChildSpec<never>

async function open(options: Partial<PoolOptions<WorkerRef>> = {}) {
  const made = world()
  const started: WorkerRef[] = []
  const worker = (index: number): ChildSpec<WorkerRef> => ({
    id: 'worker',
    start: async (context) => {
      const ref = await Worker.start(index, { ...context, link: true })
      started.push(ref)
      return ref
    },
  })
  const pool = await Pool.start({ system: made.system, worker, size: 2, ...options })
  const status = () => Pool.status(pool)
  const alive = (): number => started.filter(({ pid }) => made.system.isAlive(pid)).length
  return { ...made, pool, started, status, alive }
}

describe('lending', () => {
  it('the workers are there when start resolves, each with its index', async () => {
    const { pool, started, status } = await open({ size: 3 })
    expect(await Promise.all(started.map((ref) => ref.call.index()))).toEqual([0, 1, 2])
    expect(await status()).toEqual({
      size: 3,
      overflowMax: 0,
      available: 3,
      checkedOut: 0,
      overflow: 0,
      starting: 0,
      ending: 0,
      waiting: 0,
      refused: 0,
      startsFailed: 0,
      died: 0,
    })
    await Pool.stop(pool)
  })

  it('a worker is in one hand until it is released, once', async () => {
    const { pool, status } = await open()
    const a = await Pool.checkout(pool)
    const b = await Pool.checkout(pool)
    expect(a.worker.pid).not.toBe(b.worker.pid)
    expect(await status()).toMatchObject({ available: 0, checkedOut: 2 })
    expect([a.release(), a.release(), a.released, b.released]).toEqual([true, false, true, false])
    expect(await status()).toMatchObject({ available: 1, checkedOut: 1 })
  })

  it.each([
    ['lifo', 1],
    ['fifo', 0],
  ] as const)('%s lends the worker that its name says', async (strategy, index) => {
    const { pool } = await open({ strategy })
    const first = await Pool.checkout(pool)
    const second = await Pool.checkout(pool)
    const order = [first, second].sort((a, b) => a.worker.pid.id - b.worker.pid.id)
    for (const lease of order) lease.release()
    const next = await Pool.checkout(pool)
    expect(await next.worker.call.index()).toBe(index)
  })

  it('using gives back at the end of the block', async () => {
    const { pool, status } = await open()
    {
      using lease = await Pool.checkout(pool)
      expect(lease.released).toBe(false)
      await using other = await Pool.checkout(pool)
      expect(await status()).toMatchObject({ checkedOut: 2 })
      expect(other.released).toBe(false)
    }
    expect(await status()).toMatchObject({ checkedOut: 0, available: 2 })
  })

  it('transaction gives the result, and the worker back also when it failed', async () => {
    const { pool, status } = await open({ size: 1 })
    expect(await Pool.transaction(pool, (worker) => worker.call.index())).toBe(0)
    const failing = Pool.transaction(pool, () => {
      throw new Error('mine')
    })
    await expect(failing).rejects.toThrow('mine')
    expect(await status()).toMatchObject({ available: 1, checkedOut: 0 })
  })

  it('waiting callers are served in the order in which they came', async () => {
    const { pool, clock } = await open({ size: 1 })
    const holder = await Pool.checkout(pool)
    const order: number[] = []
    for (const n of [1, 2, 3]) void Pool.transaction(pool, () => order.push(n))
    await clock.settle()
    expect((await Pool.status(pool)).waiting).toBe(3)
    holder.release()
    await clock.settle()
    expect(order).toEqual([1, 2, 3])
  })

  it('discard ends the worker and another one takes its place', async () => {
    const { pool, system, clock, status } = await open({ size: 1 })
    const lease = await Pool.checkout(pool)
    expect(lease.discard()).toBe(true)
    await clock.settle()
    expect(system.isAlive(lease.worker.pid)).toBe(false)
    expect(await status()).toMatchObject({ available: 1, died: 0 })
  })

  it('works by name, and rejects at once for a name that nobody has', async () => {
    const { system } = await open({ name: 'pool' })
    const lease = await Pool.checkout('pool', { system })
    lease.release()
    await expect(Pool.checkout('nobody', { system })).rejects.toMatchObject({
      code: 'ERR_CALL_EXIT',
      reason: 'noproc',
    })
  })
})

describe('limits', () => {
  it('waitingMax callers may wait, one more is refused', async () => {
    const { pool, status } = await open({ size: 1, waitingMax: 2 })
    await Pool.checkout(pool)
    const waiting = [outcome(Pool.checkout(pool)), outcome(Pool.checkout(pool))]
    await expect(Pool.checkout(pool)).rejects.toMatchObject({
      code: 'ERR_POOL_FULL',
      waitingMax: 2,
    })
    expect(await status()).toMatchObject({ waiting: 2, refused: 1 })
    expect(waiting.map(({ settled }) => settled)).toEqual([false, false])
  })

  it('a checkout that takes too long leaves the queue and never gets a worker', async () => {
    const { pool, clock, status } = await open({ size: 1, checkoutTimeoutMs: 100 })
    const holder = await Pool.checkout(pool)
    const usual = outcome(Pool.checkout(pool))
    const own = outcome(Pool.checkout(pool, { timeoutMs: 50 }))
    await clock.advance(50)
    expect([usual.settled, own.error]).toMatchObject([
      false,
      { code: 'ERR_POOL_TIMEOUT', timeoutMs: 50, checkedOut: 1 },
    ])
    await clock.advance(50)
    expect(usual.error).toMatchObject({ code: 'ERR_POOL_TIMEOUT', timeoutMs: 100 })
    expect(await status()).toMatchObject({ waiting: 0 })
    holder.release()
    expect(await status()).toMatchObject({ available: 1, checkedOut: 0 })
  })

  it.each([
    ['that is suspended', (pool: Pid) => sys.suspend(pool)],
    ['whose workers take long to stop', (pool: Pid) => void outcome(Pool.stop(pool))],
  ])('a checkout from a pool %s ends in time', async (_case, hold) => {
    const { pool, clock, system } = await open({
      size: 1,
      worker: stubborn,
      checkoutTimeoutMs: 1000,
    })
    await hold(pool.pid)
    await clock.settle()
    const usual = outcome(Pool.checkout(pool))
    const own = outcome(Pool.checkout(pool, { timeoutMs: 100 }))
    await clock.advance(250)
    expect([usual.settled, own.error]).toMatchObject([
      false,
      { code: 'ERR_POOL_TIMEOUT', timeoutMs: 100, checkedOut: undefined },
    ])
    await clock.advance(1000)
    expect(usual.error).toMatchObject({ code: 'ERR_POOL_TIMEOUT', timeoutMs: 1000 })
    expect(system.stats().callsPending).toBe(0)
  })

  it('what a suspended pool was asked in vain takes no worker when it goes on', async () => {
    const { pool, clock, status } = await open({ size: 1 })
    await sys.suspend(pool)
    const late = outcome(Pool.checkout(pool, { timeoutMs: 100 }))
    await clock.advance(200)
    expect(late.error).toMatchObject({ code: 'ERR_POOL_TIMEOUT' })
    await sys.resume(pool)
    expect(await status()).toMatchObject({ available: 1, checkedOut: 0 })
  })

  it('a checkout that is aborted while it waits never gets a worker', async () => {
    const { pool, clock, status } = await open({ size: 1 })
    const holder = await Pool.checkout(pool)
    const aborter = new AbortController()
    const waiting = outcome(Pool.checkout(pool, { signal: aborter.signal }))
    await clock.settle()
    aborter.abort('enough')
    await clock.settle()
    expect(waiting.error).toMatchObject({ code: 'ERR_CALL_ABORTED' })
    expect(await status()).toMatchObject({ waiting: 0 })
    holder.release()
    expect(await status()).toMatchObject({ available: 1 })
  })

  it('a worker that is granted in the moment of the abort is not lost', async () => {
    const { pool, clock, status } = await open({ size: 1 })
    const aborter = new AbortController()
    const granted = outcome(Pool.checkout(pool, { signal: aborter.signal }))
    aborter.abort('enough')
    await clock.settle()
    expect(granted.error).toMatchObject({ code: 'ERR_CALL_ABORTED' })
    expect(await status()).toMatchObject({ available: 1, checkedOut: 0 })
  })

  it('overflow workers start on demand and end when they are idle', async () => {
    const { pool, clock, status, alive } = await open({ size: 1, overflowMax: 2 })
    const leases = await Promise.all([1, 2, 3].map(() => Pool.checkout(pool)))
    expect(await status()).toMatchObject({ checkedOut: 3, overflow: 2 })
    const fourth = outcome(Pool.checkout(pool))
    await clock.settle()
    expect([fourth.settled, alive()]).toEqual([false, 3])
    for (const lease of leases) lease.release()
    await clock.settle()
    fourth.value?.release()
    await clock.settle()
    expect([await status(), alive()]).toMatchObject([{ available: 1, overflow: 0, ending: 0 }, 1])
  })

  it('idleTimeoutMs keeps overflow workers for the next wave', async () => {
    const { pool, clock, status, alive } = await open({
      size: 1,
      overflowMax: 2,
      idleTimeoutMs: 100,
    })
    const wave = async (): Promise<void> => {
      const leases = await Promise.all([1, 2, 3].map(() => Pool.checkout(pool)))
      for (const lease of leases) lease.release()
    }
    await wave()
    await clock.advance(99)
    expect([await status(), alive()]).toMatchObject([{ available: 3, overflow: 2 }, 3])
    await wave()
    await clock.advance(99)
    expect(alive()).toBe(3)
    await clock.advance(1)
    expect([await status(), alive()]).toMatchObject([{ available: 1, overflow: 0 }, 1])
    expect(clock.timerCount).toBe(0)
  })

  it('refuses options that make no pool', async () => {
    const { system } = world()
    const worker = Worker.child(0)
    const bad: [object, string][] = [
      [{ size: 1 }, 'ERR_OPTION_INVALID'],
      [{ worker, size: 0 }, 'ERR_OPTION_INVALID'],
      [{ worker, size: -1 }, 'ERR_OPTION_INVALID'],
      [{ worker, strategy: 'random' }, 'ERR_OPTION_INVALID'],
      [{ worker, max: 5 }, 'ERR_OPTION_UNKNOWN'],
    ]
    for (const [options, code] of bad) {
      await expect(Pool.start({ system, ...options } as never)).rejects.toMatchObject({ code })
    }
    await expect(Pool.checkout('pool', { timeout: 5 } as never)).rejects.toMatchObject({
      code: 'ERR_OPTION_RENAMED',
    })
  })

  it('what is no request is refused and does not crash the pool', async () => {
    const { pool, system, texts } = await open()
    for (const input of [undefined, 5, {}, { ticket: 5 }, { ticket: 'x', owner: 5 }]) {
      await expect(system.call(pool.pid, 'checkout', input)).rejects.toMatchObject({
        code: 'ERR_CALL_INPUT',
      })
    }
    system.cast(pool.pid, 'checkin', { ticket: 'x', how: 'eat' })
    system.cast(pool.pid, 'checkin', { ticket: 'unknown', how: 'return' })
    await system.call(pool.pid, 'checkout', { ticket: 'same' })
    await expect(system.call(pool.pid, 'checkout', { ticket: 'same' })).rejects.toMatchObject({
      code: 'ERR_ARGUMENT',
    })
    expect([await Pool.status(pool), texts('warn')]).toMatchObject([
      { available: 1, checkedOut: 1 },
      ['cast refused'],
    ])
  })
})

describe('workers that end', () => {
  it('an idle one is replaced at once when it was not young', async () => {
    const { started, clock, status, texts } = await open()
    await clock.advance(1000)
    started[0]?.cast.crash()
    await clock.settle()
    expect([await status(), started.length]).toMatchObject([{ available: 2, died: 1 }, 3])
    expect(texts('warn')).toContain('worker terminated')
  })

  it('one that is checked out is replaced at once; its lease is over', async () => {
    const { pool, clock, status } = await open({ size: 1 })
    const lease = await Pool.checkout(pool)
    const waiting = outcome(Pool.checkout(pool))
    lease.worker.cast.crash()
    await clock.settle()
    expect(waiting.value?.worker.pid).not.toBe(lease.worker.pid)
    expect(await lease.worker.call.index().catch((error: unknown) => error)).toMatchObject({
      reason: 'noproc',
    })
    lease.release() // of a worker that is gone: it must not give the new one back
    expect(await status()).toMatchObject({ available: 0, checkedOut: 1 })
  })

  it('one that dies right after its start is replaced after restartDelayMs', async () => {
    const { started, clock, status } = await open({ size: 1, restartDelayMs: 500 })
    started[0]?.cast.crash()
    await clock.advance(499)
    expect([await status(), started.length]).toMatchObject([{ available: 0 }, 1])
    await clock.advance(1)
    expect([await status(), started.length]).toMatchObject([{ available: 1 }, 2])
  })

  it('the index of a worker that ended is given to the next', async () => {
    const { started, clock } = await open()
    await clock.advance(1000)
    started[0]?.cast.crash()
    await clock.settle()
    expect(await started[2]?.call.index()).toBe(0)
  })
})

describe('workers that do not start', () => {
  /** A pool whose workers start as long as `ok.now`. */
  async function flaky(options: Partial<PoolOptions<WorkerRef>> = {}) {
    const ok = { now: true, attempts: 0 }
    const worker: ChildSpec<WorkerRef> = {
      id: 'flaky',
      start: async (context) => {
        ok.attempts++
        if (!ok.now) throw new Error('no database')
        return await Worker.start(0, { ...context, link: true })
      },
    }
    return { ok, ...(await open({ worker, ...options })) }
  }

  it('at the start of the pool: it rejects with the reason and leaves nothing', async () => {
    const { system } = world()
    const started: Pid[] = []
    const worker = (index: number): ChildSpec<WorkerRef> => ({
      id: 'w',
      start: async (context) => {
        if (index === 2) throw new Error('no database')
        const ref = await Worker.start(index, { ...context, link: true })
        started.push(ref.pid)
        return ref
      },
    })
    await expect(Pool.start({ system, worker, size: 3 })).rejects.toMatchObject({
      code: 'ERR_INIT_FAILED',
      reason: { shutdown: { failedToStartWorker: 'w', reason: new Error('no database') } },
    })
    expect([started.length, system.stats().processes]).toEqual([2, 0])
  })

  it('the caller gets the reason, at once while nothing else can serve it', async () => {
    const { ok, pool, clock, status } = await flaky({ size: 0, overflowMax: 1 })
    ok.now = false
    const broken = { code: 'ERR_POOL_WORKER', reason: new Error('no database') }
    await expect(Pool.checkout(pool)).rejects.toMatchObject(broken)
    await expect(Pool.checkout(pool)).rejects.toMatchObject(broken)
    expect([ok.attempts, await status()]).toMatchObject([1, { startsFailed: 1, waiting: 0 }])
    ok.now = true
    await clock.advance(1000)
    const lease = await Pool.checkout(pool)
    expect([lease.released, ok.attempts]).toEqual([false, 2])
  })

  it('there is no retry storm: one attempt per restartDelayMs, then all', async () => {
    const { ok, pool, clock, status } = await flaky({ size: 3, restartDelayMs: 100 })
    await clock.advance(200)
    ok.now = false
    const leases = await Promise.all([1, 2, 3].map(() => Pool.checkout(pool)))
    for (const { worker } of leases) worker.cast.crash()
    await clock.settle()
    const before = ok.attempts
    await clock.advance(1000)
    expect(ok.attempts - before).toBe(10)
    ok.now = true
    await clock.advance(100)
    expect([ok.attempts - before, await status()]).toMatchObject([13, { available: 3 }])
    expect(clock.timerCount).toBe(0)
  })

  it('callers wait for the workers that there are', async () => {
    const { ok, pool, clock } = await flaky({ size: 1, overflowMax: 1 })
    const holder = await Pool.checkout(pool)
    ok.now = false
    await expect(Pool.checkout(pool)).rejects.toMatchObject({ code: 'ERR_POOL_WORKER' })
    const waiting = outcome(Pool.checkout(pool))
    await clock.settle()
    expect(waiting.settled).toBe(false)
    holder.release()
    await clock.settle()
    expect(waiting.value?.worker.pid).toBe(holder.worker.pid)
  })

  it('a start that is ignored counts as failed', async () => {
    const { ok, pool } = await flaky({ size: 0, overflowMax: 1 })
    ok.now = true
    const worker = { id: 'none', start: () => Promise.resolve(IGNORE) } as never
    const none = await Pool.start({
      system: (await open()).system,
      worker,
      size: 0,
      overflowMax: 1,
    })
    await expect(Pool.checkout(none)).rejects.toMatchObject({
      code: 'ERR_POOL_WORKER',
      reason: 'ignore',
    })
    await Pool.stop(pool)
  })

  it('a caller who gave up while a worker started for it leaves it to the pool', async () => {
    const { pool, status } = await flaky({ size: 0, overflowMax: 1, idleTimeoutMs: 50 })
    const aborter = new AbortController()
    const given = outcome(Pool.checkout(pool, { signal: aborter.signal }))
    aborter.abort()
    await Pool.transaction(pool, () => undefined)
    expect([given.settled, await status()]).toMatchObject([true, { available: 1, overflow: 1 }])
  })
})

describe('callers that end', () => {
  it('the worker of an owner that died is returned', async () => {
    const { pool, system, clock, status } = await open({ size: 1 })
    const owner = sleeper(system)
    const lease = await Pool.checkout(pool, { owner })
    system.exit(owner, 'kill')
    await clock.settle()
    expect([await status(), system.isAlive(lease.worker.pid)]).toMatchObject([
      { available: 1 },
      true,
    ])
    lease.release()
    expect(await status()).toMatchObject({ available: 1 })
  })

  it("with ownerExit 'kill' it is killed and replaced", async () => {
    const { pool, system, clock, status } = await open({ size: 1, ownerExit: 'kill' })
    const owner = sleeper(system)
    const lease = await Pool.checkout(pool, { owner })
    const ended = ending(system, lease.worker.pid)
    system.exit(owner, 'whatever')
    await clock.settle()
    expect([await status(), ended.reason]).toMatchObject([{ available: 1 }, 'killed'])
  })

  it('the owner is the running process by default', async () => {
    const { pool, system, clock, status } = await open({ size: 1 })
    await within(system, async () => {
      await Pool.checkout(pool)
    })
    await clock.settle()
    expect(await status()).toMatchObject({ available: 1, checkedOut: 0 })
  })

  it('an owner that is dead already holds nothing', async () => {
    const { pool, system, clock, status } = await open({ size: 1 })
    const owner = sleeper(system)
    system.exit(owner, 'kill')
    await Pool.checkout(pool, { owner })
    await clock.settle()
    expect(await status()).toMatchObject({ available: 1, checkedOut: 0 })
  })

  it('an owner that dies while it waits leaves the queue, and who asked for it is told', async () => {
    const { pool, system, clock, status } = await open({ size: 1 })
    await Pool.checkout(pool)
    const owner = sleeper(system)
    const waiting = outcome(Pool.checkout(pool, { owner }))
    await clock.settle()
    system.exit(owner, 'gone')
    await clock.settle()
    expect(waiting.error).toMatchObject({ code: 'ERR_POOL_OWNER', reason: 'gone' })
    expect(await status()).toMatchObject({ waiting: 0, checkedOut: 1 })
  })

  it('a process of another system can borrow, and owns nothing unless the systems are connected', async () => {
    const { pool, clock, status } = await open({ size: 1 })
    const other = world('other')
    const lease = await within(other.system, () => Pool.checkout(pool))
    await other.clock.settle()
    await clock.settle()
    expect(await status()).toMatchObject({ available: 0, checkedOut: 1 })
    lease.release()
    expect(await status()).toMatchObject({ available: 1, checkedOut: 0 })
  })
})

describe('the pool as a process', () => {
  it('stops its workers, the last started first; leases fail, waiting callers are refused', async () => {
    const { pool, started, system, clock } = await open()
    const order: Pid[] = []
    for (const { pid } of started) system.watch(pid, () => order.push(pid))
    const leases = [await Pool.checkout(pool), await Pool.checkout(pool)]
    const waiting = outcome(Pool.checkout(pool))
    await clock.settle()
    await Pool.stop(pool)
    expect(order).toEqual(started.map(({ pid }) => pid).reverse())
    expect(waiting.error).toMatchObject({ code: 'ERR_POOL_STOPPED' })
    await expect(leases[0]?.worker.call.index()).rejects.toMatchObject({ reason: 'noproc' })
    expect(leases[0]?.release()).toBe(false)
    await clock.settle()
    expect(system.stats()).toMatchObject({ processes: 0, timers: 0, callsPending: 0 })
  })

  it('killed, it takes its workers along, also one that is starting', async () => {
    const { pool, system, clock } = await open({ size: 1, overflowMax: 1 })
    await Pool.checkout(pool)
    void outcome(Pool.checkout(pool))
    await Promise.resolve()
    system.exit(pool.pid, 'kill')
    await clock.settle()
    expect(system.stats().processes).toBe(0)
  })

  it('stopped while a worker starts, it leaves that one neither alive nor alone', async () => {
    const made = world()
    const { clock, system } = made
    let starts = 0
    const worker = (index: number): ChildSpec<WorkerRef> => ({
      ...stubborn(index),
      start: async (context) => {
        if (starts++ === 0)
          return (await Stubborn.start(index, { ...context, link: true })) as never
        await new Promise<void>((resolve) => clock.setTimer(100, resolve))
        return await Worker.start(index, { ...context, link: true })
      },
    })
    const pool = await Pool.start({ system, worker, size: 1, overflowMax: 1 })
    await Pool.checkout(pool)
    const waiting = outcome(Pool.checkout(pool))
    await clock.settle()
    const stopped = outcome(Pool.stop(pool))
    await clock.advance(100)
    expect([starts, waiting.error, stopped.settled]).toMatchObject([
      2,
      { code: 'ERR_POOL_STOPPED' },
      false,
    ])
    await clock.advance(60_000)
    expect([stopped.settled, system.stats().processes]).toEqual([true, 0])
  })

  it('a mailbox that drops what is oldest loses no worker', async () => {
    const clock = createSimClock()
    const system = createSystem({ clock, mailboxPolicy: 'drop_oldest', mailboxMessagesMax: 2 })
    const pool = await Pool.start({ system, worker: Worker.child(0, { id: 'worker' }), size: 1 })
    const lease = await Pool.checkout(pool)
    lease.release()
    for (let i = 0; i < 5; i++) system.cast(pool.pid, 'junk', i)
    await clock.settle()
    expect(await Pool.status(pool)).toMatchObject({ available: 1 })
  })

  it('is a child of a supervisor', async () => {
    const { system, clock } = world()
    const sup = await Supervisor.start({
      system,
      children: [Pool.child({ worker: Worker.child(7), size: 1, name: 'pool' }, { id: 'pool' })],
    })
    system.exit(system.whereis('pool') as Pid, 'kill')
    await clock.settle()
    const pool = { pid: system.whereis('pool') } as PoolRef<RefOf<typeof Worker>>
    expect(await Pool.transaction(pool, (worker) => worker.call.index())).toBe(7)
    await Supervisor.stop(sup)
    expect(system.stats().processes).toBe(0)
  })

  it('does not care about the end of strangers', async () => {
    const { pool, system, clock, status } = await open()
    const stranger = watcher(system)
    system.link(stranger.pid, pool.pid)
    system.exit(stranger.pid, 'kill')
    system.send(pool.pid, 'a message')
    await clock.settle()
    expect(await status()).toMatchObject({ available: 2 })
  })

  it('leaves nothing after many checkouts', async () => {
    const { pool, system, clock } = await open({ size: 2 })
    const owner = sleeper(system)
    for (let i = 0; i < 500; i++) {
      await Pool.transaction(pool, (worker) => worker.call.index(), { owner })
    }
    await clock.settle()
    expect(clock.timerCount).toBe(0)
    await Pool.stop(pool)
    system.exit(owner, 'kill')
    expect(system.stats()).toMatchObject({ processes: 0, callsPending: 0 })
  })
})
