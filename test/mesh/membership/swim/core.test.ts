import { describe, expect, it } from 'vitest'
import { Bench, FakeWorld } from './fake-world.ts'

describe('a small cluster', () => {
  it('S34 knows all after the first exchange', () => {
    const world = new FakeWorld()
    const ids = world.cluster(8)
    for (const id of ids) {
      expect(
        world
          .core(id)
          .members()
          .map((member) => `${member.id} ${member.status}`)
          .sort(),
      ).toEqual(ids.map((other) => `${other} alive`))
    }
  })

  it('S30 declares a crashed member dead', () => {
    const world = new FakeWorld()
    const ids = world.cluster(5)
    world.crash('n3')
    world.run(world.nowMs + 40_000)
    for (const id of ids) if (id !== 'n3') expect(world.statusAt(id, 'n3')).toBe('dead')
    expect(world.statusAt('n0', 'n1')).toBe('alive')
  })

  it('S35 sees a leave, never a death', () => {
    const world = new FakeWorld()
    const ids = world.cluster(5)
    world.input('n2', { type: 'leave' })
    world.run(world.nowMs + 6_000)
    world.crash('n2')
    world.run(world.nowMs + 30_000)
    for (const id of ids) {
      if (id !== 'n2') expect(world.events(id, 'n2')).toEqual(['up', 'left'])
    }
    expect(world.seen.filter(({ effect }) => effect.type === 'left')).toHaveLength(1)
  })

  it('S35 case 8, serf #510: a goodbye is heard also when a tenth of all is lost', () => {
    const world = new FakeWorld({ streamProbe: true })
    const ids = world.cluster(8)
    let sent = 0
    world.delivers = () => ++sent % 10 !== 0
    world.input('n7', { type: 'leave' })
    world.run(world.nowMs + 6_000)
    world.crash('n7')
    world.run(world.nowMs + 60_000)
    for (const id of ids.slice(0, 7)) expect(world.events(id, 'n7')).toEqual(['up', 'left'])
    expect(world.agrees(ids.slice(0, 7))).toBe(true)
  })

  it('S38 swim-js: one of two notices that the other crashed', () => {
    const world = new FakeWorld()
    world.cluster(2)
    world.crash('n1')
    world.run(world.nowMs + 60_000)
    expect(world.statusAt('n0', 'n1')).toBe('dead')
    expect(world.events('n0', 'n1')).toEqual(['up', 'suspect', 'down'])
  })

  it('S28 case 15, foca #19: quiet again, nothing waits and only pings and acks are sent', () => {
    const world = new FakeWorld({ healIntervalMs: 1e9, syncIntervalMs: 1e9 })
    const ids = world.cluster(6)
    world.input('n3', { type: 'set_meta', meta: new Uint8Array(10) })
    world.run(world.nowMs + 10_000)
    for (const id of ids) expect(world.core(id).stats().updatesQueued).toBe(0)
    const before = world.seen.length
    world.run(world.nowMs + 20_000)
    const sent = world.seen.slice(before).flatMap(({ effect }) => {
      return effect.type === 'send' ? [effect.message.type] : []
    })
    expect(new Set(sent)).toEqual(new Set(['ping', 'ack']))
    // Two messages per node and period.
    expect(sent.length).toBeGreaterThanOrEqual(2 * 6 * 18)
    expect(sent.length).toBeLessThanOrEqual(2 * 6 * 21)
  })
})

describe('a join', () => {
  it('S34 succeeds when the seed comes late', () => {
    const world = new FakeWorld()
    world.start('n1')
    world.join('n1', 'n0')
    world.run(60_000)
    expect(world.core('n1').members()).toHaveLength(1)
    world.start('n0')
    world.run(world.nowMs + 50_000)
    expect(world.agrees(['n0', 'n1'])).toBe(true)
  })

  it('S34 actor-ts #1176: islands that started apart merge once a seed of one is in the other', () => {
    const world = new FakeWorld()
    const side = (id: string) => (Number(id.slice(1)) < 3 ? 0 : 1)
    world.delivers = (from, to) => side(from) === side(to)
    const ids = ['n0', 'n1', 'n2', 'n3', 'n4', 'n5']
    for (const id of ids) world.start(id)
    for (const id of ['n1', 'n2']) world.join(id, 'n0')
    for (const id of ['n4', 'n5']) world.join(id, 'n3', 'n0')
    world.run(100_000)
    expect(world.core('n0').members()).toHaveLength(3)
    world.delivers = () => true
    world.run(world.nowMs + 150_000)
    expect(world.agrees(ids)).toBe(true)
  })
})

