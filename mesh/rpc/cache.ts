/**
 * Results of idempotent calls, kept at the caller for as long as the call says (`cacheTtlMs`); calls for the same thing
 * that are made while one is under way wait for that one. Off unless a call asks for it.
 *
 * The same thing: procedure, encoded input, and node if one was named. Results are kept encoded, so every caller gets its own
 * copy; failures are not kept. The time of a result runs from when it came and is not prolonged by reading it (MG17). At
 * most `cacheEntriesMax` results and `cacheBytesMax` bytes are kept; those that were used longest ago go first.
 *
 * A call that several wait for ends with the time of whoever made it, and is given up when none of them waits any more.
 * Those who have more time than it make another one.
 */
import { ownPromise } from '../../runtime/index.ts'
import type { Clock } from '../../runtime/index.ts'
import type { Refusals } from '../refusals.ts'
import type { Codec } from '../wire/codec.ts'
import { givenUp, RpcError } from './errors.ts'
import type { RpcCounters } from './stats.ts'

/** What {@link ResultCache} needs. */
export interface ResultCacheParts {
  readonly clock: Clock
  readonly values: Codec
  readonly refusals: Refusals
  readonly counters: RpcCounters
  readonly entriesMax: number
  readonly bytesMax: number
}

/** A call whose result may be an earlier one. */
export interface CachedCall {
  readonly procedure: string
  readonly input: Uint8Array
  readonly node: string | undefined
  readonly ttlMs: number
  readonly timeoutMs: number
  /** Calls back when whoever waits gives up, with the reason; gives the way to stop. */
  readonly onGivenUp: (giveUp: (reason: unknown) => void) => () => void
  /** Makes the call; ends when `signal` is aborted, or its time is over. */
  readonly make: (timeoutMs: number, signal: AbortSignal) => Promise<unknown>
}

interface Entry {
  readonly procedure: string
  readonly bytes: Uint8Array
  readonly size: number
  readonly expiresMs: number
}

/** A call under way. */
interface Flight {
  readonly controller: AbortController
  readonly result: Promise<Uint8Array>
  waiters: number
}

/** One that waits for a call. */
interface Waiter {
  /** It is its own end that it hears of, not that of somebody else's call. */
  hasLeft: boolean
}

/** What an entry costs besides its bytes. */
const ENTRY_BYTES = 128

/** How a call ends whose time was shorter than that of somebody who waits for it. */
const SHORT: ReadonlySet<string> = new Set(['ERR_RPC_TIMEOUT', 'ERR_RPC_CANCELLED'])

/** See the head of this file. */
export class ResultCache {
  readonly #parts: ResultCacheParts
  /** The ones used longest ago first. */
  readonly #entries = new Map<string, Entry>()
  readonly #flights = new Map<string, Flight>()
  #bytes = 0

  constructor(parts: ResultCacheParts) {
    this.#parts = parts
  }

  /** Results that are kept. */
  get size(): number {
    return this.#entries.size
  }

  /** Bytes of them, keys too. */
  get bytes(): number {
    return this.#bytes
  }

  /** Gives what is kept, or the result of a call. */
  async call(wanted: CachedCall): Promise<unknown> {
    const { clock, values, counters } = this.#parts
    const key = keyOf(wanted)
    const dueMs = clock.now() + wanted.timeoutMs
    for (;;) {
      const kept = this.#kept(key)
      if (kept !== undefined) {
        counters.cacheHits += 1
        return values.decode(kept)
      }
      const leftMs = Math.max(0, dueMs - clock.now())
      const before = this.#flights.get(key)
      const flight = before ?? this.#begin(key, wanted, leftMs)
      counters[before === undefined ? 'cacheMisses' : 'cacheJoined'] += 1
      const waiter: Waiter = { hasLeft: before === undefined }
      try {
        return values.decode(await this.#wait(flight, wanted, leftMs, waiter))
      } catch (error) {
        const isShort = error instanceof RpcError && SHORT.has(error.code)
        if (!isShort || waiter.hasLeft || clock.now() >= dueMs) throw error
      }
    }
  }

  /** Forgets what is kept, of one procedure or of all; gives how many. */
  clear(procedure?: string): number {
    const before = this.#entries.size
    for (const [key, entry] of this.#entries) {
      if (procedure === undefined || entry.procedure === procedure) this.#remove(key, entry)
    }
    return before - this.#entries.size
  }

  #kept(key: string): Uint8Array | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    this.#entries.delete(key)
    if (entry.expiresMs <= this.#parts.clock.now()) {
      this.#bytes -= entry.size
      return undefined
    }
    // Back to the end, with the time that it had.
    this.#entries.set(key, entry)
    return entry.bytes
  }

