/** One core, and the test as everybody else: what is believed, who gets in, who is answered what. */
import { describe, expect, it } from 'vitest'
import { RoutingCore } from '../../../../mesh/routing/kademlia/core.ts'
import type { KadKey } from '../../../../mesh/routing/kademlia/id.ts'
import type {
  RoutingEvent,
  RoutingInput,
  RoutingRefusal,
  RoutingSink,
  SeedContact,
} from '../../../../mesh/routing/kademlia/machine.ts'
import type {
  Contact,
  DhtMode,
  FindNodeReply,
  LookupReply,
  LookupRequest,
} from '../../../../mesh/routing/kademlia/message.ts'
import {
  routingSettings,
  type RoutingSettings,
} from '../../../../mesh/routing/kademlia/settings.ts'
import { contactOf, keyOf } from './keys.ts'

const SELF = contactOf(keyOf(0n), '10.0.0.1', 1)
/** Somebody of the far half. */
const far = (n: number, host = '10.0.0.2', port = 1_000 + n): Contact =>
  contactOf(keyOf(2n ** 255n + BigInt(n)), host, port)

interface Asked {
  readonly requestId: number
  readonly to: SeedContact
  readonly message: LookupRequest
}

class Bench implements RoutingSink {
  readonly core: RoutingCore
  nowMs = 0
  readonly asked: Asked[] = []
  readonly cancelled: number[] = []
  readonly replies: FindNodeReply[] = []
  readonly events: RoutingEvent[] = []
  readonly refusals: (readonly [RoutingRefusal, string | undefined])[] = []

  constructor(settings: Partial<RoutingSettings> = {}, mode: DhtMode = 'server') {
    this.core = new RoutingCore({
      self: { ...SELF, mode },
      settings: routingSettings(settings),
      seed: 1,
      nowMs: 0,
    })
  }

  request(requestId: number, to: SeedContact, message: LookupRequest): void {
    this.asked.push({ requestId, to, message })
  }
  cancel(requestId: number): void {
    this.cancelled.push(requestId)
  }
  reply(_: number, message: FindNodeReply): void {
    this.replies.push(message)
  }
  event(event: RoutingEvent): void {
    this.events.push(event)
  }
  refused(code: RoutingRefusal, from: string | undefined): void {
    this.refusals.push([code, from])
  }

  step(input: RoutingInput): void {
    this.core.step(this.nowMs, input, this)
  }

  /** The requests to a contact that are not settled by this bench. */
  to(contact: Contact): Asked | undefined {
    const place = this.asked.findIndex(({ to }) => to.id === contact.id)
    return place < 0 ? undefined : this.asked.splice(place, 1)[0]
  }

  answer(contact: Contact, change: Partial<LookupReply> & { mode?: DhtMode } = {}): void {
    const asked = this.to(contact)
    if (asked === undefined) throw new Error(`${contact.id} was not asked`)
    const { mode = 'server', ...rest } = change
    const sender = { host: contact.host, port: contact.port, mode }
    const key = asked.message.key
    const reply = { type: 'find_node_reply', key, sender, contacts: [], ...rest }
    const message = reply as LookupReply
    this.step({ type: 'reply', requestId: asked.requestId, from: contact.id, message })
  }

  fail(contact: Contact): void {
    const asked = this.to(contact)
    if (asked === undefined) throw new Error(`${contact.id} was not asked`)
    this.step({ type: 'request_failed', requestId: asked.requestId })
  }

  /** Takes the contact into the table, by the book; then whatever it has caused is over. */
  admit(...contacts: Contact[]): void {
    for (const contact of contacts) {
      this.step({ type: 'candidate', contact })
      this.answer(contact)
      this.settle()
      this.nowMs += 1_000
    }
  }

  /** Answers everything with nothing, until nobody is asked any more. */
  settle(): void {
    while (this.asked.length > 0) {
      const { id, host, port } = this.asked[0]!.to
      this.answer({ id: id!, host, port } as Contact)
    }
  }

