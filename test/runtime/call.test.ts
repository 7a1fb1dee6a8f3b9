import { describe, expect, it } from 'vitest'
import {
  ArgumentError,
  CallAbortedError,
  CallExitError,
  CallTimeoutError,
  createRealClock,
  createSystem,
  ItemKind,
  LimitError,
  MailboxFullError,
} from '../../runtime/index.ts'
import {
  createCountingClock,
  createWorld,
  failure,
  idle,
  inProcess,
  nextTurn,
  observe,
} from './world.ts'
import type {
  Call,
  CallOptions,
  Clock,
  ClockTimer,
  Message,
  Pid,
  Process,
  Program,
  System,
} from '../../runtime/index.ts'

/** Adds up; keeps calls named `later` until a cast `answer`. */
const counter: Program = {
  label: 'counter',
  handle(process: Process, item: Message | Call): void {
    const state = process.state as { total: number; kept: Call[] }
    if (item.kind === ItemKind.call) {
      if (item.name === 'later') state.kept.push(item)
      else item.reply((state.total += item.input as number))
    } else if (item.kind === ItemKind.cast && item.name === 'answer') {
      for (const call of state.kept.splice(0)) call.reply(item.value)
    } else if (item.kind === ItemKind.cast) state.total += item.value as number
  },
}

const start = (system: System): Process => system.start(counter, { state: { total: 0, kept: [] } })

