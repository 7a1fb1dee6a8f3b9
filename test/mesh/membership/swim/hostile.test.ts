/** One member that uses the rules against the others: what it costs them is bounded, and counted. */
import { describe, expect, it } from 'vitest'
import type { SyncEntry, SwimDatagram, Update } from '../../../../mesh/membership/swim/message.ts'
import { SYNC_BUCKETS } from '../../../../mesh/membership/swim/message.ts'
import { Bench, fakeAuthority, only, refusals, statementOf, type Effect } from './fake-world.ts'

const QUIET = { sliceEntriesMax: 0, gossipIntervalMs: 1e9, syncIntervalMs: 1e9 }

const alive = (id: string, fields: Parameters<typeof statementOf>[1] = {}): Update => ({
  type: 'statement',
  statement: statementOf(id, fields),
})

const accuse = (type: 'suspect' | 'dead', id: string, counter = 0, accuser = 'evil'): Update => ({
  ...{ type, id, generation: 1, counter, accuser },
})

function sentTo(effects: readonly Effect[], to: string): SwimDatagram[] {
  return only(effects, 'send').flatMap((effect) => (effect.to === to ? [effect.message] : []))
}

const aboutOf = (message: SwimDatagram, id: string): boolean =>
  message.updates.some((update) => update.type !== 'statement' && update.id === id)

