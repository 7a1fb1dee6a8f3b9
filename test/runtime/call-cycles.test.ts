import { describe, expect, it } from 'vitest'
import {
  CallCycleError,
  CallExitError,
  createRealClock,
  createSystem,
  ItemKind,
} from '../../runtime/index.ts'
import { createWorld } from './world.ts'
import type { Call, Message, Pid, Process, System } from '../../runtime/index.ts'

/** What a process does with a call: the reply, or nothing if it keeps it. */
type Step = (process: Process, call: Call) => unknown

/** A process that runs the step that comes as input, and does nothing else meanwhile. */
function stepper(system: System, label: string): Process {
  return system.start({
    label,
    async handle(process, item: Message | Call) {
      if (item.kind !== ItemKind.call) return
      try {
        const value = await (item.input as Step)(process, item)
        if (value !== KEPT) item.reply(value)
      } catch (error) {
        item.fail(error)
      }
    },
  })
}

const KEPT = Symbol('kept')

const ask = (from: Process, to: Process | Pid, step: Step): Promise<unknown> =>
  from.system.call('pid' in to ? to.pid : to, 'ask', step, { from: from.pid })

/** What a call came to, as text. */
async function told(promise: Promise<unknown>): Promise<unknown> {
  return await promise.catch((error: unknown) => error)
}

describe('a call that waits for itself', () => {
  it('A-B-A is refused at once, with the cycle', async () => {
    const { clock, system } = createWorld()
    const a = stepper(system, 'a')
    const b = stepper(system, 'b')
    const seen = told(system.call(a.pid, 'start', () => ask(a, b, () => ask(b, a, () => 'never'))))
    await clock.settle()
    const error = await seen
    expect(error).toBeInstanceOf(CallCycleError)
    expect(error).toBeInstanceOf(CallExitError)
    expect(error).toMatchObject({
      code: 'ERR_CALL_CYCLE',
      reason: 'call_cycle',
      server: a.pid,
      request: 'ask',
      cycle: [b.pid, a.pid],
    })
    expect((error as Error).message).toBe(
      `call 'ask' to ${String(a.pid)} would wait for itself: ${[b, a, b].map((p) => p.pid).join(' -> ')}`,
    )
    expect(clock.now()).toBe(0)
    expect(system.stats()).toMatchObject({ callCycles: 1, callsPending: 0 })
  })

  it('is found over any number of processes, and only the call that closes it is refused', async () => {
    const { clock, system } = createWorld()
    const ring = Array.from({ length: 50 }, (_, i) => stepper(system, `p${i}`))
    const step =
      (i: number): Step =>
      (process) =>
        i === ring.length
          ? ask(process, ring[0]!, () => 'never')
          : ask(process, ring[i]!, step(i + 1))
    const error = told(system.call(ring[0]!.pid, 'start', step(1)))
    await clock.settle()
    expect(((await error) as CallCycleError).cycle).toEqual([
      ring.at(-1)!.pid,
      ...ring.slice(0, -1).map((p) => p.pid),
    ])
    expect(system.stats().callCycles).toBe(1)
  })

  it('is found where the cycle goes through a queue', async () => {
    const { clock, system } = createWorld()
    const a = stepper(system, 'a')
    const b = stepper(system, 'b')
    let go = (): void => {}
    const gate = new Promise<void>((resolve) => (go = resolve))
    const first = told(
      system.call(a.pid, 'start', async () => {
        await gate
        return await ask(a, b, () => 'b')
      }),
    )
    const second = told(system.call(b.pid, 'start', () => ask(b, a, () => 'a')))
    await clock.settle() // b waits in the queue of a, which is busy
    go()
    await clock.settle()
    expect(await first).toMatchObject({ code: 'ERR_CALL_CYCLE', cycle: [a.pid, b.pid] })
    expect(await second).toBe('a') // a went on
  })

  it('is found among plain processes', async () => {
    const { clock, system } = createWorld()
    const errors: unknown[] = []
    const b = system.spawn(async (ctx) => {
      const got = (await ctx.receive()) as { input: Pid; call: Call }
      await ctx.call(got.input, 'back', 1).catch((error: unknown) => errors.push(error))
      got.call.reply('done')
    })
    const a = system.spawn(async (ctx) => {
      await ctx.call(b, 'there', ctx.self)
    })
    await clock.settle()
    expect(errors).toEqual([expect.objectContaining({ code: 'ERR_CALL_CYCLE', cycle: [b, a] })])
  })

  it('is found across systems of one program', async () => {
    const { clock, system } = createWorld()
    const other = createSystem({ clock, node: 'other' })
    const a = stepper(system, 'a')
    const b = stepper(other, 'b')
    const askB = (step: Step): Promise<unknown> => other.call(b.pid, 'ask', step, { from: a.pid })
    const askA = (step: Step): Promise<unknown> => system.call(a.pid, 'ask', step, { from: b.pid })
    const error = told(system.call(a.pid, 'start', () => askB(() => askA(() => 'never'))))
    await clock.settle()
    expect(await error).toMatchObject({ code: 'ERR_CALL_CYCLE', cycle: [b.pid, a.pid] })
  })

  it('is found on the real clock too', async () => {
    await using system = createSystem()
    const a = stepper(system, 'a')
    const b = stepper(system, 'b')
    const startMs = createRealClock().now()
    const error = await told(
      system.call(a.pid, 'start', () => ask(a, b, () => ask(b, a, () => 'never'))),
    )
    expect(error).toMatchObject({ code: 'ERR_CALL_CYCLE' })
    expect(createRealClock().now() - startMs).toBeLessThan(2500)
  })
})

