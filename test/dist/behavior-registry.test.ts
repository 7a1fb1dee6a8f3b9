import { describe, expect, it } from 'vitest'
import {
  contract,
  GenServer,
  implement,
  reply,
  type Contract,
  type GenServerRef,
  type Ref,
  type Server,
} from '../../behaviours/index.ts'
import {
  BEHAVIOR_NAME_CHARS_MAX,
  BehaviorRegistry,
  BEHAVIORS_MAX,
} from '../../dist/behavior-registry.ts'
import { ContractTable } from '../../dist/contract-table.ts'
import { createSystem } from '../../runtime/index.ts'

interface NumberApi {
  call: { get(): number }
  cast: {}
}
const NumberContract: Contract<NumberApi> = contract('number/1', { call: { get: true }, cast: {} })
const make = (): Server<NumberApi, number> =>
  implement(NumberContract, { init: (n: number) => n, call: { get: (n) => reply(n, n) }, cast: {} })

const registry = (): BehaviorRegistry => new BehaviorRegistry(new ContractTable())
const behaviour = { init: () => 7, handleCall: (_message: { type: 'get' }, n: number) => [n, n] }

describe('BehaviorRegistry', () => {
  it('keeps versions of a behaviour: asked by version, or the latest', () => {
    const behaviors = registry()
    const [old, plain, later, local] = [make(), make(), make(), make()]
    behaviors.register('n', old, { version: 1, remote: true })
    behaviors.register('n', later, { version: 10, remote: true })
    behaviors.register('n', local, { version: 11 })
    expect(behaviors.names()).toEqual(['n@1', 'n@10', 'n@11'])
    const found = (name: string, forOthers: boolean): unknown =>
      behaviors.find(name, forOthers)?.source
    expect([found('n', true), found('n', false)]).toEqual([later, local])
    expect([found('n@1', true), found('n@2', true), found('n@11', true)]).toEqual([
      old,
      undefined,
      undefined,
    ])
    expect([behaviors.get('n'), behaviors.has('n'), behaviors.has('m')]).toEqual([
      local,
      true,
      false,
    ])
    expect(() => behaviors.register('n', plain, { version: 1 })).toThrow(/registered already/)
    behaviors.register('n', plain)
    expect(found('n', false)).toBe(plain)
    expect(behaviors.unregister('n@10')).toBe(true)
    for (const version of [0, -1, 1.5, NaN]) {
      expect(() => behaviors.register('v', plain, { version })).toThrow(/no whole number from 1/)
    }
  })

  it('keeps behaviours by name', () => {
    const behaviors = registry()
    const server = make()
    behaviors.register('a', server)
    behaviors.register('b', behaviour as never)
    expect(behaviors.get('a')).toBe(server)
    expect(behaviors.has('a')).toBe(true)
    expect(behaviors.names()).toEqual(['a', 'b'])
    expect(behaviors.unregister('a')).toBe(true)
    expect(behaviors.unregister('a')).toBe(false)
    expect([behaviors.has('a'), behaviors.get('a'), behaviors.names()]).toEqual([
      false,
      undefined,
      ['b'],
    ])
  })

  it('finds a server under its own name and under that of its contract', () => {
    const behaviors = registry()
    const server = make()
    behaviors.register(server, { remote: true })
    expect(behaviors.names()).toEqual(['number/1'])
    behaviors.register('other', server)
    expect(behaviors.find('number/1', true)?.source).toBe(server)
    behaviors.unregister('number/1')
    expect(behaviors.find('number/1', false)?.name).toBe('other')
    expect(behaviors.find('number/1', true)).toBeUndefined()
    expect(behaviors.contracts.get('number/1')).toBe(NumberContract)
  })

  it('shows others only what is registered for them, by name and by contract', () => {
    const behaviors = registry()
    behaviors.register('mine', make())
    expect(behaviors.find('mine', true)).toBeUndefined()
    expect(behaviors.find('mine', false)?.name).toBe('mine')
    behaviors.register('theirs', make(), { remote: true })
    expect(behaviors.find('number/1', true)?.name).toBe('theirs')
    expect(behaviors.find('number/1', false)?.name).toBe('mine')
    expect(behaviors.find('nobody', false)).toBeUndefined()
  })

  it('refuses a taken name, but not the same behaviour again', () => {
    const behaviors = registry()
    const server = make()
    behaviors.register('a', server)
    behaviors.register('a', server, { remote: true })
    expect(behaviors.find('a', true)?.remote).toBe(true)
    expect(() => behaviors.register('a', make())).toThrow(
      expect.objectContaining({ code: 'ERR_BEHAVIOR_TAKEN', behaviorName: 'a' }),
    )
  })

  it.each([
    ['no name', '', behaviour],
    ['a name that is too long', 'x'.repeat(BEHAVIOR_NAME_CHARS_MAX + 1), behaviour],
    ['a number', 'a', 7],
    ['nothing', 'a', undefined],
    ['an object without init', 'a', {}],
  ])('refuses %s', (_what, name, source) => {
    expect(() => registry().register(name, source as never)).toThrow(
      expect.objectContaining({ code: 'ERR_BEHAVIOR_INVALID' }),
    )
  })

  it(`holds ${BEHAVIORS_MAX} behaviours and not one more`, () => {
    const behaviors = registry()
    behaviors.register('x'.repeat(BEHAVIOR_NAME_CHARS_MAX), behaviour as never)
    for (let i = 1; i < BEHAVIORS_MAX; i++) behaviors.register(`b${i}`, behaviour as never)
    expect(() => behaviors.register('more', behaviour as never)).toThrow(
      expect.objectContaining({ code: 'ERR_BEHAVIORS_MAX' }),
    )
    behaviors.unregister('b1')
    behaviors.register('more', behaviour as never)
    expect(behaviors.names()).toHaveLength(BEHAVIORS_MAX)
  })

  it('starts each kind with its argument, and refuses one that a behaviour cannot take', async () => {
    await using system = createSystem()
    const behaviors = registry()
    behaviors.register('server', make())
    behaviors.register('plain', behaviour as never)
    behaviors.register('factory', ((n: number) => ({ ...behaviour, init: () => n })) as never)
    behaviors.register('broken', (() => {
      throw new Error('no factory')
    }) as never)
    const start = (name: string, arg?: unknown) =>
      behaviors.find(name, false)!.start(arg, { system })
    const ask = async (name: string, arg?: unknown): Promise<unknown> => {
      const ref = (await start(name, arg)) as GenServerRef<{ type: 'get' }>
      return await GenServer.call(ref, { type: 'get' })
    }
    expect(await ((await start('server', 3)) as Ref<NumberApi>).call.get()).toBe(3)
    expect(await ask('plain')).toBe(7)
    expect(await ask('factory', 9)).toBe(9)
    await expect(start('plain', 1)).rejects.toMatchObject({ code: 'ERR_BEHAVIOR_ARG' })
    await expect(start('broken', 1)).rejects.toThrow('no factory')
  })
})
