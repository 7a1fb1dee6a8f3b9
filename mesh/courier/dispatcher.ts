/**
 * Finds a way for each message. To a node with a link it goes at once. Else it waits, in order with others for that
 * node, while the node is dialled; when a link comes up, whoever made it, everything that waits goes over it. A node that
 * cannot be dialled is sent to through others (`relay-way.ts`), and so is one that has said through which gateway. After
 * `pathTtlMs` it is dialled again beside that. What has gone through others arrives first: while an envelope is under
 * way, messages wait for it, and go over the link after it.
 *
 * Whatever is thrown inside ends the process that owns this (`courier-server.ts`); what waited is lost then, and whoever
 * sent it is told.
 */
import { invariant } from '../../runtime/index.ts'
import type { Driver, Ties } from '../driver-process.ts'
import { OnDemand } from '../exchange/on-demand.ts'
import type { Link, LinkEvent } from '../link/link.ts'
import type { TransportAddress } from '../transport/transport.ts'
import { HEADER_BYTES } from '../wire/frame.ts'
import { WireType } from '../wire/messages.ts'
import { Assembly } from './assembly.ts'
import { isServiceType } from './chunks.ts'
import type { CourierContext } from './context.ts'
import type { CourierOutcome, CourierSendOptions, Origin, ServiceLane } from './courier.ts'
import { DirectWay } from './direct-way.ts'
import type { Outgoing } from './direct-way.ts'
import { CourierError } from './errors.ts'
import type { CourierErrorCode } from './errors.ts'
import { KeyBook } from './key-book.ts'
import type { Parcel } from './parcel.ts'
import { Paths } from './paths.ts'
import { RelayWay } from './relay-way.ts'
import { Waiting } from './waiting.ts'

/** A way to a node is being looked for. */
interface Search {
  readonly abort: AbortController
  /** Gives up the wait for a dial. */
  release: () => void
}

/** Where a piece of a large message came from. */
type Source = { readonly link: Link } | { readonly origin: Origin }

/** See the file header. */
export class Dispatcher implements Driver {
  readonly #context: CourierContext
  readonly #ties: Pick<Ties, 'worked' | 'failed'>
  readonly #waiting: Waiting
  readonly #direct: DirectWay
  readonly #relay: RelayWay | undefined
  readonly #keys: KeyBook
  readonly #paths: Paths
  readonly #onDemand: OnDemand
  readonly #assembly: Assembly<Source>
  readonly #searches = new Map<string, Search>()
  #number = 0
  #closed = false