describe('a restart', () => {
  it.each([
    { name: 'at once', afterMs: 0 },
    { name: 'while it is suspected', afterMs: 3_000 },
    { name: 'when it is dead', afterMs: 60_000 },
  ])('S36 $name, with a new generation and address: all have the new one', ({ afterMs }) => {
    const world = new FakeWorld()
    const ids = world.cluster(5)
    world.crash('n2')
    world.run(world.nowMs + afterMs)
    world.restart('n2', { generation: 2, host: 'host-new' }, 'n0')
    world.run(world.nowMs + 10_000)
    expect(world.agrees(ids)).toBe(true)
    for (const id of ids) {
      expect(world.core(id).member('n2')).toMatchObject({ generation: 2, host: 'host-new' })
    }
  })

  it('S36 case 18, habitat #5581: with a lost disk it ends above its former life', () => {
    const world = new FakeWorld()
    const ids = ['n0', 'n1', 'n2']
    for (const id of ids) world.start(id, { generation: 9 })
    for (const id of ['n1', 'n2']) world.join(id, 'n0')
    world.run(3_000)
    world.restart('n2', { generation: 1 }, 'n0')
    world.run(world.nowMs + 10_000)
    expect(world.agrees(ids)).toBe(true)
    for (const id of ids) expect(world.core(id).member('n2')?.generation).toBe(10)
  })

  it('MG20 S36 case 1, memberlist #311: all but one restart, and all are one cluster again', () => {
    const world = new FakeWorld()
    const ids = world.cluster(6)
    for (const id of ids.slice(1)) world.restart(id, { generation: 2 }, 'n1', 'n2')
    world.run(world.nowMs + 120_000)
    expect(world.agrees(ids)).toBe(true)
    expect(world.core('n0').member('n5')?.generation).toBe(2)
  })
})

describe('a partition', () => {
  const half = (id: string) => (Number(id.slice(1)) < 3 ? 0 : 1)

  it.each([
    { lengthMs: 5_000, tombstoneMs: 86_400_000 },
    { lengthMs: 120_000, tombstoneMs: 86_400_000 },
    { lengthMs: 300_000, tombstoneMs: 60_000 },
  ])(
    'S37 case 5, serf #605: of $lengthMs ms heals by itself (tombstones $tombstoneMs ms)',
    ({ lengthMs, tombstoneMs }) => {
      const world = new FakeWorld({ tombstoneMs })
      const ids = world.cluster(6)
      world.delivers = (from, to) => half(from) === half(to)
      world.run(world.nowMs + lengthMs)
      if (lengthMs > 100_000) expect(world.statusAt('n0', 'n4')).not.toBe('alive')
      if (lengthMs > tombstoneMs) expect(world.statusAt('n0', 'n4')).toBeUndefined()
      world.delivers = () => true
      world.run(world.nowMs + 120_000)
      expect(world.agrees(ids)).toBe(true)
    },
  )

  it('S37 a one-way cut kills nobody while there is a way around', () => {
    const world = new FakeWorld()
    const ids = world.cluster(5)
    world.delivers = (from, to) => !(from === 'n0' && to === 'n1')
    world.run(world.nowMs + 300_000)
    const downs = world.seen.filter(
      ({ effect }) => effect.type === 'event' && effect.event.type === 'down',
    )
    expect(downs).toEqual([])
    expect(world.agrees(ids)).toBe(true)
  })

  it('S37 case 15, foca #25: two that hold each other dead do not flood each other', () => {
    const world = new FakeWorld()
    world.cluster(2)
    world.delivers = () => false
    world.run(world.nowMs + 100_000)
    expect(world.statusAt('n0', 'n1')).toBe('dead')
    world.delivers = () => true
    const before = world.seen.length
    world.run(world.nowMs + 60_000)
    expect(world.agrees(['n0', 'n1'])).toBe(true)
    const sent = world.seen.slice(before).filter(({ effect }) => effect.type === 'send')
    // Pings and acks of a minute, and a few words about the two.
    expect(sent.length).toBeLessThan(4 * 60 + 60)
  })
})