  #begin(key: string, wanted: CachedCall, timeoutMs: number): Flight {
    const controller = new AbortController()
    const { values } = this.#parts
    const made = wanted.make(timeoutMs, controller.signal)
    const flight: Flight = {
      controller,
      result: made.then(
        (value) => {
          this.#land(key, flight)
          const bytes = values.encode(value)
          this.#keep(key, wanted, bytes)
          return bytes
        },
        (error: unknown) => {
          this.#land(key, flight)
          throw error
        },
      ),
      waiters: 0,
    }
    // Each of those who wait hears of it; there may be none any more.
    flight.result.catch(() => {})
    this.#flights.set(key, flight)
    return flight
  }

  /** One that was given up may have been followed by another already. */
  #land(key: string, flight: Flight): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key)
  }

  #wait(
    flight: Flight,
    wanted: CachedCall,
    timeoutMs: number,
    waiter: Waiter,
  ): Promise<Uint8Array> {
    const { procedure, onGivenUp } = wanted
    flight.waiters += 1
    return ownPromise<Uint8Array>((resolve, reject) => {
      let isOver = false
      const end = (): boolean => {
        if (isOver) return false
        isOver = true
        timer.cancel()
        stop()
        flight.waiters -= 1
        return true
      }
      const leave = (error: RpcError): void => {
        if (!end()) return
        if (flight.waiters === 0) {
          this.#land(keyOf(wanted), flight)
          flight.controller.abort(error)
        }
        waiter.hasLeft = true
        reject(error)
      }
      const timer = this.#parts.clock.setTimer(timeoutMs, () => {
        const message = `'${procedure}' gave no answer within ${wanted.timeoutMs} ms`
        const { timeoutMs: ofCall } = wanted
        leave(new RpcError('ERR_RPC_TIMEOUT', message, { procedure, timeoutMs: ofCall }))
      })
      const stop = onGivenUp((cause) => leave(givenUp(procedure, cause)))
      flight.result.then(
        (bytes) => void (end() && resolve(bytes)),
        (error: unknown) => void (end() && reject(error)),
      )
    })
  }

  #keep(key: string, { procedure, ttlMs }: CachedCall, bytes: Uint8Array): void {
    const { clock, entriesMax, bytesMax, refusals } = this.#parts
    const size = key.length + bytes.length + ENTRY_BYTES
    const before = this.#entries.get(key)
    if (before !== undefined) this.#remove(key, before)
    if (size > bytesMax || entriesMax === 0) return
    this.#entries.set(key, { procedure, bytes, size, expiresMs: clock.now() + ttlMs })
    this.#bytes += size
    for (const [oldest, entry] of this.#entries) {
      if (this.#entries.size <= entriesMax && this.#bytes <= bytesMax) return
      this.#remove(oldest, entry)
      const { procedure: ofOldest } = entry
      refusals.count('ERR_RPC_CACHE_MAX', { procedure: ofOldest }, { level: 'debug' })
    }
  }

  #remove(key: string, entry: Entry): void {
    this.#entries.delete(key)
    this.#bytes -= entry.size
  }
}

/** A node is hex and a procedure has no line feed, so no two wishes have one key. */
function keyOf({ procedure, node, input }: CachedCall): string {
  const { buffer, byteOffset, length } = input
  const text = Buffer.from(buffer, byteOffset, length).toString('latin1')
  return `${procedure}\n${node ?? ''}\n${text}`
}
