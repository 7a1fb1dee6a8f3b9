/**
 * Dials: who wants a link to whom, at most `dialsMax` attempts at once, the rest in a bounded queue.
 * Each attempt runs in a link process of its own; this only keeps the books, so it is synchronous
 * and is emptied when the link processes are restarted.
 *
 * - Everybody who wants the same target shares one attempt; each may give up alone. An attempt that
 *   nobody waits for any more is aborted.
 * - An attempt that loses a race to another connection with the same node waits for that one
 *   (`supersede`): its callers get the link, whoever dialled it.
 * - An attempt for a node whose link is about to end waits for what becomes of it: it takes the link, or begins then.
 * - A wait ends at the caller's `timeoutMs`, the queue included; an attempt ends at
 *   `handshakeTimeoutMs` after it began to run (a closed port answers nothing).
 */
import type { Clock, ClockTimer } from '../../runtime/index.ts'
import type { NodeKey } from '../identity/node-key.ts'
import type { ConnectionDial } from './connection-context.ts'
import { LinkError } from './errors.ts'
import type { Link } from './link.ts'
import type { LinkPool } from './pool.ts'

/** Whom to dial. `host` may be a name. */
export interface DialTarget {
  readonly host: string
  readonly port: number
  /** Accept no other node there. */
  readonly key?: NodeKey
}

/** Options of {@link Dialer.connect}. */
export interface ConnectOptions {
  /** Gives up the wait; the attempt goes on if somebody else waits for it. */
  readonly signal?: AbortSignal | undefined
  /** Milliseconds until `ERR_DIAL_TIMEOUT`, waiting in the queue included. */
  readonly timeoutMs?: number | undefined
}

/** Limits of {@link Dialer}. */
export interface DialerOptions {
  /** Attempts under way at once. */
  readonly dialsMax: number
  /** Attempts that wait for their turn. */
  readonly dialQueueMax: number
  /** Time of one attempt. */
  readonly handshakeTimeoutMs: number
  /** Time of a caller who names none. */
  readonly connectTimeoutMs: number
}

/** A caller who waits. */
interface Waiter {
  readonly resolve: (link: Link) => void
  readonly reject: (error: Error) => void
  release: () => void
}

/** Where an attempt is in its life. */
export type AttemptState = 'queued' | 'running' | 'superseded' | 'settled'

/** One try to reach a target, as its link process sees it. */
export class Attempt implements ConnectionDial {
  readonly id: string
  readonly target: DialTarget
  readonly waiters: Set<Waiter> = new Set()
  readonly #abort: AbortController = new AbortController()
  readonly #settle: (attempt: Attempt, result: Link | Error) => void
  readonly #superseded: (attempt: Attempt) => void
  state: AttemptState = 'queued'
  timer: ClockTimer | undefined = undefined
  /** Monotonic end of the attempt, once it runs. */
  deadlineMs: number = Infinity
  /** Node that is or will be at the other end, when known. */
  key: NodeKey | undefined

  constructor(
    id: string,
    target: DialTarget,
    settle: (attempt: Attempt, result: Link | Error) => void,
    superseded: (attempt: Attempt) => void,
  ) {
    this.id = id
    this.target = target
    this.key = target.key
    this.#settle = settle
    this.#superseded = superseded
  }

  /** Aborted when the attempt is settled: nobody needs its work any more. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  succeed(link: Link): void {
    this.#settle(this, link)
  }

  supersede(key: NodeKey): void {
    this.key = key
    this.#superseded(this)
  }

  fail(error: Error): void {
    this.#settle(this, error)
  }

  /** Its process is gone; an attempt that waits for another connection does not mind. */
  processGone(): void {
    if (this.state === 'running') {
      this.fail(new LinkError('ERR_LINK_CLOSED', 'the link process ended'))
    }
  }

  /** Ends what its process still does. */
  abort(): void {
    // Without a reason it would make an error with a stack, for every dial.
    this.#abort.abort(OVER)
  }
}

const OVER = 'the dial is over'

/** All dials of a node. */
export class Dialer {
  readonly #options: DialerOptions
  readonly #clock: Clock
  readonly #pool: LinkPool
  readonly #start: (attempt: Attempt) => void
  readonly #attempts = new Map<string, Attempt>()
  readonly #queue: Attempt[] = []
  #running = 0

  constructor(
    options: DialerOptions,
    clock: Clock,
    pool: LinkPool,
    /** Starts a link process for the attempt; it must settle the attempt, whatever happens. */
    start: (attempt: Attempt) => void,
  ) {
    this.#options = options
    this.#clock = clock
    this.#pool = pool
    this.#start = start
    pool.onLink((event) => {
      if (event.type === 'up') this.#linkUp(event.link)
      else this.#linkDown(event.link)
    })
    pool.onParting((event) => {
      if (event.type === 'stays') this.#linkUp(event.link)
    })
  }

  /** Attempts under way and waiting. */
  get size(): number {
    return this.#attempts.size
  }