describe('a pause', () => {
  it.each([3_000, 20_000, 60_000])(
    'S39 of %i ms: the sleeper declares nobody dead, and all agree afterwards',
    (pauseMs) => {
      const world = new FakeWorld()
      const ids = world.cluster(5)
      world.run(world.nowMs + 10_000)
      // Somebody is suspected when the pause begins, and refutes during it.
      const { generation, counter } = world.core('n1').self()
      world.input('n0', {
        type: 'datagram',
        from: 'n2',
        message: {
          type: 'gossip',
          updates: [{ type: 'suspect', id: 'n1', generation, counter, accuser: 'n2' }],
        },
      })
      world.pause('n0', pauseMs)
      world.run(world.nowMs + pauseMs + 60_000)
      const declared = world.seen.filter(
        ({ at, effect }) => at === 'n0' && effect.type === 'event' && effect.event.type === 'down',
      )
      expect(declared).toEqual([])
      expect(world.agrees(ids)).toBe(true)
    },
  )

  it('S39 a clock that goes back an hour stops nothing', () => {
    const bench = new Bench('z')
    bench.meet('a', 'b')
    bench.run(2_000)
    const { probes } = bench.core.stats()
    const backMs = 2_000 - 3_600_000
    bench.step({ type: 'tick' }, backMs)
    expect(bench.core.nextDeadline()).toBeLessThanOrEqual(backMs + 8_000)
    bench.run(backMs + 30_000)
    expect(bench.core.stats().probes).toBeGreaterThan(probes)
  })

  it('S39 a clock that jumps an hour ahead kills nobody before fresh probes', () => {
    const bench = new Bench('z')
    bench.meet('a', 'b')
    bench.gossip('b', { type: 'suspect', id: 'a', generation: 1, counter: 0, accuser: 'b' })
    bench.run(2_000)
    const effects = bench.step({ type: 'tick' }, 3_600_000)
    expect(bench.statusOf('a')).toBe('suspect')
    const pings = effects.flatMap((effect) =>
      effect.type === 'send' && effect.message.type === 'ping' ? [effect.to] : [],
    )
    expect(pings).toEqual(['a'])
  })
})

describe('accusations and acks', () => {
  it('S22 a sender that is held suspect or dead is told so in the ack, and refutes', () => {
    const world = new FakeWorld()
    const ids = world.cluster(4)
    const { generation, counter } = world.core('n1').self()
    const updates = [{ type: 'dead', id: 'n1', generation, counter, accuser: 'n3' }] as const
    for (const id of ['n0', 'n2', 'n3']) {
      const message = { type: 'gossip', updates } as const
      world.input(id, { type: 'datagram', from: 'n3', message })
    }
    expect(world.statusAt('n0', 'n1')).toBe('dead')
    world.run(world.nowMs + 5_000)
    expect(world.agrees(ids)).toBe(true)
    expect(world.core('n1').self().counter).toBeGreaterThan(counter)
  })

  it('S22 without loss a suspect refutes within one round trip of the ping', () => {
    const world = new FakeWorld()
    world.cluster(2)
    const { generation, counter } = world.core('n1').self()
    const updates = [{ type: 'suspect', id: 'n1', generation, counter, accuser: 'n0' }] as const
    const message = { type: 'gossip', updates } as const
    world.input('n0', { type: 'datagram', from: 'n1', message })
    expect(world.statusAt('n0', 'n1')).toBe('suspect')
    world.run(world.nowMs + 1_200 + 2 * world.latencyMs)
    expect(world.statusAt('n0', 'n1')).toBe('alive')
  })

  it('S7 S12 nobody speaks of an incarnation that its owner did not issue', () => {
    const world = new FakeWorld()
    const ids = world.cluster(6)
    let violations = 0
    world.onStep = (_id, core) => {
      for (const member of core.members()) {
        const own = world.core(member.id).self()
        if (member.generation > own.generation || member.counter > own.counter) violations += 1
        const same = member.counter === own.counter && member.generation === own.generation
        if (same && member.meta !== own.meta) violations += 1
      }
    }
    let sent = 0
    world.delivers = () => ++sent % 3 !== 0
    for (let i = 0; i < 20; i++) {
      const subject = `n${i % 6}`
      world.input(subject, { type: 'set_meta', meta: new Uint8Array([i]) })
      const { generation, counter } = world.core('n1').self()
      const accused = { type: 'suspect', id: 'n1', generation, counter, accuser: 'n2' } as const
      const message = { type: 'gossip', updates: [accused] } as const
      world.input('n0', { type: 'datagram', from: 'n2', message })
      world.run(world.nowMs + 3_000)
    }
    world.delivers = () => true
    world.run(world.nowMs + 90_000)
    expect(violations).toBe(0)
    expect(world.agrees(ids)).toBe(true)
    const refutations = ids.reduce((sum, id) => sum + world.core(id).stats().refutations, 0)
    expect(refutations).toBeGreaterThan(0)
  })

  it('S43 a stranger’s ping is answered, counted, and a reason to compare tables once a while', () => {
    const bench = new Bench('z')
    const ping = { type: 'ping', sequence: 1, updates: [] } as const
    const first = bench.datagram('q', ping)
    expect(first.map((effect) => effect.type)).toEqual(['refused', 'request', 'send'])
    expect(bench.datagram('r', ping).map((effect) => effect.type)).toEqual(['refused', 'send'])
  })
})
