/** Nodes that cannot reach each other, and others that can reach both. */
import { describe, expect, it } from 'vitest'
import type { Ref } from '../../../behaviours/index.ts'
import type { FoveaNode } from '../../../dist/index.ts'
import { LEAVE_CAPABILITY } from '../../../dist/leave.ts'
import type { Carrier } from '../../../dist/relay/carrier.ts'
import { encodeRelay, parseRelay, type RelayMessage } from '../../../dist/relay/relay-wire.ts'
import { Relays } from '../../../dist/relay/relays.ts'
import {
  encodeFrame,
  HEADER_BYTES,
  HIDDEN_FIELD,
  nodeKeyFromHex,
  WireType,
  type Courier,
  CourierError,
  type CourierHandler,
  type CourierSendOptions,
  type Member,
} from '../../../mesh/index.ts'
import { createSeededEntropy, createSimClock } from '../../../runtime/index.ts'
import {
  CounterContract,
  during,
  failing,
  probe,
  startWorld,
  type CounterApi,
  type LoggedWorld,
} from '../support/world.ts'

interface Cut {
  readonly world: LoggedWorld
  readonly a: FoveaNode
  readonly b: FoveaNode
  readonly c: FoveaNode
  /** On C, from A. */
  readonly counter: Ref<CounterApi>
  readonly downs: string[]
}

/** A-B and B-C, not A-C. */
async function cut(options: Parameters<typeof startWorld>[1] = {}): Promise<Cut> {
  const { node, ...rest } = options
  const quick = { keepaliveIntervalMs: 200, reconnectMaxMs: 500, relayTimeoutMs: 2_000 }
  const world = await startWorld(3, { ...rest, node: { ...quick, ...node } })
  const [a, b, c] = world.nodes as [FoveaNode, FoveaNode, FoveaNode]
  const counter = await during(world, a.remoteSpawn.spawn(CounterContract, c.id, { arg: 0 }))
  const downs: string[] = []
  for (const node of [a, b, c]) {
    node.cluster.onNodeDown((id) => downs.push(`${node.id.split('@')[0]} ${id.split('@')[0]}`))
  }
  world.partition(a, c)
  await world.clock.advance(2_500)
  return { world, a, b, c, counter, downs }
}

