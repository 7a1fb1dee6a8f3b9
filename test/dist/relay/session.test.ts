import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeRelay, parseRelay, type RelayMessage } from '../../../dist/relay/relay-wire.ts'
import { RelaySession, type SessionEffect, type SessionEnd } from '../../../dist/relay/session.ts'

const ID = '00112233aabbccdd'
const WINDOW_BYTES = 1_000
const TIMEOUT_MS = 800
const OPEN_MS = 300

/** One side, what it delivered, and what it wants to send. */
class Side {
  readonly session: RelaySession
  readonly out: RelayMessage[] = []
  readonly delivered: string[] = []
  readonly events: string[] = []
  end: SessionEnd | undefined

  constructor(role: 'opener' | 'accepting', nowMs = 0) {
    this.session = new RelaySession(
      {
        ...{ session: ID, role, ownIncarnation: role === 'opener' ? 1 : 2 },
        ...{ windowBytes: WINDOW_BYTES, timeoutMs: TIMEOUT_MS, openTimeoutMs: OPEN_MS },
      },
      nowMs,
    )
    this.apply(this.session.start())
  }

  apply(effects: readonly SessionEffect[]): void {
    for (const effect of effects) {
      if (effect.type === 'transmit') this.out.push(parseRelay(encodeRelay(effect.message)))
      else if (effect.type === 'deliver') {
        this.delivered.push(`${effect.frameType} ${Buffer.from(effect.payload).toString()}`)
      } else if (effect.type === 'ended') {
        if (this.end !== undefined) throw new Error('ended twice')
        this.end = effect.end
      } else this.events.push(effect.type)
    }
  }

  say(text: string, nowMs = 0): void {
    this.apply(this.session.send(0xab, Buffer.from(text), nowMs))
  }

  take(message: RelayMessage, nowMs = 0): void {
    this.apply(this.session.input(message, nowMs))
  }
}

function pair(): readonly [Side, Side] {
  const [a, b] = [new Side('opener'), new Side('accepting')]
  a.out.length = 0
  a.take(b.out.shift()!)
  a.apply(a.session.acknowledge(0))
  b.take(a.out.shift()!)
  return [a, b]
}

