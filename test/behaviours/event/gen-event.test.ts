import { describe, expect, it } from 'vitest'
import {
  BadReturnError,
  defineEventHandler,
  GenEvent,
  noreply,
  ok,
  removeHandler,
  reply,
  stop,
  Supervisor,
  swapHandler,
  sys,
  type EventHandlerExit,
  type GenEventRef,
  type HandlerState,
  type SwapArg,
} from '../../../behaviours/index.ts'
import type { Pid, System } from '../../../runtime/index.ts'
import { ending, idler, outcome, watcher, within, world } from '../world.ts'

type Event = string

/** A handler that writes down all that happens to it and does as it is told. */
function recorder(name: string, log: unknown[]) {
  return defineEventHandler({
    name,
    init: (tag: string | SwapArg<string>) => {
      log.push([name, 'init', tag])
      return typeof tag === 'string' ? tag : tag[0]
    },
    event: (tag, event: Event) => {
      log.push([tag, event])
      if (event === 'throw') throw new Error('thrown')
      if (event === 'garbage') return 5 as never
      if (event === 'noreply') return noreply(tag) as never
      if (event === 'remove') return removeHandler()
      return ok(tag)
    },
    call: (tag, request: string) => {
      if (request === 'throw') throw new Error('thrown')
      if (request === 'garbage') return 5 as never
      if (request === 'remove') return removeHandler({ reply: 'removed' })
      return reply(`${tag}: ${request}`, tag)
    },
    terminate: (reason, tag) => {
      log.push([tag, 'terminate', reason])
      return `last word of ${tag}`
    },
  })
}

const names = async (manager: GenEventRef<Event>): Promise<string[]> =>
  (await GenEvent.whichHandlers(manager)).map(({ handler, id }) =>
    id === undefined ? handler : `${handler}#${id}`,
  )

function exits(got: readonly unknown[]): EventHandlerExit[] {
  return got.filter(
    (message): message is EventHandlerExit =>
      (message as { type?: unknown }).type === 'gen_event_exit',
  )
}

async function open() {
  const made = world()
  const log: unknown[] = []
  const manager = await GenEvent.start<Event>({ system: made.system })
  return { ...made, log, manager }
}

type Any = ReturnType<typeof recorder>

/** A process that lives whatever it is sent. */
const sleeper = (system: System): Pid => system.spawn(() => new Promise<never>(() => {}))