describe('an overlapping partition: A-B, B-C, not A-C', () => {
  it('everything between A and C goes through B, in order, and over a link again after healing', async () => {
    const { world, a, b, c, counter, downs } = await cut()
    const { clock } = world
    expect(a.mesh.linkTo(c.key.hex)).toBeUndefined()
    expect(await during(world, counter.call.add(5))).toBe(5)
    expect(a.mesh.linkTo(c.key.hex)).toBeUndefined()
    // No cascade: each lost one node, and has it again.
    expect(downs.toSorted()).toEqual(['n1 n3', 'n3 n1'])
    expect([a, c].map((node) => node.cluster.isNodeConnected(b.id))).toEqual([true, true])
    expect(a.cluster.isNodeConnected(c.id)).toBe(true)

    const here = probe(a)
    const there = probe(c)
    const [toC, toA] = [
      a.system.pidFor(c.key.hex, there.pid.id, there.pid.incarnation),
      c.system.pidFor(a.key.hex, here.pid.id, here.pid.incarnation),
    ]
    for (let i = 0; i < 100; i++) {
      a.system.send(toC, { i, data: new Uint8Array(i % 20 === 0 ? 150_000 : 10) })
      c.system.send(toA, i)
    }
    await clock.advance(500)
    expect((there.seen as { i: number }[]).map(({ i }) => i)).toEqual([...Array(100).keys()])
    expect(here.seen).toEqual([...Array(100).keys()])
    a.system.monitor(here.pid, toC)
    c.system.link(there.pid, toA)
    await clock.advance(100)

    world.heal()
    await clock.advance(4_000)
    expect(a.mesh.linkTo(c.key.hex)).toBeDefined()
    // The monitor and the link made through B stand, whatever carries them now.
    a.system.exit(toC, 'kill')
    await clock.advance(100)
    expect(here.signals().toSorted()).toEqual(['down killed', 'exit killed'])
    await clock.advance(2_000)
    const relayedBefore = a.mesh.courier!.stats()
    expect(await during(world, counter.call.add(1))).toBe(6)
    const { direct, relayed } = a.mesh.courier!.stats()
    expect([direct, relayed]).toEqual([relayedBefore.direct, relayedBefore.relayed])
    expect(downs.length).toBe(2)
    await world.stop()
  })

  it('what is said while a session gives way to a link takes the link: no call, monitor or link of it breaks', async () => {
    const { world, a, c, counter, downs } = await cut()
    await during(world, counter.call.add(1))
    const here = probe(a)
    const there = probe(c)
    const toC = a.system.pidFor(c.key.hex, there.pid.id, there.pid.incarnation)
    let answer: Promise<unknown> | undefined
    // The gate was told before: it has just asked to end the session.
    a.mesh.onLink(({ type, link }) => {
      if (type !== 'up' || link.peer.key.hex !== c.key.hex || answer !== undefined) return
      expect(Object.keys(a.stats().peers).length).toBe(1)
      answer = counter.call.add(1).catch((error: unknown) => error)
      a.system.monitor(here.pid, toC)
      a.system.link(here.pid, toC)
      a.system.send(toC, 'last')
    })
    world.heal()
    await world.clock.advance(6_000)
    expect(await answer).toBe(2)
    expect([here.signals(), there.seen]).toEqual([[], ['last']])
    a.system.exit(toC, 'kill')
    await world.clock.advance(100)
    expect(here.signals().toSorted()).toEqual(['down killed', 'exit killed'])
    expect(downs.length).toBe(2)
    await world.stop()
  })

  it('what waits for a session takes the link that comes up before it', async () => {
    const { world, a, b, c, counter } = await cut()
    const { clock } = world
    let answer: unknown
    counter.call.add(1).then(
      (count) => (answer = count),
      (error: unknown) => (answer = error),
    )
    // The dial ends in vain; then nobody passes the question on.
    await clock.advance(1_990)
    const before = a.mesh.courier!.stats().relayed
    world.kill(b)
    await clock.advance(50)
    expect(a.mesh.courier!.stats().relayed).toBe(before + 1)
    expect([a.mesh.linkTo(c.key.hex), answer]).toEqual([undefined, undefined])
    world.heal()
    while (a.mesh.linkTo(c.key.hex) === undefined) await clock.advance(10)
    // The peer may have accepted what it was asked through B: until it says no, or does not answer in time, nothing is said.
    await clock.advance(2_000)
    expect(answer).toBe(1)
    await world.stop()
  })

  it('is noconnection on both sides when B is gone, too, and nothing is left', async () => {
    const { world, a, b, c, counter } = await cut()
    const { clock } = world
    await during(world, counter.call.add(1))
    const here = probe(a)
    const there = probe(c)
    const toC = a.system.pidFor(c.key.hex, there.pid.id, there.pid.incarnation)
    a.system.monitor(here.pid, toC)
    a.system.link(here.pid, toC)
    const hanging = failing(world, counter.call.hang(undefined, { timeoutMs: Infinity }))
    await clock.advance(500)
    world.partition(a, b)
    world.partition(b, c)
    await clock.advance(6_000)
    expect(await hanging).toMatchObject({ reason: 'noconnection' })
    expect(here.signals().toSorted()).toEqual(['down noconnection', 'exit noconnection'])
    expect(there.signals()).toEqual(['exit noconnection'])
    expect(a.stats().peers).toEqual({})
    expect(a.cluster.getConnectedNodeCount()).toBe(0)
    await world.stop()
  })

  it('relaysMax: one more is noconnection with its code; both ends may open at once', async () => {
    const { world, a, c, counter } = await cut({ node: { relaysMax: 1 } })
    const { clock } = world
    const back = probe(a)
    const toA = c.system.pidFor(a.key.hex, back.pid.id, back.pid.incarnation)
    c.system.send(toA, 'from c')
    expect(await during(world, counter.call.add(1))).toBe(1)
    await clock.advance(200)
    expect(back.seen).toEqual(['from c'])
    const d = await world.start('n4')
    await clock.advance(1_000)
    world.partition(a, d)
    await clock.advance(2_500)
    const call = a.remoteCall.call({ name: 'x', node: d.id }, 'get')
    expect(await failing(world, call)).toMatchObject({ reason: 'noconnection' })
    expect(a.stats().refused).toMatchObject({ ERR_DIST_RELAYS_MAX: 1 })
    await world.stop()
  })
})