describe('a relayed session', () => {
  it('delivers in order and once, however its messages are delayed, and whichever are lost', () => {
    const step = fc.record({
      deliver: fc.nat(6),
      from: fc.boolean(),
      loses: fc.nat(5),
    })
    let lossy = 0
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.array(step, { maxLength: 120, size: 'max' }),
        (isLossy, steps) => {
          const [a, b] = pair()
          const texts = { a: 0, b: 0 }
          let losses = 0
          let now = 0
          const move = (from: Side, to: Side, place: number, loses: boolean): void => {
            const [message] = from.out.splice(Math.min(place, from.out.length - 1), 1)
            if (message === undefined) return
            if (loses) losses += 1
            else to.take(message, now)
          }
          for (const { deliver, from, loses } of steps) {
            now += 5
            const [x, y] = from ? [a, b] : [b, a]
            const name = from ? 'a' : 'b'
            if (deliver === 0 && x.session.state === 'up') {
              texts[name] += 1
              x.say(`${texts[name]}`, now)
            } else move(x, y, deliver, isLossy && loses === 0)
            y.apply(y.session.acknowledge(now))
          }
          // Time passes until nothing is under way, or what was lost is noticed.
          for (let turn = 0; turn < 60; turn++) {
            now += 40
            for (const [x, y] of [
              [a, b],
              [b, a],
            ] as const) {
              while (x.out.length > 0) move(x, y, 0, false)
              y.apply(y.session.acknowledge(now))
              x.apply(x.session.tick(now))
            }
          }
          const inOrder = (n: number): string[] =>
            Array.from({ length: n }, (_, i) => `171 ${i + 1}`)
          if (losses > 0) lossy += 1
          expect([b.delivered, a.delivered]).toEqual([inOrder(texts.a), inOrder(texts.b)])
          expect([a.end, b.end]).toEqual([undefined, undefined])
          expect([a.session.bytesQueued, b.session.bytesQueued]).toEqual([0, 0])
        },
      ),
      { numRuns: 60 },
    )
    expect(lossy).toBeGreaterThan(0)
  })

  it('sends again what is not acknowledged in a quarter of timeoutMs, and then what else was missing', () => {
    const [a] = pair()
    const said = (): readonly number[] =>
      a.out.splice(0).flatMap((message) => (message.kind === 'data' ? [message.number] : []))
    for (const text of ['1', '2', '3', '4']) a.say(text)
    expect(said()).toEqual([1, 2, 3, 4])
    const dueMs = TIMEOUT_MS / 4
    expect(a.session.nextDueMs).toBe(dueMs)
    a.apply(a.session.tick(dueMs - 1))
    expect(said()).toEqual([])
    a.apply(a.session.tick(dueMs))
    a.say('5', dueMs)
    expect(said()).toEqual([1, 5])
    for (const ack of [1, 2]) a.take({ kind: 'ack', session: ID, ack }, dueMs + ack)
    expect(said()).toEqual([2, 3])
    // The peer has the rest but for the one that was said since: that has its own time.
    a.take({ kind: 'ack', session: ID, ack: 4 }, dueMs + 3)
    expect([said(), a.session.isUnderWay(4), a.session.isUnderWay(5)]).toEqual([[], false, true])
    a.apply(a.session.tick(2 * dueMs + 3))
    expect(said()).toEqual([5])
  })

  it('sends again at once when the way is gone, if anything is under way', () => {
    const [a] = pair()
    expect(a.session.sendAgain(1)).toEqual([])
    a.say('1', 2)
    a.out.length = 0
    a.apply(a.session.sendAgain(3))
    expect([a.out.length, a.session.nextDueMs]).toEqual([1, 3 + TIMEOUT_MS / 4])
    a.apply(a.session.close())
    expect(a.session.sendAgain(4)).toEqual([])
  })

  it('says "enough" at windowBytes, and goes on when half of it is acknowledged', () => {
    const [a, b] = pair()
    a.say('x'.repeat(WINDOW_BYTES - 1))
    expect(a.session.isFull).toBe(false)
    a.say('x')
    expect(a.session.isFull).toBe(true)
    b.take(a.out.shift()!)
    b.apply(b.session.acknowledge(0))
    a.take(b.out.pop()!)
    expect([a.session.isFull, a.events]).toEqual([false, ['up', 'drained']])
  })

  it('waits for half of windowBytes, not for the next acknowledgement', () => {
    const [a] = pair()
    for (const _ of [1, 2]) a.say('x'.repeat(0.6 * WINDOW_BYTES))
    a.take({ kind: 'ack', session: ID, ack: 1 })
    expect(a.session.isFull).toBe(true)
    a.take({ kind: 'ack', session: ID, ack: 2 })
    expect(a.session.isFull).toBe(false)
  })

  it('gives what is under way timeoutMs again whenever some of it has arrived', () => {
    const [a] = pair()
    for (const text of ['1', '2']) a.say(text)
    a.take({ kind: 'ack', session: ID, ack: 1 }, TIMEOUT_MS - 1)
    a.apply(a.session.tick(2 * TIMEOUT_MS - 2))
    expect(a.end).toBeUndefined()
    a.take({ kind: 'ack', session: ID, ack: 1 }, 2 * TIMEOUT_MS - 2)
    a.apply(a.session.tick(2 * TIMEOUT_MS - 1))
    expect(a.end).toBe('lost')
  })

  it('ends when a gap has not closed in timeoutMs, whatever comes behind it', () => {
    const [, b] = pair()
    const hear = (number: number, nowMs: number): void =>
      b.take(
        { kind: 'data', session: ID, number, ack: 0, type: 0xab, payload: Buffer.from('1') },
        nowMs,
      )
    hear(2, 0)
    hear(3, TIMEOUT_MS - 1)
    b.apply(b.session.tick(TIMEOUT_MS - 1))
    expect(b.end).toBeUndefined()
    b.apply(b.session.tick(TIMEOUT_MS))
    expect(b.end).toBe('lost')
  })

  it('gives a frame timeoutMs to arrive, however long nothing was said before', () => {
    const [a] = pair()
    const hear = (nowMs: number): void => a.take({ kind: 'ack', session: ID, ack: 0 }, nowMs)
    for (const nowMs of [700, 1_400]) hear(nowMs)
    a.say('1', 1_500)
    for (const nowMs of [1_501, 1_500 + TIMEOUT_MS - 1]) {
      hear(nowMs)
      a.apply(a.session.tick(nowMs))
      expect(a.end).toBeUndefined()
    }
    a.apply(a.session.tick(1_500 + TIMEOUT_MS))
    expect(a.end).toBe('lost')
  })

  it('ends when more than twice windowBytes waits behind a gap', () => {
    const [a, b] = pair()
    a.say('missing')
    a.out.length = 0
    const each = 2 * WINDOW_BYTES - 64
    a.say('x'.repeat(each))
    b.take(a.out.shift()!)
    expect(b.end).toBeUndefined()
    a.say('')
    b.take(a.out.shift()!)
    expect(b.end).toBe('lost')
    expect(b.out.at(-1)).toMatchObject({ kind: 'close' })
  })

  it('pings four times in timeoutMs, and ends at timeoutMs of silence', () => {
    const [a] = pair()
    const pings: number[] = []
    for (let now = 0; now < TIMEOUT_MS; now = a.session.nextDueMs) {
      a.apply(a.session.tick(now))
      if (a.out.length > 0) pings.push(now)
      a.out.length = 0
    }
    expect(pings).toEqual([200, 400, 600])
    a.apply(a.session.tick(TIMEOUT_MS - 1))
    expect(a.end).toBeUndefined()
    a.apply(a.session.tick(TIMEOUT_MS))
    expect([a.end, a.session.nextDueMs]).toEqual(['lost', Infinity])
  })

  it('ends as idle when neither side needs it, and goes on when one does', () => {
    const [a, b] = pair()
    a.apply(a.session.askFin(0))
    expect(a.session.state).toBe('closing')
    b.take(a.out.pop()!)
    expect(b.events).toEqual(['up', 'fin_asked'])
    b.apply(b.session.fin(true, 0))
    a.take(b.out.pop()!)
    expect([a.session.state, a.events]).toEqual(['up', ['up', 'fin_denied']])
    a.apply(a.session.askFin(0))
    b.take(a.out.pop()!)
    b.apply(b.session.fin(false, 0))
    a.take(b.out.pop()!)
    expect([a.end, b.end]).toEqual(['idle', 'idle'])
  })

  it('delivers what crossed its question only when it goes on', () => {
    const [a, b] = pair()
    a.apply(a.session.askFin(0))
    b.say('1')
    a.take(b.out.pop()!)
    a.apply(a.session.acknowledge(0))
    expect(a.delivered).toEqual([])
    b.take(a.out.shift()!)
    b.apply(b.session.fin(false, 0))
    a.take(b.out.pop()!)
    expect([a.delivered, a.events, a.session.ackDue]).toEqual([
      ['171 1'],
      ['up', 'fin_denied'],
      true,
    ])
  })

  it('does not end while something is under way', () => {
    const [a, b] = pair()
    a.say('1')
    expect(a.session.askFin(0)).toEqual([])
    b.say('2')
    b.out.length = 0
    b.take({ kind: 'fin', session: ID, number: 0, ack: 0 })
    b.apply(b.session.fin(false, 0))
    expect(b.out).toMatchObject([{ kind: 'finNo' }])
    b.take({ kind: 'fin', session: ID, number: 1, ack: 1 })
    expect(b.out).toMatchObject([{ kind: 'finNo' }, { kind: 'finNo' }])
    expect(b.events).toEqual(['up', 'fin_asked', 'drained'])
  })

  it('delivers once what comes twice', () => {
    const [a, b] = pair()
    for (const text of ['1', '2']) a.say(text)
    for (const message of a.out) b.take(message)
    b.apply(b.session.acknowledge(0))
    // Whoever says it again has not heard that it is there.
    for (const message of a.out) b.take(message)
    expect([b.delivered, b.session.ackDue]).toEqual([['171 1', '171 2'], true])
  })

  it('ends when a peer acknowledges what was not sent', () => {
    const [a] = pair()
    a.take({ kind: 'ack', session: ID, ack: 1 })
    expect(a.end).toBe('lost')
  })

  it('keeps what overtakes the answer to `open`', () => {
    const a = new Side('opener')
    a.take({ kind: 'data', session: ID, number: 1, ack: 0, type: 0xab, payload: Buffer.from('1') })
    expect(a.delivered).toEqual([])
    a.take({ kind: 'opened', session: ID, incarnation: 2, knows: 0 })
    expect([a.delivered, a.events]).toEqual([['171 1'], ['up']])
  })
})

