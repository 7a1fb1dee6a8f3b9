/**
 * What outlives restarts of the process of presence: what this node tracks, what it knows of others, its watches, and the
 * numbers of its changes, which must not begin anew within one life.
 */
import { invariant } from '../../runtime/index.ts'
import type { Origin } from '../courier/courier.ts'
import { setNewest } from '../machine/newest.ts'
import type { ServicesContext } from '../services/context.ts'
import { Announcer, COUNTERPART, filterOf, SPACE_PREFIX } from './announcer.ts'
import { frozen } from './frozen.ts'
import { LocalWatch } from './local-watch.ts'
import type { Listener } from './local-watch.ts'
import { Observer } from './observer.ts'
import type { PresenceSettings } from './options.ts'
import { Owner } from './owner.ts'
import type { PresenceEntry } from './presence.ts'
import { PeerRates } from './peer-rates.ts'
import { ProcessTies } from './process-ties.ts'
import { asDiff, spaceEntry, SpaceTopic } from './space.ts'
import type { Part } from './roster.ts'
import type { OpenSpace, Space, SpaceEntry, SpaceListener, SpaceOptions } from './space.ts'
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
  /** By name; that of users has none. */
  readonly #spaces = new Map<string, Space>()
  /** Topics of spaces in which this node takes part. */
  readonly #held = new Map<string, SpaceTopic>()
  readonly #rates: PeerRates
  /** Gateways that peers at the edge spoke through; the oldest first. */
  readonly #vias = new Map<string, string>()
  #seekMs: number

  constructor(services: ServicesContext, settings: PresenceSettings) {
    const { catalog, system, clock, refusals, roster: port } = services
    this.#services = services
    this.#settings = settings
    this.ties = new ProcessTies(system)
    this.announcer = new Announcer({
      ...{ catalog, port, now: () => clock.now() },
      refuse: (code, node, error) => refusals.count(code, { node, error }),
    })
    this.#rates = new PeerRates(settings)
    this.#seekMs = clock.now() + settings.seekIntervalMs
    const own = this.#makeSpace({ name: '', action: 'publish', settings })
    this.owner = own.owner
    this.observer = own.observer
  }

  get nextDueMs(): number {
    let dueMs = Math.min(this.#seekMs, this.announcer.roster?.nextDueMs ?? Infinity)
    for (const { owner, observer } of this.#spaces.values()) {
      dueMs = Math.min(dueMs, owner.nextDueMs, observer.nextDueMs)
    }
    return dueMs
  }

  /** Opens a space; once for each name. */
  openSpace(options: SpaceOptions): OpenSpace {
    const { name } = options
    const isFree = name.startsWith(SPACE_PREFIX) && !this.#spaces.has(name)
    invariant(isFree, 'ERR_INVARIANT_PRESENCE_SPACE')
    const { owner, observer } = this.#makeSpace(options)
    return {
      hold: (rest) => this.#hold(rest === '' ? name : `${name}.${rest}`),
      sizes: () => ({
        ...{ own: owner.size, ownBytes: owner.bytes },
        ...{ known: observer.size, knownBytes: observer.bytes, missing: observer.missing },
      }),
    }
  }

  /** The space that a topic is in. */
  spaceOf(topic: string): Space {
    const isReserved = topic.startsWith(SPACE_PREFIX)
    const space = isReserved ? this.#spaces.get(topic.split('.', 1)[0]!) : undefined
    return space ?? this.#spaces.get('')!
  }

  #hold(topic: string): SpaceTopic {
    invariant(!this.#held.has(topic), 'ERR_INVARIANT_PRESENCE_HELD')
    const { clock, values } = this.#services
    // What others say is heard as long as it is held: it stays known while nobody here listens.
    const heard = this.#listen(topic, () => {})
    const held = new SpaceTopic({
      ...{ space: this.spaceOf(topic), topic },
      encode: (meta) => values.encode(meta),
      watch: (listener) => this.#listen(topic, listener),
      now: () => clock.now(),
      changed: () => this.changed(),
      closed: () => {
        heard.close()
        this.#held.delete(topic)
      },
    })
    this.#held.set(topic, held)
    this.entered(topic)
    return held
  }

  tick(nowMs: number): void {
    for (const { owner, observer } of this.#spaces.values()) {
      owner.tick(nowMs)
      observer.tick(nowMs)
    }
    this.announcer.roster?.tick(nowMs)
    if (nowMs < this.#seekMs) return
    this.#seekMs = nowMs + this.#settings.seekIntervalMs
    for (const topic of Array.from(this.announcer.topics())) {
      if (topic.startsWith(SPACE_PREFIX)) this.#compare(topic, nowMs)
      if (this.announcer.isKnown(topic)) continue
      for (const does of this.announcer.partsIn(topic)) this.#seek(topic, COUNTERPART[does])
    }
  }

  /** What a node does in a topic may be something else than before. */
  placed(topic: string, node: string, nowMs: number): void {
    const { owner, observer } = this.spaceOf(topic)
    if (this.announcer.does(topic, node, 'watches')) owner.watched(topic, node, nowMs)
    else owner.unwatched(topic, node)
    if (this.announcer.does(topic, node, 'tracks')) observer.tracked(topic, node, nowMs)
    else observer.untracked(topic, node)
  }

  /**
   * Words cross: who was taken for somebody that does not watch any more may have begun anew; and who was out of reach, and
   * is listed still, may be back without a word. Costs no message. Of topics of users the owner sees to that itself.
   */
  #compare(topic: string, nowMs: number): void {
    const { owner, observer } = this.spaceOf(topic)
    for (const node of this.announcer.nodes(topic, 'watches')) owner.watched(topic, node, nowMs)
    for (const node of this.announcer.nodes(topic, 'tracks')) observer.tracked(topic, node, nowMs)
  }

  /** Catalog and members are heard again; much may have changed. */
  resume(nowMs: number): void {
    for (const { owner, observer } of this.#spaces.values()) {
      owner.resume(nowMs)
      observer.resume(nowMs)
    }
  }

  /** A node is gone, or its former life is. */
  gone(node: string, isRestarted: boolean, nowMs: number): void {
    for (const { owner, observer } of this.#spaces.values()) {
      owner.gone(node, nowMs)
      observer.gone(node, isRestarted, nowMs)
    }
    if (!isRestarted) return
    // What its present life says was heard before, if the link with the former one broke only now.
    const topics = Array.from(this.announcer.roster?.topicsOf(node) ?? [])
    for (const topic of topics) this.placed(topic, node, nowMs)
  }

  /** A watch begins. */
  watch(topic: string, timeoutMs: number, listener: Listener): LocalWatch {
    const { clock } = this.#services
    const { observer } = this.spaceOf(topic)
    const watch = new LocalWatch(topic, clock.now() + timeoutMs, listener, (closed) => {
      observer.remove(closed, clock.now())
      this.changed()
    })
    observer.add(watch, clock.now())
    this.changed()
    return watch
  }

  /** The node has stopped: every watch ends. */
  stop(): void {
    for (const { observer } of this.#spaces.values()) {
      for (const { watches } of Array.from(observer.topics.values())) {
        for (const watch of Array.from(watches)) watch.close()
      }
    }
  }

  /** Looks for watchers of a topic that this node has just entered. */
  entered(topic: string): void {
    this.#seek(topic, 'watches')
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
    const limitsOf = (topic: string): PresenceSettings => this.spaceOf(topic).settings
    const message = decodePresence(type, payload, codec, limitsOf)
    const { owner, observer, action } = this.spaceOf(message.topic)
    if (message.type === 'state') {
      owner.state(node, message, nowMs, () => this.#mayAnswer(node, nowMs))
      return
    }
    if (!isGranted(action, { node, ...origin })) {
      refusals.count('ERR_PRESENCE_UNAUTHORIZED', { node })
      return
    }
    if (message.type === 'delta') observer.delta(node, message, nowMs)
    else observer.snapshot(node, message, nowMs)
  }

  #makeSpace(options: SpaceOptions): Space {
    const { self, incarnation, values, refusals, clock } = this.#services
    const { announcer } = this
    const { name, settings, entryOf = spaceEntry, bytes: limits } = options
    const bytes = limits && { ...limits, of: (entry: PresenceEntry) => (entry as SpaceEntry).bytes }
    const send = (nodes: readonly string[], message: PresenceWireMessage): void =>
      this.#send(nodes, message)
    const heard = (topic: string): void => this.#held.get(topic)?.heard()
    const more = name === '' ? {} : { heard, entryOf }
    const owner: Owner = new Owner({
      ...{ self, life: incarnation, settings, send },
      watchersOf: (topic) => announcer.nodes(topic, 'watches'),
      announce: (topic, isHere) => announcer.set(topic, 'tracks', isHere),
      told: (diff) => observer.own(diff),
      said: (topic) => announcer.said(topic),
      silent: (topic, node) => refusals.count('ERR_PRESENCE_SILENT', { topic, node }),
      ...more,
    })
    const observer: Observer = new Observer({
      settings,
      send: (nodes, message) => {
        if (name !== '' && message.type === 'state') owner.flush(message.topic, clock.now())
        send(nodes, message)
      },
      trackersOf: (topic) => announcer.nodes(topic, 'tracks'),
      isQuiet: (topic, node) => announcer.isQuiet(topic, node),
      seek: (topic, found) => this.#seek(topic, 'tracks', found),
      announce: (topic, watches) => announcer.set(topic, 'watches', watches),
      own: (topic) => Array.from(owner.entries(topic, clock.now()), ({ public: entry }) => entry),
      // What parts of the node say to each other they do not change.
      decode: (meta) => (name === '' ? frozen(values.decode(meta)) : values.decode(meta)),
      refuse: (code, node) => refusals.count(code, { node }),
      bytes,
      ...more,
    })
    const space = { ...options, owner, observer }
    this.#spaces.set(name, space)
    return space
  }

  #listen(topic: string, listener: SpaceListener): LocalWatch {
    return this.watch(topic, 0, { take: (event) => listener(asDiff(event)), end: () => {} })
  }

  /** Answers go back the way that words came. */
  #cameBy(node: string, via: string | undefined): void {
    if (via === undefined) this.#vias.delete(node)
    else setNewest(this.#vias, node, via, VIAS_MAX)
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

  /** Looks for those who do that in a topic. */
  #seek(topic: string, part: Part, found: () => void = () => {}): void {
    const { catalog } = this.#services
    const filter = filterOf(topic, part)
    if (this.announcer.isKnown(topic) || catalog.isSought('topic', filter)) return found()
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
