/** `sys` on every kind of process, and what can go wrong while somebody looks. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  GenServer,
  noreply,
  Registry,
  reply,
  stop,
  Supervisor,
  sys,
  TraceBuffer,
  type TraceEvent,
} from '../../../behaviours/index.ts'
import { Message, ItemKind, type Pid, type Process, type Program } from '../../../runtime/index.ts'
import {
  ending,
  idler,
  outcome,
  scripted,
  watcher,
  within,
  world,
  type ScriptRef,
  type World,
} from '../world.ts'

let w: World
const start = (options = {}, log: unknown[] = []): Promise<ScriptRef> =>
  scripted({ log }).start(undefined, { system: w.system, ...options })

beforeEach(() => {
  w = world()
})
afterEach(async () => {
  const stopping = w.system.stop()
  await w.clock.advance(5000)
  await stopping
  const { processes, callsPending, timers } = w.system.stats()
  assert.deepEqual([processes, callsPending, timers], [0, 0, 0])
})

const never = (): Promise<never> => new Promise<never>(() => {})

describe('getState and replaceState', () => {
  it('see everything that was sent before them, and nothing after', async () => {
    const ref = await start()
    ref.cast.add(3)
    const state = sys.getState<number>(ref)
    ref.cast.add(10)
    expect(await state).toBe(3)
    expect(await sys.replaceState(ref, (n: number) => n + 1)).toBe(14)
    expect(await ref.call.get()).toBe(14)
  })

  it.each(['pid', 'ref', 'name', 'via'] as const)('take a target as %s', async (kind) => {
    const names = await Registry.start({ system: w.system })
    const via = names.via('it')
    const ref = await start(kind === 'via' ? { name: via } : { name: 'it' })
    const targets = { pid: ref.pid, ref, name: 'it', via: { via } }
    expect(await sys.getState(targets[kind], { system: w.system })).toBe(0)
  })

  it('a failing function leaves the state and rejects with what it threw', async () => {
    const ref = await start()
    const cause = new Error('no')
    const failed = sys.replaceState(ref, () => {
      throw cause
    })
    await expect(failed).rejects.toMatchObject({ code: 'ERR_SYS_CALLBACK', cause })
    await expect(sys.replaceState(ref, async () => 1)).rejects.toMatchObject({
      code: 'ERR_SYS_CALLBACK',
    })
    expect(await ref.call.get()).toBe(0)
    expect(w.system.isAlive(ref.pid)).toBe(true)
  })

  it('a result cannot become a state', async () => {
    const ref = await start()
    const put = sys.replaceState(ref, () => stop('x') as unknown)
    await expect(put).rejects.toMatchObject({ code: 'ERR_SYS_STATE' })
  })

  it('show supervisors and registries but do not change them', async () => {
    const { system } = w
    const sup = await Supervisor.start({
      system,
      children: [scripted().child(undefined, { id: 'a' })],
    })
    const names = await Registry.start({ system })
    names.register('k', sup.pid, 7)
    expect(await sys.getState(names)).toMatchObject([{ key: 'k', pid: sup.pid, value: 7 }])
    for (const target of [sup, names]) {
      await expect(sys.replaceState(target, (s) => s)).rejects.toMatchObject({
        code: 'ERR_SYS_STATE',
      })
    }
    expect(sys.status(sup)).toMatchObject({ behaviour: 'supervisor', trapExit: true })
    expect(await sys.getState(sup)).toMatchObject({ children: [{ id: 'a', type: 'worker' }] })
    expect(sys.status(names)).toMatchObject({ behaviour: 'registry', details: { entries: 1 } })
  })

  it('a plain process answers while it waits in receive, and has no state', async () => {
    const got: unknown[] = []
    const pid = w.system.spawn(async (ctx) => {
      got.push(await ctx.receive((m) => m === 'second'))
      got.push(await ctx.receive())
      await never()
    })
    w.system.send(pid, 'first')
    expect(await sys.getState(pid)).toBeUndefined()
    expect(sys.status(pid).details).toEqual({ receiving: true, saved: 1 })
    await expect(sys.replaceState(pid, () => 1)).rejects.toMatchObject({ code: 'ERR_SYS_STATE' })
    w.system.send(pid, 'second')
    await w.clock.settle()
    expect(got).toEqual(['second', 'first'])
    const late = outcome(sys.getState(pid))
    await w.clock.advance(5000)
    expect(late.error).toMatchObject({ code: 'ERR_CALL_TIMEOUT' })
  })

  it('a receive never takes a request for a message', async () => {
    const got: unknown[] = []
    const pid = w.system.spawn(async (ctx) => {
      await Promise.resolve()
      got.push(await ctx.receive(undefined, { timeoutMs: 0 }).catch(() => 'nothing'))
      got.push(await ctx.receive())
    })
    const state = sys.getState(pid)
    await w.clock.settle()
    expect(await state).toBeUndefined()
    w.system.send(pid, 'x')
    await w.clock.settle()
    expect(got).toEqual(['nothing', 'x'])
  })

  it('a program without a door is said to have none', async () => {
    const program: Program = { label: 'bare', handle: () => {} }
    const { pid } = w.system.start(program)
    await expect(sys.getState(pid)).rejects.toMatchObject({ code: 'ERR_SYS_UNSUPPORTED' })
    expect(sys.status(pid)).toMatchObject({ behaviour: 'process', state: undefined })
    await sys.suspend(pid)
  })

  it('a mailbox that is full refuses calls, not requests', async () => {
    const ref = await start({ mailboxMessagesMax: 1 })
    expect(ref.cast.add(1)).toBe(true)
    expect(ref.cast.add(1)).toBe(false)
    expect(await sys.getState(ref)).toBe(1)
  })

  it('a process that is busy for ever times the request out and collects nothing', async () => {
    const ref = await start()
    const busy = outcome(ref.call.run(never, { timeoutMs: Infinity }))
    await w.clock.settle()
    const asked = Array.from({ length: 100 }, () => outcome(sys.getState(ref, { timeoutMs: 50 })))
    const aborted = new AbortController()
    const given = outcome(sys.getState(ref, { signal: aborted.signal }))
    await w.clock.settle()
    aborted.abort(new Error('enough'))
    await w.clock.advance(50)
    expect(
      asked.every(({ error }) => (error as { code: string }).code === 'ERR_CALL_TIMEOUT'),
    ).toBe(true)
    expect(given.error).toMatchObject({ code: 'ERR_CALL_ABORTED' })
    expect(w.system.stats().callsPending).toBe(1)
    expect((w.system.process(ref.pid) as unknown as { head: unknown }).head).toBeUndefined()
    w.system.exit(ref.pid, 'kill')
    await w.clock.settle()
    expect(busy.error).toMatchObject({ reason: 'killed' })
  })

  it('the end of the process fails what waits for it, with its reason', async () => {
    const ref = await start()
    ref.cast.run(() => stop('boom'))
    await expect(sys.getState(ref)).rejects.toMatchObject({
      code: 'ERR_CALL_EXIT',
      reason: 'boom',
      request: 'sys.getState',
    })
    await expect(sys.getState(ref)).rejects.toMatchObject({ reason: 'noproc' })
    await expect(sys.getState('nobody', { system: w.system })).rejects.toMatchObject({
      server: 'nobody',
      reason: 'noproc',
    })
    expect(() => sys.status(ref)).toThrow(expect.objectContaining({ reason: 'noproc' }))
  })

  it('a process cannot ask itself', async () => {
    const ref = await start()
    const asked = ref.call.run((n, ctx) => {
      sys.getState(ctx.self).catch((error: unknown) => ctx.from.fail(error))
      return noreply(n)
    })
    await expect(asked).rejects.toMatchObject({ reason: 'calling_self' })
  })

  it('what is wrong with an option is said', async () => {
    const ref = await start()
    const refuse = (options: object): Promise<unknown> =>
      sys.getState(ref, options).catch((error: unknown) => (error as { code: string }).code)
    expect(await refuse({ timeout: 5 })).toBe('ERR_OPTION_RENAMED')
    expect(await refuse({ timeoutMs: -1 })).toBe('ERR_OPTION_INVALID')
    expect(await refuse({ nope: 1 })).toBe('ERR_OPTION_UNKNOWN')
    expect(() => sys.trace(ref, () => {}, { eventsMax: 0 })).toThrow('eventsMax')
    expect(() => new TraceBuffer({ eventsMax: 0 })).toThrow('eventsMax')
  })

  it('a process of another node is refused', async () => {
    const elsewhere = w.system.pidFor('other', 1, 0)
    await expect(sys.getState(elsewhere)).rejects.toMatchObject({ code: 'ERR_SYS_REMOTE' })
    expect(() => sys.trace(elsewhere, () => {})).toThrow(
      expect.objectContaining({ code: 'ERR_SYS_REMOTE' }),
    )
  })
})

describe('suspend and resume', () => {
  it('hold messages back in their order, and calls time out by themselves', async () => {
    const ref = await start()
    await sys.suspend(ref)
    ref.cast.add(1)
    const short = outcome(ref.call.get({ timeoutMs: 10 } as never))
    ref.cast.run((n) => noreply(n * 10))
    const long = outcome(ref.call.get())
    await w.clock.advance(10)
    expect(long.settled).toBe(false)
    expect(sys.status(ref)).toMatchObject({ mailboxLength: 4, state: 0, activity: 'waiting' })
    expect(await sys.getState(ref)).toBe(0)
    await sys.replaceState(ref, () => 5)
    await sys.resume(ref)
    await w.clock.settle()
    expect(long.value).toBe(60)
    expect(short.settled).toBe(true)
  })

  it('twice is once, and resuming what runs is nothing', async () => {
    const ref = await start()
    await sys.resume(ref)
    await sys.suspend(ref)
    await sys.suspend(ref)
    expect(sys.status(ref).suspendedSinceMs).toBe(0)
    await sys.resume(ref)
    expect(sys.status(ref).suspendedSinceMs).toBeUndefined()
    expect(await ref.call.ping()).toBe('pong')
  })

  it('an asynchronous handler comes to its end before the process is suspended', async () => {
    const ref = await start()
    let release: (n: number) => void = () => {}
    ref.cast.run(async () => noreply(await new Promise<number>((resolve) => (release = resolve))))
    const suspended = outcome(sys.suspend(ref))
    await w.clock.settle()
    expect(suspended.settled).toBe(false)
    release(7)
    await w.clock.settle()
    expect(suspended.settled).toBe(true)
    expect(sys.status(ref).state).toBe(7)
  })

  it.each([false, true])('a stop request is handled (traps: %s)', async (trapExit) => {
    const log: unknown[] = []
    const ref = await start({ trapExit }, log)
    await sys.suspend(ref)
    ref.cast.add(1)
    const stopped = GenServer.stop(ref, 'shutdown')
    await w.clock.settle()
    await stopped
    expect(log).toEqual([['terminate', 'shutdown', 0]])
  })

  it('a signal that kills, kills', async () => {
    const ref = await start()
    await sys.suspend(ref)
    const end = ending(w.system, ref.pid)
    w.system.exit(ref.pid, 'boom')
    expect(end.reason).toBe('boom')
  })

  it('its parent ends it; other links wait in the mailbox', async () => {
    const log: unknown[] = []
    let ref!: ScriptRef
    let friend!: Pid
    let parent!: Pid
    await within(w.system, async (ctx) => {
      parent = idler(w.system)
      ref = await scripted({ log }).start(undefined, { system: w.system, parent, trapExit: true })
      friend = ctx.spawn((inner) => inner.receive())
    })
    w.system.link(ref.pid, parent)
    w.system.link(ref.pid, friend)
    await sys.suspend(ref)
    w.system.exit(friend, 'gone')
    await w.clock.settle()
    expect(log).toEqual([])
    const end = ending(w.system, ref.pid)
    w.system.exit(parent, 'over')
    await w.clock.settle()
    expect(end.reason).toBe('over')
    expect(log).toEqual([['terminate', 'over', 0]])
  })

  it('a supervisor stops a suspended child as it stops any', async () => {
    const log: unknown[] = []
    const sup = await Supervisor.start({
      system: w.system,
      children: [
        scripted({ log }).child(undefined, { id: 'a', options: { name: 'a', trapExit: true } }),
      ],
    })
    await sys.suspend('a', { system: w.system })
    await sys.suspend(sup)
    const stopped = outcome(Supervisor.stop(sup))
    await w.clock.settle()
    expect(stopped.settled).toBe(true)
    expect(log).toEqual([['terminate', 'shutdown', 0]])
  })

  it('timeouts of a receive wait for resume, and what came meanwhile wins', async () => {
    const got: unknown[] = []
    const pid = w.system.spawn(async (ctx) => {
      for (;;) got.push(await ctx.receive(undefined, { timeoutMs: 10 }).catch(() => 'timeout'))
    })
    await sys.suspend(pid)
    await w.clock.advance(20)
    w.system.send(pid, 'x')
    await w.clock.advance(20)
    expect(got).toEqual([])
    await sys.resume(pid)
    await w.clock.settle()
    expect(got).toEqual(['x'])
    w.system.exit(pid, 'kill')
  })

  it('a match that fails at resume ends its own process, not the request', async () => {
    const pid = w.system.spawn((ctx) =>
      ctx.receive(
        () => {
          throw new Error('bad match')
        },
        { timeoutMs: 10 },
      ),
    )
    await sys.suspend(pid)
    w.system.send(pid, 'x')
    await w.clock.advance(20)
    const end = ending(w.system, pid)
    await sys.resume(pid).catch(() => {})
    expect(end.reason).toMatchObject({ message: 'bad match' })
  })

  it('a request that is given up while a receive looks through the mailbox is skipped', async () => {
    const aborted = new AbortController()
    const got: unknown[] = []
    const pid = w.system.spawn(async (ctx) => {
      await ctx.receive((m) => m === 'go')
      const look = (value: unknown): boolean => {
        aborted.abort()
        return value === 'last'
      }
      got.push(await ctx.receive(look, { timeoutMs: 0 }))
      got.push(await ctx.receive())
    })
    await w.clock.settle()
    w.system.send(pid, 'go')
    w.system.send(pid, 'first')
    const given = outcome(sys.getState(pid, { signal: aborted.signal }))
    w.system.send(pid, 'last')
    await w.clock.settle()
    expect(given.error).toMatchObject({ code: 'ERR_CALL_ABORTED' })
    expect(got).toEqual(['last', 'first'])
  })

  it('a return-timeout is handled after resume', async () => {
    const seen: unknown[] = []
    const ref = await scripted({
      info: (n, info) => {
        seen.push(info.type)
        return noreply(n)
      },
    }).start(undefined, { system: w.system })
    ref.cast.run((n) => noreply(n, { timeoutMs: 5 }))
    await sys.suspend(ref)
    await w.clock.advance(10)
    expect(seen).toEqual([])
    await sys.resume(ref)
    await w.clock.settle()
    expect(seen).toEqual(['timeout'])
  })

  it('finds requests behind a long queue, also when a flush takes from it', async () => {
    const ref = await start()
    const victim = idler(w.system)
    const monitor = w.system.monitor(ref.pid, victim)
    await sys.suspend(ref)
    for (let i = 0; i < 50_000; i++) ref.cast.add(1)
    w.system.exit(victim, 'kill')
    expect(await sys.getState(ref)).toBe(0)
    w.system.demonitor(monitor, { owner: ref.pid, flush: true })
    for (let i = 0; i < 1000; i++) expect(await sys.getState(ref)).toBe(0)
    await sys.resume(ref)
    expect(await ref.call.get()).toBe(50_000)
  })

  it('a suspended process that is asked to suspend in the middle of a burst keeps the rest', async () => {
    const ref = await start()
    for (let i = 0; i < 100; i++) ref.cast.add(1)
    const suspended = sys.suspend(ref)
    for (let i = 0; i < 100; i++) ref.cast.add(1)
    await suspended
    await w.clock.settle()
    expect(sys.status(ref)).toMatchObject({ state: 100, mailboxLength: 100 })
    await sys.resume(ref)
    expect(await ref.call.get()).toBe(200)
  })
})

describe('status', () => {
  it('says all there is of a process, at once', async () => {
    const parent = idler(w.system)
    const ref = await start({ parent, link: true, name: 'counter', trapExit: true })
    w.system.register('alias', ref.pid)
    w.system.monitor(ref.pid, parent)
    w.system.watch(ref.pid, () => {})
    w.system.sendAfter(1000, ref.pid, 'x', { owner: ref.pid })
    await w.clock.advance(30)
    ref.cast.add(2)
    expect(sys.status(ref)).toEqual({
      pid: ref.pid,
      label: 'gen_server script/1',
      behaviour: 'gen_server',
      names: ['counter', 'alias'],
      parent,
      ancestors: [parent],
      startedAtMs: 0,
      activity: 'queued',
      busyWith: undefined,
      suspendedSinceMs: undefined,
      trapExit: true,
      mailboxLength: 1,
      links: 1,
      monitors: 1,
      monitoredBy: 1,
      timers: 1,
      state: 0,
      details: {},
    })
  })

  it('answers for a process that is busy for ever, with what and since when', async () => {
    const ref = await start()
    await w.clock.advance(100)
    ref.cast.run(never)
    await w.clock.settle()
    expect(sys.status(ref)).toMatchObject({
      activity: 'busy',
      busyWith: { kind: 'cast', name: 'run', sinceMs: 100 },
      state: 0,
    })
  })

  it('shows no state before init is done', async () => {
    const slow = scripted({ init: never }).start(undefined, { system: w.system, name: 'slow' })
    const starting = outcome(slow)
    await w.clock.settle()
    expect(sys.status('slow', { system: w.system })).toMatchObject({
      activity: 'busy',
      busyWith: { kind: 'init' },
      state: undefined,
      details: { initializing: true },
    })
    const state = outcome(sys.getState('slow', { system: w.system, timeoutMs: 60_000 }))
    await w.clock.advance(5000)
    expect(starting.error).toMatchObject({ code: 'ERR_INIT_TIMEOUT' })
    expect(state.error).toMatchObject({ reason: 'killed' })
  })

  it('of a process by itself, from its handler', async () => {
    const ref = await start()
    const seen = await ref.call.run((n, ctx) => reply(sys.status(ctx.self).activity, n))
    expect(seen).toBe('running')
  })
})

const short = (event: TraceEvent): string =>
  event.type === 'in' || event.type === 'handled' ? `${event.type} ${event.kind}` : event.type

describe('trace', () => {
  it('sees messages, replies, states and the end', async () => {
    const ref = await start()
    const events: TraceEvent[] = []
    const caller = watcher(w.system)
    const trace = sys.trace(ref, (event) => events.push(event))
    ref.cast.add(2)
    const asked = w.system.call(ref.pid, 'get', undefined, { from: caller.pid })
    expect(await asked).toBe(2)
    ref.cast.run(() => stop('done'))
    await w.clock.settle()
    expect(events).toMatchObject([
      { type: 'in', kind: 'cast', name: 'add', value: 2, pid: ref.pid, atMs: 0 },
      { type: 'handled', kind: 'cast', state: 2, thrown: undefined },
      { type: 'in', kind: 'call', name: 'get', from: caller.pid },
      { type: 'out', name: 'get', to: caller.pid, value: 2 },
      { type: 'handled', kind: 'call', state: 2 },
      { type: 'in', kind: 'cast', name: 'run' },
      { type: 'exit', reason: 'done' },
    ])
    expect(trace).toMatchObject({ active: false, events: 7 })
  })

  it('sees init, EXIT, DOWN, timers, timeouts and stop', async () => {
    const log = new TraceBuffer()
    const starting = scripted().start(undefined, {
      system: w.system,
      name: 'it',
      trapExit: true,
    })
    sys.trace('it', log, { system: w.system })
    const ref = await starting
    const victim = idler(w.system)
    w.system.link(ref.pid, victim)
    w.system.monitor(ref.pid, victim)
    w.system.exit(victim, 'x')
    w.system.startTimer(1, ref.pid, 't')
    w.system.send(ref.pid, 'm')
    ref.cast.run((n) => noreply(n, { timeoutMs: 5 }))
    await w.clock.advance(1)
    ref.cast.run((n) => noreply(n, { timeoutMs: 5 }))
    await w.clock.advance(10)
    await GenServer.stop(ref)
    const kinds = log.toArray().flatMap((event) => (event.type === 'in' ? [event.kind] : []))
    expect(kinds).toEqual([
      'init',
      'exit',
      'down',
      'info',
      'cast',
      'timer',
      'cast',
      'timeout',
      'stop',
    ] as never)
  })

  it('sees replies that come later, and failures on purpose', async () => {
    const ref = await start()
    const buffer = new TraceBuffer()
    sys.trace(ref, buffer)
    const kept: { reply(value: unknown): boolean; fail(error: unknown): boolean }[] = []
    const keep = (
      n: number,
      ctx: { from: (typeof kept)[0] },
    ): ReturnType<typeof noreply<number>> => {
      kept.push(ctx.from)
      return noreply(n)
    }
    const first = outcome(ref.call.run(keep))
    const second = outcome(ref.call.run(keep))
    const third = outcome(ref.call.run(keep))
    await w.clock.advance(1)
    kept[1]?.reply('late')
    kept[0]?.fail(new Error('refused'))
    await w.clock.advance(5000)
    expect(first.error).toMatchObject({ message: 'refused' })
    expect(second.value).toBe('late')
    expect(third.error).toMatchObject({ code: 'ERR_CALL_TIMEOUT' })
    const out = buffer.toArray().filter(({ type }) => type.startsWith('out'))
    expect(out).toMatchObject([
      { type: 'out', value: 'late', atMs: 1 },
      { type: 'out_error', error: { message: 'refused' } },
    ])
  })

  it('tells how long an asynchronous handler was in flight, and what it threw', async () => {
    const ref = await start()
    const buffer = new TraceBuffer()
    sys.trace(ref, buffer)
    ref.cast.run(async (n, ctx) => {
      await new Promise<void>((resolve) => {
        ctx.system.watch(idlerFor(20), () => resolve())
      })
      return noreply(n + 1)
    })
    await w.clock.advance(20)
    expect(buffer.toArray().at(-1)).toMatchObject({ type: 'handled', inFlightMs: 20, state: 1 })
    const program: Program = {
      label: 'thrower',
      handle: (_process: Process, { kind }: { kind: number }) => {
        if (kind === ItemKind.info) throw new Error('thrown')
        return Promise.reject(new Error('rejected'))
      },
    }
    for (const kind of [ItemKind.info, ItemKind.timeout]) {
      const process = w.system.start(program)
      sys.trace(process.pid, buffer)
      process.post(new Message(kind, undefined, undefined))
      await w.clock.settle()
    }
    const thrown = buffer
      .toArray()
      .flatMap((event) => (event.type === 'handled' && event.thrown ? [event.thrown.error] : []))
    expect(thrown).toMatchObject([{ message: 'thrown' }, { message: 'rejected' }])
  })

  const idlerFor = (ms: number): Pid => {
    const pid = idler(w.system)
    w.system.sendAfter(ms, pid, 'over')
    return pid
  }

  it('a process that sends to itself for ever is traced in bounded memory and can be stopped', async () => {
    const buffer = new TraceBuffer({ eventsMax: 10 })
    const program: Program = {
      label: 'loop',
      handle: (process, item) => {
        if (item.kind === ItemKind.info && (item.value as number) < 100_000) {
          process.system.send(process.pid, (item.value as number) + 1)
        }
      },
    }
    const { pid } = w.system.start(program)
    using trace = sys.trace(pid, buffer)
    w.system.send(pid, 0)
    await w.clock.settle()
    expect(trace.events).toBe(200_002)
    expect(buffer.size).toBe(10)
    expect(buffer.dropped).toBe(200_002 - 10)
    expect(buffer.toArray().map(short).slice(-2)).toEqual(['in info', 'handled info'])
    buffer.clear()
    expect([buffer.size, buffer.dropped, buffer.toArray()]).toEqual([0, 0, []])
    trace.stop()
    w.system.send(pid, 0)
    w.system.exit(pid, 'kill')
    expect(trace.active).toBe(false)
  })

  it.each([9, 10, 11])('a buffer of 10 has the newest of %i events in order', async (count) => {
    const ref = await start()
    const log = sys.log(ref, { eventsMax: 10 })
    for (let i = 0; i < count; i++) w.system.send(ref.pid, i)
    w.system.process(ref.pid)?.post(new Message(ItemKind.timeout, undefined, 'last'))
    await w.clock.settle()
    const all = 2 * count + 2
    expect(log.buffer.dropped).toBe(all - 10)
    expect(log.buffer.toArray().map(short).slice(-2)).toEqual(['in timeout', 'handled timeout'])
    const values = log.buffer.toArray().flatMap((e) => (e.type === 'in' ? [e.value] : []))
    expect(values).toEqual([...Array.from({ length: 4 }, (_, i) => count - 4 + i), 'last'])
  })

  it('ends after eventsMax events', async () => {
    const ref = await start()
    const events: string[] = []
    const trace = sys.trace(ref, (event) => events.push(short(event)), { eventsMax: 3 })
    for (let i = 0; i < 5; i++) ref.cast.add(1)
    await w.clock.settle()
    expect(events).toEqual(['in cast', 'handled cast', 'in cast'])
    expect(trace.active).toBe(false)
    expect(await ref.call.get()).toBe(5)
  })

  it.each(['throws', 'rejects'])(
    'a sink that %s is taken off; the process does not notice',
    async (how) => {
      const ref = await start()
      const other = new TraceBuffer()
      const trace = sys.trace(ref, () => {
        if (how === 'throws') throw new Error('bad sink')
        return Promise.reject(new Error('bad sink'))
      })
      sys.trace(ref, other)
      ref.cast.add(1)
      await w.clock.settle()
      ref.cast.add(1)
      expect(await ref.call.get()).toBe(2)
      expect(trace.active).toBe(false)
      expect(w.texts('warn')).toEqual(['trace ended: its sink failed'])
      expect(other.toArray().map(short)).toEqual([
        'in cast',
        'handled cast',
        'in cast',
        'handled cast',
        'in call',
        'out',
        'handled call',
      ])
    },
  )

  it('a sink may stop its trace, kill the process or start another trace', async () => {
    const ref = await start()
    const once: string[] = []
    const trace = sys.trace(ref, (event) => {
      once.push(short(event))
      trace.stop()
      sys.log(ref)
    })
    ref.cast.add(1)
    expect(await ref.call.get()).toBe(1)
    expect(once).toEqual(['in cast'])
    sys.trace(ref, (event) => {
      if (event.type === 'in') w.system.exit(ref.pid, 'kill')
    })
    await expect(ref.call.get()).rejects.toMatchObject({ reason: 'killed' })
  })

  it('a suspended process is traced when it goes on', async () => {
    const ref = await start()
    await sys.suspend(ref)
    const log = sys.log(ref)
    ref.cast.add(1)
    await w.clock.settle()
    expect(log.buffer.size).toBe(0)
    await sys.resume(ref)
    await w.clock.settle()
    expect(log.buffer.toArray().map(short)).toEqual(['in cast', 'handled cast'])
  })

  it('is off after it was disposed, and the process runs its ordinary way', async () => {
    const ref = await start()
    {
      using log = sys.log(ref)
      await ref.call.ping()
      expect(log.buffer.size).toBe(3)
    }
    const cell = w.system.process(ref.pid) as unknown as { flags: number }
    expect(cell.flags & 32).toBe(0)
  })
})

describe('statistics', () => {
  it('count messages by kind, replies, queue and time while they are on', async () => {
    const ref = await start()
    expect(sys.statistics(ref, 'get')).toBeUndefined()
    await w.clock.advance(10)
    sys.statistics(ref, 'on')
    ref.cast.add(1)
    ref.cast.add(1)
    expect(await ref.call.get()).toBe(2)
    ref.cast.run(async (n, ctx) => {
      const pid = idler(w.system)
      w.system.sendAfter(30, pid, 'over')
      await new Promise<void>((resolve) => ctx.system.watch(pid, () => resolve()))
      return noreply(n)
    })
    w.system.send(ref.pid, 'x')
    await w.clock.advance(5)
    expect(sys.statistics(ref, 'get')).toMatchObject({ queueLength: 1 })
    await w.clock.advance(30)
    sys.statistics(ref, 'on')
    expect(sys.statistics(ref, 'get')).toEqual({
      sinceMs: 10,
      nowMs: 45,
      messagesIn: { cast: 3, call: 1, info: 1 },
      messagesInTotal: 5,
      replies: 1,
      queueLength: 0,
      queueLengthMax: 3,
      handlers: { totalMs: 0, maxMs: 0 },
      inFlight: { totalMs: 30, maxMs: 30 },
      restarts: undefined,
    })
    sys.statistics(ref, 'off')
    expect(sys.statistics(ref, 'get')).toBeUndefined()
    sys.statistics(ref, 'off')
  })

  it('of a supervisor have its restarts', async () => {
    const { system } = w
    const sup = await Supervisor.start({
      system,
      children: [scripted().child(undefined, { id: 'a', options: { name: 'a' } })],
    })
    sys.statistics(sup, 'on')
    system.exit(system.whereis('a') as Pid, 'boom')
    await w.clock.settle()
    expect(sys.statistics(sup, 'get')).toMatchObject({ restarts: 1, messagesIn: { exit: 1 } })
  })
})

describe('tree', () => {
  it('shows nested supervisors, what runs beside them, and what a process started', async () => {
    const { system } = w
    const app = await Supervisor.start({
      system,
      name: 'app',
      children: [
        scripted().child(undefined, { id: 'db', options: { name: 'db' } }),
        Supervisor.child(
          { children: [scripted().child(undefined, { id: 'w1', options: { name: 'w1' } })] },
          { id: 'pool' },
        ),
        scripted().child(undefined, {
          id: 'gone',
          restart: 'temporary',
          options: { name: 'gone' },
        }),
        scripted().child(undefined, { id: 'off', restart: 'transient', options: { name: 'off' } }),
      ],
    })
    const loose = idler(system)
    system.exit(system.whereis('db') as Pid, 'boom')
    await w.clock.settle()
    const worker = system.whereis('w1') as Pid
    idler(system, { parent: worker })
    await GenServer.stop('off', 'normal', { system })
    await sys.suspend(worker)
    system.cast(worker, 'add', 1)
    const tree = sys.tree(system)
    expect(tree.processes).toBe(7)
    const text = sys.formatTree(tree).replaceAll(/<[^>]*>|#PID\S*|\S*\.\d+\.\d+\S*/g, 'PID')
    expect(text.split('\n').map((line) => line.replaceAll(/ {2}\S*test\S*/g, '  PID'))).toEqual([
      'system test: 7 processes',
      '├─ supervisor  PID  name app',
      '│  ├─ db  gen_server script/1  PID  name db  restarts 1',
      '│  ├─ pool  supervisor  PID',
      '│  │  └─ w1  gen_server script/1  PID  name w1  suspended  mailbox 1',
      '│  │     └─ process  PID',
      '│  ├─ gone  gen_server script/1  PID  name gone',
      '│  └─ off  worker  stopped',
      '└─ process  PID',
    ])
    expect(tree.roots.map(({ pid }) => pid)).toEqual([app.pid, loose])
    expect(sys.tree(system, { depth: 0 }).roots[0]).toMatchObject({ children: [], more: 4 })
  })

  it.each([9, 10, 11])('of %i children at most ten are shown', async (count) => {
    const sup = await Supervisor.start({
      system: w.system,
      children: Array.from({ length: count }, (_, i) =>
        scripted().child(undefined, { id: `c${i}` }),
      ),
    })
    const [root] = sys.tree(w.system, { childrenMax: 10 }).roots
    expect(root?.pid).toEqual(sup.pid)
    expect(root?.children).toHaveLength(Math.min(10, count))
    expect(root?.more).toBe(Math.max(0, count - 10))
    const text = sys.formatTree(sys.tree(w.system, { childrenMax: 10 }))
    expect(text.includes('... 1 more')).toBe(count === 11)
  })

  it('has every process once, also when programs list each other in a ring', () => {
    const pids: Pid[] = []
    const ring = (index: number): Program => ({
      label: `ring ${index}`,
      handle: () => {},
      debug: {
        behaviour: 'ring',
        getState: () => undefined,
        replaceState: () => {},
        children: () => [0, 1, 2].map((step) => listed(pids[(index + step) % 3] as Pid)),
      },
    })
    const listed = (pid: Pid): { id: string; pid: Pid; type: 'worker'; restarts: number } => ({
      id: 'x',
      pid,
      type: 'worker',
      restarts: 0,
    })
    for (const index of [0, 1, 2]) pids.push(w.system.start(ring(index)).pid)
    const lines = sys.formatTree(sys.tree(w.system)).split('\n')
    expect(lines).toHaveLength(4)
    for (const index of [0, 1, 2]) {
      expect(lines.filter((line) => line.includes(`ring ${index}`))).toHaveLength(1)
    }
  })

  it('of a long chain of starters is cut at its depth', () => {
    let parent: Pid | undefined
    for (let i = 0; i < 20_000; i++) parent = idler(w.system, { parent })
    const tree = sys.tree(w.system)
    expect(tree.processes).toBe(20_000)
    expect(sys.formatTree(tree).split('\n')).toHaveLength(1 + 33 + 1)
  })
})

