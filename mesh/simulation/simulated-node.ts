/** One node of a simulated world: its core, its disk, its clock, and its links to others. */
import type { CoreOf, InputOf, Protocol } from './boundary.ts'

/** A connection as the world keeps it: made by a handshake, lost with either life. */
export interface SimulatedLink<P extends Protocol> {
  readonly dialler: SimulatedNode<P>
  readonly acceptor: SimulatedNode<P>
  readonly diallerLife: number
  readonly acceptorLife: number
  up: boolean
  /** When something passed last. */
  usedMs: number
  /** Neighbours in the order of use among the links that the dialler keeps. */
  older: SimulatedLink<P> | undefined
  newer: SimulatedLink<P> | undefined
  /** Number of the dial, in the whole world. */
  readonly dial: number
  /** What waits for the handshake; undefined for nothing. */
  waiting: (() => void)[] | undefined
}

/** What one node has done since the world began. */
export interface NodeLoad {
  datagramsSent: number
  datagramsReceived: number
  bytesSent: number
  requestsSent: number
  requestsReceived: number
  /** Handshakes that it began. */
  handshakes: number
}

/** A seat at which lives of one identity follow one another. */
export class SimulatedNode<P extends Protocol> {
  readonly index: number
  readonly id: string
  readonly host: string
  port: number
  /** Undefined while the node is down. */
  core: CoreOf<P> | undefined = undefined
  /** Counts starts and stops; what was meant for an earlier life is dropped. */
  life = 0
  /** Generation on disk: that of the life that started last; 0 on a new or lost disk. */
  diskGeneration = 0
  /** True once its core has said that its goodbye is over, until the next start. */
  hasLeft = false
  paused = false
  /** True while it cannot get at its socket. */
  blocked = false
  /** How far its monotonic clock is ahead of the world. */
  clockAheadMs = 0
  /** True when a tick came while it was paused. */
  tickMissed = false
  /** What it sent while it was blocked. */
  readonly outbox: (() => void)[] = []
  /** What arrived while it was paused or blocked. */
  readonly inbox: (InputOf<P> | (() => void))[] = []
  /** Requests without an answer yet. */
  readonly outstanding: Set<number> = new Set()
  /** Links that it knows. */
  linked = 0
  /** Those that it dialled; only these it closes for want of room. */
  dialled = 0
  /** The ends of their order of use. */
  oldestLink: SimulatedLink<P> | undefined = undefined
  newestLink: SimulatedLink<P> | undefined = undefined
  /** True once its address changed: senders need to have heard of it. */
  moved = false
  readonly load: NodeLoad = {
    datagramsSent: 0,
    datagramsReceived: 0,
    bytesSent: 0,
    requestsSent: 0,
    requestsReceived: 0,
    handshakes: 0,
  }

  constructor(index: number, id: string, host: string, port: number) {
    this.index = index
    this.id = id
    this.host = host
    this.port = port
  }

  /** True while it has a core, paused or not. */
  get running(): boolean {
    return this.core !== undefined
  }
}