describe('who accepts a relayed session', () => {
  it.each(['data', 'ack', 'ping', 'fin'] as const)(
    'says nothing before a word of the opener, such as %s, shows that it wants it still',
    (kind) => {
      const b = new Side('accepting')
      expect(b.session.send(0xab, Buffer.from('1'), 0)).toEqual([])
      b.take({ kind: 'open', session: ID, incarnation: 1, knows: 0 })
      b.take({ kind: 'opened', session: ID, incarnation: 1, knows: 0 })
      expect([b.events, b.out.map((message) => message.kind)]).toEqual([[], ['opened', 'opened']])
      const numbers = { session: ID, ack: 0, number: kind === 'fin' ? 0 : 1 }
      b.take({ ...numbers, kind, type: 0xab, payload: Buffer.from('1') })
      expect(b.events).toEqual(kind === 'fin' ? ['up', 'fin_asked'] : ['up'])
      expect(b.delivered).toEqual(kind === 'data' ? ['171 1'] : [])
    },
  )

  it('was never up when the opener does not want it any more, or is silent for timeoutMs', () => {
    const refused = new Side('accepting')
    refused.take({ kind: 'refused', session: ID })
    const silent = new Side('accepting')
    expect(silent.session.nextDueMs).toBe(TIMEOUT_MS)
    silent.apply(silent.session.tick(TIMEOUT_MS))
    expect([refused.end, refused.events]).toEqual(['refused', []])
    expect([silent.end, silent.events]).toEqual(['lost', []])
  })
})

