import { describe, expect, it } from 'vitest'
import type {
  SyncEntry,
  SwimReply,
  SwimRequest,
  Update,
} from '../../../../mesh/membership/swim/message.ts'
import { Bench, only, refusals, statementOf, type Effect } from './fake-world.ts'

const QUIET = { probeIntervalMs: 1e9, gossipIntervalMs: 1e9, syncIntervalMs: 1e9 }

/** Carries one conversation between two cores to its end; answers the messages on the stream. */
function exchange(asker: Bench, other: Bench): (SwimRequest | SwimReply)[] {
  const askerId = asker.core.self().id
  const { id, host, port } = other.core.self()
  const messages: (SwimRequest | SwimReply)[] = []
  let effects: Effect[] = asker.step({ type: 'join', contacts: [{ id, host, port }] })
  for (;;) {
    const [request] = only(effects, 'request')
    if (request === undefined) return messages
    const { message, requestId } = request
    const answers = other.step({ type: 'request', from: askerId, replyId: 1, message })
    const reply = only(answers, 'reply')[0]!.message
    messages.push(message, reply)
    effects = asker.step({ type: 'reply', requestId, from: id, message: reply })
  }
}

const view = (bench: Bench) =>
  bench.core
    .members()
    .map(({ id, status, generation, counter }) => `${id} ${status} ${generation}.${counter}`)
    .sort()

function pair(settings = {}): [Bench, Bench] {
  return [
    new Bench('y', { settings: { ...QUIET, ...settings } }),
    new Bench('z', { settings: { ...QUIET, ...settings } }),
  ]
}

function kill(bench: Bench, id: string): void {
  bench.gossip('a', { type: 'dead', id, generation: 1, counter: 0, accuser: 'a' })
}

