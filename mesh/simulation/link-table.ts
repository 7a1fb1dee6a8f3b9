/**
 * Connections between simulated nodes: dialled when there is something to send, bounded per node, the
 * least recently used closed first by the side that dialled. A handshake takes a round trip, can fail,
 * and counts as load of its own.
 */
import type { Protocol } from './boundary.ts'
import { LOST, type NetworkModel } from './network-model.ts'
import type { SimulatedLink, SimulatedNode } from './simulated-node.ts'

/** How connections behave. */
export interface LinkOptions {
  /** Links that one node keeps of those it dialled; default 64. */
  readonly linksMax?: number
  /** A handshake that takes longer has failed; default 3,000. */
  readonly dialTimeoutMs?: number
  /** Messages that wait for one handshake; what is more is lost. Default 32. */
  readonly waitingMax?: number
  /** Both sides forget a link on which nothing passed for so long; default 30,000. */
  readonly idleMs?: number
}

const HANDSHAKE_BYTES = 1_200

/** The part of a world that a {@link LinkTable} needs. */
export interface LinkHost<P extends Protocol> {
  readonly nowMs: number
  readonly network: NetworkModel
  /** Runs `task` after `delayMs`, when `node` is neither stopped nor paused. */
  later(node: SimulatedNode<P>, delayMs: number, task: () => void): void
}

/** Opens, finds and closes links. */
export class LinkTable<P extends Protocol> {
  readonly #host: LinkHost<P>
  readonly #options: Required<LinkOptions>

  constructor(host: LinkHost<P>, options: LinkOptions = {}) {
    this.#host = host
    this.#options = {
      linksMax: 64,
      dialTimeoutMs: 3_000,
      waitingMax: 32,
      idleMs: 30_000,
      ...options,
    }
  }

  /** True when a link is up that carries a message now; most do, and need no task that waits. */
  carries(from: SimulatedNode<P>, to: SimulatedNode<P>): boolean {
    const link = from.links.get(to.index)
    if (link === undefined || !link.up) return false
    const { nowMs } = this.#host
    if (nowMs - link.usedMs > this.#options.idleMs || !isCurrent(link)) return false
    link.usedMs = nowMs
    return true
  }

  /** Runs `task` over a link from one node to the other, dialling if need be; perhaps never. */
  use(from: SimulatedNode<P>, to: SimulatedNode<P>, task: () => void): void {
    const link = this.#find(from, to) ?? this.#dial(from, to)
    link.usedMs = this.#host.nowMs
    if (link.up) {
      // The other side answers the first packet to a connection of an earlier life with a reset.
      if (isCurrent(link)) task()
      else this.#close(link)
    } else if (link.waiting === undefined) link.waiting = [task]
    else if (link.waiting.length < this.#options.waitingMax) link.waiting.push(task)
  }

  /** Forgets every link of a node that stops; its peers notice when they use theirs. */
  clear(node: SimulatedNode<P>): void {
    node.links.clear()
    node.dialled = 0
  }

  #find(from: SimulatedNode<P>, to: SimulatedNode<P>): SimulatedLink<P> | undefined {
    const link = from.links.get(to.index)
    if (link === undefined) return undefined
    if (!link.up || this.#host.nowMs - link.usedMs <= this.#options.idleMs) return link
    this.#close(link)
    return undefined
  }

  #dial(from: SimulatedNode<P>, to: SimulatedNode<P>): SimulatedLink<P> {
    const host = this.#host
    const link: SimulatedLink<P> = {
      dialler: from,
      acceptor: to,
      diallerLife: from.life,
      acceptorLife: to.life,
      up: false,
      usedMs: host.nowMs,
      waiting: undefined,
    }
    from.load.handshakes++
    this.#makeRoom(from)
    from.links.set(to.index, link)
    from.dialled++
    const { dialTimeoutMs } = this.#options
    const thereMs = host.network.stream(from.index, to.index, host.nowMs, HANDSHAKE_BYTES)
    const backMs = host.network.stream(to.index, from.index, host.nowMs, HANDSHAKE_BYTES)
    if (thereMs === LOST || backMs === LOST || thereMs + backMs > dialTimeoutMs || !to.running) {
      host.later(from, dialTimeoutMs, () => this.#fail(link))
    } else if (to.paused) {
      host.later(from, dialTimeoutMs, () => this.#fail(link))
      host.later(to, thereMs, () => host.later(from, backMs, () => this.#succeed(link)))
    } else host.later(from, thereMs + backMs, () => this.#succeed(link))
    return link
  }

  #succeed(link: SimulatedLink<P>): void {
    const { dialler, acceptor } = link
    if (link.up || !isCurrent(link) || dialler.links.get(acceptor.index) !== link) {
      this.#fail(link)
      return
    }
    link.up = true
    link.usedMs = this.#host.nowMs
    if (!acceptor.links.has(dialler.index)) acceptor.links.set(dialler.index, link)
    const { waiting } = link
    link.waiting = undefined
    if (waiting !== undefined) for (const task of waiting) task()
  }

  #fail(link: SimulatedLink<P>): void {
    if (link.up) return
    link.waiting = undefined
    this.#close(link)
  }

  #makeRoom(node: SimulatedNode<P>): void {
    if (node.dialled < this.#options.linksMax) return
    let oldest: SimulatedLink<P> | undefined
    for (const link of node.links.values()) {
      if (link.dialler !== node || !link.up) continue
      if (oldest === undefined || link.usedMs < oldest.usedMs) oldest = link
    }
    if (oldest !== undefined) this.#close(oldest)
  }

  #close(link: SimulatedLink<P>): void {
    const { dialler, acceptor } = link
    if (dialler.links.get(acceptor.index) === link) {
      dialler.links.delete(acceptor.index)
      dialler.dialled--
    }
    if (acceptor.links.get(dialler.index) === link) acceptor.links.delete(dialler.index)
  }
}

function isCurrent<P extends Protocol>(link: SimulatedLink<P>): boolean {
  return link.dialler.life === link.diallerLife && link.acceptor.life === link.acceptorLife
}
