import { describe, expect, it } from 'vitest'
import type { SwimDatagram, Update } from '../../../../mesh/membership/swim/message.ts'
import { nackAfterMs } from '../../../../mesh/membership/swim/relays.ts'
import { SWIM_PRESETS } from '../../../../mesh/membership/swim/settings.ts'
import { Bench, only, refusals, statementOf, type Effect } from './fake-world.ts'

const NEWS_OFF = { sliceEntriesMax: 0, gossipIntervalMs: 1e9, syncIntervalMs: 1e9 }

function bench(ids: string[], settings: Record<string, number | boolean> = {}): Bench {
  const made = new Bench('z', { settings: { ...NEWS_OFF, ...settings } })
  made.meet(...ids)
  return made
}

function sends(effects: readonly { effect: Effect; atMs: number }[]) {
  return effects.flatMap(({ effect, atMs }) =>
    effect.type === 'send' ? [{ atMs, to: effect.to, message: effect.message }] : [],
  )
}

const ofType = (list: ReturnType<typeof sends>, type: SwimDatagram['type']) =>
  list.filter(({ message }) => message.type === type)

function sequenceOf(message: SwimDatagram | undefined): number {
  return message !== undefined && 'sequence' in message ? message.sequence : -1
}

const isSend =
  (type: SwimDatagram['type']) =>
  (effect: Effect): boolean =>
    effect.type === 'send' && effect.message.type === type

/** Up to the moment in which helpers and stream are asked. */
function asking(bench: Bench): { atMs: number; effect: Effect }[] {
  return bench.until((effect) => effect.type === 'request' || isSend('ping_req')(effect))
}

/** Up to the end of the probe that is under way. */
function concluded(bench: Bench): void {
  bench.run(bench.core.nextDeadline())
}

describe('a probe', () => {
  it('S20 is alone: the next begins when this one is concluded, stretched or not', () => {
    const z = bench(['a', 'b', 'c', 'd', 'e'])
    const pings = ofType(sends(z.run(60_000)), 'ping')
    let last = -Infinity
    for (const [index, { atMs }] of pings.entries()) {
      expect(atMs - last).toBeGreaterThanOrEqual(1_000)
      if (index > 3) expect(atMs - last).toBeGreaterThan(7_000)
      last = atMs
    }
    expect(z.core.stats().localHealth).toBe(7)
  })

  it('S20 case 20, al8n #165: a late ack of one probe does not answer the next', () => {
    const z = bench(['a'], { indirectProbes: 0, streamProbe: false })
    const [first] = ofType(sends(z.until(isSend('ping'))), 'ping')
    const [second] = ofType(sends(z.until(isSend('ping'))), 'ping')
    expect(second?.to).toBe('a')
    const late = z.datagram('a', { type: 'ack', sequence: sequenceOf(first?.message), updates: [] })
    expect(refusals(late)).toEqual(['ERR_SWIM_SEQUENCE'])
    expect(z.core.snapshot().prober.probe).toBeDefined()
  })

  it('S20 an ack from somebody else does not answer it', () => {
    const z = bench(['a', 'b'])
    const [ping] = ofType(sends(z.run(1_000)), 'ping')
    const other = ping?.to === 'a' ? 'b' : 'a'
    const sequence = sequenceOf(ping?.message)
    expect(refusals(z.datagram(other, { type: 'ack', sequence, updates: [] }))).toEqual([
      'ERR_SWIM_SEQUENCE',
    ])
    expect(refusals(z.datagram(ping!.to, { type: 'ack', sequence, updates: [] }))).toEqual([])
  })

  it('S21 asks helpers and a stream at once, never the target or itself as helper', () => {
    const z = bench(['a', 'b', 'c', 'd', 'e'])
    const effects = asking(z)
    const [ping] = ofType(sends(effects), 'ping')
    const asked = ofType(sends(effects), 'ping_req').slice(0, 3)
    expect(new Set(asked.map(({ to }) => to)).size).toBe(3)
    expect(asked.map(({ to }) => to)).not.toContain(ping?.to)
    expect(asked.every(({ atMs }) => atMs === ping!.atMs + 500)).toBe(true)
    const streams = effects.filter(({ effect }) => effect.type === 'request')
    expect(streams[0]?.atMs).toBe(ping!.atMs + 500)
  })

  it('S21 ringpop #59: silence of all helpers makes a suspect at most, and us less sure of ourselves', () => {
    const z = bench(['a', 'b', 'c', 'd'])
    asking(z)
    concluded(z)
    expect(z.core.stats()).toMatchObject({ localHealth: 3, suspicions: 1, deaths: 0 })
  })

  it('S19 nacks of all helpers say that only the target is silent', () => {
    const z = bench(['a', 'b', 'c', 'd'])
    const asked = ofType(sends(asking(z)), 'ping_req')
    for (const { to, message } of asked) {
      z.datagram(to, { type: 'nack', sequence: sequenceOf(message), updates: [] })
    }
    concluded(z)
    expect(z.core.stats()).toMatchObject({ localHealth: 0, suspicions: 1 })
  })

  it('S30 when all helpers have said no in their time, the verdict does not wait; before it, it does', () => {
    for (const [waitMs, suspicions] of [
      [390, 0],
      [410, 1],
    ] as const) {
      const z = bench(['a', 'b', 'c', 'd'])
      const asked = ofType(sends(asking(z)), 'ping_req')
      z.run(asked[0]!.atMs + waitMs)
      for (const { to, message } of asked) {
        expect(z.core.stats().suspicions).toBe(0)
        z.datagram(to, { type: 'nack', sequence: sequenceOf(message), updates: [] })
      }
      expect(z.core.stats()).toMatchObject({ suspicions, localHealth: 0 })
      concluded(z)
      expect(z.core.stats()).toMatchObject({ suspicions: 1, localHealth: 0 })
    }
  })

  it('S19 a nack counts once per helper, and from helpers only', () => {
    const z = bench(['a', 'b', 'c', 'd'])
    const effects = sends(asking(z))
    const [ping] = ofType(effects, 'ping')
    const [asked] = ofType(effects, 'ping_req')
    const sequence = sequenceOf(asked?.message)
    const nack = { type: 'nack', sequence, updates: [] } as const
    expect(refusals(z.datagram(asked!.to, nack))).toEqual([])
    expect(refusals(z.datagram(asked!.to, nack))).toEqual(['ERR_SWIM_SEQUENCE'])
    expect(refusals(z.datagram(ping!.to, nack))).toEqual(['ERR_SWIM_SEQUENCE'])
  })

  it('S19 without helpers a failure costs one point, a success gives one back', () => {
    const z = bench(['a'])
    asking(z)
    concluded(z)
    expect(z.core.stats().localHealth).toBe(1)
    const [next] = ofType(sends(z.until(isSend('ping'))), 'ping')
    z.datagram('a', { type: 'ack', sequence: sequenceOf(next?.message), updates: [] })
    expect(z.core.stats().localHealth).toBe(0)
  })

  it('S40 the stream probe saves a member whose datagrams are all lost', () => {
    const z = bench(['a'])
    const request = asking(z).find(({ effect }) => effect.type === 'request')?.effect
    const requestId = request?.type === 'request' ? request.requestId : 0
    const message = { type: 'probe_ack', updates: [] } as const
    z.step({ type: 'reply', requestId, from: 'a', message })
    concluded(z)
    expect(z.core.stats()).toMatchObject({ suspicions: 0, probesFailed: 0, localHealth: 0 })
  })

  it('S15 case 20, al8n #165: a verdict about a former incarnation is dropped', () => {
    const z = bench(['a'])
    asking(z)
    z.gossip('a', { type: 'statement', statement: statementOf('a', { counter: 1 }) })
    concluded(z)
    expect(z.core.stats()).toMatchObject({ suspicions: 0, probesFailed: 1 })
  })

  it('S22 case 18, tarantool #4249: a ping to a suspect says so first, also with a full queue', () => {
    const z = bench(['a'], { sliceEntriesMax: 2 })
    const told: Update = { type: 'suspect', id: 'a', generation: 1, counter: 0, accuser: 'q' }
    z.gossip('a', told)
    for (let i = 0; i < 100; i++) z.meet(`m${i}`)
    const pings = ofType(sends(z.run(400_000)), 'ping').filter(({ to }) => to === 'a')
    expect(pings.length).toBeGreaterThan(0)
    expect(pings[0]?.message.updates[0]).toEqual(told)
  })

  it('a lost connection is a reason to probe that member next', () => {
    const z = bench(['a', 'b', 'c', 'd', 'e', 'f'])
    z.step({ type: 'peer_gone', id: 'd' })
    expect(ofType(sends(z.run(1_000)), 'ping').map(({ to }) => to)).toEqual(['d'])
    expect(z.statusOf('d')).toBe('alive')
  })

  it('S38 swim-js: a cluster of one idles without a timer', () => {
    expect(bench([]).core.nextDeadline()).toBe(Infinity)
  })
})

