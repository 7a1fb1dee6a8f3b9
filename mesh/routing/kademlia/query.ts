/**
 * One path of one lookup: the peers it knows, nearest first, and the rule whom to ask next. Kademlia's
 * iterative search (section 2.3 of the paper) with three additions:
 *
 * - A request that is slower than usual gives its place, in flight and among the nearest, to another one;
 *   its answer still counts, and is waited for before the end.
 * - As soon as the `beta` nearest known peers have answered, or answers have stopped to bring nearer ones,
 *   everybody among the `width` nearest is asked at once. Nobody else is: what is asked beyond the k
 *   nearest is asked for nothing.
 * - Peers known to be down stand behind all others.
 *
 * A path ends when the `width` nearest peers that have not failed have all answered (K17), not earlier.
 */
import { compareDistance, type KadKey } from './id.ts'
import type { Contact } from './message.ts'

/**
 * A peer within one lookup; the paths of the lookup share it, and so what became of it. Whoever tells of a
 * peer can lie about its address, and so have it fail for everybody: every path may tell one more address,
 * which is tried when the one before has failed.
 */
export class Peer {
  /** As it was told, and once it has answered as it is. */
  contact: Contact
  /** `slow` is asked, but not counted as in flight any more. */
  state: 'waiting' | 'asked' | 'slow' | 'answered' | 'failed' = 'waiting'
  /** Hops from this node; 1 for an entry of its own table. */
  readonly depth: number
  /** Known to be down; asked only when too few others are known. */
  down: boolean
  /** Bit i: path i knows it. */
  paths = 0
  /** The path that asked it. */
  path = -1
  sentMs = 0
  /** How many requests its path had sent then, this one included. */
  turn = 0
  #others: Contact[] | undefined
  /** Bit i: path i has told another address. */
  #toldOther = 0

  constructor(contact: Contact, depth: number, down: boolean) {
    this.contact = contact
    this.depth = depth
    this.down = down
  }

