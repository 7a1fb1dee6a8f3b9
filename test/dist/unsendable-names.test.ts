/** Names that a peer would refuse are refused by the sender: a mistake of one caller must not end a link. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { contract, implement, type Contract, type Ref } from '../../behaviours/index.ts'
import { createSystem } from '../../runtime/index.ts'
import { createBehaviorRegistry, type FoveaNode } from '../../dist/index.ts'
import {
  CounterContract,
  during,
  failing,
  startWorld,
  type CounterApi,
  type LoggedWorld,
} from './support/world.ts'

const LONGEST = 'n'.repeat(1_024)
const LONG = 'n'.repeat(1_025)

let world: LoggedWorld
let a: FoveaNode
let b: FoveaNode
let ref: Ref<CounterApi>
let downs: string[]

beforeEach(async () => {
  world = await startWorld(2)
  ;[a, b] = world.nodes as [FoveaNode, FoveaNode]
  ref = await during(world, a.remoteSpawn.spawn(CounterContract, b.id, { arg: 0 }))
  downs = []
  a.cluster.onNodeDown((_id, reason) => downs.push(reason))
})

afterEach(() => world.stop())

/** The link is the same as before and calls cross it. */
async function expectLinked(): Promise<void> {
  await world.clock.advance(100)
  expect(await during(world, ref.call.get())).toBe(0)
  expect(downs).toEqual([])
}

const unsendable = (path: string) => ({ code: 'ERR_VALUE_UNSENDABLE', path })

describe('a name of 1,024 characters', () => {
  it('travels in a spawn, a call, a cast and a monitor', async () => {
    const spawn = a.remoteSpawn.spawn(CounterContract, b.id, { arg: 1, name: LONGEST })
    expect(await during(world, (await during(world, spawn)).call.get())).toBe(1)
    const target = { name: LONGEST, node: b.id }
    expect(await during(world, a.remoteCall.call(target, 'get'))).toBe(1)
    expect(await failing(world, a.remoteCall.call(target, LONGEST))).toMatchObject({
      code: 'ERR_CALL_UNKNOWN',
    })
    expect(a.remoteCall.cast(target, LONGEST)).toBe(true)
    await expectLinked()
  })
})

describe('a name of 1,025 characters, or none', () => {
  it('is refused by call and cast', async () => {
    for (const name of [LONG, '']) {
      const target = { name, node: b.id }
      expect(await failing(world, a.remoteCall.call(target, 'get'))).toMatchObject(unsendable('to'))
      expect(a.remoteCall.cast(target, 'reset')).toBe(false)
    }
    expect(await failing(world, a.remoteCall.call(ref.pid, LONG))).toMatchObject(unsendable('name'))
    expect(a.remoteCall.cast(ref.pid, LONG)).toBe(false)
    const number = 5 as unknown as string
    expect(await failing(world, a.system.call(ref.pid, number, 1))).toMatchObject(
      unsendable('name'),
    )
    await expectLinked()
  })

  it('is refused by spawn, as the name of the behaviour and of the process', async () => {
    const named = a.remoteSpawn.spawn(CounterContract, b.id, { arg: 1, name: LONG })
    expect(await failing(world, named)).toMatchObject(unsendable('name'))
    for (const behaviour of [LONG, '']) {
      const spawn = a.remoteSpawn.spawn(behaviour, b.id)
      expect(await failing(world, spawn)).toMatchObject(unsendable('behaviour'))
    }
    await expectLinked()
  })

  it('is noproc for a monitor', async () => {
    for (const name of [LONG, '']) {
      const reasons: unknown[] = []
      a.remoteMonitor.monitor({ name, node: b.id }, (_ref, reason) => reasons.push(reason))
      await world.clock.advance(100)
      expect(reasons).toEqual(['noproc'])
    }
    await expectLinked()
  })
})

describe('what names something that the peer cannot know', () => {
  const nameless = (name: string): Contract<{ call: {}; cast: {} }> =>
    contract(name, { call: {}, cast: {} })

  it('a ref whose contract has a name of 257 characters is refused with its path', async () => {
    const longest = nameless('c'.repeat(256)).at(ref.pid)
    const long = nameless('c'.repeat(257)).at(ref.pid)
    expect(await during(world, ref.call.echo(longest))).toMatchObject({ contract: 'c'.repeat(256) })
    const error = await failing(world, ref.call.echo({ list: [long] }))
    expect(error).toMatchObject(unsendable('input.list[0]'))
    await expectLinked()
  })

  it('a server of such a contract cannot be registered', () => {
    const server = implement(nameless('c'.repeat(257)), { init: () => 0, call: {}, cast: {} })
    expect(() => createBehaviorRegistry().register('short', server)).toThrow(
      expect.objectContaining({ code: 'ERR_BEHAVIOR_INVALID' }),
    )
  })

  it('a monitor reference of a system without a node is refused with its path', async () => {
    const system = createSystem()
    const owner = system.spawn((ctx) => ctx.receive())
    const stranger = system.monitor(
      owner,
      system.spawn((ctx) => ctx.receive()),
    )
    const error = await failing(world, ref.call.echo([stranger]))
    expect(error).toMatchObject(unsendable('input[0]'))
    await system.stop()
    await expectLinked()
  })
})