  constructor(context: CourierContext, ties: Pick<Ties, 'worked' | 'failed'>) {
    const { settings, memory, refusals } = context
    this.#context = context
    this.#ties = ties
    this.#waiting = new Waiting(settings)
    this.#paths = new Paths(settings.pathTtlMs)
    this.#direct = new DirectWay({
      settings,
      drained: (node) => memory.drained(node),
      lost: (lost, error) => memory.lose(lost, error),
    })
    this.#onDemand = dialsOf(context)
    this.#keys = this.#makeKeys()
    this.#relay = this.#makeRelay()
    this.#assembly = new Assembly(settings, {
      whole: (source, type, payload) => {
        if ('link' in source) memory.arrived(source.link, type, payload)
        else memory.deliver(source.origin, type, payload)
      },
      refused: (code, peer) => refusals.count(code, { peer }),
    })
  }

  get #isEdge(): boolean {
    return this.#context.relays?.isEdge === true
  }

  get nextDueMs(): number {
    const relayMs = this.#relay?.nextDueMs ?? Infinity
    const keysMs = this.#keys.nextDueMs
    return Math.min(this.#waiting.nextDueMs, this.#assembly.nextDueMs, keysMs, relayMs)
  }

  /** Bytes that wait for a way, all nodes together. */
  get bytes(): number {
    return this.#waiting.bytes + this.#direct.bytes
  }

  /** Bytes that wait for that node, but for those in the queues of its link. */
  bytesOf(node: string): number {
    const relayed = this.#relay?.bytesOf(node) ?? 0
    return this.#waiting.bytesOf(node) + this.#direct.bytesOf(node) + relayed
  }

  send(
    to: string,
    lane: ServiceLane,
    frame: Uint8Array,
    { via, rest, timeoutMs, undialable, lost }: CourierSendOptions,
  ): CourierOutcome {
    const { pool, settings, clock, self } = this.#context
    invariant(to !== self, 'ERR_INVARIANT_COURIER_SELF', 'a message to this node itself')
    invariant(isOfLane(lane, frame[1]!), 'ERR_INVARIANT_COURIER_LANE', 'a message on a wrong lane')
    if (frame.length + (rest?.length ?? 0) - HEADER_BYTES > settings.valueBytesMax) {
      return this.#refuse('ERR_COURIER_TOO_LARGE', to)
    }
    if (!this.#waiting.has(to)) {
      const link = pool.usable(to)
      const isFree = link !== undefined && this.#relay?.isBusy(to) !== true
      if (isFree) return this.#overLink(link, { lane, frame, rest, lost })
    }
    const isNews = undialable === true && !this.#paths.isRelayed(to)
    if (isNews && this.#relay !== undefined) this.#paths.relay(to, clock.now())
    this.#number += 1
    const expiresMs = clock.now() + Math.min(timeoutMs ?? Infinity, settings.waitTimeoutMs)
    const whole = rest === undefined ? frame : Buffer.concat([frame, rest])
    const parcel: Parcel = { number: this.#number, to, lane, frame: whole, via, expiresMs, lost }
    if (!this.#waiting.add(parcel)) return this.#refuse('ERR_COURIER_BACKLOG', to)
    this.#move(to)
    this.#ties.worked()
    return 'waiting'
  }

  /** A link came up or went down. */
  link({ type, link }: LinkEvent): void {
    const node = link.peer.key.hex
    this.#guard(() => {
      if (type === 'up') {
        this.#paths.forget(node)
        this.#move(node)
        // A gateway is a way to everybody.
        if (this.#isEdge) for (const other of this.#waiting.nodes()) this.#move(other)
        return
      }
      this.#direct.linkDown(link)
      this.#assembly.forget(directName(node))
      this.#relay?.unlinked(node)
    })
  }

  /** A piece of a large message came over a link. */
  chunk(link: Link, payload: Uint8Array): void {
    const nowMs = this.#context.clock.now()
    this.#assembly.push(directName(link.peer.key.hex), { link }, payload, nowMs)
    this.#ties.worked()
  }

  /** A piece of a large message came through others. */
  relayedChunk(origin: Origin, payload: Uint8Array): void {
    const nowMs = this.#context.clock.now()
    this.#assembly.push(`relayed ${origin.node}`, { origin }, payload, nowMs)
    this.#ties.worked()
  }

  /** That node has this public key, as its seal has proven. */
  met(node: string, publicKey: Uint8Array): void {
    this.#guard(() => void this.#keys.learn(node, publicKey))
  }

  /** Somebody asks for a public key, or says one. */
  key(origin: Origin, type: number, payload: Uint8Array): void {
    this.#guard(() => {
      const isRight =
        type === WireType.keyQuery
          ? this.#keys.asked(origin, payload)
          : this.#keys.answered(origin.node, payload)
      if (!isRight) this.#context.refusals.count('ERR_COURIER_KEY', { peer: origin.node })
      this.#ties.worked()
    })
  }

  tick(): void {
    const nowMs = this.#context.clock.now()
    this.#assembly.tick(nowMs)
    this.#keys.tick(nowMs)
    this.#relay?.tick(nowMs)
    for (const parcel of this.#waiting.takeExpired(nowMs)) {
      this.#lose(parcel, 'ERR_COURIER_TIMEOUT', `no way to ${parcel.to} was found in time`)
    }
  }

  /** Everything that waits is lost. Idempotent. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const { abort, release } of this.#searches.values()) {
      release()
      abort.abort()
    }
    this.#searches.clear()
    this.#onDemand.close()
    this.#keys.close()
    for (const node of this.#waiting.nodes()) {
      for (const parcel of this.#waiting.takeAll(node)) {
        this.#lose(parcel, 'ERR_COURIER_STOPPED', 'the courier has ended')
      }
    }
    this.#direct.close()
    this.#relay?.close()
  }

  #makeKeys(): KeyBook {
    const { self, publicKey, directory, settings, clock, pool } = this.#context
    return new KeyBook({
      ...{ self, publicKey, directory, now: () => clock.now() },
      keysMax: settings.keysMax,
      queriesMax: settings.keyQueriesMax,
      queueMax: settings.keyQueueMax,
      timeoutMs: settings.lookupTimeoutMs,
      isLinked: (node) => pool.usable(node) !== undefined,
      defer: (work) => clock.microtask(() => this.#guard(work)),
      send: (to, frame, options) => {
        const outcome = this.send(to, 'pubsub', frame, options)
        if (outcome === 'refused') clock.microtask(() => this.#guard(options.lost))
      },
    })
  }

  #makeRelay(): RelayWay | undefined {
    const { relays, settings, seals, memory, clock } = this.#context
    if (relays === undefined) return undefined
    const { send, payloadBytesMax, home, helpers, isEdge } = relays
    return new RelayWay({
      ...{ settings, seals, send, payloadBytesMax, keys: this.#keys, waiting: this.#waiting },
      ...{ home, helpers, isEdge, now: () => clock.now() },
      keysAt: () => (isEdge ? home() : undefined),
      relayed: (messages) => void (memory.counts.relayed += messages),
      lose: (parcel, code, text, mayHaveArrived) => this.#lose(parcel, code, text, mayHaveArrived),
      broken: (node) => {
        this.#paths.forget(node)
        this.#loseAll(node)
        memory.gone(node, 'unreachable')
      },
      rested: (node) => this.#move(node),
      guard: (work) => this.#guard(work),
    })
  }

  #refuse(code: string, to: string): 'refused' {
    const { refusals, memory } = this.#context
    memory.counts.refused += 1
    refusals.count(code, { peer: to }, { level: 'debug' })
    return 'refused'
  }

  #overLink(link: Link, outgoing: Outgoing): CourierOutcome {
    const outcome = this.#direct.send(link, outgoing)
    if (outcome === 'refused') return this.#refuse('ERR_COURIER_BACKLOG', link.peer.key.hex)
    this.#context.memory.counts.direct += 1
    return outcome
  }

  /** Something waits for that node, or what it waits for may have come. */
  #move(node: string): void {
    const first = this.#waiting.first(node)
    if (this.#closed || first === undefined) return
    const { pool, relays, clock, directory } = this.#context
    const relay = this.#relay
    const link = pool.usable(node)
    if (link !== undefined) {
      // What is under way through others must not be overtaken.
      if (relay?.isBusy(node) !== true) this.#flush(node, link)
      return
    }
    // Without a gateway everything waits for one.
    if (this.#isEdge && relays?.home() === undefined) return
    const isIndirect = first.via !== undefined || this.#isEdge
    const isRelayed = isIndirect || this.#paths.isRelayed(node)
    // Who names a gateway for a node need not know that it can be dialled; one at the edge has no address.
    const mayDial = !isIndirect || (!this.#isEdge && directory.address(node) !== undefined)
    const isDue = mayDial && this.#paths.isDue(node, clock.now())
    if (relay === undefined || isDue) this.#search(node)
    if (isRelayed) relay?.move(node)
  }

  #flush(node: string, link: Link): void {
    for (const parcel of this.#waiting.all(node)) {
      // The rest waits for the next link, if this one breaks meanwhile.
      if (link.state !== 'established') return
      this.#waiting.remove(parcel)
      const outcome = this.#overLink(link, parcel)
      if (outcome === 'refused') {
        this.#lose(parcel, 'ERR_COURIER_UNREACHABLE', `the queue of the link with ${node} is full`)
      }
    }
  }

  /** Not at once: a sender hears what became of its message after it has sent it. */
  #search(node: string): void {
    if (this.#searches.has(node)) return
    const search: Search = { abort: new AbortController(), release: () => {} }
    this.#searches.set(node, search)
    this.#context.clock.microtask(() => this.#guard(() => this.#find(node, search)))
  }

  #find(node: string, search: Search): void {
    const { directory, settings } = this.#context
    const address = directory.address(node)
    if (address !== undefined) return this.#dial(node, search, address)
    if (directory.find === undefined) return this.#ended(node, search)
    directory.find(node, settings.lookupTimeoutMs, search.abort.signal).then(
      (found) =>
        this.#guard(() => {
          if (found === undefined) return this.#ended(node, search)
          this.#keys.learn(node, found.publicKey)
          this.#dial(node, search, found.address)
        }),
      // Whatever went wrong with it, nothing is known; the DHT has said and counted why.
      () => this.#guard(() => this.#ended(node, search)),
    )
  }

  #dial(node: string, search: Search, { host, port }: TransportAddress): void {
    if (this.#searches.get(node) !== search) return
    const ended = (): void => this.#guard(() => this.#ended(node, search))
    search.release = this.#onDemand.whenLinked({ id: node, host, port }, ended, ended)
  }

  /** A search has ended, with a link or without one. */
  #ended(node: string, search: Search): void {
    if (this.#searches.get(node) !== search) return
    this.#searches.delete(node)
    const { pool, clock, memory } = this.#context
    if (pool.usable(node) !== undefined) return this.#move(node)
    if (this.#relay !== undefined) {
      this.#paths.relay(node, clock.now())
      return this.#move(node)
    }
    if (this.#loseAll(node)) memory.gone(node, 'unreachable')
  }

  /** False when nothing waited. */
  #loseAll(node: string): boolean {
    const parcels = this.#waiting.takeAll(node)
    for (const parcel of parcels) {
      this.#lose(parcel, 'ERR_COURIER_UNREACHABLE', `there is no way to ${node}`)
    }
    return parcels.length > 0
  }

  #lose({ to, lost }: Parcel, code: CourierErrorCode, text: string, mayHaveArrived = false): void {
    const { memory, refusals } = this.#context
    memory.counts.lost += 1
    refusals.count(code, { peer: to }, { level: 'debug' })
    memory.lose(lost, new CourierError(code, text, { mayHaveArrived }))
  }

  /** Runs what something else than a sender has caused; what it throws ends this and its process. */
  #guard(work: () => void): void {
    if (this.#closed) return
    try {
      work()
      this.#ties.worked()
    } catch (error) {
      this.close()
      this.#ties.failed(error)
    }
  }
}

function dialsOf({ settings, pool, dialer, refusals, clock, dialsMax }: CourierContext): OnDemand {
  const { dialTimeoutMs, dialQueueMax } = settings
  return new OnDemand({
    ...{ pool, dialer, refusals, clock, dialsMax, dialTimeoutMs },
    ...{ queueMax: dialQueueMax, deadMs: dialTimeoutMs, waitingMax: 2 },
    codes: { dialsMax: 'ERR_COURIER_DIALS_MAX', backlog: 'ERR_COURIER_BACKLOG' },
  })
}

/** A peer ends the link when a lane carries what is none of its own. */
function isOfLane(lane: ServiceLane, type: number): boolean {
  if (lane === 'rpc') return type >> 4 === 2
  return lane === 'pubsub' ? type >> 4 === 1 : isServiceType(type)
}

/** How the assembly knows what comes over the link with a node. */
function directName(node: string): string {
  return `direct ${node}`
}
