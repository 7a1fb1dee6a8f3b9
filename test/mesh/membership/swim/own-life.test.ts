import { describe, expect, it } from 'vitest'
import type { Update } from '../../../../mesh/membership/swim/message.ts'
import { COUNTER_CEILING } from '../../../../mesh/membership/swim/statement.ts'
import { SwimCore } from '../../../../mesh/membership/swim/core.ts'
import { Bench, only, Recorder, refusals, statementOf } from './fake-world.ts'

const against = (type: 'suspect' | 'dead', counter: number): Update => ({
  type,
  id: 'z',
  generation: 1,
  counter,
  accuser: 'a',
})

describe('this node about itself', () => {
  it('S10 case 7, serf #336: refutes in the same step and never holds itself suspect', () => {
    const z = new Bench('z')
    z.meet('a')
    z.gossip('a', against('suspect', 0))
    expect(z.core.self().counter).toBe(1)
    z.gossip('a', against('dead', 1))
    expect(z.core.self().counter).toBe(2)
    expect(z.statusOf('z')).toBe('alive')
    expect(z.core.stats()).toMatchObject({ refutations: 2, localHealth: 1 })
  })

  it('S10 a stale accusation is answered with what is said now, not refuted', () => {
    const z = new Bench('z')
    z.meet('a')
    z.gossip('a', against('suspect', 0))
    const effects = z.gossip('a', against('suspect', 0))
    expect(z.core.self().counter).toBe(1)
    const sent = only(effects, 'send').map(({ to, message }) => [to, message.updates])
    expect(sent).toEqual([['a', [{ type: 'statement', statement: z.core.self() }]]])
  })

  it('S13 an accusation beyond its own incarnation is refused, and asked about', () => {
    const z = new Bench('z')
    z.meet('a')
    const effects = z.gossip('a', against('dead', 5))
    expect(refusals(effects)).toEqual(['ERR_SWIM_ACCUSATION_AHEAD'])
    expect(z.core.self().counter).toBe(0)
    expect(only(effects, 'request').map(({ to, message }) => [to.id, message.type])).toEqual([
      ['a', 'sync'],
    ])
  })

  it('S13 case 2, memberlist #359: at the ceiling it begins a generation, on disk first', () => {
    const z = new Bench('z')
    const snapshot = z.core.snapshot()
    const statement = statementOf('z', { counter: COUNTER_CEILING - 1 })
    const record = { ...snapshot.context.table.own[0]![1]!, statement }
    const core = SwimCore.restore(z.options, {
      ...snapshot,
      own: { ...snapshot.own, statement },
      context: {
        ...snapshot.context,
        table: { ...snapshot.context.table, own: [[0, record]] },
      },
    })
    const recorder = new Recorder()
    const updates = [against('suspect', COUNTER_CEILING - 1)]
    core.step(1, { type: 'datagram', from: 'a', message: { type: 'gossip', updates } }, recorder)
    expect(recorder.effects).toContainEqual({ type: 'persist', generation: 2 })
    expect(core.self().generation).toBe(1)
    core.step(2, { type: 'persisted', generation: 2 }, recorder)
    expect(core.self()).toMatchObject({ generation: 2, counter: 0 })
  })

  it('S36 case 1, memberlist #311: a former life with a lost disk is outlived', () => {
    const z = new Bench('z')
    const former = statementOf('z', { generation: 7, counter: 3 })
    const effects = z.gossip('a', { type: 'statement', statement: former })
    expect(only(effects, 'event').filter(({ event }) => event.type === 'conflict')).toEqual([])
    expect(only(effects, 'persist')).toEqual([{ type: 'persist', generation: 8 }])
    expect(z.core.self().generation).toBe(1)
    z.step({ type: 'persisted', generation: 8 })
    expect(z.core.self()).toMatchObject({ generation: 8, counter: 0 })
  })

  it('S43 case 4, memberlist #157: its key in other hands is a conflict, outlived now and then', () => {
    const z = new Bench('z')
    z.meet('a')
    joined(z)
    const stranger = (generation: number): Update => ({
      type: 'statement',
      statement: statementOf('z', { generation }),
    })
    const first = z.gossip('a', stranger(5))
    expect(only(first, 'event').map(({ event }) => [event.type, event.from])).toEqual([
      ['conflict', 'a'],
    ])
    z.step({ type: 'persisted', generation: 6 })
    expect(only(z.gossip('a', stranger(9)), 'persist')).toEqual([])
    z.nowMs += 10_000
    expect(only(z.gossip('a', stranger(9)), 'persist')).toEqual([
      { type: 'persist', generation: 10 },
    ])
  })

  it('S43 a forged statement in its name changes nothing', () => {
    const z = new Bench('z')
    const forged = { ...statementOf('z', { generation: 9 }), proof: 'mine' }
    const effects = z.gossip('a', { type: 'statement', statement: forged })
    expect(refusals(effects)).toContain('ERR_SWIM_SIGNATURE')
    expect(only(effects, 'persist')).toEqual([])
  })

  it('S12 metadata and address come with a new incarnation', () => {
    const z = new Bench('z')
    z.step({ type: 'set_meta', meta: new Uint8Array([1]) })
    expect(z.core.self()).toMatchObject({ counter: 1, meta: new Uint8Array([1]) })
    z.step({ type: 'set_address', host: 'elsewhere', port: 9 })
    z.step({ type: 'set_address', host: 'elsewhere', port: 9 })
    expect(z.core.self()).toMatchObject({ counter: 2, host: 'elsewhere', port: 9 })
  })

  it('S43 its own metadata have a limit, too: 512 bytes by default', () => {
    const z = new Bench('z')
    expect(refusals(z.step({ type: 'set_meta', meta: new Uint8Array(512) }))).toEqual([])
    expect(refusals(z.step({ type: 'set_meta', meta: new Uint8Array(513) }))).toEqual([
      'ERR_SWIM_META_BYTES_MAX',
    ])
    expect(refusals(z.step({ type: 'set_meta', meta: new Uint8Array(1e6) }))).toHaveLength(1)
    expect(z.core.self().counter).toBe(1)
  })

  it('S11 case 19, smg PR #1674: who leaves does not refute its own goodbye', () => {
    const z = new Bench('z')
    z.meet('a')
    z.step({ type: 'leave' })
    const { counter } = z.core.self()
    z.gossip('a', against('dead', counter), { type: 'statement', statement: z.core.self() })
    expect(z.core.self()).toMatchObject({ counter, left: true })
  })

  it('S11 who left sends nothing but final acks', () => {
    const z = new Bench('z')
    z.meet('a', 'b')
    z.step({ type: 'leave' })
    const done = z.run(6_000).filter(({ effect }) => effect.type === 'left')
    expect(done).toHaveLength(1)
    const ping = { type: 'ping', sequence: 3, updates: [] } as const
    expect(z.datagram('a', ping)).toEqual([
      { type: 'send', to: 'a', message: { type: 'ack', sequence: 3, updates: [] } },
    ])
    const ask = { type: 'ping_req', sequence: 3, target: 'b', updates: [] } as const
    expect(z.datagram('a', ask)).toEqual([])
    expect(z.core.nextDeadline()).toBe(Infinity)
  })

  it('S35 alone, a leave is over at once', () => {
    const z = new Bench('z')
    expect(z.step({ type: 'leave' })).toEqual([{ type: 'left' }])
  })

  it('S35 a goodbye that nobody takes ends with its time', () => {
    const z = new Bench('z', { settings: { gossipIntervalMs: 3_000, leaveTimeoutMs: 1_000 } })
    z.meet('a')
    expect(only(z.step({ type: 'leave' }), 'left')).toEqual([])
    const effects = z.run(5_000)
    expect(effects.find(({ effect }) => effect.type === 'left')?.atMs).toBeLessThanOrEqual(1_000)
  })
})

/** Lets an exchange succeed. */
function joined(bench: Bench): void {
  const effects = bench.step({
    type: 'join',
    contacts: [{ id: 'a', host: 'host-a', port: 1 }],
  })
  const { requestId = 0 } = only(effects, 'request')[0] ?? {}
  const self = statementOf('a')
  bench.step({
    type: 'reply',
    requestId,
    from: 'a',
    message: { type: 'sync_reply', self, entries: [], wanted: [], more: false },
  })
}