  question(from: Contact, key: KadKey, count: number, mode: DhtMode = 'server'): void {
    const sender = { host: from.host, port: from.port, mode }
    const message = { type: 'find_node', key, sender, count } as const
    this.step({ type: 'request', from: from.id, replyId: 1, message })
  }

  codes(): string[] {
    return this.refusals.map(([code]) => code)
  }
}

function ids(contacts: readonly { readonly id: string }[]): string[] {
  return contacts.map(({ id }) => id)
}

describe('admission', () => {
  it('K11 a candidate is asked and not in the table before it has answered', () => {
    const bench = new Bench()
    bench.step({ type: 'candidate', contact: far(1) })
    expect(bench.asked.map(({ message }) => message)).toMatchObject([
      { type: 'find_node', count: 0 },
    ])
    expect(bench.core.entries()).toEqual([])
    bench.answer(far(1))
    expect(bench.events[0]).toEqual({ type: 'admitted', contact: far(1) })
    expect(ids(bench.core.closest(SELF.key, 5))).toEqual([far(1).id])
  })

  it('K9 K11 who asks while it is being asked is not pinged as well: its answer admits it', () => {
    const bench = new Bench()
    bench.admit(far(1))
    bench.step({ type: 'lookup', lookupId: 1, spec: { kind: 'find_node', target: far(2).key } })
    bench.answer(far(1), { contacts: [far(2)] })
    bench.question(far(2), SELF.key, 1)
    const toSecond = bench.asked.filter(({ to }) => to.id === far(2).id)
    expect(toSecond).toMatchObject([{ message: { count: 40 } }])
    // At another address it is somebody whom nobody has asked.
    const elsewhere = { ...far(2), port: 7 }
    bench.step({ type: 'candidate', contact: elsewhere })
    expect(bench.asked.at(-1)).toMatchObject({ to: elsewhere, message: { count: 0 } })
    bench.answer(far(2))
    expect(ids(bench.core.closest(far(2).key, 1))).toEqual([far(2).id])
  })

  it('K11 who has asked while it was being asked is pinged when that request is given up', () => {
    const bench = new Bench()
    bench.admit(far(1))
    bench.step({ type: 'lookup', lookupId: 1, spec: { kind: 'find_node', target: far(2).key } })
    bench.answer(far(1), { contacts: [far(2), far(3)] })
    bench.question(far(2), SELF.key, 1)
    bench.asked.length = 0
    bench.step({ type: 'cancel_lookup', lookupId: 1 })
    expect(bench.asked).toMatchObject([{ to: far(2), message: { count: 0 } }])
    bench.answer(far(2))
    expect(bench.core.stats()).toMatchObject({ entries: 2, candidates: 0, requestsRunning: 0 })
  })

  it('K11 a candidate that does not answer, or as somebody else, is not admitted', () => {
    const bench = new Bench()
    bench.step({ type: 'candidate', contact: far(1) })
    bench.fail(far(1))
    bench.step({ type: 'candidate', contact: far(2) })
    const { requestId, message } = bench.to(far(2))!
    const sender = { host: far(3).host, port: far(3).port, mode: 'server' } as const
    const reply = { type: 'find_node_reply', key: message.key, sender, contacts: [] } as const
    bench.step({ type: 'reply', requestId, from: far(3).id, message: reply })
    expect([bench.core.entries().length, bench.core.stats().candidates]).toEqual([0, 0])
    expect(bench.refusals).toEqual([['ERR_DHT_REPLY_UNEXPECTED', far(3).id]])
    expect(bench.core.stats()).toMatchObject({ requestsFailed: 2, requestsRunning: 0 })
  })

  it('K11 whoever asks is a candidate, unless it is a client', () => {
    const bench = new Bench()
    bench.question(far(1), SELF.key, 0)
    bench.question(far(2), SELF.key, 0, 'client')
    const sender = { host: far(3).host, port: far(3).port, mode: 'server' } as const
    bench.step({ type: 'heard', from: far(3).id, sender })
    expect(bench.asked.map(({ to }) => to.id)).toEqual([far(1).id, far(3).id])
  })

  it('K11 6.2#11 whoever turns client is removed at the next contact, of whatever kind', () => {
    const bench = new Bench()
    const client = { host: '10.0.0.2', port: 1_002, mode: 'client' } as const
    bench.admit(far(1), far(2), far(3))
    bench.question(far(1), SELF.key, 0, 'client')
    bench.step({ type: 'heard', from: far(2).id, sender: client })
    bench.step({ type: 'down', id: far(3).id })
    bench.answer(far(3), { mode: 'client' })
    const removed = bench.events.filter(({ type }) => type === 'removed')
    expect(removed).toEqual(
      [1, 2, 3].map((n) => ({ type: 'removed', contact: far(n), reason: 'client' })),
    )
    expect(bench.core.entries()).toEqual([])
  })

  it('K12 of one network no more than allowed are admitted', () => {
    const bench = new Bench({ networkBucketMax: 2 })
    bench.admit(far(1, '8.8.8.1'), far(2, '8.8.8.2'))
    bench.step({ type: 'candidate', contact: far(3, '8.8.8.3') })
    expect([bench.asked, bench.codes()]).toEqual([[], []])
    // It said it were elsewhere, and answers from where it is.
    bench.step({ type: 'candidate', contact: far(3, '8.8.9.3') })
    bench.answer(far(3, '8.8.8.3'))
    expect(bench.refusals).toEqual([['ERR_DHT_DIVERSITY', far(3).id]])
    expect(bench.core.entries()).toHaveLength(2)
  })

  it('K9 one candidate more than fits, and the oldest is refused', () => {
    const bench = new Bench({ candidatesMax: 3, pingsMax: 1 })
    for (const n of [1, 2, 3, 4]) bench.step({ type: 'candidate', contact: far(n) })
    expect([bench.asked.length, bench.core.stats().candidates, bench.codes()]).toEqual([1, 4, []])
    bench.step({ type: 'candidate', contact: far(5) })
    expect(bench.codes()).toEqual(['ERR_DHT_CANDIDATES_MAX'])
    bench.fail(far(1))
    expect(bench.asked.map(({ to }) => to.id)).toEqual([far(3).id])
  })

  it('K11 a node that says it moved is asked there, and corrected when it answers', () => {
    const bench = new Bench()
    bench.admit(far(1))
    const moved = far(1, '10.0.0.9')
    bench.question(moved, SELF.key, 0)
    expect(bench.core.entries()[0]?.contact).toEqual(far(1))
    expect(bench.asked[0]?.to).toMatchObject({ host: '10.0.0.9' })
    bench.answer(moved)
    expect(bench.core.entries().map(({ contact }) => contact)).toEqual([moved])
  })

  it('K11 a lie about a new address does not harm the entry', () => {
    const bench = new Bench()
    bench.admit(far(1))
    bench.step({ type: 'candidate', contact: far(1, '10.0.0.9') })
    bench.fail(far(1))
    expect(bench.core.entries()).toMatchObject([{ contact: far(1), state: 'good' }])
  })

  it.each([
    ['0.0.0.0', 1],
    ['10.0.0.2', 0],
  ])('6.2#20 nobody is admitted at %s:%d', (host, port) => {
    const bench = new Bench()
    bench.step({ type: 'candidate', contact: far(1, host, port) })
    expect(bench.asked).toEqual([])
    bench.step({ type: 'candidate', contact: far(1) })
    bench.answer(far(1), { sender: { host, port, mode: 'server' } })
    expect(bench.core.entries()).toEqual([])
    expect(bench.codes()).toEqual(['ERR_DHT_CONTACT_ADDRESS', 'ERR_DHT_CONTACT_ADDRESS'])
  })

  it('ML9 an id that is no key is refused and breaks nothing', () => {
    const bench = new Bench()
    const sender = { host: '10.0.0.2', port: 1, mode: 'server' } as const
    bench.step({ type: 'heard', from: 'nobody', sender })
    bench.step({ type: 'down', id: '' })
    expect([bench.asked, bench.codes()]).toEqual([[], ['ERR_DHT_CONTACT_ADDRESS']])
  })
})

