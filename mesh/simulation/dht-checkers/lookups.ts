/** Checkers of lookups: K14, K15 and K17, from requests, answers and what a lookup says in the end. */
import { compareDistance } from '../../routing/kademlia/id.ts'
import type {
  LookupHop,
  LookupResult,
  LookupSpec,
  RoutingEvent,
} from '../../routing/kademlia/machine.ts'
import type { Contact, DhtRequest } from '../../routing/kademlia/message.ts'
import type { RoutingSettings } from '../../routing/kademlia/settings.ts'
import type { NodeContact, InputOf } from '../boundary.ts'
import type { DhtProtocol } from '../dht-boundary.ts'
import { demand } from '../checkers/checker.ts'
import type { DhtChecker, DhtSeat } from './checker.ts'

interface Watched {
  readonly spec: LookupSpec
  /** Whom it has asked, and what came of it. */
  readonly asked: Map<string, 'asked' | 'slow' | 'answered' | 'failed'>
  /** Whom answers have named. */
  readonly named: Map<string, Contact>
  readonly requests: Set<number>
  /** Whom it has asked, and where. */
  readonly places: Set<string>
  /** Inputs that its node had taken when it began. */
  readonly since: number
  answers: number
}

/** What is known of one life of one node. */
interface Life {
  /** Lookups that somebody asked for, by number. */
  readonly lookups: Map<number, Watched>
  /** The same by what they ask; and lookups of the core itself, which end when nothing is in flight. */
  readonly byQuestion: Map<string, Watched>
  readonly requests: Map<number, { readonly of: Watched; readonly to: string }>
  readonly pings: Map<number, string>
  /**
   * Whom it has reason to hold for down, told so or without an answer when asked last, and until which of
   * its inputs; a lookup that began earlier may hold to that.
   */
  readonly doubtful: Map<string, number>
  inputs: number
}

/** See the head of this file. */
export class LookupRules implements DhtChecker {
  readonly #settings: RoutingSettings
  readonly #lives: Life[] = []

  constructor(settings: RoutingSettings) {
    this.#settings = settings
  }