describe('delivering events', () => {
  it('notify gives the event to every handler, the newest first', async () => {
    const { manager, log, clock } = await open()
    await GenEvent.addHandler(manager, recorder('a', log), 'a')
    await GenEvent.addHandler(manager, recorder('b', log), 'b')
    log.length = 0
    expect(manager.cast.notify('one')).toBe(true)
    await clock.settle()
    expect(log).toEqual([
      ['b', 'one'],
      ['a', 'one'],
    ])
    expect(await names(manager)).toEqual(['b', 'a'])
  })

  it('syncNotify resolves when all handlers are done, asynchronous ones too', async () => {
    const { manager, clock } = await open()
    const log: string[] = []
    const Slow = defineEventHandler({
      name: 'slow',
      init: (ms: number) => ms,
      event: async (ms, event: Event, ctx) => {
        await new Promise<void>((resolve) => ctx.system.clock.setTimer(ms, resolve))
        log.push(`${ms} ${event}`)
        return ok(ms)
      },
    })
    await GenEvent.addHandler(manager, Slow, 10, { id: '10' })
    await GenEvent.addHandler(manager, Slow, 30, { id: '30' })
    const done = outcome(GenEvent.syncNotify(manager, 'one'))
    const after = outcome(GenEvent.syncNotify(manager, 'two'))
    await clock.advance(39)
    expect([done.settled, log]).toEqual([false, ['30 one']])
    await clock.advance(1)
    expect([done.settled, after.settled, log]).toEqual([true, false, ['30 one', '10 one']])
    await clock.advance(40)
    expect(after.settled).toBe(true)
  })

  it('notify by name finds the manager, and is false when there is none', async () => {
    const { system, clock } = world()
    const log: unknown[] = []
    const manager = await GenEvent.start<Event>({ system, name: 'events' })
    await GenEvent.addHandler('events', recorder('a', log), 'a', { system })
    expect(GenEvent.notify('events', 'one', { system })).toBe(true)
    expect(GenEvent.notify('nobody', 'one', { system })).toBe(false)
    expect(GenEvent.notify(manager.pid, 'two')).toBe(true)
    await clock.settle()
    expect(log.slice(1)).toEqual([
      ['a', 'one'],
      ['a', 'two'],
    ])
  })

  it('a message that is no event goes to info', async () => {
    const { manager, system, clock, log, texts } = await open()
    const Info = defineEventHandler({
      name: 'info',
      init: () => 0,
      event: (n, _event: Event) => ok(n),
      info: (n, info) => {
        log.push(info)
        return n === 1 ? removeHandler() : ok(n + 1)
      },
    })
    system.send(manager.pid, 'nobody listens')
    await GenEvent.addHandler(manager, recorder('a', []), 'a')
    await GenEvent.addHandler(manager, Info)
    system.send(manager.pid, 'plain')
    system.startTimer(5, manager.pid, 'timer')
    await clock.advance(5)
    expect(log).toEqual([
      { type: 'message', message: 'plain' },
      { type: 'timer', ref: expect.anything(), message: 'timer' },
    ])
    expect(await names(manager)).toEqual(['a'])
    expect(texts('warn')).toEqual(['message dropped: no handler has info'])
  })

  it('a handler can use its process through ctx', async () => {
    const { manager, clock, log } = await open()
    const Timer = defineEventHandler({
      name: 'timer',
      init: (_arg: void, ctx) => {
        ctx.sendAfter(10, 'tick')
        log.push(ctx.handler, ctx.owner)
        return 0
      },
      event: (n, event: Event) => {
        log.push(event)
        return ok(n)
      },
      info: (n, _info, ctx) => {
        ctx.self.cast.notify('from inside')
        return ok(n)
      },
    })
    await GenEvent.addHandler(manager, Timer, undefined, { id: '1' })
    await clock.advance(10)
    expect(log).toEqual([{ handler: 'timer', id: '1' }, undefined, 'from inside'])
  })
})