describe('calls', () => {
  it('G-18 a reply resolves the call', async () => {
    const { system } = createWorld()
    expect(await system.call(start(system).pid, 'add', 5)).toBe(5)
  })

  it('G-37 casts and calls of one sender share one FIFO', async () => {
    const { system } = createWorld()
    const { pid } = start(system)
    for (let i = 0; i < 100; i++) system.cast(pid, 'add', 1)
    expect(await system.call(pid, 'add', 0)).toBe(100)
  })

  it('G-24 the default is 5000 ms, and the error carries the question', async () => {
    const { clock, system } = createWorld()
    const { pid } = start(system)
    const error = failure(system.call(pid, 'later', 1))
    await clock.advance(4999)
    expect(system.stats().callsPending).toBe(1)
    await clock.advance(1)
    expect(await error).toBeInstanceOf(CallTimeoutError)
    expect(await error).toMatchObject({
      code: 'ERR_CALL_TIMEOUT',
      server: pid,
      request: 'later',
      timeoutMs: 5000,
    })
    expect(system.stats()).toMatchObject({ callsPending: 0, callsTimedOut: 1 })
  })

  it('a message without a name is named by the type of its input', async () => {
    const { clock, system } = createWorld()
    const error = failure(system.call(idle(system), undefined, { type: 'get' }, { timeoutMs: 1 }))
    await clock.advance(1)
    expect(await error).toMatchObject({ request: 'get' })
  })

  it('Infinity waits for ever and arms no timer', async () => {
    const { clock, system } = createWorld()
    const { pid } = start(system)
    const reply = system.call(pid, 'later', 1, { timeoutMs: Infinity })
    await clock.advance(1_000_000)
    expect(clock.timerCount).toBe(0)
    system.cast(pid, 'answer', 'at last')
    expect(await reply).toBe('at last')
  })

  it('an option that does not exist is refused, and the old spelling named', async () => {
    const { system } = createWorld()
    const { pid } = system.start(counter, { state: { total: 0, kept: [] } })
    const options = (given: object): CallOptions => given
    const unknown = await failure(system.call(pid, 'add', 1, options({ retries: 3 })))
    expect(unknown).toMatchObject({ code: 'ERR_OPTION_UNKNOWN', option: 'retries' })
    const renamed = await failure(system.call(pid, 'add', 1, options({ timeout: 5 })))
    expect(renamed).toMatchObject({ code: 'ERR_OPTION_RENAMED', option: 'timeout' })
    expect(await system.call(pid, 'add', 1, { timeoutMs: 5 })).toBe(1)
  })

  it.each([-1, Number.NaN, '50'])('a timeout of %o is refused', async (timeoutMs) => {
    const { system } = createWorld()
    const error = await failure(system.call(start(system).pid, 'add', 1, { timeoutMs } as never))
    expect(error).toBeInstanceOf(ArgumentError)
  })

  it('G-22 a late reply is dropped, and says so', async () => {
    const { clock, system } = createWorld()
    const replies: boolean[] = []
    const server = system.start({
      label: 'late',
      handle(process, item) {
        if (item.kind === ItemKind.call) {
          system.setTimer(process, 20, () => void replies.push(item.reply('late')))
        }
      },
    })
    const error = failure(system.call(server.pid, 'x', 1, { timeoutMs: 10 }))
    await clock.advance(10)
    expect(await error).toBeInstanceOf(CallTimeoutError)
    await clock.advance(10)
    expect(replies).toEqual([false])
  })

  it('G-23 G-23b (deviation) a second reply is dropped even before the caller ran', async () => {
    const { system } = createWorld()
    const results: boolean[] = []
    const server = system.start({
      label: 'twice',
      handle(_process, item) {
        if (item.kind === ItemKind.call) {
          results.push(item.reply('one'), item.reply('two'), item.fail(new Error('three')))
        }
      },
    })
    expect(await system.call(server.pid, 'x', 1)).toBe('one')
    expect(results).toEqual([true, false, false])
  })

  it('G-26 a process that calls itself fails at once', async () => {
    const { system } = createWorld()
    const error = await failure(
      inProcess(system, (context) => context.call(context.self, 'oops', 1)),
    )
    expect(error).toBeInstanceOf(CallExitError)
    expect(error).toMatchObject({ reason: 'calling_self', request: 'oops' })
  })

  it('G-26 also when a handler calls itself without saying who it is', async () => {
    const { clock, system } = createWorld()
    let error: unknown
    const server = system.start({
      label: 'selfish',
      async handle(process) {
        error = await failure(system.call(process.pid, 'oops', 1))
      },
    })
    system.cast(server.pid, 'go', 1)
    await clock.settle()
    expect(error).toMatchObject({ reason: 'calling_self' })
  })

  it('G-25 a dead process fails at once with noproc', async () => {
    const { clock, system } = createWorld()
    const dead = system.spawn(() => {})
    await clock.settle()
    const error = await failure(system.call(dead, 'x', 1))
    expect(error).toMatchObject({ code: 'ERR_CALL_EXIT', reason: 'noproc', server: dead })
  })

  it('G-28 pending calls fail at once when the server ends, queued ones too', async () => {
    const { clock, system } = createWorld()
    const server = start(system)
    const boom = new Error('boom')
    const errors = [failure(system.call(server.pid, 'later', 1))]
    await clock.settle()
    errors.push(failure(system.call(server.pid, 'queued', 1)))
    server.exit(boom)
    for (const error of await Promise.all(errors)) {
      expect(error).toMatchObject({ code: 'ERR_CALL_EXIT', reason: boom, cause: boom })
    }
    expect(system.stats().callsPending).toBe(0)
    expect(clock.now()).toBe(0)
  })

  it('NX-L8 a call that timed out in the queue is never executed', async () => {
    const { clock, system } = createWorld()
    const handled: unknown[] = []
    let release = (): void => {}
    const server = system.start({
      label: 'busy',
      handle(_process, item) {
        handled.push((item as Call).input)
        return new Promise<void>((resolve) => (release = resolve))
      },
    })
    const first = failure(system.call(server.pid, 'x', 1, { timeoutMs: 10 }))
    const second = failure(system.call(server.pid, 'x', 2, { timeoutMs: 10 }))
    await clock.advance(10)
    await Promise.all([first, second])
    release()
    await clock.settle()
    expect(handled).toEqual([1])
  })

  it('a call is refused at mailboxMessagesMax + 1, not at mailboxMessagesMax', async () => {
    const { clock, system } = createWorld({ mailboxMessagesMax: 3 })
    const { pid } = start(system)
    const replies = [1, 2, 3].map((by) => system.call(pid, 'add', by))
    const error = await failure(system.call(pid, 'add', 4))
    expect(error).toBeInstanceOf(MailboxFullError)
    expect(error).toMatchObject({ code: 'ERR_MAILBOX_FULL', messagesMax: 3, request: 'add' })
    await clock.settle()
    expect(await Promise.all(replies)).toEqual([1, 3, 6])
    expect(system.stats().callsRefused).toBe(1)
  })

  it('a call is refused at callsPendingMax + 1, not at callsPendingMax', async () => {
    const { clock, system } = createWorld({ callsPendingMax: 2 })
    const { pid } = start(system)
    const kept = [system.call(pid, 'later', 1), system.call(pid, 'later', 2)]
    const error = await failure(system.call(pid, 'add', 1))
    expect(error).toBeInstanceOf(LimitError)
    expect(error).toMatchObject({ code: 'ERR_CALLS_MAX', limit: 'callsPendingMax', max: 2 })
    system.cast(pid, 'answer', 'ok')
    await clock.settle()
    expect(await Promise.all(kept)).toEqual(['ok', 'ok'])
    expect(await system.call(pid, 'add', 1)).toBe(1)
  })
})

