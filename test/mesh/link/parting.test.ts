import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nodeKeyFromBytes } from '../../../mesh/identity/node-key.ts'
import type { Connection } from '../../../mesh/link/connection.ts'
import type { LaneName } from '../../../mesh/link/link.ts'
import { Parting, PARTING_CAPABILITY } from '../../../mesh/link/parting.ts'
import { LinkPool } from '../../../mesh/link/pool.ts'
import type { PartingMessage } from '../../../mesh/wire/check.ts'
import { Codec } from '../../../mesh/wire/codec.ts'
import { encodeFrame } from '../../../mesh/wire/frame.ts'
import { Cluster } from '../cluster.ts'
import { Hostile } from '../hostile.ts'
import { LinkNode, type LinkNodeOptions } from './link-node.ts'

const OPTIONS = { linkPartingTimeoutMs: 5_000, bytesQueuedMax: 100 }
const LANES: readonly LaneName[] = ['dist', 'sync', 'pubsub']

type Word =
  | { readonly type: 'asks'; readonly message: PartingMessage }
  | { readonly type: 'stays'; readonly question: number }
  | { readonly type: 'goodbye' }

/** One end of a link whose lanes are in order each, and not with each other. */
class Side {
  readonly parting = new Parting(OPTIONS)
  readonly control: Word[] = []
  readonly lanes: readonly (readonly [LaneName, number[]])[] = LANES.map((lane) => [lane, []])
  readonly got: number[] = []
  /** What could not be said on this link. */
  readonly left: number[] = []
  said = 0
  isNeeded = false
  isOver = false

  say(lane: LaneName): void {
    const number = ++this.said
    if (this.isOver) this.left.push(number)
    else if (this.parting.isOpen) this.parting.wait(lane, Uint8Array.of(number))
    else this.#send(lane, number)
  }

  ask(): void {
    if (this.isOver || this.parting.isOpen || this.isNeeded) return
    this.control.push({ type: 'asks', message: this.parting.ask(0) })
  }

  hear(word: Word): void {
    if (this.isOver) return
    if (word.type === 'goodbye') this.#end()
    else if (word.type === 'stays') {
      if (this.parting.stays(word.question)) this.#goOn()
    } else if (this.parting.mayEnd(word.message, this.isNeeded)) {
      this.control.push({ type: 'goodbye' })
      this.#end()
    } else this.control.push({ type: 'stays', question: word.message.question })
  }

  take(number: number): void {
    if (this.isOver) throw new Error('a frame came after the end')
    this.got.push(number)
    if (this.parting.received()) this.#goOn()
  }

  #goOn(): void {
    for (const { lane, frame } of this.parting.take()) this.#send(lane, frame[0]!)
  }

  #send(lane: LaneName, number: number): void {
    this.lanes[LANES.indexOf(lane)]![1].push(number)
    this.parting.sent()
  }

  #end(): void {
    this.isOver = true
    this.left.push(...this.parting.take().map(({ frame }) => frame[0]!))
  }
}