/** One side of a session, what it sends to its peer, and a way to be that peer. */
function side({
  isLinked = true,
  need = { isNeeded: false },
  ownKeyHex = 'a'.repeat(64),
  links = [] as boolean[],
  state = 'up',
  outcome = 'sent',
  broken = 0,
} = {}) {
  const peer = 'b'.repeat(64)
  const clock = createSimClock()
  const said: string[] = []
  const events: string[] = []
  const losses: ((error?: CourierError) => void)[] = []
  let session = ''
  let take: CourierHandler = () => {}
  const courier = {
    handle: (_from: number, _to: number, handler: CourierHandler) => {
      take = handler
      return () => {}
    },
    onGone: () => () => {},
    send: (
      _to: string,
      _lane: string,
      frame: Uint8Array,
      { lost, undialable }: CourierSendOptions,
    ) => {
      if (undialable !== true || lost === undefined) throw new Error('it would wait for a dial')
      const message = parseRelay(frame.subarray(HEADER_BYTES))
      if (message.kind === 'open') session = message.session
      said.push(message.session === session ? message.kind : `${message.kind} another`)
      losses.push((error) => lost(error as CourierError))
      return outcome
    },
  } as unknown as Courier
  const key = nodeKeyFromHex(peer)
  const member = {
    ...{ key, nodeId: 'b@10.0.0.2:1', address: key, state },
    metadata: { [HIDDEN_FIELD]: true },
  } as unknown as Member
  let carrier: Carrier | undefined
  const relays = new Relays({
    ...{ courier, clock, entropy: createSeededEntropy(1), ownKeyHex },
    ownIncarnation: 1,
    settings: {
      ...{ relaysMax: 1, relayWindowBytes: 65_536, relayTimeoutMs: 2_000, dialTimeoutMs: 100 },
    },
    member: () => member,
    isLinked: () => links.shift() ?? isLinked,
    refused: () => {},
    events: {
      up: (up) => {
        carrier = up
        events.push(up.peer.hidden === true ? 'up' : 'listed')
      },
      frame: (_carrier, type) => {
        if (type === broken) throw new Error('broken')
        events.push(`frame ${type}`)
      },
      down: (_carrier, end) => void events.push(`down ${end}`),
      isNeeded: () => need.isNeeded,
      missed: () => void events.push('missed'),
      parting: () => void events.push('parting'),
      stays: () => void events.push('stays'),
    },
  })
  const origin = { node: peer, roles: [], path: 'direct', via: undefined } as const
  const hear = (message: Heard, from = peer): void =>
    take(
      { ...origin, node: from },
      WireType.distRelay,
      encodeRelay({ session, ...message } as RelayMessage),
    )
  const open = (): boolean =>
    relays.open(peer, (isUp, isRefused) =>
      events.push(`opened ${isUp}${isRefused ? ', refused' : ''}`),
    )
  return { clock, relays, peer, said, events, losses, hear, open, carrier: () => carrier }
}

/** A message of the peer, by default in the session that was opened here. */
type Heard = RelayMessage extends infer Message
  ? Message extends RelayMessage
    ? Omit<Message, 'session'> & { readonly session?: string }
    : never
  : never

const OPENED: Heard = { kind: 'opened', incarnation: 1, knows: 1 }
const openOf = (which: number, incarnation = 1) => {
  return { kind: 'open', session: `${which}`.repeat(16), incarnation, knows: 1 } as const
}
const OPEN = openOf(1)
const data = (number: number): Heard => {
  return { kind: 'data', number, ack: 0, type: 0xa0 + number, payload: Uint8Array.of(0) }
}

/** One that was opened here, and is up. */
function opened(options: Parameters<typeof side>[0] = {}) {
  const made = side(options)
  made.open()
  made.hear(OPENED)
  return made
}