describe('adding and deleting', () => {
  it('several instances of one handler are told apart by id', async () => {
    const { manager, log } = await open()
    const Rec = recorder('rec', log)
    await GenEvent.addHandler(manager, Rec, 'one', { id: '1' })
    await GenEvent.addHandler(manager, Rec, 'two', { id: '2' })
    await GenEvent.addHandler(manager, Rec, 'none')
    expect(await names(manager)).toEqual(['rec', 'rec#2', 'rec#1'])
    expect(await GenEvent.call(manager, { handler: Rec, id: '1' }, 'hi')).toBe('one: hi')
    expect(await GenEvent.call(manager, Rec, 'hi')).toBe('none: hi')
    expect(await GenEvent.call(manager, { handler: 'rec', id: '2' }, 'hi')).toBe('two: hi')
  })

  it('a second handler of the same name and id is refused', async () => {
    const { manager } = await open()
    await GenEvent.addHandler(manager, recorder('rec', []), 'one', { id: '1' })
    await expect(
      GenEvent.addHandler(manager, recorder('rec', []), 'two', { id: '1' }),
    ).rejects.toMatchObject({
      code: 'ERR_EVENT_HANDLER_DUPLICATE',
      handler: { handler: 'rec', id: '1' },
    })
    expect(await names(manager)).toEqual(['rec#1'])
  })

  it.each([
    ['stops', () => stop('not today') as never, 'not today'],
    [
      'throws',
      () => {
        throw new TypeError('bad')
      },
      new TypeError('bad'),
    ],
    ['rejects', () => Promise.reject(new TypeError('bad')), new TypeError('bad')],
    ['returns no state', () => noreply(0) as never, expect.any(BadReturnError)],
    ['asks for a timeout', () => ok(0, { timeoutMs: 5 }), expect.any(BadReturnError)],
  ])(
    'a handler whose init %s is not installed, and the caller is told',
    async (_how, init, reason) => {
      const { manager } = await open()
      const Bad = defineEventHandler({ name: 'bad', init, event: (s: unknown, _e: Event) => ok(s) })
      await expect(GenEvent.addHandler(manager, Bad as never, undefined)).rejects.toMatchObject({
        code: 'ERR_EVENT_HANDLER_INIT',
        reason,
      })
      expect(await names(manager)).toEqual([])
    },
  )

  it('deleteHandler gives what terminate returned', async () => {
    const { manager, log } = await open()
    await GenEvent.addHandler(manager, recorder('a', log), 'a')
    expect(await GenEvent.deleteHandler(manager, { handler: 'a' }, 'why')).toBe('last word of a')
    expect(log.at(-1)).toEqual(['a', 'terminate', 'why'])
    expect(await names(manager)).toEqual([])
  })

  it('deleting or calling a handler that is not installed rejects', async () => {
    const { manager } = await open()
    const missing = { code: 'ERR_EVENT_HANDLER_NOT_FOUND', handler: { handler: 'x' } }
    await expect(GenEvent.deleteHandler(manager, { handler: 'x' })).rejects.toMatchObject(missing)
    await expect(GenEvent.call(manager, { handler: 'x' }, 1)).rejects.toMatchObject(missing)
  })

  it('a terminate that throws does not keep the handler', async () => {
    const { manager, texts } = await open()
    const Bad = defineEventHandler({
      name: 'bad',
      init: () => 0,
      event: (n, _event: Event) => ok(n),
      terminate: () => {
        throw new Error('no')
      },
    })
    await GenEvent.addHandler(manager, Bad)
    await expect(GenEvent.deleteHandler(manager, Bad)).rejects.toMatchObject({
      code: 'ERR_EVENT_HANDLER_CRASHED',
      reason: new Error('no'),
    })
    expect([await names(manager), texts('error')]).toEqual([[], ['handler crashed']])
  })

  it('handlersMax handlers fit, one more is refused', async () => {
    const { system } = world()
    const manager = await GenEvent.start<Event>({ system, handlersMax: 2 })
    const Rec = recorder('rec', [])
    await GenEvent.addHandler(manager, Rec, 'x', { id: '1' })
    await GenEvent.addHandler(manager, Rec, 'x', { id: '2' })
    await expect(GenEvent.addHandler(manager, Rec, 'x', { id: '3' })).rejects.toMatchObject({
      code: 'ERR_EVENT_HANDLERS_MAX',
      handlersMax: 2,
    })
    await GenEvent.swapHandler(
      manager,
      { handler: 'rec', id: '1' },
      { handler: Rec, arg: 'y', id: '3' },
    )
    expect(await names(manager)).toEqual(['rec#3', 'rec#2'])
  })

  it('what is no handler is refused, and unknown options are', async () => {
    const { manager, system } = await open()
    const fake = { name: 'fake' }
    await expect(GenEvent.addHandler(manager, fake, undefined)).rejects.toMatchObject({
      code: 'ERR_ARGUMENT',
    })
    await expect(GenEvent.start({ system, handlers: 5 } as never)).rejects.toMatchObject({
      code: 'ERR_OPTION_UNKNOWN',
    })
    expect(() => defineEventHandler({ name: '', init: () => 0, event: (n) => ok(n) })).toThrow(
      expect.objectContaining({ code: 'ERR_ARGUMENT' }),
    )
    expect(() => defineEventHandler({ name: 'x' } as never)).toThrow(
      expect.objectContaining({ code: 'ERR_HANDLER_MISSING' }),
    )
    await expect(system.call(manager.pid, 'nonsense', 1)).rejects.toMatchObject({
      code: 'ERR_CALL_UNKNOWN',
    })
  })

  it.each([
    ['addHandler', undefined],
    ['addHandler', {}],
    ['addHandler', { source: { handler: 'rec', id: {} } }],
    ['addHandler', { source: { handler: 'rec' }, owner: 5 }],
    ['deleteHandler', 'rec'],
    ['deleteHandler', { key: 'rec' }],
    ['callHandler', {}],
    ['callHandler', { key: { handler: 5 } }],
    ['swapHandler', { key: { handler: 'rec' } }],
    ['swapHandler', { to: { handler: 'rec' } }],
  ])('a request %s of %o is refused and the manager lives', async (name, input) => {
    const { manager, system, log } = await open()
    await GenEvent.addHandler(manager, recorder('rec', log), 'a')
    const refused = { code: 'ERR_CALL_INPUT' }
    await expect(system.call(manager.pid, name, input)).rejects.toMatchObject(refused)
    expect(await names(manager)).toEqual(['rec'])
  })

  it.each<[string, string, (m: GenEventRef<Event>, h: Any) => Promise<unknown>]>([
    ['start', 'ERR_OPTION_UNKNOWN', () => GenEvent.start({ trapExit: false } as never)],
    ['id', 'ERR_OPTION_INVALID', (m, h) => GenEvent.addHandler(m, h, '', { id: 5 as never })],
    ['add', 'ERR_OPTION_UNKNOWN', (m, h) => GenEvent.addHandler(m, h, '', { idd: '' } as never)],
    [
      'owner',
      'ERR_OPTION_INVALID',
      (m, h) => GenEvent.addSupHandler(m, h, '', { owner: 5 } as never),
    ],
    ['delete', 'ERR_ARGUMENT', (m) => GenEvent.deleteHandler(m, 'rec' as never)],
    ['delete', 'ERR_ARGUMENT', (m) => GenEvent.deleteHandler(m, undefined as never)],
    ['call', 'ERR_ARGUMENT', (m) => GenEvent.call(m, {} as never, 'request')],
    ['swap', 'ERR_ARGUMENT', (m, h) => GenEvent.swapHandler(m, { handler: h }, undefined as never)],
    ['manager', 'ERR_ARGUMENT', (_m, h) => GenEvent.addHandler(undefined as never, h, '')],
  ])('nonsense for %s is refused with %s', async (_what, code, act) => {
    const { manager, log } = await open()
    await expect(act(manager, recorder('rec', log))).rejects.toMatchObject({ code })
  })
})