describe('entries that fail', () => {
  it('K24 K8 who is held for down is in no answer, and a ping decides', () => {
    const bench = new Bench({ k: 2 })
    bench.admit(far(1), far(2), far(3))
    expect(bench.core.stats().replacements).toBe(1)
    bench.step({ type: 'down', id: far(1).id })
    bench.step({ type: 'down', id: far(2).id })
    expect(bench.core.closest(SELF.key, 5)).toEqual([])
    expect(bench.asked.map(({ message }) => 'count' in message && message.count)).toContain(0)
    bench.answer(far(1))
    bench.fail(far(2))
    expect(ids(bench.core.closest(SELF.key, 5))).toEqual([far(1).id, far(3).id])
  })

  it('K7 K9 the oldest is questioned for a newcomer only after long silence, one per bucket', () => {
    const fresh = new Bench({ k: 2, questionableMs: 60_000 })
    fresh.admit(far(1), far(2), far(3))
    expect(fresh.core.stats()).toMatchObject({ replacements: 1, pings: 3 })
    const bench = new Bench({ k: 2, questionableMs: 60_000 })
    bench.admit(far(1), far(2))
    bench.nowMs += 60_000
    bench.step({ type: 'candidate', contact: far(3) })
    bench.answer(far(3))
    expect(bench.asked.map(({ to }) => to.id)).toEqual([far(1).id])
    bench.answer(far(1))
    expect(ids(bench.core.closest(far(1).key, 5))).toEqual([far(1).id, far(2).id])
    expect(bench.core.stats()).toMatchObject({ replacements: 1, pings: 4 })
  })

  it('K8 the oldest gives its place away when it does not answer the question', () => {
    const bench = new Bench({ k: 1, questionableMs: 60_000 })
    bench.admit(far(1))
    bench.nowMs += 60_000
    bench.step({ type: 'candidate', contact: far(2) })
    bench.answer(far(2))
    bench.fail(far(1))
    expect(bench.events.slice(-2)).toEqual([
      { type: 'removed', contact: far(1), reason: 'failed' },
      { type: 'admitted', contact: far(2) },
    ])
  })

  it('K8 a failed entry without a replacement is asked again later', () => {
    const bench = new Bench({ failedRetryMs: 5_000 })
    bench.admit(far(1), far(2))
    bench.step({ type: 'down', id: far(1).id })
    bench.fail(far(1))
    expect(
      bench.core
        .entries()
        .map(({ state }) => state)
        .sort(),
    ).toEqual(['failed', 'good'])
    bench.nowMs += 5_000
    expect(bench.core.nextDeadline()).toBeLessThanOrEqual(bench.nowMs)
    bench.step({ type: 'tick' })
    bench.answer(far(1))
    expect(bench.core.closest(SELF.key, 5)).toHaveLength(2)
  })
})