describe('a hostile member', () => {
  it('S29 that asks for many acks does not use up the news of others', () => {
    const z = new Bench('z', { settings: QUIET })
    z.meet('evil', 'a', 'b', 'c')
    z.run(10)
    z.gossip('a', accuse('suspect', 'b', 0, 'a'))
    let told = 0
    for (let sequence = 0; sequence < 100; sequence++) {
      const [ack] = sentTo(z.datagram('evil', { type: 'ping', sequence, updates: [] }), 'evil')
      if (ack !== undefined && aboutOf(ack, 'b')) told += 1
    }
    expect(told).toBeLessThanOrEqual(2)
    const [ack] = sentTo(z.datagram('c', { type: 'ping', sequence: 7, updates: [] }), 'c')
    expect(ack !== undefined && aboutOf(ack, 'b')).toBe(true)
  })

  it('S23 whose link comes and goes does not take the turns of the others', () => {
    const z = new Bench('z', { settings: { ...QUIET, indirectProbes: 0, streamProbe: false } })
    const others = ['a', 'b', 'c', 'd', 'e']
    z.meet('evil', ...others)
    const probed: string[] = []
    while (z.nowMs < 40_000) {
      z.step({ type: 'peer_gone', id: 'evil' })
      const effects = z.run(z.nowMs + 250).map(({ effect }) => effect)
      for (const { to, message } of only(effects, 'send')) {
        if (message.type !== 'ping') continue
        probed.push(to)
        z.datagram(to, { type: 'ack', sequence: message.sequence, updates: [] })
      }
    }
    expect(probed.length).toBeGreaterThan(35)
    // One turn of its own and one out of turn in each round of six.
    expect(probed.filter((id) => id === 'evil').length).toBeLessThanOrEqual(probed.length * 0.4)
    for (const id of others) expect(probed.filter((to) => to === id).length).toBeGreaterThan(4)
  })

  it('S44 of whom nothing is known does not grow anything by links that come and go', () => {
    const z = new Bench('z', { settings: QUIET })
    z.meet('a')
    const size = () => JSON.stringify(z.core.snapshot().prober).length
    const before = size()
    for (let n = 0; n < 1_000; n++) z.step({ type: 'peer_gone', id: `stranger${n}` })
    expect(size()).toBe(before)
  })

  it('S44 with the key of the authority invents 10^5 members: the table ends at its limit, and no real one goes', () => {
    const settings = { ...QUIET, membersMax: 1_000, checksPerSecondMax: 1e9 }
    const z = new Bench('z', { settings })
    const real = ['evil', 'a', 'b', 'c']
    z.meet(...real)
    const codes = new Map<string, number>()
    for (let n = 0; n < 100_000; n++) {
      for (const code of refusals(z.gossip('evil', alive(`fake${n}`)))) {
        codes.set(code, (codes.get(code) ?? 0) + 1)
      }
      if (n % 1_000 === 999) {
        // Some of them have died by now and give way to others; nobody real does.
        z.gossip('a', accuse('dead', `fake${Math.floor(n / 1_000)}`))
      }
    }
    expect(z.core.members().length).toBeLessThanOrEqual(1_000)
    for (const id of real) expect(z.statusOf(id)).toBe('alive')
    expect(codes.get('ERR_SWIM_MEMBERS_MAX')).toBeGreaterThan(98_000)
    expect(z.core.snapshot().healer.dead.length).toBeLessThanOrEqual(256)
  })

  it('S10 makes us refute once per message, for nobody can know what we have not said yet', () => {
    let signed = 0
    const z = new Bench('z', {
      authority: {
        ...fakeAuthority,
        sign: (fields) => {
          signed += 1
          return fakeAuthority.sign(fields)
        },
      },
    })
    z.meet('evil', 'a')
    signed = 0
    const lies = Array.from({ length: 200 }, (_, counter) => accuse('suspect', 'z', counter))
    const effects = z.step({
      ...{ type: 'request', from: 'evil', replyId: 1 },
      message: { type: 'probe', updates: lies },
    })
    expect([signed, z.core.self().counter]).toEqual([1, 1])
    expect(refusals(effects)).toEqual(
      Array.from({ length: 199 }, () => 'ERR_SWIM_ACCUSATION_AHEAD'),
    )
    z.gossip('evil', accuse('dead', 'z', 1))
    expect(z.core.self().counter).toBe(2)
  })

  it('S10 makes us refute so often a second, not more', () => {
    const z = new Bench('z', { settings: { checksPerSecondMax: 4 } })
    z.meet('evil', 'a')
    z.run(1_000)
    const codes: string[] = []
    for (let counter = 0; counter < 6; counter++) {
      codes.push(...refusals(z.gossip('evil', accuse('suspect', 'z', z.core.self().counter))))
    }
    expect(codes).toEqual(['ERR_SWIM_CHECKS_MAX', 'ERR_SWIM_CHECKS_MAX'])
    // Somebody else has a budget of his own.
    z.gossip('a', accuse('suspect', 'z', z.core.self().counter))
    expect(z.core.self().counter).toBe(5)
  })

  it('S19 does not make a healthy node doubt itself, however often it accuses it', () => {
    const z = new Bench('z', { settings: QUIET })
    z.meet('evil', 'a', 'b', 'c')
    let worst = 0
    let probes = 0
    while (z.nowMs < 60_000) {
      z.gossip('evil', accuse('suspect', 'z', z.core.self().counter))
      const effects = z.run(z.nowMs + 100).map(({ effect }) => effect)
      for (const { to, message } of only(effects, 'send')) {
        if (message.type !== 'ping') continue
        probes += 1
        z.datagram(to, { type: 'ack', sequence: message.sequence, updates: [] })
      }
      worst = Math.max(worst, z.core.stats().localHealth)
    }
    expect(worst).toBe(1)
    expect(probes).toBeGreaterThanOrEqual(29)
  })

  it('S46 gets one introduction for one message, however old what it holds against us', () => {
    const z = new Bench('z', { settings: QUIET })
    z.meet('evil', 'a')
    z.gossip('evil', accuse('suspect', 'z'))
    const old = Array.from({ length: 200 }, () => accuse('dead', 'z'))
    const effects = z.step({
      ...{ type: 'request', from: 'evil', replyId: 1 },
      message: { type: 'probe', updates: [...old, alive('z', { left: true })] },
    })
    expect(sentTo(effects, 'evil').map(({ type }) => type)).toEqual(['gossip'])
  })

  it('S43 that is asked for its table does not make us check signatures without end', () => {
    let checks = 0
    const z = new Bench('z', {
      settings: { checksPerSecondMax: 80 },
      authority: {
        ...fakeAuthority,
        check: (statement) => {
          checks += 1
          return fakeAuthority.check(statement)
        },
      },
    })
    z.meet('evil', 'a')
    const ask = (): number => {
      const contact = { id: 'evil', host: 'host-evil', port: 1 }
      z.step({ type: 'contact', contact })
      const [request] = only(z.gossip('evil', accuse('dead', 'a', 9)), 'request')
      return request!.requestId
    }
    checks = 0
    const forged = Array.from({ length: 500 }, (_, n): SyncEntry => {
      return { statement: { ...statementOf(`f${n}`), proof: 'none' }, status: 'alive' }
    })
    // The same node again and again, each time a little later in its life.
    const own = Array.from({ length: 500 }, (_, n): SyncEntry => {
      return { statement: statementOf('evil', { counter: 1 + n }), status: 'alive' }
    })
    const reply = (requestId: number, entries: readonly SyncEntry[]): Effect[] =>
      z.step({
        ...{ type: 'reply', requestId, from: 'evil' },
        message: {
          ...{ type: 'sync_reply', self: statementOf('evil'), entries, wanted: [], more: true },
        },
      })
    const codes = refusals(reply(ask(), [...own, ...forged]))
    expect(checks).toBe(11)
    expect(codes.filter((code) => code === 'ERR_SWIM_SIGNATURE')).toHaveLength(10)
    expect(codes.filter((code) => code === 'ERR_SWIM_CHECKS_MAX')).toHaveLength(490)
  })

  it('S43 an honest table is taken whole, however large, when we asked for it', () => {
    const z = new Bench('z', { settings: { checksPerSecondMax: 10 } })
    const contacts = [{ id: undefined, host: 'host-a', port: 1 }]
    const [request] = only(z.step({ type: 'join', contacts }), 'request')
    const entries = Array.from({ length: 500 }, (_, n): SyncEntry => {
      return { statement: statementOf(`m${n}`), status: 'alive' }
    })
    z.step({
      ...{ type: 'reply', requestId: request!.requestId, from: 'a' },
      message: { type: 'sync_reply', self: statementOf('a'), entries, wanted: [], more: false },
    })
    expect(z.core.members()).toHaveLength(502)
  })

  it('S46 cannot have our table again and again', () => {
    const z = new Bench('z', {
      settings: { syncBytesPerSecondMax: 3_000, checksPerSecondMax: 1_000 },
    })
    z.meet('evil', ...Array.from({ length: 10 }, (_, n) => `m${n}`))
    const ask = (from: string): string[] => {
      const digests = new Uint32Array(SYNC_BUCKETS * 2)
      const message = { type: 'sync', self: statementOf(from), digests, join: false } as const
      const effects = z.step({ type: 'request', from, replyId: 1, message })
      return [...only(effects, 'reply').map((effect) => effect.message.type), ...refusals(effects)]
    }
    expect(ask('evil')).toEqual(['sync_reply'])
    expect(ask('evil')).toEqual(['sync_reply'])
    expect(ask('evil').toSorted()).toEqual(['ERR_SWIM_SYNCS_MAX', 'busy'])
    expect(ask('m1')).toEqual(['sync_reply'])
    z.nowMs = 1_000
    expect(ask('evil')).toEqual(['sync_reply'])
  })

  it('S46 cannot have our table again and again as the one that we ask, either', () => {
    const z = new Bench('z', {
      settings: { ...QUIET, syncBytesPerSecondMax: 3_000, checksPerSecondMax: 1_000 },
    })
    z.meet('evil', ...Array.from({ length: 10 }, (_, n) => `m${n}`))
    const wanted = Array.from({ length: SYNC_BUCKETS }, (_, bucket) => bucket)
    let [request] = only(z.gossip('evil', accuse('dead', 'm1', 9)), 'request')
    let pushed = 0
    for (let round = 0; round < 50 && request !== undefined; round++) {
      const { requestId, message } = request
      if (message.type === 'sync_push') pushed += message.entries.length
      const reply =
        message.type === 'sync'
          ? { type: 'sync_reply', self: statementOf('evil'), entries: [], wanted, more: true }
          : { type: 'sync_done' }
      const input = { type: 'reply', requestId, from: 'evil', message: reply } as never
      ;[request] = only(z.step(input), 'request')
    }
    expect(pushed).toBeGreaterThanOrEqual(10)
    expect(pushed).toBeLessThanOrEqual(30)
  })

  it('S46 cannot have us ping others for it without end', () => {
    const z = new Bench('z', { settings: { ...QUIET, relaysPerPeerMax: 4 } })
    z.meet('evil', 'a', 'b')
    const ask = (from: string): string[] => {
      const message = { type: 'ping_req', sequence: 1, target: 'b', updates: [] } as const
      const effects = z.datagram(from, message)
      for (const ping of sentTo(effects, 'b')) {
        if (ping.type !== 'ping') continue
        z.datagram('b', { type: 'ack', sequence: ping.sequence, updates: [] })
      }
      return [...only(effects, 'send').map(({ to }) => to), ...refusals(effects)]
    }
    for (let i = 0; i < 4; i++) expect(ask('evil')).toEqual(['b'])
    expect(ask('evil')).toEqual(['ERR_SWIM_RELAYS_MAX'])
    expect(ask('a')).toEqual(['b'])
    z.nowMs = 1_000
    expect(ask('evil')).toEqual(['b'])
  })

  it('S7 cannot bury a node that we are linked with before the node could answer', () => {
    const linked = new Set(['b'])
    const z = new Bench('z', { settings: QUIET, isLinked: (id) => linked.has(id) })
    z.meet('evil', 'a', 'b', 'c', 'd')
    z.gossip('evil', accuse('dead', 'b'), accuse('dead', 'b', 0, 'a'), accuse('dead', 'b', 0, 'c'))
    expect(z.statusOf('b')).toBe('suspect')
    z.gossip('evil', accuse('dead', 'b'))
    expect(z.statusOf('b')).toBe('suspect')
    const dies = z.until((effect) => effect.type === 'event' && effect.event.type === 'down')
    expect(dies.at(-1)).toMatchObject({ atMs: 4_000, effect: { event: { type: 'down' } } })
    // Whom we are not linked with may be gone since long: we know nothing better.
    z.gossip('evil', accuse('dead', 'a'))
    expect(z.statusOf('a')).toBe('dead')
  })

  it('S7 after its shortest suspicion the word of another is enough for a linked one, too', () => {
    const z = new Bench('z', { settings: QUIET, isLinked: () => true })
    z.meet('a', 'b', 'c', 'd')
    z.gossip('a', accuse('suspect', 'b'))
    z.run(3_999)
    z.gossip('a', accuse('dead', 'b'))
    expect(z.statusOf('b')).toBe('suspect')
    z.run(4_000)
    z.gossip('a', accuse('dead', 'b'))
    expect(z.statusOf('b')).toBe('dead')
  })

  it('S13 with our key and the highest generation cannot make us say what nobody can read', () => {
    const z = new Bench('z')
    const generation = Number.MAX_SAFE_INTEGER
    const contacts = [{ id: undefined, host: 'host-evil', port: 1 }]
    const [request] = only(z.step({ type: 'join', contacts }), 'request')
    const effects = z.step({
      ...{ type: 'reply', requestId: request!.requestId, from: 'evil' },
      message: {
        ...{ type: 'sync_reply', self: statementOf('evil'), wanted: [], more: false },
        entries: [{ statement: statementOf('z', { generation }), status: 'alive' }],
      },
    })
    expect(refusals(effects)).toEqual(['ERR_SWIM_COUNTER_CEILING'])
    expect(only(effects, 'persist')).toEqual([])
    expect(z.core.self()).toMatchObject({ generation: 1, counter: 0 })
  })
})