describe('a call that does not wait for itself', () => {
  it('is not refused when the caller answers before it calls back', async () => {
    const { clock, system } = createWorld()
    const a = stepper(system, 'a')
    const b = stepper(system, 'b')
    const seen: unknown[] = []
    const result = told(
      system.call(a.pid, 'start', () =>
        ask(a, b, (_process, call) => {
          call.reply('early')
          return ask(b, a, () => 'back').then((value) => seen.push(value))
        }),
      ),
    )
    await clock.settle()
    expect([await result, seen]).toEqual(['early', ['back']])
  })

  it('is not refused when the call that is waited for was put aside', async () => {
    const { clock, system } = createWorld()
    const a = stepper(system, 'a')
    const b = stepper(system, 'b')
    let kept: Call | undefined
    const first = told(
      system.call(b.pid, 'start', () =>
        ask(b, a, (_process, call) => {
          kept = call
          return KEPT
        }),
      ),
    )
    await clock.settle()
    const second = told(system.call(a.pid, 'start', () => ask(a, b, () => 'b')))
    await clock.settle()
    kept?.reply('answered by somebody else')
    await clock.settle()
    expect(await first).toBe('answered by somebody else')
    expect(await second).toBe('b')
  })

  it('is not refused when the callee is no longer busy in the next turn', async () => {
    const { clock, system } = createWorld()
    const a = stepper(system, 'a')
    const b = stepper(system, 'b')
    const result = told(
      system.call(a.pid, 'start', () => {
        void ask(a, b, () => ask(b, a, () => 'back')) // not awaited
        return 'done'
      }),
    )
    await clock.settle()
    expect(await result).toBe('done')
    expect(system.stats().callCycles).toBe(0)
  })

  it('is refused although nobody awaits, if its caller is busy with something else: what is assumed', async () => {
    const { clock, system } = createWorld()
    const a = stepper(system, 'a')
    const b = stepper(system, 'b')
    const seen: unknown[] = []
    const result = told(
      system.call(a.pid, 'start', async () => {
        ask(a, b, () => ask(b, a, () => 'back')).catch((error: unknown) => seen.push(error))
        await new Promise<void>((resolve) => clock.setTimer(10, () => resolve()))
        return 'done'
      }),
    )
    await clock.advance(10)
    expect(await result).toBe('done')
    expect(seen).toEqual([expect.objectContaining({ code: 'ERR_CALL_CYCLE' })])
  })

  it('is not searched for where nobody waits for the caller', async () => {
    const { clock, system } = createWorld()
    const b = stepper(system, 'b')
    const clients = Array.from({ length: 100 }, () => stepper(system, 'client'))
    for (const client of clients) system.cast(client.pid, 'x', 1)
    const results = clients.map((client) => ask(client, b, async () => await Promise.resolve(1)))
    await clock.settle()
    expect(await Promise.all(results)).toEqual(clients.map(() => 1))
  })
})

describe('callCycleStepsMax', () => {
  /** Two processes that wait for each other, one behind `queued` casts. */
  async function cycle(callCycleStepsMax: number, queued: number): Promise<unknown> {
    const { clock, system } = createWorld({ callCycleStepsMax })
    const a = stepper(system, 'a')
    const b = stepper(system, 'b')
    let go = (): void => {}
    const gate = new Promise<void>((resolve) => (go = resolve))
    const result = told(
      system.call(a.pid, 'start', async () => {
        await gate
        return await ask(a, b, () => 'never')
      }),
    )
    await clock.settle()
    for (let i = 0; i < queued; i++) system.cast(a.pid, 'x', i)
    void told(system.call(b.pid, 'start', () => ask(b, a, () => 'a')))
    await clock.settle()
    go()
    await clock.advance(10_000)
    return ((await result) as { code: string }).code
  }

  it.each([
    // The item in hand, ten casts, the call.
    [12, 'ERR_CALL_CYCLE'],
    [11, 'ERR_CALL_TIMEOUT'],
    [0, 'ERR_CALL_TIMEOUT'],
  ])('%i finds what is %s', async (stepsMax, code) => {
    expect(await cycle(stepsMax, 10)).toBe(code)
  })
})