describe('questions', () => {
  it('ML10 are answered at once with the nearest, never with the asker', () => {
    const bench = new Bench()
    bench.admit(far(1), far(2), far(3))
    bench.question(far(2), far(1).key, 2)
    expect(bench.replies).toHaveLength(1)
    expect(bench.replies[0]).toMatchObject({ type: 'find_node_reply', key: far(1).key })
    expect(bench.replies[0]!.contacts).toEqual([far(1), far(3)])
    expect(bench.replies[0]!.sender).toEqual({ host: SELF.host, port: SELF.port, mode: 'server' })
  })

  it('K24 a ping gets no contacts, and nobody gets more than 2k', () => {
    const bench = new Bench({ k: 2 })
    bench.admit(...[1, 2].map((n) => far(n)))
    bench.admit(...[1, 2, 3, 4].map((n) => contactOf(keyOf(2n ** BigInt(n)), '10.0.0.3')))
    bench.question(far(9), SELF.key, 0)
    bench.question(far(9), SELF.key, 100)
    expect(bench.replies.map(({ contacts }) => contacts.length)).toEqual([0, 4])
  })

  it('K43 one more than a peer may ask within a second is refused, and others are answered', () => {
    const bench = new Bench({ requestsPerPeerMax: 2 })
    for (let n = 0; n < 3; n++) bench.question(far(1), SELF.key, 0)
    bench.question(far(2), SELF.key, 0)
    expect([bench.replies.length, bench.core.stats().requestsAnswered]).toEqual([3, 3])
    expect(bench.refusals).toEqual([['ERR_DHT_REQUESTS_MAX', far(1).id]])
    bench.nowMs = 1_000
    bench.question(far(1), SELF.key, 0)
    expect(bench.replies).toHaveLength(4)
  })

  it('K11 what this node says about itself follows its mode and address', () => {
    const bench = new Bench({}, 'client')
    bench.question(far(1), SELF.key, 0)
    bench.step({ type: 'set_mode', mode: 'server' })
    bench.step({ type: 'set_address', host: '10.0.0.7', port: 7 })
    bench.question(far(1), SELF.key, 0)
    expect(bench.replies.map(({ sender }) => sender)).toEqual([
      { host: SELF.host, port: SELF.port, mode: 'client' },
      { host: '10.0.0.7', port: 7, mode: 'server' },
    ])
  })
})