describe('Parting', () => {
  it('ends a link only when nothing is on its way, whatever both sides say and ask', () => {
    let ends = 0
    let stays = 0
    const step = fc.record({
      what: fc.constantFrom('say', 'ask', 'ask', 'lane', 'lane', 'control', 'control', 'need'),
      at: fc.constantFrom(0, 1),
      lane: fc.nat(LANES.length - 1),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const sides = [new Side(), new Side()] as const
        const deliver = (at: number, lane: number): void => {
          const number = sides[at]!.lanes[lane]![1].shift()
          if (number !== undefined) sides[1 - at]!.take(number)
        }
        const speak = (at: number): void => {
          const word = sides[at]!.control.shift()
          if (word?.type === 'stays') stays++
          if (word !== undefined) sides[1 - at]!.hear(word)
        }
        for (const { what, at, lane } of steps) {
          const side = sides[at]!
          if (what === 'say') side.say(LANES[lane]!)
          else if (what === 'ask') side.ask()
          else if (what === 'lane') deliver(at, lane)
          else if (what === 'control') speak(at)
          else side.isNeeded = !side.isNeeded
        }
        while (sides.some((side) => side.control.length > 0)) for (const at of [0, 1]) speak(at)
        for (const at of [0, 1]) {
          for (const [place, [, waiting]] of sides[at]!.lanes.entries()) {
            while (waiting.length > 0) deliver(at, place)
          }
        }
        while (sides.some((side) => side.control.length > 0)) for (const at of [0, 1]) speak(at)
        const [a, b] = sides
        expect(a.isOver).toBe(b.isOver)
        if (a.isOver) ends++
        for (const [from, to] of [
          [a, b],
          [b, a],
        ] as const) {
          const all = Array.from({ length: from.said }, (_, i) => i + 1)
          expect([...to.got, ...from.left].sort((x, y) => x - y)).toEqual(all)
          // What is left for the next link is the newest.
          if (from.left.length > 0) expect(Math.max(0, ...to.got)).toBeLessThan(from.left[0]!)
        }
      }),
      { seed: 4, numRuns: 3_000 },
    )
    expect([ends > 100, stays > 100]).toEqual([true, true])
  })

  it('keeps bytesQueuedMax bytes of what is said meanwhile, and refuses one more', () => {
    const parting = new Parting(OPTIONS)
    parting.ask(0)
    expect(parting.wait('dist', new Uint8Array(60))).toBe(false)
    parting.wait('rpc', new Uint8Array(40))
    expect(() => parting.wait('sync', new Uint8Array(1))).toThrow('100 bytes wait')
    expect([parting.bytesWaiting, parting.bytesWaitingOn('rpc')]).toEqual([100, 40])
    expect(parting.stays(1)).toBe(true)
    expect(parting.take().map(({ lane }) => lane)).toEqual(['dist', 'rpc'])
    expect(parting.bytesWaiting).toBe(0)
  })

  it('takes no answer to an earlier question for one to the last', () => {
    const parting = new Parting(OPTIONS)
    expect(parting.ask(0)).toEqual({ question: 1, sent: 0, received: 0 })
    expect(parting.received()).toBe(true)
    expect(parting.ask(10)).toEqual({ question: 2, sent: 0, received: 1 })
    expect([parting.stays(1), parting.isOpen, parting.dueMs]).toEqual([false, true, 5_010])
    expect([parting.stays(2), parting.isOpen, parting.dueMs]).toEqual([true, false, Infinity])
  })
})

const LATENCY_MS = 20
const word = (lane: number): Uint8Array => encodeFrame(0x40, Uint8Array.of(lane))

/** `a` has dialled `b`; what each has got on the sync lane, and how links went down. */
async function scene(cluster: Cluster, ofB: LinkNodeOptions = {}) {
  const open = (name: string, n: number, options: LinkNodeOptions = {}) =>
    LinkNode.open(
      cluster,
      cluster.network.transport(),
      name,
      { host: `10.0.0.${n}`, port: 4433 },
      options,
    )
  const [a, b] = [await open('a', 1), await open('b', 2, ofB)]
  const events: string[] = []
  const got: Record<string, number[]> = { a: [], b: [] }
  for (const node of [a, b]) {
    node.frames.handle(0x40, 0x40, (_link, _type, payload) => {
      got[node.name]!.push(payload[0]!)
    })
    node.pool.onParting(({ type }) => void events.push(`${node.name} ${type}`))
    node.pool.onLink((event) => {
      if (event.type === 'down') events.push(`${node.name} ${event.reason}`)
    })
  }
  await cluster.during(a.dial(b))
  await cluster.clock.advance(100)
  return { a, b, events, got }
}

const slow = (): Cluster => new Cluster(1, { latencyMs: LATENCY_MS })

