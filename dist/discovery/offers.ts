/**
 * Drives the book of offers: words of strategies and news of members come in, and the mesh, which takes this for
 * one more source of addresses, is told what to try. It outlives the processes on both sides: the discovery of
 * the mesh, when it is started again, is told everything that is offered.
 */
import type { Clock, ClockTimer } from '../../runtime/index.ts'
import type {
  Candidate,
  Discovery,
  DiscoverySink,
  MemberEvent,
  MemberState,
  Mesh,
  TransportAddress,
} from '../../mesh/index.ts'
import { DiscoveryError } from './errors.ts'
import { OfferBook, type OfferBookOptions } from './offer-book.ts'
import type { StrategyEar } from './strategy-server.ts'

/** What is offered, and to whom. */
export interface OffersContext {
  readonly options: OfferBookOptions & { readonly prune: boolean }
  readonly mesh: Mesh
  readonly clock: Clock
  readonly chance: () => number
  refused(code: string, fields: Readonly<Record<string, unknown>>): void
}

/** How a strategy fares. */
export interface StrategyInfo {
  readonly name: string
  /** Addresses that it proposes now. */
  readonly addresses: number
  /** Times that it was started, restarts counted. */
  readonly starts: number
  /** Times that it could not ask. */
  readonly failures: number
  /** What it failed with last. */
  readonly lastError: unknown
}

interface Fare {
  starts: number
  failures: number
  lastError: unknown
}

/** How to wait for `formed`. */
export interface FormedOptions {
  readonly signal?: AbortSignal | undefined
  readonly timeoutMs?: number | undefined
}

/** See the head of this file. */
export class Offers {
  readonly #context: OffersContext
  readonly #book: OfferBook
  readonly #fares = new Map<string, Fare>()
  readonly #waiting = new Set<(error: DiscoveryError | undefined) => void>()
  readonly #stopListening: () => void
  #sink: DiscoverySink | undefined
  #timer: ClockTimer | undefined
  #dueMs = Infinity
  #closed = false

  constructor(context: OffersContext) {
    this.#context = context
    const { options, chance, clock, mesh } = context
    this.#book = new OfferBook(options, chance, clock.now())
    this.#stopListening = mesh.membership.subscribe((event) => this.#onMember(event))
  }

  /** The source that the mesh is given. */
  get source(): Discovery {
    return {
      name: 'strategies',
      start: (sink, { signal }) => {
        this.#sink = sink
        signal.addEventListener('abort', () => {
          if (this.#sink === sink) this.#sink = undefined
        })
        const { offered } = this.#book
        if (offered.length > 0) sink.seen(offered)
        this.#step()
      },
    }
  }

  get formed(): boolean {
    return this.#book.formed
  }

  get size(): number {
    return this.#book.size
  }

  /** Resolves once the required nodes have been together. */
  whenFormed({ signal, timeoutMs = Infinity }: FormedOptions = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#book.formed) return resolve()
      if (this.#closed) return reject(stopped())
      if (signal?.aborted === true)
        return reject(notFormed('the signal was aborted', signal.reason))
      const settle = (error: DiscoveryError | undefined): void => {
        this.#waiting.delete(settle)
        timer?.cancel()
        signal?.removeEventListener('abort', onAbort)
        if (error === undefined) resolve()
        else reject(error)
      }
      const onAbort = (): void => settle(notFormed('the signal was aborted', signal?.reason))
      const late = (): void => settle(notFormed(`not within ${timeoutMs} ms`))
      const timer =
        timeoutMs === Infinity ? undefined : this.#context.clock.setTimer(timeoutMs, late)
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#waiting.add(settle)
    })
  }

  /** What `name` proposes is taken here. */
  ear(name: string): StrategyEar {
    const { clock } = this.#context
    const fare = this.#fares.get(name) ?? { starts: 0, failures: 0, lastError: undefined }
    this.#fares.set(name, fare)
    return {
      began: () => {
        fare.starts += 1
        this.#book.drop(name, clock.now())
        this.#step()
      },
      seen: (candidates) => {
        for (const { host, port } of this.#book.seen(name, candidates, clock.now())) {
          const fields = { strategy: name, candidate: `${host}:${port}` }
          this.#context.refused('ERR_DISCOVERY_ADDRESSES_MAX', fields)
        }
        this.#step()
      },
      gone: (candidates) => {
        this.#prune(this.#book.gone(name, candidates, clock.now()))
        this.#step()
      },
      failed: (error) => {
        fare.failures += 1
        fare.lastError = error
        this.#context.refused('ERR_DISCOVERY_SOURCE', { source: name, err: error })
      },
    }
  }

  /** The strategy is no more. */
  forget(name: string): void {
    this.#fares.delete(name)
    this.#book.drop(name, this.#context.clock.now())
    this.#step()
  }

  info(name: string): StrategyInfo {
    const { starts, failures, lastError } = this.#fares.get(name) ?? {
      ...{ starts: 0, failures: 0, lastError: undefined },
    }
    return { name, addresses: this.#book.countOf(name), starts, failures, lastError }
  }

  /** The node is on its way out: who leaves dials nobody (D13). Idempotent. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#book.close()
    this.#step()
    this.#timer?.cancel()
    this.#stopListening()
    for (const settle of [...this.#waiting]) settle(stopped())
  }

  #onMember({ type, member }: MemberEvent): void {
    const nowMs = this.#context.clock.now()
    const { key, address } = member
    if (type === 'down' || type === 'left') this.#book.memberEnded(key, type, nowMs)
    else if (type === 'up' || (type === 'update' && isThere(member.state))) {
      this.#book.memberUp(key, address, nowMs)
    } else return
    if (this.#book.formed) for (const settle of [...this.#waiting]) settle(undefined)
    this.#step()
  }

  /** Strategies never disconnect, unless they were told to (D3). */
  #prune(candidates: readonly Candidate[]): void {
    const { options, mesh } = this.#context
    if (!options.prune) return
    for (const candidate of candidates) {
      const keyHex = this.#book.memberAt(candidate)
      if (keyHex !== undefined) void mesh.disconnect(keyHex, 'pruned')
    }
  }

  #step(): void {
    const nowMs = this.#context.clock.now()
    this.#book.self(this.#own(), nowMs)
    if (this.#sink !== undefined) {
      const { seen, gone } = this.#book.step(nowMs)
      if (gone.length > 0) this.#sink.gone(gone)
      if (seen.length > 0) this.#sink.seen(seen)
    }
    this.#alarm(nowMs)
  }

  #alarm(nowMs: number): void {
    const dueMs = this.#sink === undefined ? Infinity : this.#book.nextDueMs(nowMs)
    if (dueMs === this.#dueMs && this.#timer !== undefined) return
    this.#timer?.cancel()
    this.#timer = undefined
    this.#dueMs = dueMs
    if (dueMs === Infinity || this.#closed) return
    this.#timer = this.#context.clock.setTimer(Math.max(0, dueMs - nowMs), () => {
      this.#timer = undefined
      this.#step()
    })
  }

  #own(): TransportAddress {
    return this.#context.mesh.address
  }
}

function isThere(state: MemberState): boolean {
  return state === 'up' || state === 'suspect'
}

function notFormed(why: string, cause?: unknown): DiscoveryError {
  return new DiscoveryError('ERR_DISCOVERY_NOT_FORMED', `the cluster has not formed: ${why}`, {
    cause,
  })
}

function stopped(): DiscoveryError {
  return new DiscoveryError('ERR_DISCOVERY_STOPPED', 'the node stops')
}
