/**
 * The bridge between a stream core and whoever uses it: promises of writers and readers in, calls of the core out. The
 * same on both sides.
 *
 * Invariants: readers are served in the order in which they asked; a writer's promise resolves when its item has left,
 * in order; everything pending is settled when the stream is over; a failure is given to one reader, after all items that
 * had come before it, then the loop is over.
 */
import { ownPromise } from '../../../runtime/index.ts'
import type { Clock } from '../../../runtime/index.ts'
import type { Codec } from '../../wire/codec.ts'
import { UnsendableError } from '../../wire/errors.ts'
import { RpcError } from '../errors.ts'
import { errorOfFault } from './faults.ts'
import type { FaultPlace } from './faults.ts'
import type { StreamFault } from './frames.ts'
import { streamFault } from './frames.ts'
import type { StreamRead } from './incoming.ts'
import type { StreamCore, StreamSink } from './stream-core.ts'

/** The same for all endpoints of a node. */
export interface EndpointSettings {
  readonly clock: Clock
  readonly values: Codec
  /** Items written that wait for room. */
  readonly writesMax: number
  readonly itemBytesMax: number
}

/** What an endpoint needs. */
export interface EndpointParts extends EndpointSettings {
  readonly opened: () => void
  /** The result or the failure of the acceptor has come. */
  readonly settled: (last: StreamRead) => void
  /** The core is over. */
  readonly closed: (fault: StreamFault | undefined) => void
}

/** What a core says to an endpoint; the rest is the driver's. */
export type EndpointSink = Pick<
  StreamSink,
  'readable' | 'accepted' | 'opened' | 'settled' | 'closed'
>

interface Waiter<T> {
  readonly resolve: (value: T) => void
  readonly reject: (error: unknown) => void
}

type Step = IteratorResult<unknown, undefined>

const DONE: IteratorReturnResult<undefined> = Object.freeze({ done: true, value: undefined })
const LEFT: Promise<void> = Promise.resolve()

/** See the head of this file. */
export class StreamEndpoint implements EndpointSink {
  readonly #parts: EndpointParts
  readonly #place: FaultPlace
  #core: StreamCore | undefined
  /** What was written before there was a core. */
  #early: Uint8Array[] = []
  #isEndedEarly = false
  readonly #writers = new Set<Waiter<void>>()
  readonly #readers = new Set<Waiter<Step>>()
  #isClosed = false
  #error: RpcError | undefined
  /** The reader has seen the end. */
  #isRead = false

  /** `place` may change until the core is there. */
  constructor(parts: EndpointParts, place: FaultPlace) {
    this.#parts = parts
    this.#place = place
  }