describe('a link whose peer is asked whether it may end', () => {
  it('ends with idle on both sides when the peer has nothing', async () => {
    await using cluster = slow()
    const { a, b, events } = await scene(cluster)
    a.link('b').part()
    expect([a.pool.usable(b.keys.nodeKey.hex), a.peers]).toEqual([undefined, 'b'])
    await cluster.clock.advance(3 * LATENCY_MS)
    expect(events).toEqual(['a parting', 'b idle', 'a idle'])
    expect([a.peers, b.peers, a.refused, b.refused]).toEqual(['', '', {}, {}])
  })

  it('stays when something crosses the question, and what waited arrives in order', async () => {
    await using cluster = slow()
    const { a, b, events, got } = await scene(cluster)
    const link = a.link('b')
    const drained: string[] = []
    link.onDrain((lane) => void drained.push(lane))
    await cluster.clock.advance(5)
    b.link('a').send('sync', word(7))
    link.part()
    expect([link.send('sync', word(1)), link.send('sync', word(2))]).toEqual([false, false])
    expect(link.bytesQueued).toBe(18)
    await cluster.clock.advance(LATENCY_MS)
    // The frame is the answer: its sender had not parted.
    expect([got['a'], events, drained]).toEqual([[7], ['a parting', 'a stays'], ['sync']])
    link.send('sync', word(3))
    await cluster.clock.advance(3 * LATENCY_MS)
    expect([got['b'], a.peers, events.length, link.bytesQueued]).toEqual([[1, 2, 3], 'b', 2, 0])
  })

  it('stays when the peer needs it, and is asked again only when it has rested anew', async () => {
    await using cluster = slow()
    const { a, b, events } = await scene(cluster)
    a.link('b').use.take()
    const release = b.link('a').hold()
    a.link('b').part()
    await cluster.clock.advance(3 * LATENCY_MS)
    expect(events).toEqual(['a parting', 'a stays'])
    expect(a.link('b').use.take()).toBe(true)
    release()
    const stop = b.pool.keepLinks(() => true)
    a.link('b').part()
    await cluster.clock.advance(3 * LATENCY_MS)
    stop()
    a.link('b').part()
    await cluster.clock.advance(3 * LATENCY_MS)
    expect(events.slice(2)).toEqual(['a parting', 'a stays', 'a parting', 'b idle', 'a idle'])
  })

  it('stays when the peer will speak on it before long, and ends when that is not soon', async () => {
    await using cluster = slow()
    const { a, b, events } = await scene(cluster)
    const forget = b.pool.foretell(() => ({ turns: 63, waitMs: 9_999 }))
    a.link('b').part()
    await cluster.clock.advance(3 * LATENCY_MS)
    forget()
    b.pool.foretell(() => ({ turns: 64, waitMs: 9_999 }))
    a.link('b').part()
    await cluster.clock.advance(3 * LATENCY_MS)
    expect(events).toEqual(['a parting', 'a stays', 'a parting', 'b idle', 'a idle'])
  })

  it('ends once when both sides ask at once', async () => {
    await using cluster = slow()
    const { a, b, events } = await scene(cluster)
    a.link('b').part()
    b.link('a').part()
    await cluster.clock.advance(5 * LATENCY_MS)
    expect([a.peers, b.peers]).toEqual(['', ''])
    expect(events.sort()).toEqual(['a idle', 'a parting', 'b idle', 'b parting'])
  })

  it('is told goodbye at once if it knows no such question', async () => {
    await using cluster = slow()
    const { a, b, events } = await scene(cluster, { parts: false })
    a.link('b').part()
    expect(events).toEqual(['a idle'])
    await cluster.clock.advance(5 * LATENCY_MS)
    expect([events, b.refused]).toEqual([['a idle', 'b idle'], {}])
  })

  it('is found dead by its keepalive while it owes an answer', async () => {
    await using cluster = slow()
    const { a, b, events } = await scene(cluster)
    await cluster.clock.advance(30_000)
    cluster.network.kill(b.address)
    a.link('b').part()
    await cluster.clock.advance(4_200)
    expect(events).toEqual(['a parting', 'a heartbeat_timeout'])
  })
})