describe('bad arguments of sys', () => {
  it('are refused at once, by name', async () => {
    const server = await start()
    const bad = sys as unknown as Record<string, (...args: unknown[]) => unknown>
    const refused: [string, unknown[], object][] = [
      ['trace', [server, undefined], { argument: 'sink' }],
      ['trace', [server, { push: 1 }], { argument: 'sink' }],
      ['statistics', [server, 'of'], { argument: 'what' }],
      ['tree', ['x'], { argument: 'system' }],
      ['log', [server, null], { code: 'ERR_OPTION_INVALID' }],
      ['log', [server, { eventMax: 3 }], { code: 'ERR_OPTION_UNKNOWN' }],
    ]
    for (const [name, args, error] of refused) {
      expect(() => bad[name]?.(...args)).toThrow(expect.objectContaining(error))
    }
    const replacing = outcome(bad['replaceState']?.(server, 3) as Promise<unknown>)
    await w.clock.settle()
    expect(replacing.error).toMatchObject({ argument: 'fn' })
    expect(sys.statistics(server, 'get')).toBeUndefined()
  })
})

it('a sink that gives what cannot be awaited ends its trace', async () => {
  const server = await start()
  const given = {
    get then(): never {
      throw new Error('then')
    },
  }
  const trace = sys.trace(server, () => given)
  await server.call.get()
  expect([trace.active, trace.events]).toEqual([false, 1])
  expect(w.texts('warn')).toEqual(['trace ended: its sink failed'])
})

it('the status of a process that names itself as its parent comes to an end', () => {
  const { id } = idler(w.system)
  const own = w.system.pidFor(w.system.node, id + 1, w.system.incarnation)
  const pid = idler(w.system, { parent: own })
  expect(sys.status(pid).ancestors.map(String)).toEqual([String(pid)])
})

it('a program that fails at saying who its parent is keeps its system going', async () => {
  const program: Program = {
    label: 'lost',
    handle: () => {},
    debug: {
      behaviour: 'lost',
      getState: () => undefined,
      replaceState: () => {},
      parent: () => {
        throw new Error('who?')
      },
    },
  }
  const { pid } = w.system.start(program, { trapExit: true })
  const suspended = outcome(sys.suspend(pid))
  await w.clock.settle()
  w.system.exit(pid, 'shutdown')
  const other = await start()
  expect(await other.call.ping()).toBe('pong')
  expect(suspended.settled).toBe(true)
})