  /** The path with that bit was told of this peer again, maybe at another address. */
  heard(contact: Contact, bit: number): void {
    if (this.state === 'answered' || sameAddress(contact, this.contact)) return
    if ((this.#toldOther & bit) !== 0) return
    if (this.#others?.some((other) => sameAddress(contact, other))) return
    this.#toldOther |= bit
    if (this.state === 'failed') {
      this.contact = contact
      this.state = 'waiting'
    } else (this.#others ??= []).push(contact)
  }

  /** It does not answer where it was asked. */
  failed(): void {
    const other = this.#others?.shift()
    this.state = other === undefined ? 'failed' : 'waiting'
    if (other !== undefined) this.contact = other
  }
}

function sameAddress(a: Contact, b: Contact): boolean {
  return a === b || (a.host === b.host && a.port === b.port)
}

/** What a path asks of the lookup that it belongs to. */
export interface PathHost {
  /** Sends the request; the peer is `asked` when it returns. */
  ask(peer: Peer, path: LookupPath): void
  isDown(id: string): boolean
}

/** Where a path stands: at work, or why it has nothing to do any more. */
export type PathState = 'running' | 'converged' | 'exhausted' | 'requests_max'

/** Dials of one path. */
export interface PathOptions {
  readonly index: number
  readonly target: KadKey
  /** Peers that must have answered at the end. */
  readonly width: number
  readonly alpha: number
  readonly beta: number
  readonly requestsMax: number
  /** Peers that are remembered while they wait. */
  readonly peersMax: number
}

/** The peers that one path knows, and whom it asks. */
export class LookupPath {
  readonly index: number
  /** Requests in flight; slow ones do not count. */
  inFlight = 0
  /** Requests that are not settled, slow ones included. */
  outstanding = 0
  /** Requests so far. */
  sent = 0
  /** Of this path in {@link Peer.paths}. */
  readonly bit: number
  readonly #options: PathOptions
  readonly #peers: Peer[] = []
  /** Answers since the last that brought a peer nearer than all before. */
  #fruitless = 0
  /** Requests sent when that one came. */
  #sentThen = 0
  /** One of the fruitless was asked after it; those before cannot say where it leads. */
  #followed = false
  /** Of the running walk over the peers: those that count, and those of them that are not slow. */
  #rank = 0
  #prompt = 0
  #unanswered = 0
  #searching = false

  constructor(options: PathOptions) {
    this.index = options.index
    this.#options = options
    this.bit = 2 ** options.index
  }

  /** Nearest first. */
  get peers(): readonly Peer[] {
    return this.#peers
  }

  /**
   * Adds a peer and returns the peer that gave way or `undefined`; a path remembers a bounded number of
   * peers that wait, the nearest ones. What it has asked stays.
   */
  add(peer: Peer): Peer | undefined {
    if ((peer.paths & this.bit) !== 0) return undefined
    const peers = this.#peers
    const { target } = this.#options
    let low = 0
    let high = peers.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compareDistance(target, peers[middle]!.contact.key, peer.contact.key) < 0) {
        low = middle + 1
      } else high = middle
    }
    let gone: Peer | undefined
    if (peers.length >= this.#options.peersMax) {
      const last = this.#farthestWaiting()
      if (last >= 0) {
        if (last < low) return peer
        gone = peers[last]!
        peers.splice(last, 1)
        gone.paths &= ~this.bit
      }
    }
    peers.splice(low, 0, peer)
    peer.paths |= this.bit
    return gone
  }

  /** The nearest peer that this path knows. */
  nearest(): Peer | undefined {
    return this.#peers[0]
  }

  /** A peer of this path has answered; `nearer` if it told one nearer than all before. */
  progressed({ turn }: Peer, nearer: boolean): void {
    if (nearer) {
      this.#fruitless = 0
      this.#sentThen = this.sent
      this.#followed = false
    } else {
      this.#fruitless++
      if (turn > this.#sentThen) this.#followed = true
    }
  }

  /** Asks who may be asked now, and says where the path stands. */
  advance(host: PathHost): PathState {
    const { width, requestsMax } = this.#options
    this.#rank = 0
    this.#prompt = 0
    this.#unanswered = 0
    this.#searching = false
    this.#walk(host, false)
    // Too few others: the peers that are held for down, nearest first.
    if (this.#rank < width) this.#walk(host, true)
    if (this.#unanswered === 0) return this.#rank < width ? 'exhausted' : 'converged'
    if (this.sent < requestsMax || this.outstanding > 0) return 'running'
    return 'requests_max'
  }

  /** One walk over the nearest peers that are held for up, or for down. */
  #walk(host: PathHost, down: boolean): void {
    const { width, beta } = this.#options
    for (const peer of this.#peers) {
      if (this.#prompt === width) return
      if (peer.state === 'failed' || peer.down !== down) continue
      const isNext = peer.state === 'waiting' && this.#mayAsk()
      if (isNext && !down && host.isDown(peer.contact.id)) {
        peer.down = true
        continue
      }
      this.#rank++
      // Who is slow is waited for, but whoever would take its place if it fails is asked already.
      if (peer.state !== 'slow') this.#prompt++
      if (peer.state === 'answered') continue
      this.#unanswered++
      if (peer.state === 'slow') continue
      if (this.#prompt <= beta) this.#searching = true
      if (peer.state === 'waiting' && this.#mayAsk()) host.ask(peer, this)
    }
  }

  #mayAsk(): boolean {
    const { width, alpha, beta, requestsMax } = this.#options
    if (this.sent >= requestsMax) return false
    const stalled = this.#followed && this.#fruitless >= Math.max(alpha, beta)
    const wide = beta > 0 && (stalled || !this.#searching)
    return this.inFlight < (wide ? Math.max(alpha, width) : alpha)
  }

  #farthestWaiting(): number {
    for (let i = this.#peers.length - 1; i >= 0; i--) {
      if (this.#peers[i]!.state === 'waiting') return i
    }
    return -1
  }
}
