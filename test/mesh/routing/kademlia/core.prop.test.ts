/**
 * A core among peers that answer, fail, lie, ask and say anything, in any order: it never throws, its table
 * and queues keep to their limits, and when everybody falls silent nothing is left (K5, K6, K9, K11, K48).
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RoutingCore } from '../../../../mesh/routing/kademlia/core.ts'
import { bucketIndex } from '../../../../mesh/routing/kademlia/id.ts'
import type {
  RoutingEvent,
  RoutingInput,
  RoutingSink,
  SeedContact,
} from '../../../../mesh/routing/kademlia/machine.ts'
import type {
  Contact,
  LookupReply,
  LookupRequest,
} from '../../../../mesh/routing/kademlia/message.ts'
import { routingSettings } from '../../../../mesh/routing/kademlia/settings.ts'
import { contactOf, keyOf } from './keys.ts'

const SEED = 5_004
const OWN = contactOf(keyOf(0n), '10.0.0.1', 1)
const LIMITS = routingSettings({
  k: 3,
  replacementsMax: 2,
  candidatesMax: 4,
  pingsMax: 2,
  lookupsMax: 2,
  lookupQueueMax: 2,
  requestsPerPeerMax: 3,
})
const HOSTS = ['10.0.0.2', '8.8.8.1', '8.8.8.2', '127.0.0.1', '0.0.0.0', '']
const PEERS = Array.from({ length: 24 }, (_, n) => {
  const key = keyOf(2n ** BigInt(255 - (n % 3)) + BigInt(n))
  return contactOf(key, HOSTS[n % 3], 1_000 + n)
})

const command = fc.record({
  type: fc.constantFrom(
    'answer',
    'answer',
    'answer',
    'answer',
    'lie',
    'fail',
    'question',
    'heard',
    'candidate',
    'candidate',
    'down',
    'lookup',
    'cancel',
    'stop',
    'bootstrap',
    'wait',
  ),
  peer: fc.nat(PEERS.length - 1),
  other: fc.nat(PEERS.length - 1),
  host: fc.nat(HOSTS.length - 1),
  n: fc.nat(5),
  client: fc.boolean(),
})
type Command = Parameters<Parameters<typeof command.map>[0]>[0]

class World implements RoutingSink {
  nowMs = 0
  readonly core = new RoutingCore({
    self: { ...OWN, mode: 'server' },
    settings: LIMITS,
    seed: 1,
    nowMs: 0,
  })
  readonly waiting = new Map<number, { to: SeedContact; message: LookupRequest; dueMs: number }>()
  readonly members = new Map<string, Contact>()
  /** Whoever has answered a question of the core as a server. */
  readonly answered = new Set<string>()
  readonly open = new Set<number>()
  readonly faults: string[] = []
  #lookupId = 0

  request(requestId: number, to: SeedContact, message: LookupRequest, dueMs: number): void {
    if (to.id === OWN.id) this.faults.push('asked itself')
    if (dueMs <= this.nowMs) this.faults.push('a deadline that is over')
    this.waiting.set(requestId, { to, message, dueMs })
  }

  cancel(requestId: number): void {
    if (!this.waiting.delete(requestId)) this.faults.push('cancelled what is not there')
  }

  reply(_: number, { contacts }: { readonly contacts: readonly Contact[] }): void {
    if (contacts.length > LIMITS.k * LIMITS.answerFactor) this.faults.push('a long answer')
  }

  refused(): void {}

  event(event: RoutingEvent): void {
    if (event.type === 'admitted') {
      if (this.members.has(event.contact.id)) this.faults.push('admitted twice')
      if (!this.answered.has(event.contact.id)) this.faults.push('admitted without an answer')
      this.members.set(event.contact.id, event.contact)
    }
    if (event.type === 'removed' && !this.members.delete(event.contact.id)) {
      this.faults.push('removed who was not there')
    }
    if (event.type === 'lookup_done' && !this.open.delete(event.lookupId)) {
      this.faults.push('an end of no lookup')
    }
  }

  step(input: RoutingInput): void {
    this.core.step(this.nowMs, input, this)
  }

  run({ type, peer, other, host, n, client }: Command): void {
    const contact = PEERS[peer]!
    const mode = client && n === 0 ? 'client' : 'server'
    const sender = { host: contact.host, port: contact.port, mode } as const
    const [requestId] = [...this.waiting.keys()].slice(n)
    switch (type) {
      case 'answer':
        return this.#answer(requestId, [PEERS[other]!, contact], mode)
      case 'lie': {
        const lie = { ...contact, host: HOSTS[host]!, port: n }
        const key = PEERS[other]!.key
        const message = { type: 'find_node_reply', key, sender, contacts: [lie, lie] } as const
        if (n < 2) return this.#answer(requestId, [lie, OWN, lie, ...PEERS], mode)
        this.waiting.delete(requestId ?? 0)
        return this.step({ type: 'reply', requestId: requestId ?? 0, from: contact.id, message })
      }
      case 'fail':
        return this.#fail(requestId)
      case 'question': {
        const message = { type: 'find_node', key: PEERS[other]!.key, sender, count: n * 3 } as const
        return this.step({ type: 'request', from: contact.id, replyId: 1, message })
      }
      case 'heard':
        return this.step({ type: 'heard', from: contact.id, sender })
      case 'candidate':
        return this.step({ type, contact: n === 5 ? { ...contact, host: HOSTS[host]! } : contact })
      case 'down':
        return this.step({ type, id: contact.id })
      case 'lookup': {
        this.#lookupId += 1
        this.open.add(this.#lookupId)
        const spec = { kind: 'find_node', target: contact.key } as const
        return this.step({ type, lookupId: this.#lookupId, spec })
      }
      case 'cancel':
        this.open.delete(this.#lookupId - n)
        return this.step({ type: 'cancel_lookup', lookupId: this.#lookupId - n })
      case 'stop':
        return this.step({ type: 'stop_lookup', lookupId: this.#lookupId - n })
      case 'bootstrap':
        return this.step({ type, contacts: [{ ...contact, id: undefined }] })
      case 'wait':
        return this.wait(n * 700)
    }
  }

  /** Lets time pass; whatever is due happens when it is due. */
  wait(ms: number): void {
    const untilMs = this.nowMs + ms
    for (;;) {
      const dueMs = Math.min(...[...this.waiting.values()].map((request) => request.dueMs))
      const nextMs = Math.max(this.nowMs, Math.min(dueMs, this.core.nextDeadline()))
      if (nextMs > untilMs) break
      this.nowMs = nextMs
      const [late] = [...this.waiting].filter((entry) => entry[1].dueMs <= nextMs)
      if (late === undefined) this.step({ type: 'tick' })
      else this.#fail(late[0])
    }
    this.nowMs = untilMs
  }

  #answer(
    requestId: number | undefined,
    contacts: readonly Contact[],
    mode: 'client' | 'server',
  ): void {
    const request = this.waiting.get(requestId ?? 0)
    if (request === undefined || requestId === undefined) return
    const { to, message } = request
    const from = PEERS.find(({ id, port }) => id === to.id || (!to.id && port === to.port))
    if (from === undefined) return this.#fail(requestId)
    this.waiting.delete(requestId)
    if (mode === 'server') this.answered.add(from.id)
    const sender = { host: from.host, port: from.port, mode }
    const reply: LookupReply = { type: 'find_node_reply', key: message.key, sender, contacts }
    this.step({ type: 'reply', requestId, from: from.id, message: reply })
  }

  #fail(requestId: number | undefined): void {
    if (requestId === undefined || !this.waiting.delete(requestId)) return
    this.step({ type: 'request_failed', requestId })
  }

  check(): string[] {
    const found = [...this.faults]
    const entries = this.core.entries()
    const sizes = new Map<number, number>()
    for (const { contact, bucket } of entries) {
      sizes.set(bucket, (sizes.get(bucket) ?? 0) + 1)
      if (bucketIndex(OWN.key, contact.key) !== bucket) found.push('a wrong bucket')
      if (!this.members.has(contact.id)) found.push('a member that was not told')
    }
    if (this.members.size !== entries.length) found.push('a member that is gone')
    if (Math.max(0, ...sizes.values()) > LIMITS.k) found.push('more than k in a bucket')
    const { candidates, requestsRunning, lookupsRunning } = this.core.stats()
    if (candidates > LIMITS.candidatesMax + LIMITS.pingsMax) found.push('too many candidates')
    if (requestsRunning !== this.waiting.size) found.push('requests')
    // Own lookups have two places at most, and those of the join as many.
    if (lookupsRunning > LIMITS.lookupsMax + LIMITS.lookupQueueMax) found.push('too many lookups')
    return found
  }
}

describe('RoutingCore', () => {
  it('K5 K6 K9 K11 K48 keeps to its rules whatever peers say, and ends with nothing in hand', () => {
    let admitted = 0
    let lookups = 0
    fc.assert(
      fc.property(fc.array(command, { minLength: 20, maxLength: 120 }), (commands) => {
        const world = new World()
        for (const each of commands) {
          world.run(each)
          expect(world.check()).toEqual([])
        }
        admitted += world.members.size
        lookups += world.core.stats().lookups
        world.wait(120_000)
        expect(world.check()).toEqual([])
        expect(world.open.size).toBe(0)
        const { candidates, lookupsRunning } = world.core.stats()
        expect([candidates, lookupsRunning]).toEqual([0, 0])
      }),
      { seed: SEED, numRuns: 60 },
    )
    expect(admitted).toBeGreaterThan(100)
    expect(lookups).toBeGreaterThan(100)
  })
})
