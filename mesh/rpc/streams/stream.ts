/**
 * Streams of procedures: many items in either direction between a caller and one provider, with one result at the end.
 * As in gRPC there are three kinds: the server sends (`server`), the client sends (`client`), or both do, each at its own
 * pace (`bidi`). A handler is one function for all of them: what it yields or writes are items, what it returns is the
 * result.
 *
 * Guarantees
 * - Items arrive once, in order, and before the end, the result or the failure that came after them.
 * - The sender has at most `windowBytes` and `windowFrames` on the way that the other side has not read; `write` resolves
 *   when the item has left, so a producer that awaits it, or a generator, goes at the pace of the reader. An item larger
 *   than the window travels in pieces.
 * - Leaving the loop, `cancel` and an aborted `signal` stop the handler within one round trip; a handler that throws ends
 *   the loop with its error after all items before it.
 * - When the other node is gone, both sides end with `ERR_RPC_UNREACHABLE`, once.
 * - A stream stays with its provider: another one is tried only before the stream was accepted.
 */
import type { StandardSchema } from '../../../behaviours/index.ts'
import type { Origin } from '../../courier/courier.ts'
import type { AdvertiseOptions, Advertisement, RpcCallOptions } from '../rpc.ts'
import type { StreamMode } from './frames.ts'

/** Options of {@link RpcStreams.stream}. */
export interface StreamOptions extends Pick<
  RpcCallOptions,
  'signal' | 'strategy' | 'key' | 'node' | 'attempts'
> {
  /** Who sends items. Default `'bidi'`; with `'server'` this side has ended at once. */
  readonly mode?: StreamMode | undefined
  /** Until the whole stream is given up, in ms. Default: no limit. */
  readonly timeoutMs?: number | undefined
  /** How long no item may move in either direction, in ms. Default `streamIdleMs` of the settings, 300,000. */
  readonly idleTimeoutMs?: number | undefined
  /** Bytes that may be on their way to this side. Default `streamWindowBytes` of the settings, 256 KiB. */
  readonly windowBytes?: number | undefined
}

/** The caller's side of a stream. */
export interface RpcStream<Item = unknown, Result = unknown, Sent = unknown>
  extends AsyncIterableIterator<Item, undefined>, AsyncDisposable {
  readonly procedure: string
  /** Who serves it, hex; undefined until a provider is found. */
  readonly node: string | undefined
  /**
   * Sends one item; resolves when it has left, which waits while the other side has no room. Rejects with the error of the
   * stream, and with `ERR_RPC_STREAM_CLOSED` after `end` or after the handler has ended.
   */
  write(item: Sent): Promise<void>
  /** This side sends no more; items of the other one still come. */
  end(): void
  /** Ends it in both directions; the handler's signal is aborted. */
  cancel(reason?: unknown): void
  /**
   * What the handler returned. It comes after all items, so read them: while more of them wait than fit the window, it does
   * not come.
   */
  readonly result: Promise<Result>
  /** Leaving the loop cancels the stream. */
  return(): Promise<IteratorReturnResult<undefined>>
}

/** What a handler knows about the stream it serves: a loop over it gives the items that the caller sends. */
export interface StreamContext<Sent = unknown, Item = unknown> extends AsyncIterable<
  Sent,
  undefined
> {
  /** Aborts when the caller gives up, is gone, or its time is over; `reason` is an `RpcError`. */
  readonly signal: AbortSignal
  /** What is left of the caller's time, in ms; `Infinity` without limit. */
  readonly deadlineMs: number
  readonly caller: Origin
  /** The name that was called; a handler of a pattern serves many. */
  readonly procedure: string
  readonly mode: StreamMode
  /** Sends one item; resolves when it has left. What a generator yields is written like this. */
  write(item: Item): Promise<void>
}

/**
 * Serves streams: a generator whose values are the items and whose return value is the result, or a function that writes
 * items and gives the result.
 *
 * @example
 * await mesh.rpc.advertiseStream('math.count', async function* (to: number) {
 *   for (let n = 1; n <= to; n++) yield n
 *   return 'done'
 * })
 * await mesh.rpc.advertiseStream('math.total', async (_input, items) => {
 *   let total = 0
 *   for await (const n of items) total += n
 *   return total
 * })
 */
export type StreamHandler<Input = unknown, Item = unknown, Result = unknown, Sent = unknown> = (
  input: Input,
  context: StreamContext<Sent, Item>,
) => AsyncGenerator<Item, Result, undefined> | AsyncIterable<Item> | Promise<Result> | Result

/** Options of {@link RpcStreams.advertiseStream}. */
export interface AdvertiseStreamOptions<Input = unknown, Sent = unknown> extends Pick<
  AdvertiseOptions<Input>,
  'ttlMs' | 'metadata' | 'input'
> {
  /** Streams that run at once; then `ERR_RPC_OVERLOADED` at once. Default 256. */
  readonly concurrency?: number | undefined
  /** Checks what the caller sends, and may transform it. */
  readonly item?: StandardSchema<unknown, Sent> | undefined
}

/** Sizes and counters of streams. */
export interface StreamStats {
  /** Streams that this node opened, and those that others did, that are not over. */
  readonly outbound: number
  readonly inbound: number
  /** Since the start. */
  readonly opened: number
  readonly served: number
  readonly refused: number
  readonly failed: number
  /** Parts that were sent again. */
  readonly resent: number
  /** Bytes sent and not acknowledged, written and waiting for room, and received and not read. */
  readonly bytesUnacknowledged: number
  readonly bytesWaiting: number
  readonly bytesUnread: number
}

/** What the functions of procedures have for streams. */
export interface RpcStreams {
  /**
   * Opens a stream to one provider. Throws for invalid names and options; whatever else fails is told by the loop, by
   * `write` and by `result`, as an `RpcError`. Inside a process it is cancelled when the process ends.
   *
   * @example
   * const lines = mesh.rpc.stream<string>('log.tail', { file: 'app.log' }, { mode: 'server' })
   * for await (const line of lines) console.log(line)
   */
  stream<Item = unknown, Result = unknown, Sent = unknown>(
    procedure: string,
    input?: unknown,
    options?: StreamOptions,
  ): RpcStream<Item, Result, Sent>
  /**
   * Offers streams under `procedure`, a name or a pattern; calls of the same name are another advertisement. Rejects as
   * `advertise` does. Inside a process it ends with that process.
   */
  advertiseStream<Input = unknown, Item = unknown, Result = unknown, Sent = unknown>(
    procedure: string,
    handler: StreamHandler<Input, Item, Result, Sent>,
    options?: AdvertiseStreamOptions<Input, Sent>,
  ): Promise<Advertisement>
  /** Counters since the process behind was started, and sizes. */
  streamStats(): StreamStats
}