  started(seat: DhtSeat): void {
    this.#lives[seat.index] = {
      lookups: new Map(),
      byQuestion: new Map(),
      requests: new Map(),
      pings: new Map(),
      doubtful: new Map(),
      inputs: 0,
    }
  }

  lookup(seat: DhtSeat, lookupId: number, spec: LookupSpec): void {
    const life = this.#life(seat)
    const question = `${spec.kind} ${spec.target.hex}`
    // Requests of two lookups about the same cannot be told apart from outside: neither is judged.
    const isAlone = !life.byQuestion.has(question)
    const watched = watch(spec, life.inputs)
    life.byQuestion.set(question, watched)
    if (isAlone) life.lookups.set(lookupId, watched)
    else
      for (const [id, { spec: other }] of life.lookups) {
        if (`${other.kind} ${other.target.hex}` === question) life.lookups.delete(id)
      }
  }

  requested(seat: DhtSeat, requestId: number, to: NodeContact, message: DhtRequest): void {
    if (message.type === 'store' || message.type === 'add_provider') return
    const life = this.#life(seat)
    if (message.type === 'find_node' && message.count === 0) {
      if (to.id !== undefined) life.pings.set(requestId, to.id)
      return
    }
    const question = `${message.type} ${message.key.hex}`
    let watched = life.byQuestion.get(question)
    if (watched === undefined) {
      watched = watch({ kind: message.type, target: message.key }, life.inputs)
      life.byQuestion.set(question, watched)
    }
    const { id } = to
    if (id === undefined) return
    demand(id !== seat.id, 'K15', seat, () => `it asks itself about ${message.key.hex}`)
    // Who moved may be asked where it is now.
    const place = `${id} ${to.host} ${to.port}`
    const isNew = !watched.places.has(place) || !this.#isJudged(life, watched)
    demand(isNew, 'K15', seat, () => `${place} is asked twice about ${message.key.hex}`)
    watched.places.add(place)
    watched.asked.set(id, 'asked')
    watched.requests.add(requestId)
    life.requests.set(requestId, { of: watched, to: id })
    this.#inFlight(seat, life, watched)
  }

  stepping(seat: DhtSeat, input: InputOf<DhtProtocol>): void {
    const life = this.#life(seat)
    life.inputs++
    if (input.type === 'down') life.doubtful.set(input.id, Infinity)
    if (input.type !== 'reply' && input.type !== 'request_failed') return
    const pinged = life.pings.get(input.requestId)
    if (pinged !== undefined) {
      life.pings.delete(input.requestId)
      if (input.type === 'request_failed') life.doubtful.set(pinged, Infinity)
      else if (life.doubtful.has(pinged)) life.doubtful.set(pinged, life.inputs)
    }
    const request = life.requests.get(input.requestId)
    if (request === undefined) return
    life.requests.delete(input.requestId)
    const { of: watched, to } = request
    watched.requests.delete(input.requestId)
    if (input.type === 'request_failed') {
      watched.asked.set(to, 'failed')
      life.doubtful.set(to, Infinity)
      return
    }
    if (life.doubtful.has(to)) life.doubtful.set(to, life.inputs)
    watched.asked.set(to, 'answered')
    watched.answers++
    if (!('contacts' in input.message)) return
    const { answerFactor, k } = this.#settings
    for (const contact of input.message.contacts.slice(0, answerFactor * k)) {
      watched.named.set(contact.id, contact)
    }
  }

  stepped(seat: DhtSeat): void {
    const { byQuestion, lookups } = this.#life(seat)
    if (byQuestion.size === lookups.size) return
    const named = new Set(lookups.values())
    for (const [question, watched] of byQuestion) {
      if (!named.has(watched) && watched.requests.size === 0) byQuestion.delete(question)
    }
  }

  cancelled(seat: DhtSeat, requestId: number): void {
    const life = this.#life(seat)
    life.requests.get(requestId)?.of.requests.delete(requestId)
    life.requests.delete(requestId)
  }

  routing(seat: DhtSeat, event: RoutingEvent): void {
    const life = this.#life(seat)
    if (event.type === 'lookup_hop') {
      const watched = life.lookups.get(event.lookupId)
      if (watched !== undefined) noteSlow(watched, event.hop)
    }
    if (event.type !== 'lookup_done') return
    const watched = life.lookups.get(event.lookupId)
    if (watched === undefined) return
    life.lookups.delete(event.lookupId)
    life.byQuestion.delete(`${watched.spec.kind} ${watched.spec.target.hex}`)
    this.#honest(seat, watched, event.result)
    this.#complete(seat, life, watched, event.result)
  }

  #life({ index }: DhtSeat): Life {
    return this.#lives[index]!
  }

  #isJudged(life: Life, watched: Watched): boolean {
    for (const other of life.lookups.values()) if (other === watched) return true
    return false
  }

  /** K14, for lookups that tell of slow requests. */
  #inFlight(seat: DhtSeat, life: Life, watched: Watched): void {
    const { spec } = watched
    if (spec.trace !== true || !this.#isJudged(life, watched)) return
    const { k, alpha: usual, beta: usualBeta } = this.#settings
    const { alpha = usual, beta = usualBeta, paths = 1, count = k } = spec
    let inFlight = 0
    for (const state of watched.asked.values()) if (state === 'asked') inFlight++
    const isNarrow = beta === 0 || watched.answers < Math.min(alpha, beta)
    const allowed = paths * (isNarrow ? alpha : Math.max(alpha, k, count))
    const text = (): string => `${inFlight} requests are in flight, ${allowed} may be`
    demand(inFlight <= allowed, 'K14', seat, text)
  }

  /** K15: only who answered, nearest first, each once, no more than asked for. */
  #honest(seat: DhtSeat, { spec, asked }: Watched, { closest }: LookupResult): void {
    const { count = this.#settings.k, target } = spec
    demand(closest.length <= count, 'K15', seat, () => `${closest.length} found, ${count} wanted`)
    for (const [place, contact] of closest.entries()) {
      demand(
        asked.get(contact.id) === 'answered',
        'K15',
        seat,
        () => `${contact.id} is in the result and has not answered`,
      )
      const before = closest[place - 1]
      const isSorted = before === undefined || compareDistance(target, before.key, contact.key) < 0
      demand(isSorted, 'K15', seat, () => `the result is not in order at ${place}`)
    }
  }

  /** K17: nobody nearer is left who was named, may be there and was not asked. */
  #complete(seat: DhtSeat, life: Life, watched: Watched, { closest, reason }: LookupResult): void {
    if (reason !== 'converged' && reason !== 'exhausted') return
    const { target, count = this.#settings.k } = watched.spec
    const last = closest.length < count ? undefined : closest[count - 1]
    for (const contact of watched.named.values()) {
      const isDoubtful = (life.doubtful.get(contact.id) ?? -1) >= watched.since
      if (contact.id === seat.id || isDoubtful) continue
      if (last !== undefined && compareDistance(target, contact.key, last.key) > 0) continue
      const state = watched.asked.get(contact.id)
      demand(
        state === 'answered' || state === 'failed',
        'K17',
        seat,
        () => `the lookup is over (${reason}), and ${contact.id}, which is nearer, is ${state}`,
      )
    }
  }
}

function watch(spec: LookupSpec, since: number): Watched {
  return {
    spec,
    since,
    asked: new Map(),
    named: new Map(),
    requests: new Set(),
    places: new Set(),
    answers: 0,
  }
}

function noteSlow({ asked }: Watched, { contact, outcome }: LookupHop): void {
  if (outcome === 'slow' && asked.get(contact.id) === 'asked') asked.set(contact.id, 'slow')
}