describe('answers', () => {
  it.each([
    ['about another key', { key: keyOf(99n) }],
    ['of another kind', { type: 'providers_reply', records: [] }],
  ] as const)('MG5 an answer %s is a failure of that request', (_, change) => {
    const bench = new Bench()
    bench.step({ type: 'candidate', contact: far(1) })
    bench.answer(far(1), change as Partial<LookupReply>)
    expect([bench.codes(), bench.core.entries()]).toEqual([['ERR_DHT_REPLY_UNEXPECTED'], []])
    expect(bench.core.stats()).toMatchObject({ requestsRunning: 0, requestsFailed: 1 })
  })

  it('MG5 an answer that nobody waits for changes nothing', () => {
    const bench = new Bench()
    const sender = { host: '10.0.0.2', port: 1, mode: 'server' } as const
    const message = { type: 'find_node_reply', key: SELF.key, sender, contacts: [far(2)] } as const
    bench.step({ type: 'reply', requestId: 77, from: far(1).id, message })
    bench.step({ type: 'request_failed', requestId: 77 })
    expect([bench.codes(), bench.core.entries(), bench.asked]).toEqual([
      ['ERR_DHT_REPLY_UNEXPECTED'],
      [],
      [],
    ])
  })

  it('6.2#11 a seed at which this node itself answers is no seed', () => {
    const bench = new Bench()
    bench.step({ type: 'bootstrap', contacts: [{ id: undefined, host: '10.0.0.5', port: 5 }] })
    const { requestId, message } = bench.asked[0]!
    const sender = { host: SELF.host, port: SELF.port, mode: 'server' } as const
    const reply = { type: 'find_node_reply', key: message.key, sender, contacts: [] } as const
    bench.step({ type: 'reply', requestId, from: SELF.id, message: reply })
    expect(bench.refusals).toEqual([['ERR_DHT_REPLY_UNEXPECTED', SELF.id]])
    expect(bench.core.stats()).toMatchObject({ requestsFailed: 1, requestsRunning: 0, entries: 0 })
  })

  it('6.2#20 K18 lies in an answer are dropped, counted, and reach no lookup', () => {
    const bench = new Bench({ k: 2 })
    bench.admit(far(1))
    bench.step({ type: 'lookup', lookupId: 1, spec: { kind: 'find_node', target: far(2).key } })
    const lies = [SELF, far(1), far(3), far(3), far(4, '127.0.0.1'), far(5)]
    bench.answer(far(1), { contacts: lies })
    expect(bench.codes()).toEqual([
      'ERR_DHT_CONTACT_REPEATED',
      'ERR_DHT_CONTACT_REPEATED',
      'ERR_DHT_CONTACT_REPEATED',
      'ERR_DHT_CONTACTS_MAX',
    ])
    expect(bench.refusals.every(([, from]) => from === far(1).id)).toBe(true)
    const replies = bench.events.flatMap((event) =>
      event.type === 'lookup_reply' ? [event.message.contacts] : [],
    )
    expect(replies).toEqual([[far(3)]])
    expect(bench.asked.map(({ to }) => to.id)).toEqual([far(3).id])
  })

  it('K11 who is named in an answer is not asked for that alone', () => {
    const bench = new Bench()
    bench.admit(far(1), far(4))
    bench.step({ type: 'down', id: far(1).id })
    bench.answer(far(1), { contacts: [far(2), far(3)] })
    expect([bench.asked, bench.core.stats().candidates]).toEqual([[], 0])
  })
})

