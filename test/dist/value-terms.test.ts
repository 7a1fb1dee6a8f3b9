import { describe, expect, it } from 'vitest'
import type { Ref } from '../../behaviours/index.ts'
import { ContractTable } from '../../dist/contract-table.ts'
import type { FoveaNode } from '../../dist/index.ts'
import { ValueTerms } from '../../dist/value-terms.ts'
import { Codec } from '../../mesh/index.ts'
import { createSystem, type MonitorRef, type Pid } from '../../runtime/index.ts'
import {
  CounterContract,
  during,
  failing,
  probe,
  startWorld,
  type CounterApi,
} from './support/world.ts'

describe('what services carry', () => {
  it('R18 a pid or ref in an argument works at arrival and at a third node; a dead one is noproc', async () => {
    await using world = await startWorld(3)
    const [a, b, c] = world.nodes as [FoveaNode, FoveaNode, FoveaNode]
    const { clock } = world
    const counter = await during(world, a.remoteSpawn.spawn(CounterContract, a.id, { arg: 10 }))
    const here = probe(a)
    const refs: MonitorRef[] = [a.system.monitor(here.pid, counter.pid)]
    let used: unknown
    await during(
      world,
      Promise.all([
        // B hands on what A gave it; C uses it.
        b.mesh.rpc.advertise('b.pass', (input) => b.mesh.rpc.call('c.use', input)),
        c.mesh.rpc.advertise('c.use', async (input) => {
          used = input
          const { ref, pid } = input as { ref: Ref<CounterApi>; pid: Pid }
          c.system.send(pid, 'from c')
          return { count: await ref.call.add(1), ref }
        }),
      ]),
    )
    await clock.advance(2_000)
    const input = { ref: counter, pid: here.pid, refs }
    const answer = await during(world, a.mesh.rpc.call('b.pass', input))
    const { count, ref } = answer as { count: number; ref: Ref<CounterApi> }
    expect(count).toBe(11)
    // Its own comes back as its own.
    expect(ref.pid).toEqual(counter.pid)
    expect(await ref.call.get()).toBe(11)
    expect((used as { refs: MonitorRef[] }).refs[0]).toMatchObject({ id: refs[0]!.id })
    await clock.advance(50)
    expect(here.seen).toEqual(['from c'])

    const heard: unknown[] = []
    c.mesh.pubsub.subscribe('refs', (message) => void heard.push(message))
    await clock.advance(1_000)
    await during(world, a.mesh.pubsub.publish('refs', { counter }))
    await clock.advance(200)
    const { payload } = heard[0] as { payload: { counter: Ref<CounterApi> } }
    expect(await during(world, payload.counter.call.add(4))).toBe(15)

    a.system.exit(counter.pid, 'kill')
    await clock.advance(50)
    expect(await failing(world, payload.counter.call.get())).toMatchObject({ reason: 'noproc' })
  })

  it('bytes that are no pid are a CodecError, and so is a pid that does not say its node', () => {
    const terms = new ValueTerms(new ContractTable())
    const codec = new Codec({ extensions: terms.extensions })
    expect(() => codec.decode(Uint8Array.of(0xd4, 0x28, 0), undefined)).toThrow(
      expect.objectContaining({ code: 'ERR_CODEC_EXTENSION' }),
    )
    const system = createSystem({ node: 'a'.repeat(64), incarnation: 5 })
    terms.open({ system, ownKeyHex: 'a'.repeat(64), ownIncarnation: 5 })
    const pid = system.pidFor(system.node, 7, 5)
    expect(codec.decode(codec.encode([pid], undefined), undefined)).toEqual([pid])
    const bytes = (...data: number[]): Uint8Array => Uint8Array.of(0xc7, data.length, 0x28, ...data)
    for (const bad of [bytes(), bytes(0, 0, 0, 0, 0, 0, 0, 0, 7), bytes(2, 1), bytes(9)]) {
      expect(() => codec.decode(bad, undefined)).toThrow(
        expect.objectContaining({ code: 'ERR_CODEC_EXTENSION' }),
      )
    }
    const elsewhere = createSystem({ node: 'no key' })
    const stranger = elsewhere.pidFor('no key', 1, 0)
    expect(() => codec.encode({ pid: stranger }, undefined)).toThrow(/pid/)
  })
})
