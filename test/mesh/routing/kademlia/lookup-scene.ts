/** A pool whose requests are answered by hand, in the order and at the time that a test wants. */
import { keyFromHex, type KadKey } from '../../../../mesh/routing/kademlia/id.ts'
import type {
  LookupHop,
  LookupResult,
  LookupSpec,
} from '../../../../mesh/routing/kademlia/machine.ts'
import type { Contact, LookupReply } from '../../../../mesh/routing/kademlia/message.ts'
import type { LookupQuestion } from '../../../../mesh/routing/kademlia/paths.ts'
import { LookupPool } from '../../../../mesh/routing/kademlia/pool.ts'
import {
  routingSettings,
  type RoutingSettings,
} from '../../../../mesh/routing/kademlia/settings.ts'

/** The key at that distance from {@link TARGET}. */
export function keyAt(distance: number): KadKey {
  return keyFromHex(distance.toString(16).padStart(64, '0'))
}

/** What all lookups of a scene look for: distances from it are plain numbers. */
export const TARGET: KadKey = keyAt(0)

/** A node at that distance from the target. */
export function peerAt(distance: number, host = `node-${distance}`): Contact {
  const key = keyAt(distance)
  return { id: key.hex, key, host, port: 4433 }
}

/** Distance of a contact from the target. */
export function distanceOf(contact: Contact): number {
  return Number.parseInt(contact.id, 16)
}

/** A reply of the kind that was asked for. */
export function replyTo(question: LookupQuestion, contacts: readonly Contact[]): LookupReply {
  const base = {
    key: question.target,
    sender: { host: 'h', port: 1, mode: 'server' },
    contacts,
  } as const
  switch (question.kind) {
    case 'find_node':
      return { type: 'find_node_reply', ...base }
    case 'find_value':
      return { type: 'find_value_reply', record: undefined, ...base }
    case 'get_providers':
      return { type: 'providers_reply', records: [], ...base }
  }
}

/** A request that is not settled. */
export interface OpenRequest {
  readonly requestId: number
  readonly to: Contact
  readonly question: LookupQuestion
  readonly sentMs: number
  readonly deadlineMs: number
}

/** Settings small enough to follow by hand. */
export const SMALL: Partial<RoutingSettings> = { k: 4, alpha: 2, beta: 2, lookupRequestsMax: 50 }

/** The node at 1000 with what is in its table, and its pool. */
export class LookupScene {
  readonly pool: LookupPool
  readonly open: Map<number, OpenRequest> = new Map()
  /** Everybody who was ever asked, in that order. */
  readonly asked: Contact[] = []
  readonly results: Map<number, LookupResult> = new Map()
  readonly hops: LookupHop[] = []
  readonly replies: { readonly lookupId: number; readonly from: Contact }[] = []
  readonly cancelled: number[] = []
  readonly down: Set<string> = new Set()
  table: readonly Contact[]
  softTimeoutMs = 300
  nowMs = 0
  #requests = 0

  constructor(table: readonly Contact[], settings: Partial<RoutingSettings> = SMALL) {
    this.table = table
    this.pool = new LookupPool({
      settings: routingSettings(settings),
      own: keyAt(1000),
      port: {
        request: (to, question, deadlineMs) => {
          const requestId = ++this.#requests
          this.open.set(requestId, { requestId, to, question, sentMs: this.nowMs, deadlineMs })
          this.asked.push(to)
          return requestId
        },
        cancel: (requestId) => {
          this.open.delete(requestId)
          this.cancelled.push(requestId)
        },
        closest: (_target, count) => this.table.slice(0, count),
        isDown: (id) => this.down.has(id),
        softTimeoutMs: () => this.softTimeoutMs,
        event: (event) => {
          if (event.type === 'lookup_done') this.results.set(event.lookupId, event.result)
          if (event.type === 'lookup_hop') this.hops.push(event.hop)
          if (event.type === 'lookup_reply') this.replies.push(event)
        },
      },
    })
  }

  start(spec: Partial<LookupSpec> = {}, lookupId = 1): boolean {
    return this.pool.start(this.nowMs, lookupId, { kind: 'find_node', target: TARGET, ...spec })
  }

  /** Distances of those who are asked at present, nearest first. */
  asking(): readonly number[] {
    return [...this.open.values()].map(({ to }) => distanceOf(to)).sort((a, b) => a - b)
  }

  /** Distances of the result, in its order. */
  found(lookupId = 1): readonly number[] | undefined {
    return this.results.get(lookupId)?.closest.map(distanceOf)
  }

  /** The node at that distance answers with the nodes at these distances. */
  answer(distance: number, told: readonly (number | Contact)[] = []): void {
    const request = this.#take(distance)
    const contacts = told.map((one) => (typeof one === 'number' ? peerAt(one) : one))
    const reply = replyTo(request.question, contacts)
    this.pool.answered(this.nowMs, request.requestId, request.to, reply)
  }

  fail(distance: number): void {
    this.pool.failed(this.nowMs, this.#take(distance).requestId)
  }

  /** Moves time on, with every tick that is due. */
  advance(ms: number): void {
    const untilMs = this.nowMs + ms
    while (this.pool.nextDeadline() <= untilMs) {
      this.nowMs = this.pool.nextDeadline()
      this.pool.tick(this.nowMs)
    }
    this.nowMs = untilMs
  }

  #take(distance: number): OpenRequest {
    for (const request of this.open.values()) {
      if (distanceOf(request.to) !== distance) continue
      this.open.delete(request.requestId)
      return request
    }
    throw new Error(`${distance} is not asked`)
  }
}
