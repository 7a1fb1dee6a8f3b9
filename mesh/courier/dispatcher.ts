/**
 * Finds a way for each message. To a node with a link it goes at once. Else it waits, in order with others for that
 * node, while the node is dialled; when a link comes up, whoever made it, everything that waits goes over it.
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
import { Assembly } from './assembly.ts'
import type { CourierContext } from './context.ts'
import type { CourierOutcome, CourierSendOptions, ServiceLane } from './courier.ts'
import { DirectWay } from './direct-way.ts'
import type { Outgoing } from './direct-way.ts'
import { CourierError } from './errors.ts'
import type { CourierErrorCode } from './errors.ts'
import { findAddressRecord, knownAddress } from './finder.ts'
import type { Parcel } from './parcel.ts'
import { Waiting } from './waiting.ts'

/** A way to a node is being looked for. */
interface Search {
  readonly abort: AbortController
  /** Gives up the wait for a dial. */
  release: () => void
}

/** See the file header. */
export class Dispatcher implements Driver {
  readonly #context: CourierContext
  readonly #ties: Pick<Ties, 'worked' | 'failed'>
  readonly #waiting: Waiting
  readonly #direct: DirectWay
  readonly #onDemand: OnDemand
  readonly #assembly: Assembly
  readonly #searches = new Map<string, Search>()
  #number = 0
  #closed = false

  constructor(context: CourierContext, ties: Pick<Ties, 'worked' | 'failed'>) {
    const { settings, memory, refusals, pool, dialer, clock, dialsMax } = context
    this.#context = context
    this.#ties = ties
    this.#waiting = new Waiting(settings)
    this.#direct = new DirectWay({
      settings,
      drained: (node) => memory.drained(node),
      lost: (lost, error) => memory.lose(lost, error),
    })
    const { dialTimeoutMs, dialQueueMax } = settings
    this.#onDemand = new OnDemand({
      ...{ pool, dialer, refusals, clock, dialsMax, dialTimeoutMs },
      ...{ queueMax: dialQueueMax, deadMs: dialTimeoutMs, waitingMax: 2 },
      codes: { dialsMax: 'ERR_COURIER_DIALS_MAX', backlog: 'ERR_COURIER_BACKLOG' },
    })
    this.#assembly = new Assembly(settings, {
      whole: (peer, type, payload) => this.#whole(peer, type, payload),
      refused: (code, peer) => refusals.count(code, { peer }),
    })
  }

  get nextDueMs(): number {
    return Math.min(this.#waiting.nextDueMs, this.#assembly.nextDueMs)
  }

  /** Bytes that wait for a way, all nodes together. */
  get bytes(): number {
    return this.#waiting.bytes + this.#direct.bytes
  }

  /** Bytes that wait for that node, but for those in the queues of its link. */
  bytesOf(node: string): number {
    return this.#waiting.bytesOf(node) + this.#direct.bytesOf(node)
  }

  send(
    to: string,
    lane: ServiceLane,
    frame: Uint8Array,
    { via, timeoutMs, lost }: CourierSendOptions,
  ): CourierOutcome {
    const { pool, settings, clock, self } = this.#context
    invariant(to !== self, 'ERR_INVARIANT_COURIER_SELF', 'a message to this node itself')
    if (frame.length - HEADER_BYTES > settings.valueBytesMax) {
      return this.#refuse('ERR_COURIER_TOO_LARGE', to)
    }
    if (!this.#waiting.has(to)) {
      const link = pool.link(to)
      if (link !== undefined) return this.#overLink(link, { lane, frame, lost })
    }
    this.#number += 1
    const expiresMs = clock.now() + (timeoutMs ?? settings.waitTimeoutMs)
    const parcel: Parcel = { number: this.#number, to, lane, frame, via, expiresMs, lost }
    if (!this.#waiting.add(parcel)) return this.#refuse('ERR_COURIER_BACKLOG', to)
    this.#move(to)
    this.#ties.worked()
    return this.#waiting.holds(parcel.number) ? 'waiting' : 'sent'
  }

  /** A link came up or went down. */
  link({ type, link }: LinkEvent): void {
    const node = link.peer.key.hex
    this.#guard(() => {
      if (type === 'up') return this.#move(node)
      this.#direct.linkDown(link)
      this.#assembly.forget(directName(node))
    })
  }

  /** A piece of a large message came over a link. */
  chunk(link: Link, payload: Uint8Array): void {
    this.#assembly.push(directName(link.peer.key.hex), payload, this.#context.clock.now())
    this.#ties.worked()
  }

  tick(): void {
    const nowMs = this.#context.clock.now()
    this.#assembly.tick(nowMs)
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
    for (const node of this.#waiting.nodes()) {
      for (const parcel of this.#waiting.takeAll(node)) {
        this.#lose(parcel, 'ERR_COURIER_STOPPED', 'the courier has ended')
      }
    }
    this.#direct.close()
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
    if (this.#closed || !this.#waiting.has(node)) return
    const link = this.#context.pool.link(node)
    if (link !== undefined) return this.#flush(node, link)
    if (!this.#searches.has(node)) this.#search(node)
  }

  /** Runs what something else than a sender has caused; what it throws ends this and its process. */
  #guard(work: () => void): void {
    if (this.#closed) return
    try {
      work()
    } catch (error) {
      this.close()
      this.#ties.failed(error)
    }
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
    const search: Search = { abort: new AbortController(), release: () => {} }
    this.#searches.set(node, search)
    this.#context.clock.microtask(() => this.#guard(() => this.#find(node, search)))
  }

  #find(node: string, search: Search): void {
    const address = knownAddress(this.#context, node)
    if (address !== undefined) return this.#dial(node, search, address)
    const { dht, settings } = this.#context
    if (dht === undefined) return this.#ended(node, search)
    findAddressRecord(dht, node, settings.lookupTimeoutMs, search.abort.signal).then(
      (record) =>
        this.#guard(() => {
          if (record === undefined) this.#ended(node, search)
          else this.#dial(node, search, record)
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
    const link = this.#context.pool.link(node)
    if (link !== undefined) return this.#move(node)
    this.#loseAll(node)
  }

  #loseAll(node: string): void {
    const parcels = this.#waiting.takeAll(node)
    for (const parcel of parcels) {
      this.#lose(parcel, 'ERR_COURIER_UNREACHABLE', `there is no way to ${node}`)
    }
    if (parcels.length > 0) this.#context.memory.gone(node, 'unreachable')
  }

  #lose({ to, lost }: Parcel, code: CourierErrorCode, text: string): void {
    const { memory, refusals } = this.#context
    memory.counts.lost += 1
    refusals.count(code, { peer: to }, { level: 'debug' })
    memory.lose(lost, new CourierError(code, text))
  }

  #whole(peer: string, type: number, payload: Uint8Array): void {
    const link = this.#context.pool.link(peer.slice(directName('').length))
    if (link !== undefined) this.#context.memory.arrived(link, type, payload)
  }
}

/** How the assembly knows what comes over the link with a node. */
function directName(node: string): string {
  return `direct ${node}`
}
