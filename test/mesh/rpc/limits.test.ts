import { describe, expect, it } from 'vitest'
import { Agenda } from '../../../mesh/rpc/agenda.ts'
import { RPC_DEFAULTS, rpcSettings } from '../../../mesh/rpc/options.ts'
import { SeenIds } from '../../../mesh/rpc/seen-ids.ts'
import { RpcNet } from './rpc-net.ts'

describe('limits', () => {
  it('have defaults, are frozen, and refuse what is none', () => {
    expect(rpcSettings({ pendingMax: 5 })).toMatchObject({ ...RPC_DEFAULTS, pendingMax: 5 })
    expect(Object.isFrozen(rpcSettings())).toBe(true)
    expect(() => rpcSettings({ payloadBytesMax: 67_108_865 })).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION_INVALID' }),
    )
    expect(() => rpcSettings({ pendingMin: 5 } as never)).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION_UNKNOWN' }),
    )
  })

  it('so many casts wait until a provider is found, and no more', async () => {
    const net = new RpcNet()
    const [caller, provider] = [await net.rpcNode({ castsWaitingMax: 2 }), await net.rpcNode()]
    caller.node.catalog.sought = false
    const taken = [1, 2, 3].map((input) => caller.rpc.cast('late', input))
    expect(taken).toEqual([true, true, false])
    const seen: unknown[] = []
    await net.told(provider.rpc.advertise('late', (input) => void seen.push(input)))
    await net.clock.advance(20)
    expect(seen).toEqual([1, 2])
    expect(caller.count('ERR_RPC_CAST_DROPPED')).toBe(1)
    // Their places are free again; nobody is found for this one.
    expect(caller.rpc.cast('nobody', 1)).toBe(true)
    await net.clock.advance(20)
    expect(caller.count('ERR_RPC_CAST_DROPPED')).toBe(2)
  })

  it('casts that are lost, refused or expired are counted', async () => {
    const net = new RpcNet()
    const [caller, provider] = [await net.rpcNode(), await net.rpcNode()]
    await net.told(
      provider.rpc.advertise('hang', () => new Promise(() => {}), { concurrency: 1, queueMax: 0 }),
    )
    expect(caller.rpc.cast('hang')).toBe(true)
    expect(caller.rpc.cast('hang')).toBe(true)
    await net.clock.advance(5)
    expect(provider.count('ERR_RPC_CAST_DROPPED')).toBe(1)
    net.cut(caller.node, provider.node)
    expect(caller.rpc.cast('hang')).toBe(true)
    await net.clock.advance(5)
    expect(caller.count('ERR_RPC_CAST_DROPPED')).toBe(1)
  })

  it('what is remembered about procedures is bounded, and calls under way keep it', async () => {
    const net = new RpcNet()
    const [caller, provider] = [await net.rpcNode({ routesMax: 3 }), await net.rpcNode()]
    let finish: (() => void) | undefined
    await net.told(
      provider.rpc.advertise('long', () => new Promise<void>((resolve) => (finish = resolve))),
      provider.rpc.advertise('many.*', (_, { procedure }) => procedure),
    )
    const long = caller.rpc.call('long')
    await net.clock.advance(5)
    for (let each = 0; each < 20; each++) {
      expect(await net.during(caller.rpc.call(`many.n${each}`))).toBe(`many.n${each}`)
    }
    expect(caller.rpc.providers('long')[0]).toMatchObject({ outstanding: 1 })
    finish!()
    await net.during(long)
    expect(caller.rpc.stats()).toMatchObject({ results: 21, pending: 0 })
  })

  it('progressive results that wait for an earlier one are bounded', async () => {
    const net = new RpcNet()
    const [caller, provider] = [await net.rpcNode({ progressHeldMax: 2 }), await net.rpcNode()]
    await net.told(
      provider.rpc.advertise('count', (_, context) => {
        for (const each of [1, 2, 3, 4]) context.progress(each)
        return 5
      }),
    )
    const { courier } = caller.node
    const take = courier.take.bind(courier)
    let frames = 0
    courier.take = (origin, frame) => {
      frames += 1
      if (frames > 1) take(origin, frame)
    }
    const seen: unknown[] = []
    const onProgress = (value: unknown): void => void seen.push(value)
    seen.push(await net.during(caller.rpc.call('count', 1, { onProgress })))
    expect(seen).toEqual([2, 3, 5])
    expect(caller.count('ERR_RPC_PROGRESS_DROPPED')).toBe(1)
  })

  it('details of an error that are too large, or do not travel, are left out', async () => {
    const net = new RpcNet()
    const caller = await net.rpcNode()
    const provider = await net.rpcNode({ errorDetailsBytesMax: 12 })
    await net.told(
      provider.rpc.advertise('fail', (details) => {
        throw Object.assign(new Error('no'), { details })
      }),
      provider.rpc.advertise('fail.oddly', () => {
        throw Object.assign(new Error('no'), { details: () => 1 })
      }),
    )
    const detailsOf = async (name: string, input?: unknown): Promise<unknown> =>
      (await net.errorOf(caller.rpc.call(name, input))).remote?.details
    expect(await detailsOf('fail', new Uint8Array(10))).toEqual(new Uint8Array(10))
    expect(await detailsOf('fail', new Uint8Array(11))).toBeUndefined()
    expect(await detailsOf('fail.oddly')).toBeUndefined()
  })
})