describe('a comparison of tables', () => {
  it('S33 leaves both sides with the merge of both', () => {
    const [y, z] = pair()
    y.meet('a', 'b', 'c')
    z.meet('c', 'd', 'e')
    z.gossip('b', { type: 'statement', statement: statementOf('c', { counter: 4 }) })
    exchange(y, z)
    expect(view(y)).toEqual(view(z))
    expect(view(y)).toHaveLength(7)
    expect(y.core.member('c')?.counter).toBe(4)
  })

  it('S33 ringpop #143: a second one changes nothing and carries nothing', () => {
    const [y, z] = pair()
    y.meet('a', 'b', 'c')
    z.meet('c', 'd', 'e')
    exchange(y, z)
    const before = [view(y), view(z)]
    const messages = exchange(y, z)
    expect([view(y), view(z)]).toEqual(before)
    expect(messages).toHaveLength(2)
    expect(messages[1]).toMatchObject({ entries: [], wanted: [], more: false })
  })

  it('S33 dead there is suspect here, and a stranger’s tombstone is left where it is', () => {
    const [y, z] = pair()
    y.meet('a', 'b')
    z.meet('a', 'b', 'q')
    kill(z, 'b')
    kill(z, 'q')
    exchange(y, z)
    expect(y.core.member('b')).toMatchObject({ status: 'suspect', accuser: 'a' })
    expect(y.statusOf('q')).toBeUndefined()
    expect(z.statusOf('b')).toBe('dead')
  })

  it('S33 a suspicion travels with it, both ways', () => {
    const [y, z] = pair()
    y.meet('a', 'b', 'c')
    z.meet('a', 'b', 'c')
    y.gossip('a', { type: 'suspect', id: 'b', generation: 1, counter: 0, accuser: 'a' })
    z.gossip('a', { type: 'suspect', id: 'c', generation: 1, counter: 0, accuser: 'a' })
    exchange(y, z)
    expect(view(y)).toEqual(view(z))
    expect([y.statusOf('b'), y.statusOf('c')]).toEqual(['suspect', 'suspect'])
  })

  it('S37 case 15, foca #25: two that hold each other dead need two messages each to agree', () => {
    const [y, z] = pair()
    y.meet('z', 'a')
    z.meet('y', 'a')
    kill(y, 'z')
    kill(z, 'y')
    const messages = exchange(y, z)
    expect(messages.map(({ type }) => type)).toEqual([
      'sync',
      'sync_reply',
      'sync_push',
      'sync_done',
    ])
    expect(y.core.self().counter).toBe(1)
    expect(z.core.self().counter).toBe(1)
    expect(z.statusOf('y')).toBe('alive')
  })

  it('S44 a large table comes in parts that fit, and all of it comes', () => {
    const [y, z] = pair({ syncBytesMax: 5_000, checksPerSecondMax: 1e6 })
    for (let i = 0; i < 300; i++) z.meet(`m${i}`)
    for (let i = 0; i < 100; i++) y.meet(`n${i}`)
    const messages = exchange(y, z)
    expect(view(y)).toHaveLength(402)
    for (const message of messages) {
      if (!('entries' in message)) continue
      const bytes = message.entries.length * 220
      // The own entries come on top.
      expect(bytes).toBeLessThanOrEqual(5_000 + 2 * 220)
    }
    expect(messages.length).toBeGreaterThan(20)
  })

  it('S34 a joiner knows all after the first conversation', () => {
    const [y, z] = pair()
    for (let i = 0; i < 50; i++) z.meet(`m${i}`)
    exchange(y, z)
    expect(view(y)).toEqual(view(z))
    expect(y.core.nextDeadline()).toBeGreaterThan(y.nowMs)
  })

  it('S33 when both ask at once, each table crosses once', () => {
    const [y, z] = pair()
    for (let i = 0; i < 20; i++) z.meet(`m${i}`)
    y.meet('n0')
    const contact = (bench: Bench) => {
      const { id, host, port } = bench.core.self()
      return { type: 'contact', contact: { id, host, port } } as const
    }
    const [ofY] = only(y.step(contact(z)), 'request')
    const [ofZ] = only(z.step(contact(y)), 'request')
    const asked = { type: 'request', replyId: 1 } as const
    const [fromZ] = only(z.step({ ...asked, from: 'y', message: ofY!.message }), 'reply')
    const [fromY] = only(y.step({ ...asked, from: 'z', message: ofZ!.message }), 'reply')
    const [toY, toZ] = [fromZ!, fromY!].map(({ message }) => ({ type: 'reply', message }) as const)
    const pushes = [
      ...only(y.step({ ...toY!, requestId: ofY!.requestId, from: 'z' }), 'request'),
      ...only(z.step({ ...toZ!, requestId: ofZ!.requestId, from: 'y' }), 'request'),
    ]
    expect(pushes).toEqual([])
    expect(view(y)).toEqual(view(z))
    expect(view(y)).toHaveLength(23)
  })

  it('S34 a newcomer goes on comparing with growing pauses, whatever becomes of the comparisons', () => {
    const settings = { ...QUIET, syncIntervalMs: 30_000 }
    const [y, z] = [new Bench('y', { settings }), new Bench('z', { settings })]
    z.meet('a', 'b', 'c')
    exchange(y, z)
    const joinedMs = y.nowMs
    const times: number[] = []
    while (y.nowMs < joinedMs + 10_000) {
      const [asked] = only(
        y.until(({ type }) => type === 'request').map(({ effect }) => effect),
        'request',
      )
      times.push(y.nowMs - joinedMs)
      // Its partner has left, say.
      y.step({ type: 'request_failed', requestId: asked!.requestId })
    }
    expect(times[0]).toBeLessThanOrEqual(750)
    expect(times.length).toBeGreaterThanOrEqual(4)
    expect(times.at(-1)).toBeGreaterThan(5_000)
  })

  it('S34 who was found by others before its own exchange succeeded is a newcomer, too', () => {
    const [y, z] = pair()
    z.meet('a', 'b')
    const { id, host, port } = y.core.self()
    const [asked] = only(z.step({ type: 'join', contacts: [{ id, host, port }] }), 'request')
    y.step({ type: 'request', from: 'z', replyId: 1, message: asked!.message })
    // The answer and all that would have followed got lost with the link.
    const soon = only(
      y.run(y.nowMs + 750).map(({ effect }) => effect),
      'request',
    )
    expect(soon.map(({ to, message }) => [to.id, message.type])).toEqual([['z', 'sync']])
  })

  it.each<[string, Update]>([
    ['is dead', { type: 'dead', id: 'a', generation: 1, counter: 0, accuser: 'b' }],
    ['left', { type: 'statement', statement: statementOf('a', { counter: 1, left: true }) }],
  ])(
    'S36 what was asked of a member that %s is taken back: its next life would hear old words',
    (_, update) => {
      const z = new Bench('z', { settings: { ...QUIET, syncIntervalMs: 1_000 } })
      z.meet('a')
      const effects = z.until(({ type }) => type === 'request').map(({ effect }) => effect)
      const [asked] = only(effects, 'request')
      expect(only(z.gossip('b', update), 'cancel')).toMatchObject([{ requestId: asked!.requestId }])
    },
  )

  it('S28 a joiner that knew nobody does not pass its table on, one that knew somebody does', () => {
    for (const [already, queued] of [
      [[], 0],
      [['x'], 3],
    ] as const) {
      const [y, z] = pair()
      for (const id of ['a', 'b']) z.gossip(id, { type: 'statement', statement: statementOf(id) })
      for (const id of already) y.gossip(id, { type: 'statement', statement: statementOf(id) })
      const before = y.core.stats().updatesQueued
      exchange(y, z)
      expect(view(y)).toEqual(expect.arrayContaining(['a alive 1.0', 'b alive 1.0', 'z alive 1.0']))
      expect(y.core.stats().updatesQueued - before).toBe(queued)
    }
  })

  it('S36 case 17, swift #91: who restarts outlives what is held against its former life', () => {
    const z = new Bench('z', { settings: QUIET })
    z.meet('a')
    z.gossip('a', { type: 'statement', statement: statementOf('y', { generation: 5 }) })
    z.gossip('a', { type: 'dead', id: 'y', generation: 5, counter: 0, accuser: 'a' })
    const y = new Bench('y', { settings: QUIET, self: { generation: 2 } })
    exchange(y, z)
    y.step({ type: 'persisted', generation: 6 })
    expect(y.core.self().generation).toBe(6)
    z.gossip('y', { type: 'statement', statement: y.core.self() })
    expect(z.statusOf('y')).toBe('alive')
  })
})

