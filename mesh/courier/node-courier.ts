/**
 * A courier as the services of its node see it: the same object while the process behind it is restarted. While nothing
 * runs, nothing is taken.
 */
import type { Link } from '../link/link.ts'
import type { MembershipView } from '../membership/view.ts'
import type { CourierContext } from './context.ts'
import type {
  Courier,
  CourierHandler,
  CourierOutcome,
  CourierSendOptions,
  CourierStats,
  GoneReason,
  ServiceLane,
} from './courier.ts'
import { GoneWatch } from './gone.ts'
import type { CourierMemory } from './memory.ts'

const NO_OPTIONS: CourierSendOptions = Object.freeze({})

interface Hold {
  count: number
  /** Of the link, while there is one. */
  release: (() => void) | undefined
}

/** See the file header. */
export class NodeCourier implements Courier {
  readonly self: string
  readonly #context: CourierContext
  readonly #memory: CourierMemory
  readonly #holds = new Map<string, Hold>()
  /** Links that are down and still bring what they hold: a peer may leave that there, and speak over the next one. */
  readonly #ending = new Set<Link>()

  /** `view` is undefined for a node that is nobody's member: to it a node is gone with its link. */
  constructor(
    context: CourierContext,
    view: Pick<MembershipView, 'member' | 'subscribe'> | undefined,
  ) {
    const { pool, memory } = context
    this.self = context.self
    this.#context = context
    this.#memory = memory
    const watch = new GoneWatch({
      member: (node) => view?.member(node),
      isLinked: (node) => pool.link(node) !== undefined,
      gone: (node, reason) => memory.gone(node, reason),
    })
    pool.onLink((event) => {
      this.#keep(event.type === 'up', event.link)
      if (event.type === 'down' && event.link.bytesQueued > 0) this.#endsLater(event.link)
      watch.link(event)
    })
    view?.subscribe((event) => watch.member(event))
  }

  send(
    to: string,
    lane: ServiceLane,
    frame: Uint8Array,
    options: CourierSendOptions = NO_OPTIONS,
  ): CourierOutcome {
    const { dispatcher, counts } = this.#memory
    if (dispatcher !== undefined) return dispatcher.send(to, lane, frame, options)
    counts.refused += 1
    this.#context.refusals.count('ERR_COURIER_STOPPED', { peer: to }, { level: 'debug' })
    return 'refused'
  }

  bytesWaiting(to: string): number {
    let queued = this.#context.pool.link(to)?.bytesQueued ?? 0
    for (const link of this.#ending) if (link.peer.key.hex === to) queued += link.bytesQueued
    return queued + (this.#memory.dispatcher?.bytesOf(to) ?? 0)
  }

  onDrain(handler: (node: string) => void): () => void {
    return this.#memory.onDrain(handler)
  }

  handle(from: number, to: number, handler: CourierHandler): () => void {
    return this.#memory.handle(from, to, handler)
  }

  onGone(handler: (node: string, reason: GoneReason) => void): () => void {
    return this.#memory.onGone(handler)
  }

  hold(to: string): () => void {
    const hold = this.#holds.get(to) ?? { count: 0, release: this.#context.pool.link(to)?.hold() }
    this.#holds.set(to, hold)
    hold.count += 1
    let mine = true
    return () => {
      if (!mine) return
      mine = false
      hold.count -= 1
      if (hold.count > 0) return
      hold.release?.()
      this.#holds.delete(to)
    }
  }

  stats(): CourierStats {
    const { counts, dispatcher } = this.#memory
    return { ...counts, bytesWaiting: dispatcher?.bytes ?? 0 }
  }

  #endsLater(link: Link): void {
    this.#ending.add(link)
    void link.close().then(() => this.#ending.delete(link))
  }

  /** Links that come up are held for those who want that; those that went down are gone with their holds. */
  #keep(isUp: boolean, link: Link): void {
    const hold = this.#holds.get(link.peer.key.hex)
    if (hold !== undefined) hold.release = isUp ? link.hold() : undefined
  }
}