describe('who opens a relayed session', () => {
  it('confirms the answer, again when it comes again', () => {
    const a = new Side('opener')
    for (const count of [1, 2]) {
      a.take({ kind: 'opened', session: ID, incarnation: 2, knows: 0 })
      a.apply(a.session.acknowledge(0))
      expect(a.out.filter(({ kind }) => kind === 'ack')).toHaveLength(count)
    }
    expect(a.events).toEqual(['up'])
  })

  it('waits openTimeoutMs for the answer, whatever else it hears', () => {
    const a = new Side('opener')
    a.take({ kind: 'open', session: ID, incarnation: 2, knows: 0 }, OPEN_MS - 1)
    expect(a.session.nextDueMs).toBe(OPEN_MS)
    a.apply(a.session.tick(OPEN_MS - 1))
    expect([a.end, a.out.length]).toEqual([undefined, 1])
    a.apply(a.session.tick(OPEN_MS))
    expect([a.end, a.out.at(-1)]).toMatchObject(['lost', { kind: 'close' }])
  })
})

describe('who has asked whether a relayed session may end', () => {
  it.each(['refused', 'close'] as const)(
    'has lost nothing when it hears %s: the answer was yes',
    (kind) => {
      const [a, b] = pair()
      a.apply(a.session.askFin(0))
      a.take({ kind, session: ID })
      expect(a.end).toBe('idle')
      // One that speaks, or waits for what is missing, has.
      b.take({ kind, session: ID })
      expect(b.end).toBe('lost')
      const [c] = pair()
      c.apply(c.session.askFin(0))
      c.take({
        kind: 'data',
        session: ID,
        number: 1,
        ack: 0,
        type: 0xab,
        payload: Buffer.from('1'),
      })
      c.take({ kind, session: ID })
      expect(c.end).toBe('lost')
    },
  )

  it('asks by pings whether there is a session still, and waits timeoutMs for the answer', () => {
    const [a] = pair()
    a.apply(a.session.askFin(100))
    a.out.length = 0
    for (const now of [300, 500, 700]) {
      expect(a.session.nextDueMs).toBe(now)
      a.apply(a.session.tick(now))
      a.take({ kind: 'ack', session: ID, ack: 0 }, now)
    }
    expect(a.out.map(({ kind }) => kind)).toEqual(['ping', 'ping', 'ping'])
    a.apply(a.session.tick(100 + TIMEOUT_MS - 1))
    expect(a.end).toBeUndefined()
    a.apply(a.session.tick(100 + TIMEOUT_MS))
    expect(a.end).toBe('lost')
  })
})

describe('relayed messages of a peer', () => {
  it('may say nothing of what it knows, as nodes of earlier versions do', () => {
    const message = { kind: 'open', session: ID, incarnation: 7, knows: 1 } as const
    const bytes = encodeRelay(message)
    expect(parseRelay(bytes)).toEqual(message)
    expect(parseRelay(bytes.subarray(0, 17))).toEqual({ ...message, knows: 0 })
  })

  const head = (kind: number): number[] => [kind, 1, 2, 3, 4, 5, 6, 7, 8]
  it.each([
    ['nothing', []],
    ['an unknown kind', head(99)],
    ['half a session', [2, 1, 2]],
    ['an open without an incarnation', head(1)],
    ['data without a frame', [...head(4), ...new Array<number>(16).fill(0)]],
    ['an ack that is NaN', [...head(5), 0x7f, 0xf8, 0, 0, 0, 0, 0, 0]],
    ['an ack of -1', [...head(5), 0xbf, 0xf0, 0, 0, 0, 0, 0, 0]],
  ])('%s is ERR_DIST_RELAY', (_what, bytes) => {
    expect(() => parseRelay(Uint8Array.from(bytes))).toThrow(
      expect.objectContaining({ code: 'ERR_DIST_RELAY' }),
    )
  })
})