describe('signals of a call', () => {
  it('an aborted signal gives the call up', async () => {
    const { clock, system } = createWorld()
    const { pid } = start(system)
    const controller = new AbortController()
    const error = failure(system.call(pid, 'later', 1, { signal: controller.signal }))
    await clock.settle()
    controller.abort('enough')
    expect(await error).toBeInstanceOf(CallAbortedError)
    expect(await error).toMatchObject({ code: 'ERR_CALL_ABORTED', cause: 'enough' })
    expect(system.stats().callsPending).toBe(0)
  })

  it('a signal that is aborted already sends nothing', async () => {
    const { clock, system } = createWorld()
    const { pid } = start(system)
    const error = await failure(system.call(pid, 'add', 1, { signal: AbortSignal.abort('no') }))
    expect(error).toMatchObject({ code: 'ERR_CALL_ABORTED', cause: 'no' })
    await clock.settle()
    expect(await system.call(pid, 'add', 0)).toBe(0)
  })

  it('calls that share a signal share one listener, and are all given up', async () => {
    const { clock, system } = createWorld()
    const { pid } = start(system)
    const controller = new AbortController()
    const { signal } = controller
    let listeners = 0
    const add = signal.addEventListener.bind(signal)
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++
      add(...args)
    }
    const calls = Array.from({ length: 100 }, () => system.call(pid, 'later', 1, { signal }))
    const answered = system.call(pid, 'add', 1, { signal })
    const errors = Promise.all(calls.map(failure))
    expect(await answered).toBe(1)
    expect(listeners).toBe(1)
    controller.abort('enough')
    await clock.settle()
    expect((await errors).every((error) => error instanceof CallAbortedError)).toBe(true)
    expect(system.stats().callsPending).toBe(0)
  })

  it('an answered call leaves no listener on the signal', async () => {
    const { system } = createWorld()
    const { pid } = start(system)
    let listeners = 0
    const { signal } = new AbortController()
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++
      add(...args)
    }
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--
      remove(...args)
    }
    await system.call(pid, 'add', 1, { signal })
    expect(listeners).toBe(0)
  })
})

describe('deadlines turn by turn', () => {
  /** A clock whose time and turns the test moves. */
  class HandClock implements Clock {
    readonly virtual = false
    ms = 0
    readonly #turns: (() => void)[] = []
    now(): number {
      return this.ms
    }
    wallNow(): number {
      return this.ms
    }
    setTimer(): ClockTimer {
      return { cancel: () => {}, ref: () => {}, unref: () => {} }
    }
    nextTurn(fn: () => void): void {
      this.#turns.push(fn)
    }
    microtask(fn: () => void): void {
      createRealClock().microtask(fn)
    }
    /** One pass of the loop; false if nothing asked for it. */
    turn(): boolean {
      const turns = this.#turns.splice(0)
      for (const turn of turns) turn()
      return turns.length > 0
    }
  }

  /** A call to `later` with a deadline of 20 ms, stamped at 0; the loop then stood until 100. */
  async function overdue(
    messageBudget = 1000,
  ): Promise<{ clock: HandClock; system: System; pid: Pid; outcomes: unknown[] }> {
    const clock = new HandClock()
    const system = createSystem({ clock, messageBudget })
    const { pid } = start(system)
    const outcomes: unknown[] = []
    const call = system.call(pid, 'later', 1, { timeoutMs: 20 })
    call.then(
      (value) => outcomes.push(value),
      (error: unknown) => outcomes.push((error as { code: unknown }).code),
    )
    await Promise.resolve()
    while (clock.turn());
    clock.ms = 100
    return { clock, system, pid, outcomes }
  }

  it('a deadline that is first seen to be due is not expired in that turn but in the next', async () => {
    const { clock, system, pid, outcomes } = await overdue()
    system.send(pid, 'a reason for a turn')
    clock.turn()
    await Promise.resolve()
    expect(outcomes).toEqual([])
    expect(clock.turn()).toBe(true)
    await Promise.resolve()
    expect(outcomes).toEqual(['ERR_CALL_TIMEOUT'])
  })

  it('so a reply that a socket brings in between wins', async () => {
    const { clock, system, pid, outcomes } = await overdue()
    system.send(pid, 'a reason for a turn')
    clock.turn()
    system.cast(pid, 'answer', 'in time')
    await nextTurn()
    clock.turn()
    await nextTurn()
    expect(outcomes).toEqual(['in time'])
  })

  it('and within a turn messages come before deadlines', async () => {
    const { clock, system, pid, outcomes } = await overdue(1)
    system.send(pid, 'uses the budget of the first turn up')
    system.send(pid, 'and that of the second')
    system.cast(pid, 'answer', 'in time')
    await nextTurn()
    clock.turn()
    expect(outcomes).toEqual([])
    clock.turn()
    await nextTurn()
    expect(outcomes).toEqual(['in time'])
  })
})