describe('a session that is about to end', () => {
  it('has ended when its peer speaks on the link, before its answer is there', () => {
    const { relays, peer, said, events, hear } = opened()
    relays.linked(peer)
    expect(said).toEqual(['open', 'fin'])
    relays.overtaken(peer)
    hear({ kind: 'finYes' })
    expect(events).toEqual(['up', 'opened true', 'parting', 'down idle'])
    expect(relays.size).toBe(0)
  })

  it('is lost when its peer speaks on a link and nobody asked to end it', () => {
    const { relays, peer, said, events } = opened({ isLinked: false })
    relays.overtaken(peer)
    expect(events).toEqual(['up', 'opened true', 'down lost'])
    expect(said).toEqual(['open', 'close'])
  })

  it('goes on when its peer needs it, and pings as before', async () => {
    const { clock, relays, peer, said, events, hear } = opened()
    relays.linked(peer)
    hear({ kind: 'finNo' })
    expect(events).toEqual(['up', 'opened true', 'parting', 'stays'])
    said.length = 0
    await clock.advance(500)
    expect(said).toEqual(['ping', 'fin'])
    relays.close()
    expect(events.at(-1)).toBe('down lost')
  })

  it('is not asked for without a link before nobody has needed it for half a minute, nor sooner again', async () => {
    const need = { isNeeded: false }
    const { clock, said, hear } = opened({ isLinked: false, need })
    const fins = async (seconds: number): Promise<number> => {
      said.length = 0
      for (let at = 0; at < 2 * seconds; at++) {
        hear({ kind: 'ack', ack: 0 })
        await clock.advance(500)
      }
      return said.filter((kind) => kind === 'fin').length
    }
    expect(await fins(25)).toBe(0)
    need.isNeeded = true
    expect(await fins(1)).toBe(0)
    need.isNeeded = false
    expect(await fins(29)).toBe(0)
    expect(await fins(2)).toBe(1)
    hear({ kind: 'finNo' })
    expect(await fins(29)).toBe(0)
  })

  it('begins to end behind what overtook the answer to its opening', () => {
    const { events, hear, open } = side()
    open()
    hear(data(2))
    hear(data(1))
    hear(OPENED)
    expect(events).toEqual(['up', 'opened true', 'frame 161', 'frame 162', 'parting'])
  })
})

describe('a session that a peer opens', () => {
  it('comes up with the first word of the peer in it; what waits here waits for that', async () => {
    const { clock, relays, peer, said, events, hear, open } = side({ isLinked: false })
    hear(OPEN)
    expect([open(), open()]).toEqual([true, false])
    expect([events, relays.isOpening(peer)]).toEqual([[], true])
    relays.linked(peer)
    hear({ kind: 'ack', session: OPEN.session, ack: 0 })
    expect([events, relays.isOpening(peer)]).toEqual([['up', 'opened true'], false])
    await clock.advance(0)
    expect(said).toEqual(['opened another', 'opened another'])
  })

  it('is missed, not lost, when the peer does not know of it any more', () => {
    const { relays, events, hear, open } = side({ isLinked: false })
    hear(OPEN)
    open()
    hear({ kind: 'refused', session: OPEN.session })
    expect([events, relays.size]).toEqual([['missed', 'opened false, refused'], 0])
  })

  it('waits beside one that the same life of the peer may know of still, until the peer says so', () => {
    const { said, events, hear } = opened({ isLinked: false })
    hear(OPEN)
    hear({ kind: 'ack', ack: 0 })
    expect([said.splice(0), events.splice(0)]).toEqual([
      ['open', 'ping', 'refused another'],
      ['up', 'opened true'],
    ])
    hear(openOf(2))
    hear({ kind: 'refused' })
    expect([said.splice(0), events.splice(0)]).toEqual([['ping', 'opened another'], ['down lost']])
    // Also one that was accepted here, and was not spoken in.
    hear(openOf(3))
    hear({ kind: 'refused', session: openOf(2).session })
    expect([said, events]).toEqual([['opened another', 'opened another'], ['missed']])
  })

  it('takes the place of one with a former life of the peer', () => {
    const { said, events, hear } = opened({ isLinked: false })
    hear(openOf(1, 2))
    expect(said).toEqual(['open', 'close', 'opened another'])
    expect(events).toEqual(['up', 'opened true', 'down lost'])
  })

  it.each([
    ['smaller', 'a'.repeat(64), ['open']],
    ['larger', 'c'.repeat(64), ['open', 'close', 'opened another']],
  ])('while it opens one itself, a node with the %s key', (_what, ownKeyHex, expected) => {
    const { said, hear, open } = side({ isLinked: false, ownKeyHex })
    open()
    hear(OPEN)
    expect(said).toEqual(expected)
  })

  it.each(['suspect', 'down', 'left'])('is a matter of members: one that is %s', (state) => {
    const { said, hear, open } = side({ isLinked: false, state })
    const isThere = state === 'suspect'
    hear(OPEN)
    expect(said).toEqual([isThere ? 'opened another' : 'refused another'])
    expect(open()).toBe(isThere)
  })

  it('is refused above relaysMax', () => {
    const { said, relays, hear } = side({ isLinked: false })
    hear(OPEN)
    hear(openOf(2), 'd'.repeat(64))
    expect([said, relays.size]).toEqual([['opened another', 'refused another'], 1])
  })

  it('is refused again when it was refused once, whatever has changed meanwhile', () => {
    const { said, hear } = side({ isLinked: false, links: [true] })
    hear(OPEN)
    hear(OPEN)
    hear(openOf(2))
    expect(said).toEqual(['refused another', 'refused another', 'opened another'])
  })

  it('tells who waits for one that it took the place of how it ended, also when it was refused', () => {
    const refused = side({ ownKeyHex: 'c'.repeat(64) })
    refused.open()
    refused.hear(OPEN)
    expect(refused.events).toEqual(['missed', 'opened false, refused'])
    const taken = side({ ownKeyHex: 'c'.repeat(64), isLinked: false })
    taken.open()
    taken.hear(OPEN)
    taken.hear({ kind: 'refused', session: OPEN.session })
    expect(taken.events).toEqual(['missed', 'missed', 'opened false, refused'])
  })

  it('is with the life that accepted it, whatever is said later', () => {
    const { hear, carrier } = opened()
    hear({ ...OPENED, incarnation: 2, knows: 0 } as Heard)
    const { incarnation, capabilities } = carrier()!.peer
    expect([incarnation, capabilities]).toEqual([1, [LEAVE_CAPABILITY]])
  })

  it('is answered with a refusal by who did not open it', () => {
    const { said, hear } = side()
    hear({ ...OPENED, session: OPEN.session } as Heard)
    hear({ kind: 'ack', session: OPEN.session, ack: 0 })
    expect(said).toEqual(['refused another'])
  })
})