  get core(): StreamCore | undefined {
    return this.#core
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** How it failed. */
  get error(): RpcError | undefined {
    return this.#error
  }

  /** From now on it is this one; replaces one that was refused before it opened. */
  use(core: StreamCore): void {
    this.#core = core
  }

  /** The other side has accepted: what was written before goes out. */
  start(): void {
    const core = this.#core
    if (core === undefined) return
    const early = this.#early
    this.#early = []
    const nowMs = this.#parts.clock.now()
    for (const bytes of early) core.write(bytes, nowMs)
    if (this.#isEndedEarly) core.end(nowMs)
  }

  /** Sends one item. */
  write(item: unknown, isStarted: boolean): Promise<void> {
    if (this.#error !== undefined) return rejected(this.#error)
    const isOpen = isStarted ? this.#core?.isWritable === true : !this.#isEndedEarly
    if (this.#isClosed || !isOpen) {
      return rejected(this.#failure('ERR_RPC_STREAM_CLOSED', 'this side has ended'))
    }
    const { writesMax, clock } = this.#parts
    if (this.#writers.size >= writesMax) {
      const message = `${writesMax} items wait for room; await what write() gives`
      return rejected(this.#failure('ERR_RPC_OVERLOADED', message))
    }
    let bytes: Uint8Array
    try {
      bytes = this.encode(item)
    } catch (error) {
      return rejected(error)
    }
    if (!isStarted) {
      this.#early.push(bytes)
      return this.#left()
    }
    const core = this.#core!
    const isFirst = this.#writers.size === 0
    core.write(bytes, clock.now())
    // The usual case: there was room, and it has left.
    return isFirst && core.bytesWaiting === 0 && !core.isClosed ? LEFT : this.#left()
  }

  /** Sends no more. */
  end(isStarted: boolean): void {
    if (isStarted) this.#core?.end(this.#parts.clock.now())
    else this.#isEndedEarly = true
  }

  /** The bytes of an item, the input or a result; throws `RpcError`. */
  encode(value: unknown): Uint8Array {
    const { values, itemBytesMax } = this.#parts
    let bytes: Uint8Array
    try {
      bytes = values.encode(value)
    } catch (cause) {
      const isLarge = cause instanceof UnsendableError && cause.reason === 'bytes'
      const code = isLarge ? 'ERR_RPC_PAYLOAD_TOO_LARGE' : 'ERR_RPC_INPUT'
      throw this.#failure(code, (cause as Error).message, cause)
    }
    if (bytes.length <= itemBytesMax) return bytes
    const message = `${bytes.length} bytes, at most ${itemBytesMax}`
    throw this.#failure('ERR_RPC_PAYLOAD_TOO_LARGE', message)
  }

  /** The next item. */
  next(): Promise<Step> {
    if (this.#readers.size === 0) {
      try {
        const step = this.#pull()
        if (step !== undefined) return Promise.resolve(step)
      } catch (error) {
        return rejected(error)
      }
    }
    return ownPromise((resolve, reject) => void this.#readers.add({ resolve, reject }))
  }

  /** Ends it in both directions with `error`; the other side is told `fault`. Nothing that waits is read. */
  cancel(fault: StreamFault, error: RpcError): void {
    this.#error ??= error
    this.#core?.discard()
    this.#core?.abort(fault)
    this.#finish()
  }

  /** The reader has left its loop: it is told nothing more, not even a failure. */
  leave(): void {
    this.#isRead = true
  }

  /** Over: as it should be, or by that failure. What has come can still be read. */
  conclude(failure: StreamFault | RpcError | undefined): void {
    if (failure instanceof RpcError) this.#error ??= failure
    else if (failure !== undefined) {
      this.#error ??= errorOfFault(this.#parts.values, failure, this.#place)
    }
    this.#finish()
  }

  // --- the core's side

  opened(): void {
    this.#parts.opened()
  }

  settled(last: StreamRead): void {
    this.#parts.settled(last)
  }

  readable(): void {
    for (const reader of this.#readers) {
      try {
        const step = this.#pull()
        if (step === undefined) return
        this.#readers.delete(reader)
        reader.resolve(step)
      } catch (error) {
        this.#readers.delete(reader)
        reader.reject(error)
      }
    }
  }

  accepted(items: number): void {
    let left = items
    for (const writer of this.#writers) {
      if (left-- <= 0) return
      this.#writers.delete(writer)
      writer.resolve()
    }
  }

  closed(fault: StreamFault | undefined): void {
    this.#parts.closed(fault)
  }

  #finish(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#early = []
    const error = this.#error ?? this.#failure('ERR_RPC_STREAM_CLOSED', 'the stream is over')
    for (const writer of this.#writers) writer.reject(error)
    this.#writers.clear()
    this.readable()
  }

  /** What a reader gets now; undefined when it must wait. Throws how the stream failed. */
  #pull(): Step | undefined {
    if (this.#isRead) return this.#over()
    const read = this.#core?.read(this.#parts.clock.now())
    if (read === undefined) return this.#isClosed ? this.#over() : undefined
    switch (read.type) {
      case 'item':
        return { done: false, value: this.#decode(read.bytes) }
      case 'error':
        this.#error ??= errorOfFault(this.#parts.values, read.fault, this.#place)
        return this.#over()
      case 'reply':
      case 'end':
        this.#isRead = true
        return DONE
    }
  }

  /** The failure once, then the end. */
  #over(): Step {
    const isTold = this.#isRead
    this.#isRead = true
    if (!isTold && this.#error !== undefined) throw this.#error
    return DONE
  }

  #decode(bytes: Uint8Array): unknown {
    try {
      return this.#parts.values.decode(bytes)
    } catch (cause) {
      const error = this.#failure('ERR_RPC_INPUT', 'an item cannot be read', cause)
      this.cancel(streamFault('input', error.message), error)
      throw error
    }
  }

  #left(): Promise<void> {
    const left = ownPromise<void>((resolve, reject) => {
      this.#writers.add({ resolve, reject })
    })
    // Whoever does not await it hears of a failure where items are read, or by the result.
    left.catch(() => {})
    return left
  }

  #failure(
    code:
      | 'ERR_RPC_STREAM_CLOSED'
      | 'ERR_RPC_OVERLOADED'
      | 'ERR_RPC_PAYLOAD_TOO_LARGE'
      | 'ERR_RPC_INPUT',
    message: string,
    cause?: unknown,
  ): RpcError {
    const { procedure, node } = this.#place
    const options = cause === undefined ? {} : { cause }
    return new RpcError(code, `stream of '${procedure}': ${message}`, {
      ...options,
      procedure,
      node,
    })
  }
}

function rejected(error: unknown): Promise<never> {
  return Promise.reject(error)
}
