import { beforeEach, describe, expect, it } from 'vitest'
import { CallCycleError, type System } from '../../../runtime/index.ts'
import {
  contract,
  implement,
  noreply,
  reply,
  type Contract,
  type Ref,
  type Server,
} from '../../../behaviours/index.ts'
import { ending, outcome, scripted, world, type World } from '../world.ts'

interface PairApi {
  call: { ask(other?: Ref<PairApi>): string; whoCalls(): string; echo(text?: string): string }
  cast: { note(text: string): void }
}

const PairContract: Contract<PairApi> = contract('pair/1', {
  call: { ask: true, whoCalls: true, echo: true },
  cast: { note: true },
})

const notes: string[] = []

const Pair: Server<PairApi> = implement<PairApi, void, undefined>(PairContract, {
  init: () => undefined,
  call: {
    async ask(state, other, ctx) {
      await Promise.resolve() // now only the context knows who calls
      if (other === undefined) return reply('asked', state)
      return reply(await ctx.call(other, 'ask', ctx.self), state)
    },
    whoCalls: (state, _input, ctx) => reply(String(ctx.caller), state),
    echo: (state, text) => reply(String(text), state),
  },
  cast: {
    note: (state, text) => {
      notes.push(text)
      return noreply(state)
    },
  },
})

let w: World
let system: System
beforeEach(() => {
  w = world()
  system = w.system
  notes.length = 0
})

describe('call and cast of a context', () => {
  it('tell the server who calls, also after an await', async () => {
    const pair = await Pair.start(undefined, { system })
    const client = await scripted().start(undefined, { system })
    const answer = outcome(
      client.call.run(async (n, ctx) => {
        await Promise.resolve()
        return reply(await ctx.call(pair, 'whoCalls'), n)
      }),
    )
    const without = outcome(
      client.call.run(async (n) => {
        await Promise.resolve()
        return reply(await pair.call.whoCalls(), n)
      }),
    )
    await w.clock.settle()
    expect(answer.value).toBe(String(client.pid))
    expect(without.value).toBe('undefined')
  })

  it('take refs, pids and names', async () => {
    const pair = await Pair.start(undefined, { system, name: 'pair' })
    const client = await scripted().start(undefined, { system })
    const answer = outcome(
      client.call.run(async (n, ctx) => {
        ctx.cast(pair, 'note', 'ref')
        ctx.cast(pair.pid, 'note', 'pid')
        ctx.cast('pair', 'note', 'name')
        const made = [
          await ctx.call(pair, 'echo', 'ref'),
          await ctx.call(pair.pid, 'echo', 'pid'),
          await ctx.call('pair', 'echo', 'name'),
        ]
        return reply(made, n)
      }),
    )
    await w.clock.settle()
    expect(answer.value).toEqual(['ref', 'pid', 'name'])
    expect(notes).toEqual(['ref', 'pid', 'name'])
  })

  it('take the options of a call', async () => {
    const pair = await Pair.start(undefined, { system })
    const client = await scripted().start(undefined, { system })
    const answer = outcome(
      client.call.run(async (n, ctx) => {
        const signal = AbortSignal.abort('no more')
        const error = await ctx
          .call(pair, 'echo', 'x', { signal })
          .catch((thrown: unknown) => thrown)
        return reply((error as { code: string }).code, n)
      }),
    )
    await w.clock.settle()
    expect(answer.value).toBe('ERR_CALL_ABORTED')
  })

  it('find a cycle of servers instead of waiting for the deadline', async () => {
    const a = await Pair.start(undefined, { system })
    const b = await Pair.start(undefined, { system })
    const answer = outcome(a.call.ask(b))
    await w.clock.settle()
    // It ended b, whose handler did not catch it, and so a.
    const { reason } = (answer.error as { reason: { reason: unknown } }).reason
    expect(reason).toBeInstanceOf(CallCycleError)
    expect((reason as CallCycleError).cycle).toEqual([b.pid, a.pid])
    expect(w.clock.now()).toBe(0)
  })

  it('G-26 a call to itself is refused, also after an await', async () => {
    const a = await Pair.start(undefined, { system })
    const client = outcome(
      (await scripted().start(undefined, { system })).call.run(async (n, ctx) => {
        await Promise.resolve()
        const error = await ctx
          .call(ctx.self, 'get')
          .catch((thrown: unknown) => (thrown as { reason: unknown }).reason)
        return reply(error, n)
      }),
    )
    await w.clock.settle()
    expect(client.value).toBe('calling_self')
    expect(system.isAlive(a.pid)).toBe(true)
  })

  it('do nothing for a handler that outlived its server', async () => {
    const pair = await Pair.start(undefined, { system })
    const client = await scripted().start(undefined, { system })
    client.cast.run(async (n, ctx) => {
      await new Promise<void>((resolve) => w.clock.setTimer(10, () => resolve()))
      ctx.cast(pair, 'note', 'zombie')
      return noreply(n)
    })
    await w.clock.settle()
    system.exit(client.pid, 'kill')
    await w.clock.advance(10)
    expect(notes).toEqual([])
  })
})

describe('sendExit', () => {
  it('L-16 `normal` to itself ends the process, also after an await', async () => {
    const server = await scripted().start(undefined, { system })
    const end = ending(system, server.pid)
    server.cast.run(async (n, ctx) => {
      await Promise.resolve()
      ctx.sendExit(ctx.self, 'normal')
      return noreply(n)
    })
    await w.clock.settle()
    expect(end.reason).toBe('normal')
  })
})
