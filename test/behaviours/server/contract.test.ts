import { inspect } from 'node:util'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Pid, System } from '../../../runtime/index.ts'
import {
  bareRef,
  contract,
  defineServer,
  implement,
  isRef,
  noreply,
  refContract,
  reply,
  type Contract,
  type Server,
} from '../../../behaviours/index.ts'
import { idler, ScriptContract, scripted, world, type World } from '../world.ts'

let w: World
let system: System
let pid: Pid
beforeEach(() => {
  w = world()
  system = w.system
  pid = idler(system)
})

describe('contract', () => {
  it.each([
    ['an empty name', () => contract('', { call: {}, cast: {} })],
    ['a reserved name', () => contract('x', { call: { $stop: true }, cast: {} } as never)],
    ['a call named then', () => contract('x', { call: { then: true }, cast: {} } as never)],
    ['a slot that is no schema', () => contract('x', { call: { a: 1 }, cast: {} } as never)],
    ['no casts', () => contract('x', { call: {} } as never)],
    ['no names', () => contract('x', undefined as never)],
    ['a definition without casts', () => defineServer({ init: () => 0, call: {} } as never)],
  ])('refuses %s', (_what, make) => {
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_CONTRACT_INVALID' }))
  })

  it('refuses what is no pid', () => {
    const lookalike = { node: 'test', id: 1, incarnation: 0 }
    expect(() => ScriptContract.at(lookalike)).toThrow(
      expect.objectContaining({ code: 'ERR_CONTRACT_INVALID' }),
    )
  })

  it('calls may be named as members of every object are', async () => {
    interface OddApi {
      call: { constructor(): number; toString(): number; pid(): number; call(): number }
      cast: { hasOwnProperty(): void }
    }
    const names = { constructor: true, toString: true, pid: true, call: true } as const
    const OddContract: Contract<OddApi> = contract<OddApi>('odd/1', {
      call: names,
      cast: { hasOwnProperty: true },
    })
    const Odd: Server<OddApi> = implement<OddApi, void, number>(OddContract, {
      init: () => 0,
      call: {
        constructor: (n: number) => reply(1, n),
        toString: (n: number) => reply(2, n),
        pid: (n) => reply(3, n),
        call: (n) => reply(4, n),
      },
      cast: { hasOwnProperty: (n: number) => noreply(n) },
    })
    const odd = await Odd.start(undefined, { system })
    const { call } = odd
    expect([await call.constructor(), await call.toString(), await call.pid()]).toEqual([1, 2, 3])
    expect(await call.call()).toBe(4)
    expect(odd.cast.hasOwnProperty()).toBe(true)
    await expect(system.call(odd.pid, 'valueOf', undefined)).rejects.toMatchObject({
      code: 'ERR_CALL_UNKNOWN',
    })
  })
})

describe('refs', () => {
  it('of one contract share their methods, and hold a pid and nothing else', () => {
    const a = ScriptContract.at(pid)
    const b = ScriptContract.at(pid)
    expect(a.call.get).toBe(b.call.get)
    expect(a.call).toBe(a.call)
    expect(Object.keys(a)).toEqual(['pid'])
    expect(a).toEqual(b)
    expect(inspect(a, { depth: 0 })).toContain('pid')
  })

  it('know their contract and its name', () => {
    const ref = ScriptContract.at(pid)
    expect(ref.contract).toBe('script/1')
    expect(refContract(ref)).toBe(ScriptContract)
    expect(isRef(ref)).toBe(true)
  })

  it('without a contract carry a name and can do nothing', () => {
    const ref = bareRef(pid, 'unknown/3')
    expect(isRef(ref)).toBe(true)
    expect(ref.contract).toBe('unknown/3')
    expect(refContract(ref)).toBeUndefined()
    expect(Object.keys(ref.call)).toEqual([])
    expect(bareRef(pid).contract).toBeUndefined()
  })

  it.each([undefined, null, 1, 'x', {}, { pid: 1, contract: 'script/1', call: {}, cast: {} }])(
    'are not mistaken: %o',
    (value) => {
      expect(isRef(value)).toBe(false)
      expect(refContract(value as never)).toBeUndefined()
    },
  )

  it('that start gives and that handlers see are the same object', async () => {
    const seen: unknown[] = []
    const ref = await scripted().start(undefined, { system })
    ref.cast.run((n, ctx) => {
      seen.push(ctx.self)
      return noreply(n)
    })
    await w.clock.settle()
    expect(seen[0]).toBe(ref)
  })

  it('work in messages', async () => {
    const a = await scripted().start(undefined, { system })
    const b = await scripted().start(undefined, { system })
    a.cast.run(async (n) => {
      b.cast.add(5)
      return noreply(n)
    })
    await w.clock.settle()
    expect(await b.call.get()).toBe(5)
  })
})

describe('implement', () => {
  const declared = contract<{ call: { get(): number }; cast: {} }>('x/1', {
    call: { get: true },
    cast: {},
  })

  it('refuses a missing handler and one that could never be reached', () => {
    expect(() => implement(declared, { init: () => 0, call: {}, cast: {} } as never)).toThrow(
      expect.objectContaining({ code: 'ERR_HANDLER_MISSING', handler: "call 'get'" }),
    )
    const more = { get: () => reply(1, 0), surplus: () => reply(1, 0) }
    expect(() => implement(declared, { init: () => 0, call: more, cast: {} } as never)).toThrow(
      expect.objectContaining({
        code: 'ERR_CONTRACT_INVALID',
        message: expect.stringContaining("has no call 'surplus'"),
      }),
    )
    const casts = { init: () => 0, call: { get: more.get }, cast: { surplus: more.surplus } }
    expect(() => implement(declared, casts as never)).toThrow("has no cast 'surplus'")
    expect(() => implement(declared, { init: () => 0 } as never)).toThrow("has no call 'get'")
  })

  it('refuses what is no contract and no implementation', () => {
    for (const none of [undefined, null, 5, {}]) {
      expect(() => implement(none as never, { init: () => 0 } as never)).toThrow(
        expect.objectContaining({ code: 'ERR_ARGUMENT', argument: 'contract' }),
      )
    }
    for (const none of [undefined, null, 5]) {
      expect(() => implement(declared, none as never)).toThrow(
        expect.objectContaining({ code: 'ERR_ARGUMENT', argument: 'impl' }),
      )
    }
  })

  it('calls the handlers of an object as its methods', async () => {
    const impl = {
      step: 7,
      init: () => 0,
      call: { get: (n: number) => reply(n, n) },
      cast: {},
      info(n: number) {
        return noreply(n + this.step)
      },
    }
    const ref = await implement(declared, impl).start(undefined, { system })
    system.send(ref.pid, 'x')
    expect(await ref.call.get()).toBe(7)
  })
})