describe('a handler that fails', () => {
  it.each([
    ['throws', 'throw', new Error('thrown')],
    ['returns garbage', 'garbage', expect.any(BadReturnError)],
    ['returns the result of another behaviour', 'noreply', expect.any(BadReturnError)],
  ])('that %s is removed; the manager and the others live on', async (_how, event, reason) => {
    const { manager, log, lines } = await open()
    await GenEvent.addHandler(manager, recorder('first', log), 'first')
    const Bad = recorder('bad', log)
    await GenEvent.addHandler(manager, Bad, 'bad')
    const Deaf = defineEventHandler({ name: 'deaf', init: () => 0, event: (n, _e: Event) => ok(n) })
    await GenEvent.addHandler(manager, Deaf)
    await GenEvent.deleteHandler(manager, { handler: 'first' })
    log.length = 0
    await GenEvent.syncNotify(manager, event)
    expect(log).toEqual([
      ['bad', event],
      ['bad', 'terminate', { error: reason }],
    ])
    expect(await names(manager)).toEqual(['deaf'])
    expect(lines.filter(({ level }) => level === 'error')).toMatchObject([
      { fields: { handler: 'bad', reason, last: event }, text: 'handler crashed' },
    ])
  })

  it.each([
    [
      'that cannot be looked at',
      {
        get then() {
          throw new Error('thrown')
        },
      },
    ],
    [
      'that refuses to be awaited',
      {
        then() {
          throw new Error('thrown')
        },
      },
    ],
  ])('with a result %s goes alone', async (_what, result) => {
    const { manager, log } = await open()
    const Odd = defineEventHandler({
      name: 'odd',
      init: () => 0,
      event: (_n, _event: Event) => result as never,
    })
    await GenEvent.addHandler(manager, recorder('rec', log), 'a')
    await GenEvent.addHandler(manager, Odd)
    await GenEvent.syncNotify(manager, 'event')
    expect([await names(manager), log.at(-1)]).toEqual([['rec'], ['a', 'event']])
  })

  it('that rejects is removed before the next event', async () => {
    const { manager } = await open()
    const Bad = defineEventHandler({
      name: 'bad',
      init: () => 0,
      event: async (_n, _event: Event) => {
        await Promise.resolve()
        throw new Error('late')
      },
    })
    await GenEvent.addHandler(manager, Bad as never, undefined)
    await GenEvent.syncNotify(manager, 'x')
    expect(await names(manager)).toEqual([])
  })

  it.each([['throw'], ['garbage']])(
    'in call (%s) is removed and the caller told',
    async (request) => {
      const { manager, log } = await open()
      const Rec = recorder('rec', log)
      await GenEvent.addHandler(manager, Rec, 'a')
      await expect(GenEvent.call(manager, Rec, request)).rejects.toMatchObject({
        code: 'ERR_EVENT_HANDLER_CRASHED',
        handler: { handler: 'rec' },
      })
      expect(await names(manager)).toEqual([])
    },
  )

  it('that has no call refuses it and stays', async () => {
    const { manager } = await open()
    const Deaf = defineEventHandler({ name: 'deaf', init: () => 0, event: (n, _e: Event) => ok(n) })
    await GenEvent.addHandler(manager, Deaf)
    await expect(GenEvent.call(manager, { handler: 'deaf' }, 1)).rejects.toMatchObject({
      code: 'ERR_CALL_UNKNOWN',
    })
    expect(await names(manager)).toEqual(['deaf'])
  })
})