describe('a helper', () => {
  const ask = (target: string): SwimDatagram => ({
    type: 'ping_req',
    sequence: 77,
    target,
    updates: [],
  })

  it('S19 passes the ack on under the number of the asker', () => {
    const z = bench(['a', 'b'])
    const [ping] = only(z.datagram('a', ask('b')), 'send')
    const sequence = sequenceOf(ping?.message)
    const effects = only(z.datagram('b', { type: 'ack', sequence, updates: [] }), 'send')
    expect(effects.map(({ to, message }) => [to, message.type, sequenceOf(message)])).toEqual([
      ['a', 'ack', 77],
    ])
  })

  it('S19 case 17, swift #14: says no before the asker gives up, in every preset', () => {
    for (const settings of Object.values(SWIM_PRESETS)) {
      const waitMs = settings.probeIntervalMs - settings.probeTimeoutMs
      expect(nackAfterMs(settings)).toBeLessThanOrEqual(waitMs * 0.8)
    }
    const z = bench(['a', 'b'], { streamProbe: false })
    z.datagram('a', ask('b'))
    const nacks = ofType(sends(z.run(450)), 'nack')
    expect(nacks.map(({ atMs, to }) => [atMs, to])).toEqual([[400, 'a']])
  })

  it('S19 an ack after the nack is passed on, too', () => {
    const z = bench(['a', 'b'])
    const [ping] = only(z.datagram('a', ask('b')), 'send')
    z.run(450)
    const sequence = sequenceOf(ping?.message)
    const effects = only(z.datagram('b', { type: 'ack', sequence, updates: [] }), 'send')
    expect(effects.map(({ message }) => message.type)).toEqual(['ack'])
  })

  it('S19 S36 case 16, foca #34: an unknown target is a no at once, itself a yes', () => {
    const z = bench(['a', 'b'])
    const types = (target: string) =>
      only(z.datagram('a', ask(target)), 'send').map(({ message }) => message.type)
    expect(types('nobody')).toEqual(['nack'])
    expect(types('z')).toEqual(['ack'])
  })

  it('S44 has so many probes for others under way, and says no beyond', () => {
    const z = bench(['a', 'b'], { relaysMax: 2 })
    const types = () => only(z.datagram('a', ask('b')), 'send').map(({ message }) => message.type)
    expect([types(), types(), types()]).toEqual([['ping'], ['ping'], ['nack']])
    z.run(2_000)
    expect(z.core.snapshot().relays.relays).toEqual([])
  })
})