describe('limits of comparisons', () => {
  const ask = (z: Bench, from: string): Effect[] =>
    z.step({
      type: 'request',
      from,
      replyId: 7,
      message: {
        type: 'sync',
        self: statementOf(from),
        digests: new Uint32Array(128).fill(1),
        join: false,
      },
    })
  const types = (effects: Effect[]) => only(effects, 'reply').map(({ message }) => message.type)

  it('S28 case 11, memberlist #259: so many are answered at once, then it says busy', () => {
    const z = new Bench('z', { settings: { ...QUIET, syncsMax: 2 } })
    expect([...types(ask(z, 'a')), ...types(ask(z, 'b'))]).toEqual(['sync_reply', 'sync_reply'])
    const third = ask(z, 'c')
    expect(types(third)).toEqual(['busy'])
    expect(refusals(third)).toEqual(['ERR_SWIM_SYNCS_MAX'])
    const push = { type: 'sync_push', entries: [] as SyncEntry[] } as const
    z.step({ type: 'request', from: 'a', replyId: 8, message: push })
    expect(types(ask(z, 'c'))).toEqual(['sync_reply'])
  })

  it('S28 a peer that never pushes gives its place up after a while', () => {
    const z = new Bench('z', { settings: { ...QUIET, syncsMax: 1 } })
    ask(z, 'a')
    expect(types(ask(z, 'b'))).toEqual(['busy'])
    z.nowMs = 10_000
    expect(types(ask(z, 'b'))).toEqual(['sync_reply'])
  })

  it('S43 who introduces somebody else is refused', () => {
    const z = new Bench('z', { settings: QUIET })
    const effects = z.step({
      type: 'request',
      from: 'b',
      replyId: 7,
      message: {
        type: 'sync',
        self: statementOf('a'),
        digests: new Uint32Array(128),
        join: true,
      },
    })
    expect(refusals(effects)).toEqual(['ERR_SWIM_STATEMENT'])
    expect(z.statusOf('a')).toBeUndefined()
  })

  it('S43 an answer that nobody waits for changes nothing', () => {
    const z = new Bench('z', { settings: QUIET })
    const message: SwimReply = {
      type: 'sync_reply',
      self: statementOf('a'),
      entries: [],
      wanted: [],
      more: false,
    }
    const effects = z.step({ type: 'reply', requestId: 99, from: 'a', message })
    expect(refusals(effects)).toEqual(['ERR_SWIM_SEQUENCE'])
    expect(z.core.members()).toHaveLength(1)
  })
})