describe('deadlines on the real clock', () => {
  /** Keeps the loop from doing anything else. */
  function block(ms: number): void {
    const clock = createRealClock()
    const endMs = clock.now() + ms
    while (clock.now() < endMs);
  }
  it('a reply that is queued when the loop was blocked past the deadline wins', async () => {
    await using system = createSystem()
    const { pid } = start(system)
    const reply = system.call(pid, 'later', 1, { timeoutMs: 100 })
    await nextTurn() // the deadline counts from here
    await nextTurn()
    system.cast(pid, 'answer', 'in time')
    block(200)
    expect(await reply).toBe('in time')
  })

  it('a deadline counts from the first clock reading after the call, not from before a block', async () => {
    await using system = createSystem()
    const { pid } = start(system)
    await nextTurn()
    block(150)
    const reply = system.call(pid, 'later', 1, { timeoutMs: 100 })
    block(150)
    await nextTurn()
    system.cast(pid, 'answer', 'in time')
    expect(await reply).toBe('in time')
  })

  it('NX-L14 an answered call leaves no timer behind', async () => {
    const clock = createCountingClock()
    await using system = createSystem({ clock })
    const { pid } = start(system)
    for (let i = 0; i < 5000; i++) await system.call(pid, 'add', 1)
    await nextTurn()
    expect([clock.armed, clock.holding]).toEqual([0, 0])
  })

  it('a call that is never answered is timed out by the real clock', async () => {
    await using system = createSystem()
    const { pid } = start(system)
    const startMs = createRealClock().now()
    const error = await failure(system.call(pid, 'later', 1, { timeoutMs: 30 }))
    expect(error).toMatchObject({ code: 'ERR_CALL_TIMEOUT', timeoutMs: 30 })
    expect(createRealClock().now() - startMs).toBeGreaterThanOrEqual(29)
  })
})

it('a pid of a stopped process keeps naming it in errors', async () => {
  const { clock, system } = createWorld()
  const pid: Pid = idle(system)
  const error = failure(system.call(pid, 'x', 1))
  system.exit(pid, 'kill')
  await clock.settle()
  expect(await error).toMatchObject({ server: pid, reason: 'killed' })
})

describe('an input that fails at being looked at', () => {
  const nasty = {
    get type(): string {
      throw new Error('getter')
    },
  }

  it('keeps neither its own call nor others from failing', async () => {
    const { clock, system } = createWorld()
    const pid: Pid = idle(system)
    const late = failure(system.call(pid, undefined, nasty, { timeoutMs: 5 }))
    const others = [6, 7].map((ms) => failure(system.call(pid, 'x', 1, { timeoutMs: ms })))
    await clock.advance(20)
    const codes = [await late, ...(await Promise.all(others))]
    expect(codes).toMatchObject(codes.map(() => ({ code: 'ERR_CALL_TIMEOUT' })))
    const lost = [failure(system.call(pid, undefined, nasty)), failure(system.call(pid, 'x', 1))]
    system.exit(pid, 'kill')
    expect(await Promise.all(lost)).toMatchObject(lost.map(() => ({ reason: 'killed' })))
  })

  it('and so does a reason', async () => {
    const { clock, system } = createWorld()
    class Nasty extends Error {
      override get message(): string {
        throw new Error('getter')
      }
    }
    const pid: Pid = idle(system)
    const lost = [failure(system.call(pid, 'a', 1)), failure(system.call(pid, 'b', 1))]
    await clock.settle()
    system.exit(pid, new Nasty())
    expect(await Promise.all(lost)).toMatchObject(lost.map(() => ({ code: 'ERR_CALL_EXIT' })))
  })
})

it('a signal that is none refuses the call before it is queued', async () => {
  const { clock, system } = createWorld()
  const target = observe(system)
  for (const signal of [5, {}, 'x', null] as unknown as AbortSignal[]) {
    expect(await failure(system.call(target.pid, 'x', 1, { signal }))).toMatchObject({
      code: 'ERR_ARGUMENT',
      argument: 'signal',
    })
    expect(() => system.onAbort(signal, () => {})).toThrow(ArgumentError)
  }
  await clock.settle()
  expect(target.seen).toEqual([])
  expect(system.stats().callsPending).toBe(0)
})