describe('time', () => {
  it('S39 a clock that goes back stands still', () => {
    const bench = new Bench()
    bench.nowMs = 10_000
    bench.admit(far(1))
    bench.nowMs = 0
    bench.step({ type: 'down', id: far(1).id })
    bench.answer(far(1))
    expect(bench.core.entries()[0]?.answeredMs).toBe(10_000)
    expect(bench.core.nextDeadline()).toBeGreaterThan(10_000)
  })

  it('K48 a user that cancels a lookup has its requests cancelled, late ones too', () => {
    const bench = new Bench()
    bench.admit(far(1))
    bench.step({ type: 'lookup', lookupId: 1, spec: { kind: 'find_value', target: far(2).key } })
    bench.nowMs += 1_900
    bench.step({ type: 'tick' })
    bench.step({ type: 'cancel_lookup', lookupId: 1 })
    expect(bench.cancelled).toEqual([bench.to(far(1))?.requestId])
    expect(bench.core.stats()).toMatchObject({ requestsRunning: 0, lookupsRunning: 0 })
    bench.step({ type: 'cancel_lookup', lookupId: 1 })
    expect(bench.events.filter(({ type }) => type === 'lookup_done')).toEqual([])
  })
})

describe('peers that offend', () => {
  /** Asks somebody who is known, who names somebody at an address where nobody can be. */
  function lie(bench: Bench, teller: Contact, times = 1, host = '0.0.0.0'): void {
    for (let i = 0; i < times; i++) {
      const spec = { kind: 'find_node', target: SELF.key } as const
      bench.step({ type: 'lookup', lookupId: 1, spec })
      bench.answer(teller, { contacts: [far(90, host), far(91, host)] })
      bench.settle()
    }
  }
  const shunned = (bench: Bench): boolean => bench.core.isShunned(far(1).id)

  it('6.2#11 are shunned for lies, counted once per answer, and go', () => {
    const bench = new Bench({ shunScore: 30 })
    bench.admit(far(1), far(2))
    lie(bench, far(1), 2)
    expect(bench.core.stats()).toMatchObject({ entries: 2, offences: 2, shuns: 0, shunned: 0 })
    lie(bench, far(1))
    expect(bench.core.stats()).toMatchObject({ entries: 1, offences: 3, shuns: 1, shunned: 1 })
    expect(bench.events).toContainEqual({ type: 'removed', contact: far(1), reason: 'shunned' })
    expect(bench.refusals.at(-1)).toEqual(['ERR_DHT_PEER_SHUNNED', far(1).id])
    expect(ids(bench.core.closest(SELF.key, 5))).toEqual([far(2).id])
  })

  it('are no result of the lookup in which it came out', () => {
    const bench = new Bench({ shunScore: 10 })
    bench.admit(far(1), far(2))
    lie(bench, far(1))
    const done = bench.events.find(({ type }) => type === 'lookup_done')
    expect(done).toMatchObject({ result: { closest: [far(2)], failures: 1 } })
  })

  it('K11 are not admitted, asked nor believed in what others say about them for shunMs', () => {
    const bench = new Bench({ shunMs: 60_000 })
    bench.admit(far(2))
    const offence = { type: 'offence', id: far(1).id, code: 'ERR_DHT_RECORD_SIGNATURE' } as const
    for (let i = 0; i < 10; i++) bench.step(offence)
    const startMs = bench.nowMs
    expect(shunned(bench)).toBe(true)
    bench.step({ type: 'candidate', contact: far(1) })
    bench.question(far(1), SELF.key, 0)
    bench.step({ type: 'lookup', lookupId: 1, spec: { kind: 'find_node', target: SELF.key } })
    bench.answer(far(2), { contacts: [far(1), far(3)] })
    expect(bench.asked.map(({ to }) => to.id)).toEqual([far(3).id])
    bench.settle()
    bench.nowMs = startMs + 59_999
    bench.step({ type: 'candidate', contact: far(1) })
    expect(bench.asked).toEqual([])
    bench.nowMs = startMs + 60_000
    bench.step({ type: 'candidate', contact: far(1) })
    bench.answer(far(1))
    expect(bench.core.stats()).toMatchObject({ entries: 3, shunned: 0 })
  })

  it('are those that ask requestsPerPeerMax + 1 times a second, again and again', () => {
    const bench = new Bench({ requestsPerPeerMax: 2, shunScore: 9 })
    bench.admit(far(1))
    const ask = (times: number): void => {
      for (let i = 0; i < times; i++) bench.question(far(1), SELF.key, 0)
      bench.nowMs += 1_000
    }
    for (let second = 0; second < 5; second++) ask(2)
    expect(bench.core.stats().offences).toBe(0)
    ask(50)
    expect(bench.core.stats().offences).toBe(0)
    ask(3)
    expect([bench.core.stats().offences, shunned(bench)]).toEqual([1, false])
    ask(3)
    expect(shunned(bench)).toBe(true)
  })

  it('are not those that are late, live where another did, or know neighbours by loopback', () => {
    const bench = new Bench({ shunScore: 1 })
    bench.admit(far(1), far(2))
    lie(bench, far(1), 1, '127.0.0.1')
    const sender = { host: far(1).host, port: far(1).port, mode: 'server' } as const
    const message = { type: 'find_node_reply', key: SELF.key, sender, contacts: [] } as const
    bench.step({ type: 'reply', requestId: 999, from: far(1).id, message })
    bench.step({ type: 'lookup', lookupId: 1, spec: { kind: 'find_node', target: SELF.key } })
    const { requestId } = bench.to(far(2))!
    bench.step({ type: 'reply', requestId, from: far(1).id, message })
    expect(bench.codes().sort()).toEqual([
      ...['ERR_DHT_CONTACT_ADDRESS', 'ERR_DHT_CONTACT_ADDRESS'],
      ...['ERR_DHT_REPLY_UNEXPECTED', 'ERR_DHT_REPLY_UNEXPECTED'],
    ])
    expect(bench.core.stats()).toMatchObject({ offences: 0, shunned: 0 })
  })

  it('are those that answer about another key', () => {
    const bench = new Bench({ shunScore: 10 })
    bench.admit(far(1), far(2))
    bench.step({ type: 'lookup', lookupId: 1, spec: { kind: 'find_node', target: SELF.key } })
    bench.answer(far(1), { key: far(7).key })
    expect(shunned(bench)).toBe(true)
  })
})