describe('joining', () => {
  const contacts = [1, 2, 3, 4].map((n) => ({ id: undefined, host: `seed${n}`, port: 1 }))
  const hosts = (effects: Effect[]) => only(effects, 'request').map(({ to }) => to.host)

  it('S34 tries a few contacts at once, and the next when one fails', () => {
    const z = new Bench('z')
    const effects = z.step({ type: 'join', contacts })
    expect(hosts(effects)).toEqual(['seed1', 'seed2', 'seed3'])
    const { requestId = 0 } = only(effects, 'request')[0] ?? {}
    expect(hosts(z.step({ type: 'request_failed', requestId }))).toEqual(['seed4'])
  })

  it('S34 goes on for ever, with pauses that grow to their limit', () => {
    const z = new Bench('z')
    let open = only(z.step({ type: 'join', contacts: contacts.slice(0, 1) }), 'request')
    const times: number[] = []
    for (let round = 0; round < 14; round++) {
      z.step({ type: 'request_failed', requestId: open[0]!.requestId })
      const effects = z.until(({ type }) => type === 'request').map(({ effect }) => effect)
      open = only(effects, 'request')
      times.push(z.nowMs)
    }
    const pauses = times.map((atMs, index) => atMs - (times[index - 1] ?? 0))
    expect(pauses[0]).toBeLessThanOrEqual(750)
    expect(Math.max(...pauses)).toBeLessThanOrEqual(45_000)
    expect(pauses.at(-1)).toBeGreaterThanOrEqual(15_000)
  })

  it('S34 keeps so many contacts and not one more', () => {
    const z = new Bench('z', { settings: { joinContactsMax: 2 } })
    z.step({ type: 'join', contacts })
    expect(z.core.snapshot().joiner.contacts.map(({ host }) => host)).toEqual(['seed3', 'seed4'])
  })

  it('S34 an existing connection with a stranger is a reason to compare', () => {
    const z = new Bench('z')
    const contact = { id: 'a', host: 'host-a', port: 1 }
    expect(hosts(z.step({ type: 'contact', contact }))).toEqual(['host-a'])
    z.meet('b')
    expect(hosts(z.step({ type: 'contact', contact: { ...contact, id: 'b' } }))).toEqual([])
  })

  it('S37 so many dead addresses are kept, the oldest gives way', () => {
    const z = new Bench('z', { settings: { healAddressesMax: 2 } })
    z.meet('a', 'b', 'c', 'd')
    for (const id of ['a', 'b', 'c']) {
      z.gossip('d', { type: 'dead', id, generation: 1, counter: 0, accuser: 'd' })
    }
    expect(z.core.snapshot().healer.dead.map(({ id }) => id)).toEqual(['b', 'c'])
    z.gossip('d', { type: 'statement', statement: statementOf('b', { counter: 1 }) })
    expect(z.core.snapshot().healer.dead.map(({ id }) => id)).toEqual(['c'])
  })
})
