/**
 * Connections between simulated nodes: dialled when there is something to send, bounded per node, the
 * least recently used closed first by the side that dialled. A handshake takes a round trip, can fail,
 * and counts as load of its own.
 */
import type { Protocol } from './boundary.ts'
import { LinkIndex } from './link-index.ts'
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
  readonly nodes: readonly SimulatedNode<P>[]
  readonly network: NetworkModel
  /** Runs `task` after `delayMs`, when `node` is neither stopped nor paused. */
  later(node: SimulatedNode<P>, delayMs: number, task: () => void): void
}

/** Opens, finds and closes links. */
export class LinkTable<P extends Protocol> {
  readonly #host: LinkHost<P>
  readonly #options: Required<LinkOptions>
  readonly #index: LinkIndex<P>
  #dials = 0

  constructor(host: LinkHost<P>, options: LinkOptions = {}) {
    this.#host = host
    this.#index = new LinkIndex(host.nodes.length)
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
    const link = this.#index.get(from, to)
    if (link === undefined || !link.up) return false
    const { nowMs } = this.#host
    if (nowMs - link.usedMs > this.#options.idleMs || !isCurrent(link)) return false
    touch(link, nowMs)
    return true
  }

  /** Runs `task` over a link from one node to the other, dialling if need be; perhaps never. */
  use(from: SimulatedNode<P>, to: SimulatedNode<P>, task: () => void): void {
    const link = this.#find(from, to) ?? this.#dial(from, to)
    // The other side answers the first packet to a connection of an earlier life with a reset.
    if (link.up && !isCurrent(link)) return this.#close(link)
    touch(link, this.#host.nowMs)
    if (link.up) task()
    else if (link.waiting === undefined) link.waiting = [task]
    else if (link.waiting.length < this.#options.waitingMax) link.waiting.push(task)
  }

  /** Forgets every link of a node that stops; its peers notice when they use theirs. */
  clear(node: SimulatedNode<P>): void {
    node.linked = 0
    node.dialled = 0
    node.oldestLink = undefined
    node.newestLink = undefined
  }

  #find(from: SimulatedNode<P>, to: SimulatedNode<P>): SimulatedLink<P> | undefined {
    const link = this.#index.get(from, to)
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
      older: undefined,
      newer: undefined,
      dial: this.#dials++,
      waiting: undefined,
    }
    from.load.handshakes++
    this.#makeRoom(from)
    this.#enter(from, to, link)
    from.dialled++
    append(from, link)
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
    if (link.up || !isCurrent(link) || this.#index.get(dialler, acceptor) !== link) {
      this.#fail(link)
      return
    }
    link.up = true
    touch(link, this.#host.nowMs)
    if (this.#index.get(acceptor, dialler) === undefined) this.#enter(acceptor, dialler, link)
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
    let oldest = node.oldestLink
    while (oldest !== undefined && !oldest.up) oldest = oldest.newer
    if (oldest === undefined) return
    // Of those used in the same millisecond the one dialled first.
    const { usedMs } = oldest
    for (let link = oldest.newer; link !== undefined && link.usedMs === usedMs; link = link.newer) {
      if (link.up && link.dial < oldest.dial) oldest = link
    }
    this.#close(oldest)
  }

  #close(link: SimulatedLink<P>): void {
    const { dialler, acceptor } = link
    if (this.#drop(dialler, acceptor, link)) {
      dialler.dialled--
      unlink(link)
    }
    this.#drop(acceptor, dialler, link)
  }

  #enter(node: SimulatedNode<P>, peer: SimulatedNode<P>, link: SimulatedLink<P>): void {
    this.#index.set(node, peer, link)
    node.linked++
  }

  /** True when the node knew that link. */
  #drop(node: SimulatedNode<P>, peer: SimulatedNode<P>, link: SimulatedLink<P>): boolean {
    if (this.#index.get(node, peer) !== link) return false
    this.#index.delete(node, peer)
    node.linked--
    return true
  }
}

function isCurrent<P extends Protocol>(link: SimulatedLink<P>): boolean {
  return link.dialler.life === link.diallerLife && link.acceptor.life === link.acceptorLife
}

/** Something passes: the link is the newest of its dialler now. One of an earlier life is in no list. */
function touch<P extends Protocol>(link: SimulatedLink<P>, nowMs: number): void {
  link.usedMs = nowMs
  const { dialler } = link
  if (dialler.newestLink === link) return
  unlink(link)
  append(dialler, link)
}

function append<P extends Protocol>(node: SimulatedNode<P>, link: SimulatedLink<P>): void {
  const { newestLink } = node
  link.older = newestLink
  link.newer = undefined
  if (newestLink === undefined) node.oldestLink = link
  else newestLink.newer = link
  node.newestLink = link
}

function unlink<P extends Protocol>(link: SimulatedLink<P>): void {
  const { dialler, older, newer } = link
  if (older === undefined) dialler.oldestLink = newer
  else older.newer = newer
  if (newer === undefined) dialler.newestLink = older
  else newer.older = older
}