describe('ids of calls', () => {
  it('R7 are remembered per node, the oldest forgotten first', () => {
    const seen = new SeenIds(10)
    for (let id = 0; id < 10; id++) expect(seen.add('a', `${id}`, 0)).toBe(true)
    expect(seen.add('a', '9', 0)).toBe(false)
    expect(seen.add('b', '9', 0)).toBe(true)
    // A flood of one node makes it forget its own ids only.
    for (let id = 100; id < 200; id++) seen.add('a', `${id}`, 0)
    expect(seen.add('a', '1', 0)).toBe(true)
    expect(seen.add('b', '9', 0)).toBe(false)
    expect(seen.size).toBeLessThanOrEqual(11)
  })

  it('R7 are forgotten after two minutes, and with their node', () => {
    const seen = new SeenIds(10)
    seen.add('a', '1', 100_000)
    seen.add('b', '1', 100_000)
    expect(seen.add('a', '1', 159_000)).toBe(false)
    seen.forget('b')
    expect(seen.add('b', '1', 159_000)).toBe(true)
    for (const nowMs of [170_000, 240_000, 310_000, 380_000]) seen.add('c', `${nowMs}`, nowMs)
    expect(seen.size).toBe(2)
  })
})

describe('the agenda', () => {
  it('does what is due, earliest first, also what is put there meanwhile', () => {
    const agenda = new Agenda()
    const done: string[] = []
    agenda.at(20, () => done.push('late'))
    agenda.at(10, () => {
      done.push('first')
      agenda.at(15, () => done.push('meanwhile'))
      agenda.cancel(cancelled)
    })
    agenda.at(10, () => done.push('second'))
    const cancelled = agenda.at(12, () => done.push('never'))
    expect(agenda.nextDueMs).toBe(10)
    agenda.run(15)
    expect(done).toEqual(['first', 'second', 'meanwhile'])
    expect([agenda.size, agenda.nextDueMs]).toEqual([1, 20])
    agenda.clear()
    expect(agenda.nextDueMs).toBe(Infinity)
  })

  it('does all that was not taken back, in order, whatever was', () => {
    const agenda = new Agenda()
    const done: number[] = []
    // In no order: a step of 7 through all numbers below 1,000.
    const times = Array.from({ length: 1_000 }, (_, i) => (i * 7) % 1_000)
    const all = times.map((dueMs) => agenda.at(dueMs, () => done.push(dueMs)))
    for (const [i, dueMs] of times.entries()) if (dueMs % 3 > 0) agenda.cancel(all[i])
    agenda.cancel(all[1])
    expect([agenda.size, agenda.nextDueMs]).toEqual([334, 0])
    agenda.run(499)
    for (const each of all) agenda.cancel(each)
    agenda.run(999)
    expect(done).toEqual(Array.from({ length: 167 }, (_, i) => i * 3))
    expect(agenda.size).toBe(0)
  })

  it('keeps at most 64 more of what was taken back than there is to do', () => {
    const agenda = new Agenda()
    agenda.at(0, () => {})
    const later = Array.from({ length: 66 }, () => agenda.at(5, () => {}))
    for (const each of later.slice(0, 65)) agenda.cancel(each)
    expect([agenda.size, agenda.places]).toEqual([2, 67])
    agenda.cancel(later[65])
    expect([agenda.size, agenda.places]).toEqual([1, 1])
  })
})