describe('removing and swapping oneself', () => {
  it('removeHandler from an event and from a call', async () => {
    const { manager, log } = await open()
    const Rec = recorder('rec', log)
    await GenEvent.addHandler(manager, Rec, 'a')
    await GenEvent.syncNotify(manager, 'remove')
    expect(log.at(-1)).toEqual(['a', 'terminate', 'remove_handler'])
    await GenEvent.addHandler(manager, Rec, 'b')
    expect(await GenEvent.call(manager, Rec, 'remove')).toBe('removed')
    expect(log.at(-1)).toEqual(['b', 'terminate', 'remove_handler'])
    expect(await names(manager)).toEqual([])
  })

  const swapper = (log: unknown[], to: ReturnType<typeof recorder>) =>
    defineEventHandler({
      name: 'swapper',
      init: (n: number) => n,
      event: (n, _event: Event) => swapHandler(n + 1, { handler: to, arg: 'new' }, { arg: 'bye' }),
      call: (n, _request: string) =>
        swapHandler(n + 1, { handler: to, arg: 'new', id: 'x' }, { reply: 'swapped' }),
      terminate: (reason, n) => {
        log.push(['swapper', reason, n])
        return 'state for the next'
      },
    })

  it('swapHandler puts the new handler in its place, with the last word of the old one', async () => {
    const { manager, log } = await open()
    const New = recorder('new', log)
    await GenEvent.addHandler(manager, recorder('old', []), 'old')
    await GenEvent.addHandler(manager, swapper(log, New), 1)
    await GenEvent.addHandler(manager, recorder('young', []), 'young')
    await GenEvent.syncNotify(manager, 'now')
    expect(log).toEqual([
      ['swapper', 'bye', 2],
      ['new', 'init', ['new', 'state for the next']],
    ])
    expect(await names(manager)).toEqual(['young', 'new', 'old'])
  })

  it('swapHandler from a call answers the caller', async () => {
    const { manager, log } = await open()
    const Swapper = swapper(log, recorder('new', log))
    await GenEvent.addHandler(manager, Swapper, 1)
    expect(await GenEvent.call(manager, Swapper, 'go')).toBe('swapped')
    expect(await names(manager)).toEqual(['new#x'])
  })

  it('a swap whose new handler does not start leaves neither, and is reported', async () => {
    const { manager, system, clock, texts } = await open()
    const owner = watcher(system)
    const Bad = defineEventHandler({
      name: 'bad',
      init: (_arg: SwapArg<string>) => stop('no') as never,
      event: (s: unknown, _e: Event) => ok(s),
    })
    await GenEvent.addSupHandler(manager, swapper([], Bad as never), 1, { owner: owner.pid })
    await GenEvent.syncNotify(manager, 'now')
    await clock.settle()
    expect(await names(manager)).toEqual([])
    expect(texts('error')).toEqual(['handler crashed'])
    expect(exits(owner.got).map(({ handler, reason }) => [handler.handler, reason])).toEqual([
      ['swapper', { swapped: { handler: 'bad' }, owner: owner.pid }],
      ['bad', 'no'],
    ])
  })
})