  /** A link to the target; the one that exists, or a new one. */
  connect(target: DialTarget, options: ConnectOptions = {}): Promise<Link> {
    return new Promise<Link>((resolve, reject) => {
      const { signal, timeoutMs = this.#options.connectTimeoutMs } = options
      if (signal?.aborted === true) throw aborted(signal.reason)
      const link = target.key === undefined ? undefined : this.#pool.usable(target.key.hex)
      if (link !== undefined) return resolve(link)
      if (!this.#pool.accepting) throw aborted('the mesh stops')
      const attempt = this.#attempts.get(idOf(target)) ?? this.#enqueue(target)
      this.#wait(attempt, { resolve, reject, release: () => {} }, timeoutMs, signal)
      this.#pump()
    })
  }

  /** The link processes are gone, or the mesh stops: every attempt fails with `error`. */
  reset(error: Error): void {
    for (const attempt of [...this.#attempts.values()]) attempt.fail(error)
  }

  #enqueue(target: DialTarget): Attempt {
    if (this.#queue.length >= this.#options.dialQueueMax) {
      throw new LinkError('ERR_DIAL_QUEUE_FULL', `${this.#queue.length} dials wait already`)
    }
    const attempt = new Attempt(
      idOf(target),
      target,
      (settled, result) => this.#settled(settled, result),
      (superseded) => this.#superseded(superseded),
    )
    this.#attempts.set(attempt.id, attempt)
    const isParting = target.key !== undefined && this.#pool.link(target.key.hex) !== undefined
    if (isParting) attempt.state = 'superseded'
    else this.#queue.push(attempt)
    return attempt
  }

  #wait(attempt: Attempt, waiter: Waiter, timeoutMs: number, signal?: AbortSignal): void {
    const give = (error: Error): void => {
      waiter.release()
      attempt.waiters.delete(waiter)
      waiter.reject(error)
      if (attempt.waiters.size === 0) attempt.fail(error)
    }
    const onAbort = (): void => give(aborted(signal?.reason))
    const timer =
      timeoutMs === Infinity
        ? undefined
        : this.#clock.setTimer(timeoutMs, () => give(timedOut(attempt.target, timeoutMs)))
    signal?.addEventListener('abort', onAbort, { once: true })
    waiter.release = () => {
      timer?.cancel()
      signal?.removeEventListener('abort', onAbort)
    }
    attempt.waiters.add(waiter)
  }

  #pump(): void {
    while (this.#running < this.#options.dialsMax) {
      const attempt = this.#queue.shift()
      if (attempt === undefined) return
      this.#running += 1
      attempt.state = 'running'
      const { handshakeTimeoutMs } = this.#options
      attempt.deadlineMs = this.#clock.now() + handshakeTimeoutMs
      attempt.timer = this.#clock.setTimer(handshakeTimeoutMs, () =>
        attempt.fail(timedOut(attempt.target, handshakeTimeoutMs)),
      )
      this.#start(attempt)
    }
  }

  #settled(attempt: Attempt, result: Link | Error): void {
    if (attempt.state === 'settled') return
    if (attempt.state === 'running') this.#running -= 1
    if (attempt.state === 'queued') this.#queue.splice(this.#queue.indexOf(attempt), 1)
    attempt.state = 'settled'
    attempt.timer?.cancel()
    attempt.abort()
    this.#attempts.delete(attempt.id)
    for (const waiter of attempt.waiters) {
      waiter.release()
      if (result instanceof Error) waiter.reject(result)
      else waiter.resolve(result)
    }
    attempt.waiters.clear()
    this.#pump()
  }

  /** The attempt goes on waiting, but not at the cost of another one's turn. */
  #superseded(attempt: Attempt): void {
    if (attempt.state !== 'running') return
    const link = attempt.key === undefined ? undefined : this.#pool.usable(attempt.key.hex)
    if (link !== undefined) return attempt.succeed(link)
    attempt.state = 'superseded'
    this.#running -= 1
    this.#pump()
  }

  #linkUp(link: Link): void {
    for (const attempt of [...this.#attempts.values()]) {
      if (attempt.key?.hex === link.peer.key.hex) attempt.succeed(link)
    }
  }

  /** Those that waited for what becomes of it, and never ran, begin now. */
  #linkDown(link: Link): void {
    for (const attempt of this.#attempts.values()) {
      const isIts = attempt.key?.hex === link.peer.key.hex && attempt.state === 'superseded'
      if (!isIts || attempt.deadlineMs !== Infinity) continue
      attempt.state = 'queued'
      this.#queue.push(attempt)
    }
    this.#pump()
  }
}

function idOf({ host, port, key }: DialTarget): string {
  return key === undefined ? `${host.toLowerCase()} ${port}` : `${key.hex} ${host} ${port}`
}

function aborted(cause: unknown): LinkError {
  return new LinkError('ERR_DIAL_ABORTED', 'the dial was given up', { cause })
}

function timedOut({ host, port }: DialTarget, timeoutMs: number): LinkError {
  return new LinkError('ERR_DIAL_TIMEOUT', `no link to ${host}:${port} within ${timeoutMs} ms`)
}