describe('what is lost on the way', () => {
  it('ends a session if it was data, and not if the next ping says the same', async () => {
    const { clock, said, events, losses, carrier } = opened({
      isLinked: false,
      need: { isNeeded: true },
    })
    await clock.advance(500)
    expect(said).toEqual(['open', 'ack', 'ping'])
    for (const lost of losses.slice(1)) lost()
    expect(events).toEqual(['up', 'opened true'])
    carrier()!.send('dist', encodeFrame(0xa1, Uint8Array.of(1)))
    losses.at(-1)!()
    expect([events.at(-1), said.at(-1)]).toEqual(['down lost', 'close'])
  })

  it('ends nothing if it may be there, or was acknowledged since, and is said again when a link is gone', () => {
    const { relays, peer, said, events, losses, hear, carrier } = opened({
      isLinked: false,
      need: { isNeeded: true },
    })
    for (const type of [0xa1, 0xa2]) carrier()!.send('dist', encodeFrame(type, Uint8Array.of(1)))
    const [first, second] = losses.slice(-2)
    second!(new CourierError('ERR_COURIER_TIMEOUT', 'nobody said', { mayHaveArrived: true }))
    hear({ kind: 'ack', ack: 1 })
    first!()
    expect([events.at(-1), said.length]).toEqual(['opened true', 3])
    relays.unlinked(peer)
    relays.unlinked('c'.repeat(64))
    expect([said.at(-1), said.length]).toEqual(['data', 4])
    second!()
    expect(events.at(-1)).toBe('down lost')
  })

  it('is what the courier refuses, too', async () => {
    const { clock, events, open } = side({ outcome: 'refused' })
    open()
    expect(events).toEqual([])
    await clock.advance(0)
    expect(events).toEqual(['missed', 'opened false'])
  })

  it('is what came behind a frame that ended its session', () => {
    const { relays, events, hear } = opened({ isLinked: false, broken: 161 })
    hear(data(2))
    hear(data(1))
    expect([events, relays.size]).toEqual([['up', 'opened true', 'down lost'], 0])
  })
})