describe('swapping from outside', () => {
  it('the new handler gets the argument and the last word of the old one', async () => {
    const { manager, log } = await open()
    await GenEvent.addHandler(manager, recorder('a', log), 'a')
    await GenEvent.swapHandler(
      manager,
      { handler: 'a', arg: 'swap it' },
      { handler: recorder('b', log), arg: 'b' },
    )
    expect(log.slice(1)).toEqual([
      ['a', 'terminate', 'swap it'],
      ['b', 'init', ['b', 'last word of a']],
    ])
    expect(await names(manager)).toEqual(['b'])
  })

  it("without an old handler the new one is installed with 'error' as its last word", async () => {
    const { manager, log } = await open()
    await GenEvent.swapHandler(manager, { handler: 'a' }, { handler: recorder('b', log), arg: 'b' })
    expect(log).toEqual([['b', 'init', ['b', 'error']]])
  })

  it('an old handler whose terminate throws hands over the error', async () => {
    const { manager, log } = await open()
    const Bad = defineEventHandler({
      name: 'bad',
      init: () => 0,
      event: (n, _event: Event) => ok(n),
      terminate: () => {
        throw new Error('no')
      },
    })
    await GenEvent.addHandler(manager, Bad)
    await GenEvent.swapHandler(manager, { handler: Bad }, { handler: recorder('b', log), arg: 'b' })
    expect(log).toEqual([['b', 'init', ['b', { error: new Error('no') }]]])
  })

  it('swapHandler keeps the owner, swapSupHandler brings a new one', async () => {
    const { manager, system, clock } = await open()
    const first = watcher(system)
    const second = watcher(system)
    const A = recorder('a', [])
    const B = recorder('b', [])
    await GenEvent.addSupHandler(manager, A, 'a', { owner: first.pid })
    await GenEvent.swapHandler(manager, { handler: A }, { handler: B, arg: 'b' })
    await GenEvent.swapSupHandler(
      manager,
      { handler: B },
      { handler: A, arg: 'a' },
      { owner: second.pid },
    )
    await clock.settle()
    expect(exits(first.got).map(({ handler, reason }) => [handler.handler, reason])).toEqual([
      ['a', { swapped: { handler: 'b' }, owner: first.pid }],
      ['b', { swapped: { handler: 'a' }, owner: second.pid }],
    ])
    system.exit(first.pid, 'kill')
    await clock.settle()
    expect(await names(manager)).toEqual(['a'])
    system.exit(second.pid, 'kill')
    await clock.settle()
    expect(await names(manager)).toEqual([])
  })
})

