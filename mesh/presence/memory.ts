/**
 * What outlives restarts of the process of presence: what this node tracks, what it knows of others, its watches, and the
 * numbers of its changes, which must not begin anew within one life.
 */
import { invariant } from '../../runtime/index.ts'
import type { Origin } from '../courier/courier.ts'
import type { ServicesContext } from '../services/context.ts'
import { Announcer, filterOf } from './announcer.ts'
import { LocalWatch } from './local-watch.ts'
import type { Listener } from './local-watch.ts'
import { Observer } from './observer.ts'
import type { PresenceSettings } from './options.ts'
import { Owner } from './owner.ts'
import { PeerRates } from './peer-rates.ts'
import { ProcessTies } from './process-ties.ts'
import { decodePresence, encodePresence } from './wire.ts'
import type { PresenceWireMessage } from './wire.ts'

/** Peers at the edge whose gateway is remembered. */
const VIAS_MAX = 4_096

/** One per node. */
export class PresenceMemory {
  readonly owner: Owner
  readonly observer: Observer
  readonly ties: ProcessTies
  readonly announcer: Announcer
  /** Something is due earlier than it was; the process that runs looks again. */
  changed: () => void = () => {}
  readonly #services: ServicesContext
  readonly #settings: PresenceSettings
  readonly #rates: PeerRates
  /** Gateways that peers at the edge spoke through; the oldest first. */
  readonly #vias = new Map<string, string>()
  #seekMs: number

  constructor(services: ServicesContext, settings: PresenceSettings) {
    const { catalog, self, incarnation, values, system, refusals, clock } = services
    this.#services = services
    this.#settings = settings
    this.ties = new ProcessTies(system)
    this.announcer = new Announcer(catalog)
    this.#rates = new PeerRates(settings)
    this.#seekMs = clock.now() + settings.seekIntervalMs
    const { announcer } = this
    const send = (nodes: readonly string[], message: PresenceWireMessage): void =>
      this.#send(nodes, message)
    this.owner = new Owner({
      ...{ self, life: incarnation, settings, send },
      watchersOf: (topic) => announcer.nodes(topic, 'watches'),
      announce: (topic, isHere) => announcer.set(topic, 'tracks', isHere),
      told: (diff) => this.observer.own(diff),
    })
    this.observer = new Observer({
      ...{ settings, send },
      trackersOf: (topic) => announcer.nodes(topic, 'tracks'),
      seek: (topic, found) => this.#seek(topic, found),
      announce: (topic, watches) => announcer.set(topic, 'watches', watches),
      own: (topic) =>
        Array.from(this.owner.entries(topic, clock.now()), ({ public: entry }) => entry),
      decode: (meta) => values.decode(meta),
      refuse: (code, node) => refusals.count(code, { node }),
    })
  }

  get nextDueMs(): number {
    return Math.min(this.owner.nextDueMs, this.observer.nextDueMs, this.#seekMs)
  }

  tick(nowMs: number): void {
    this.owner.tick(nowMs)
    this.observer.tick(nowMs)
    if (nowMs < this.#seekMs) return
    this.#seekMs = nowMs + this.#settings.seekIntervalMs
    for (const topic of this.announcer.topics()) this.#seek(topic, () => {})
  }

  /** Catalog and members are heard again; much may have changed. */
  resume(nowMs: number): void {
    this.owner.resume(nowMs)
    this.observer.resume(nowMs)
  }

  /** A watch begins. */
  watch(topic: string, timeoutMs: number, listener: Listener): LocalWatch {
    const { clock } = this.#services
    const watch = new LocalWatch(topic, clock.now() + timeoutMs, listener, (closed) => {
      this.observer.remove(closed, clock.now())
      this.changed()
    })
    this.observer.add(watch, clock.now())
    this.changed()
    return watch
  }

  /** The node has stopped: every watch ends. */
  stop(): void {
    for (const { watches } of Array.from(this.observer.topics.values())) {
      for (const watch of Array.from(watches)) watch.close()
    }
  }

  /** Looks for watchers of a topic that this node has just entered. */
  entered(topic: string): void {
    this.#seek(topic, () => {})
  }

  /** A frame of a peer. Throws for what is no message. */
  frame({ node, ...origin }: Origin, type: number, payload: Uint8Array): void {
    const { codec, clock, refusals, isGranted } = this.#services
    const nowMs = clock.now()
    this.#cameBy(node, origin.via)
    if (!this.#rates.message(node, nowMs)) {
      refusals.count('ERR_PRESENCE_FLOOD', { node })
      return
    }
    const message = decodePresence(type, payload, codec, this.#settings)
    if (message.type === 'state') {
      this.owner.state(node, message, nowMs, () => this.#mayAnswer(node, nowMs))
      return
    }
    if (!isGranted('publish', { node, ...origin })) {
      refusals.count('ERR_PRESENCE_UNAUTHORIZED', { node })
      return
    }
    if (message.type === 'delta') this.observer.delta(node, message, nowMs)
    else this.observer.snapshot(node, message, nowMs)
  }

  /** Answers go back the way that words came. */
  #cameBy(node: string, via: string | undefined): void {
    this.#vias.delete(node)
    if (via === undefined) return
    this.#vias.set(node, via)
    if (this.#vias.size <= VIAS_MAX) return
    for (const oldest of this.#vias.keys()) return void this.#vias.delete(oldest)
  }

  #mayAnswer(node: string, nowMs: number): boolean {
    if (this.#rates.mayAnswer(node, nowMs)) return true
    this.#services.refusals.count('ERR_PRESENCE_FLOOD', { node })
    return false
  }

  #send(nodes: readonly string[], message: PresenceWireMessage): void {
    const { codec, courier, clock } = this.#services
    const vias = this.announcer.vias(message.topic)
    const frame = encodePresence(message, codec)
    invariant(frame.length < FRAME_BYTES_MAX, 'ERR_INVARIANT_PRESENCE_FRAME')
    for (const node of nodes) {
      if (message.type === 'snapshot') this.#rates.answered(node, frame.length, clock.now())
      courier.send(node, 'pubsub', frame, { via: vias.get(node) ?? this.#vias.get(node) })
    }
  }

  #seek(topic: string, found: () => void): void {
    const { catalog } = this.#services
    const filter = filterOf(topic)
    if (catalog.isSought('topic', filter)) return found()
    const over = (): void => {
      found()
      this.changed()
    }
    // A search that failed has found all that it will; it is repeated in its time.
    catalog.seek('topic', filter).then(over, over)
  }
}

/** What is longer travels in pieces, which come in any order. */
const FRAME_BYTES_MAX = 65_536