describe('a peer that breaks the rules of parting', () => {
  async function evil(cluster: Cluster) {
    const a = await LinkNode.open(
      cluster,
      cluster.network.transport(),
      'a',
      { host: '10.0.0.1', port: 4433 },
      { linkPartingTimeoutMs: 2_000 },
    )
    const downs: string[] = []
    a.pool.onLink((event) => {
      if (event.type === 'down') downs.push(event.reason)
    })
    const peer = await (
      await Hostile.open(cluster, 66)
    ).join({ capabilities: [PARTING_CAPABILITY] })
    return { a, peer, downs }
  }
  const asks = (question: number, sent = 0, received = 0): Uint8Array =>
    encodeFrame(0x0a, new Codec().encode({ question, sent, received }))

  it('loses its link at linkPartingTimeoutMs, and not before, when it does not answer', async () => {
    await using cluster = new Cluster()
    const { a, downs } = await evil(cluster)
    a.link('evil').part()
    await cluster.clock.advance(1_999)
    expect([downs, a.refused]).toEqual([[], {}])
    await cluster.clock.advance(1)
    expect(downs).toEqual(['connection_closed'])
    expect(a.refused).toEqual({ ERR_LINK_PARTING_TIMEOUT: 1 })
  })

  it('is told that the link stays when its counts are lies', async () => {
    await using cluster = new Cluster()
    const { peer, downs } = await evil(cluster)
    peer.control!.write(asks(1, 5, 0))
    peer.control!.write(asks(2, 0, 9))
    await cluster.clock.advance(100)
    expect([peer.received.slice(-2), downs]).toEqual([['staying', 'staying'], []])
    peer.control!.write(asks(3))
    await cluster.clock.advance(100)
    expect(downs).toEqual(['idle'])
  })

  it('is not answered more often than a ping would be', async () => {
    await using cluster = new Cluster()
    const { a, peer } = await evil(cluster)
    const before = peer.received.length
    for (let number = 1; number <= 400; number++) peer.control!.write(asks(number, 1))
    await cluster.clock.advance(10)
    const answered = peer.received.slice(before).filter((text) => text === 'staying').length
    expect(a.refused).toEqual({ ERR_LINK_PING_FLOOD: 400 - answered })
    expect(answered).toBeLessThanOrEqual(320)
  })

  it('may say that it stays unasked', async () => {
    await using cluster = new Cluster()
    const { a, peer, downs } = await evil(cluster)
    peer.control!.write(encodeFrame(0x0b, new Codec().encode({ question: 1 })))
    await cluster.clock.advance(100)
    expect([downs, a.refused]).toEqual([[], {}])
  })
})

it('a peer that dials although it was asked has said goodbye: no loss, unless it is another life', () => {
  const key = (n: number) => nodeKeyFromBytes(new Uint8Array(32).fill(n))
  const reasonFor = (isParting: boolean, incarnation: number): unknown => {
    const options = { linksMax: 4, handshakesMax: 4, incarnationsMax: 4 }
    const pool = new LinkPool(key(1), options, (error) => {
      throw error
    })
    const reasons: unknown[] = []
    const link = {
      ...{ peerKey: key(2), peer: { incarnation: 1, key: key(2) }, peerDials: 1, isParting },
      replace: (reason: unknown) => void reasons.push(reason),
    } as unknown as Connection
    pool.up(link)
    const verdict = pool.judge({ peerKey: key(2) } as Connection, { incarnation, dials: 2 })
    expect(verdict).toMatchObject({ type: 'accept', replace: true })
    return reasons[0]
  }
  expect(reasonFor(true, 1)).toBe('idle')
  expect(reasonFor(true, 2)).toBe('connection_closed')
  expect(reasonFor(false, 1)).toBe('connection_closed')
})