describe('supervised handlers', () => {
  it('a handler is removed when its owner dies; others of the manager stay', async () => {
    const { manager, system, clock, log } = await open()
    const owner = sleeper(system)
    await GenEvent.addHandler(manager, recorder('free', log), 'free')
    await GenEvent.addSupHandler(manager, recorder('a', log), 'a', { owner })
    log.length = 0
    system.exit(owner, 'gone')
    await clock.settle()
    expect(log).toEqual([['a', 'terminate', { stop: 'gone' }]])
    expect(await names(manager)).toEqual(['free'])
  })

  it('an owner that is dead already takes its handler along', async () => {
    const { manager, system, clock } = await open()
    const owner = sleeper(system)
    system.exit(owner, 'kill')
    await GenEvent.addSupHandler(manager, recorder('a', []), 'a', { owner })
    await clock.settle()
    expect(await names(manager)).toEqual([])
  })

  it('the owner is told why its handler went', async () => {
    const { manager, system, clock } = await open()
    const owner = watcher(system)
    const Rec = recorder('rec', [])
    const add = (id: string): Promise<void> =>
      GenEvent.addSupHandler(manager, Rec, id, { owner: owner.pid, id })
    await add('deleted')
    await GenEvent.deleteHandler(manager, { handler: Rec, id: 'deleted' })
    await add('removed')
    await GenEvent.syncNotify(manager, 'remove')
    await add('crashed')
    await GenEvent.syncNotify(manager, 'throw')
    await add('stopped')
    await GenEvent.stop(manager)
    await clock.settle()
    expect(exits(owner.got).map(({ handler, reason }) => [handler.id, reason])).toEqual([
      ['deleted', 'normal'],
      ['removed', 'normal'],
      ['crashed', new Error('thrown')],
      ['stopped', 'shutdown'],
    ])
    expect(exits(owner.got)[0]?.manager).toBe(manager.pid)
  })

  it('the owner is the running process by default, and must be known', async () => {
    const { manager, system, clock } = await open()
    await within(system, () => GenEvent.addSupHandler(manager, recorder('a', []), 'a'))
    await clock.settle()
    expect(await names(manager)).toEqual([]) // the process has ended
    const nobody = GenEvent.addSupHandler(manager, recorder('a', []), 'a')
    await expect(nobody).rejects.toMatchObject({
      code: 'ERR_START_NO_PARENT',
      message: expect.stringContaining('{ owner }') as string,
    })
  })

  it('a stopping manager takes no owner along; a killed one does, as its link says', async () => {
    const { system, clock } = world()
    const run = async (end: (manager: GenEventRef<Event>) => Promise<void>): Promise<boolean> => {
      const manager = await GenEvent.start<Event>({ system })
      const owner = sleeper(system)
      await GenEvent.addSupHandler(manager, recorder('a', []), 'a', { owner })
      await end(manager)
      await clock.settle()
      return system.isAlive(owner)
    }
    expect(await run((manager) => GenEvent.stop(manager, 'shutdown'))).toBe(true)
    expect(await run(async (manager) => system.exit(manager.pid, 'kill'))).toBe(false)
  })

  it('an owner whose handler is gone is not linked any more', async () => {
    const { manager, system, clock } = await open()
    const owner = sleeper(system)
    await GenEvent.addSupHandler(manager, recorder('a', []), 'a', { owner, id: '1' })
    await GenEvent.addSupHandler(manager, recorder('a', []), 'a', { owner, id: '2' })
    await GenEvent.deleteHandler(manager, { handler: 'a', id: '1' })
    await GenEvent.deleteHandler(manager, { handler: 'a', id: '2' })
    system.exit(manager.pid, 'kill')
    await clock.settle()
    expect(system.isAlive(owner)).toBe(true)
  })
})

describe('the manager as a process', () => {
  it('stops after what is queued; terminate of every handler gets stop', async () => {
    const { manager, log } = await open()
    await GenEvent.addHandler(manager, recorder('a', log), 'a')
    await GenEvent.addHandler(manager, recorder('b', log), 'b')
    log.length = 0
    manager.cast.notify('queued')
    await GenEvent.stop(manager)
    expect(log).toEqual([
      ['b', 'queued'],
      ['a', 'queued'],
      ['b', 'terminate', 'stop'],
      ['a', 'terminate', 'stop'],
    ])
  })

  it('ends with its parent and runs terminate', async () => {
    const { system, clock } = world()
    const log: unknown[] = []
    const parent = idler(system)
    const manager = await GenEvent.startLink<Event>({ system, parent })
    await GenEvent.addHandler(manager, recorder('a', log), 'a')
    const ended = ending(system, manager.pid)
    system.exit(parent, 'gone')
    await clock.settle()
    expect([ended.reason, log.at(-1)]).toEqual(['gone', ['a', 'terminate', 'stop']])
  })

  it('does not end with another linked process', async () => {
    const { manager, system, clock } = await open()
    const other = sleeper(system)
    system.link(manager.pid, other)
    system.exit(other, 'gone')
    await clock.settle()
    expect(system.isAlive(manager.pid)).toBe(true)
  })

  it('is a child of a supervisor and starts again without handlers', async () => {
    const { system, clock } = world()
    const sup = await Supervisor.start({ system, children: [GenEvent.child({ name: 'events' })] })
    await GenEvent.addHandler('events', recorder('a', []), 'a', { system })
    system.exit(system.whereis('events') as Pid, 'kill')
    await clock.settle()
    expect(await GenEvent.whichHandlers('events', { system })).toEqual([])
    await Supervisor.stop(sup)
  })

  it('is monitored from its start by startMonitor', async () => {
    const { system, clock } = world()
    const owner = watcher(system)
    const { ref, monitor } = await GenEvent.startMonitor({ system, monitor: owner.pid })
    await GenEvent.stop(ref)
    await clock.settle()
    expect(owner.got).toMatchObject([{ ref: monitor, reason: 'normal' }])
  })

  it('runs no more user code after it was killed', async () => {
    const { manager, system, clock, log } = await open()
    const Slow = defineEventHandler({
      name: 'slow',
      init: () => 0,
      event: async (n, _event: Event, ctx) => {
        await new Promise<void>((resolve) => ctx.system.clock.setTimer(10, resolve))
        return ok(n)
      },
    })
    await GenEvent.addHandler(manager, recorder('a', log), 'a')
    await GenEvent.addHandler(manager, Slow)
    log.length = 0
    manager.cast.notify('one')
    await clock.advance(5)
    system.exit(manager.pid, 'kill')
    await clock.advance(10)
    expect(log).toEqual([])
  })

  it('shows sys its handlers and lets it replace their states', async () => {
    const { manager, system } = await open()
    const Rec = recorder('rec', [])
    await GenEvent.addHandler(manager, Rec, 'one', { id: '1' })
    await GenEvent.addHandler(manager, Rec, 'two')
    expect(await sys.getState(manager)).toEqual([
      { handler: 'rec', state: 'two' },
      { handler: 'rec', id: '1', state: 'one' },
    ])
    expect(sys.status(manager)).toMatchObject({ behaviour: 'gen_event' })
    await sys.replaceState(manager, (states: readonly HandlerState[]) =>
      states.map((one) => ({ ...one, state: String(one.state).toUpperCase() })),
    )
    expect(await GenEvent.call(manager, { handler: Rec, id: '1' }, 'hi')).toBe('ONE: hi')
    await expect(sys.replaceState(manager, () => [])).rejects.toMatchObject({
      cause: { code: 'ERR_ARGUMENT' },
    })
    expect(system.isAlive(manager.pid)).toBe(true)
  })

  it('leaves nothing behind', async () => {
    const { manager, system, clock } = await open()
    const owner = sleeper(system)
    for (let i = 0; i < 100; i++) {
      await GenEvent.addSupHandler(manager, recorder('a', []), 'a', { owner })
      await GenEvent.deleteHandler(manager, { handler: 'a' })
    }
    await GenEvent.stop(manager)
    system.exit(owner, 'kill')
    await clock.settle()
    expect([system.stats().processes, clock.timerCount]).toEqual([0, 0])
  })
})
