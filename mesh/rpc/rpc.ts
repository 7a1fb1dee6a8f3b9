/**
 * Procedures of a mesh: named functions that any node offers and any node calls, without a broker.
 *
 * A procedure is a topic (`mesh/topics`): segments joined by dots. Who offers one *advertises* its name, or a pattern that
 * covers many; which registration serves a name is the rule of WAMP: exact before longest prefix before wildcard (see
 * `patterns.ts`). A call goes straight to one of the nodes that offer the best pattern, this one among them; which one is
 * the *strategy* of the call.
 *
 * Guarantees
 * - A call ends exactly once, with a value or an `RpcError`, at the latest at its deadline. Deadlines travel as the time
 *   that is left, so clocks are never compared; calls that a handler makes through its context inherit what is left
 *   (gRPC).
 * - A handler runs at most once for each attempt. By default a call is tried again only when it is certain that no
 *   handler ran (not sent, or refused before dispatch); `idempotent: true` allows more (gRPC A6: at most 5 attempts, full
 *   jitter, a budget of 10 % of the calls).
 * - Calls from one caller to one provider begin in the order in which they were made; inputs above 64 KiB travel in pieces
 *   and keep no order with others.
 * - Without a provider a call fails at once, not by timeout (NATS no responders).
 * - A value above 64 KiB is cut on the way; above `payloadBytesMax` it is refused at the sender.
 *
 * A local handler is reached without the network, with the same errors: inputs and results are copied all the same.
 */
import type { GenServerRef, Peer, Ref, StandardSchema } from '../../behaviours/index.ts'
import type { Origin } from '../courier/courier.ts'
import type { RpcContracts } from './client/contract.ts'
import type { RpcStats } from './stats.ts'
import type { RpcStreams } from './streams/stream.ts'

/** How a provider is chosen; see `selector.ts`. */
export type SelectionStrategy =
  | 'first'
  | 'random'
  | 'round_robin'
  | 'least_outstanding'
  | 'p2c_ewma'
  | 'local_first'
  | 'closest'
  | 'consistent_hash'

/** Under load, calls of higher priority are run first and refused last. */
export type RpcPriority = 'low' | 'normal' | 'high'

/**
 * What becomes of the handler when its call is given up (WAMP call canceling): it is told and the call ends at once
 * (`killnowait`, the default); it is told and the call ends when it has answered (`kill`); it is not told (`skip`).
 */
export type CancelMode = 'skip' | 'kill' | 'killnowait'

/** What goes with an advertisement: a flat value of at most 1 KiB. Keys that begin with `$` are reserved. */
export type RpcMetadata = Readonly<Record<string, string | number | boolean>>

/** What every call takes. */
export interface CallBaseOptions {
  /** Until the call is given up, in ms. Default 5,000; inside a handler at most what is left of its own call. */
  readonly timeoutMs?: number | undefined
  /** Gives the call up when aborted. */
  readonly signal?: AbortSignal | undefined
  /** What the handler is told then. Default `'killnowait'`. */
  readonly cancelMode?: CancelMode | undefined
  /** Called with each progressive result, in order, before the call ends. Without it handlers report nothing. */
  readonly onProgress?: ((value: unknown) => void) | undefined
  /** Default `'normal'`. */
  readonly priority?: RpcPriority | undefined
}

/** Options of {@link Rpc.call}. */
export interface RpcCallOptions extends CallBaseOptions {
  /** Default `'p2c_ewma'`. */
  readonly strategy?: SelectionStrategy | undefined
  /** What `consistent_hash` hashes: the same key goes to the same provider while that is there. Needed by it. */
  readonly key?: string | undefined
  /** Only this node, hex key; it need not be known as a provider. */
  readonly node?: string | undefined
  /** The handler may run twice: lost answers, unreachable nodes and slow attempts are tried elsewhere. Default false. */
  readonly idempotent?: boolean | undefined
  /** Nodes that are asked at most, the first included. Default 3, at most 5. */
  readonly attempts?: number | undefined
  /** With `idempotent`: gives up one attempt, not the call, and asks another node. Default: no such limit. */
  readonly attemptTimeoutMs?: number | undefined
  /**
   * Asks a second provider when the first has not answered for that long, takes the answer that comes first and cancels
   * the other; at most 5 % of calls. `true` waits for the 95th percentile of the latencies seen. Implies `idempotent`.
   * Default false. Progressive results are those of whoever was asked first.
   */
  readonly hedge?: boolean | { readonly delayMs: number } | undefined
  /**
   * Takes a result that is not older than its own `cacheTtlMs` was, or that of a call under way for the same thing, and
   * keeps what it gets for that long, in ms. Implies `idempotent`. Default: not. See `cache.ts`.
   */
  readonly cacheTtlMs?: number | undefined
}

/** Options of {@link Rpc.cast}. */
export type RpcCastOptions = Pick<
  RpcCallOptions,
  'timeoutMs' | 'strategy' | 'key' | 'node' | 'priority'
>

/** Options of {@link Rpc.callMany}. */
export type RpcCallManyOptions = CallBaseOptions

/** What a handler knows about the call it serves, and what it can do. */
export interface CallContext {
  /** Aborts when the caller gives up, is gone, or its time is over; `reason` is an `RpcError`. */
  readonly signal: AbortSignal
  /** What is left of the caller's time, in ms; 0 when it is over. */
  readonly deadlineMs: number
  readonly caller: Origin
  /** The name that was called; a handler of a pattern serves many. */
  readonly procedure: string
  readonly priority: RpcPriority
  /** Sends a progressive result; false when the caller asked for none, is gone, or the value was refused. */
  progress(value: unknown): boolean
  /** As {@link Rpc.call}, within what is left of this call's time, cancelled with it. */
  call<Output = unknown>(
    procedure: string,
    input?: unknown,
    options?: RpcCallOptions,
  ): Promise<Output>
  /** As {@link Rpc.cast}. */
  cast(procedure: string, input?: unknown, options?: RpcCastOptions): boolean
}

/** Serves calls; what it returns, or what its promise gives, is the result. */
export type RpcHandler<Input = unknown, Output = unknown> = (
  input: Input,
  context: CallContext,
) => Output | Promise<Output>

/**
 * Who serves a procedure: a function, or a process. A ref of a contract is called by `method`, default the last segment
 * of the name, with the input; a bare ref or pid gets a {@link RpcRequest} as a call.
 */
export type RpcTarget<Input = unknown, Output = unknown> =
  RpcHandler<Input, Output> | Ref<never> | GenServerRef<never, never> | Peer

/** What a process without contract is called with. */
export interface RpcRequest {
  readonly type: 'rpc'
  readonly procedure: string
  readonly input: unknown
  readonly caller: Origin
  /** What is left of the caller's time, in ms. */
  readonly deadlineMs: number
}

/** Options of {@link Rpc.advertise}. */
export interface AdvertiseOptions<Input = unknown, Output = unknown> {
  /**
   * How long others believe it without hearing it again, in ms; it is told again 60 s before (at the earliest after
   * 10 s). Default 300,000. It is deleted at once by `unadvertise`, and when its process or this node ends.
   */
  readonly ttlMs?: number | undefined
  /** Seen by whoever asks for `providers`. */
  readonly metadata?: RpcMetadata | undefined
  /** Calls that run at once. Default 256; a process serves one after the other whatever it says. */
  readonly concurrency?: number | undefined
  /** Calls that wait for their turn. Default 1,024; then `ERR_RPC_OVERLOADED` at once. */
  readonly queueMax?: number | undefined
  /** A call that would wait longer, by the times seen, is refused at once. Default 500 ms. */
  readonly queueDelayMaxMs?: number | undefined
  /** Checks inputs, and may transform them. Standard Schema (valibot, zod, arktype). */
  readonly input?: StandardSchema<unknown, Input> | undefined
  /** Checks results; one that it refuses is an error of the handler. */
  readonly output?: StandardSchema<unknown, Output> | undefined
  /** Callers may try it again elsewhere without saying so. Default false. */
  readonly idempotent?: boolean | undefined
  /** Priority of calls that name none. Default `'normal'`. */
  readonly priority?: RpcPriority | undefined
  /** For a ref of a contract: the call that is made. Default the last segment of the name called. */
  readonly method?: string | undefined
}

/** Something that this node offers. */
export interface Advertisement {
  /** The pattern, in canonical form. */
  readonly procedure: string
  /** Offers it no more, at once; calls that run go on. False when it was over already. */
  unadvertise(): boolean
  /** Offers it no more and resolves when the calls that run or wait here have ended; new ones are refused. */
  drain(): Promise<void>
}

/** Somebody who offers a procedure. */
export interface RpcProvider {
  /** Node key, hex. */
  readonly node: string
  readonly isLocal: boolean
  /** The gateway it is connected to; undefined for a member. */
  readonly via: string | undefined
  /** What it advertised: the name, or a pattern. */
  readonly pattern: string
  readonly metadata: RpcMetadata
  /** Calls of this node that it has not answered. */
  readonly outstanding: number
  /** Peak-weighted average of its answers to this node, ms; undefined before the first. */
  readonly latencyMs: number | undefined
  /** `open`: it failed too often, calls avoid it. */
  readonly breaker: 'closed' | 'open' | 'half_open'
}

/** What one provider said to {@link Rpc.callMany}. */
export type ProviderResult<Output = unknown> =
  | { readonly node: string; readonly status: 'fulfilled'; readonly value: Output }
  | { readonly node: string; readonly status: 'rejected'; readonly reason: unknown }

/** See the head of this file; for streams `streams/stream.ts`, for contracts `client/contract.ts`. */
export interface Rpc extends RpcStreams, RpcContracts {
  /**
   * Offers `procedure`, a name or a pattern, to the mesh. Rejects with `ERR_RPC_PROCEDURE_INVALID`, `_PROCEDURE_TAKEN`,
   * `_ADVERTISED_MAX`, `ERR_OPTION_*`. Inside a process it ends with that process; one that a process serves ends with
   * either.
   *
   * @example
   * const sum = await mesh.rpc.advertise('math.sum', ({ a, b }) => a + b)
   * await mesh.rpc.call('math.sum', { a: 1, b: 2 }) // 3
   * sum.unadvertise()
   */
  advertise<Input = unknown, Output = unknown>(
    procedure: string,
    target: RpcTarget<Input, Output>,
    options?: AdvertiseOptions<Input, Output>,
  ): Promise<Advertisement>
  /** Offers `procedure` no more, at once. False when this node does not offer it. */
  unadvertise(procedure: string): boolean
  /** Calls one provider. Rejects with an `RpcError`. Inside a process it is cancelled when the process ends. */
  call<Output = unknown>(
    procedure: string,
    input?: unknown,
    options?: RpcCallOptions,
  ): Promise<Output>
  /**
   * Calls one provider and wants no answer; at most once. False when it was refused here: no provider is known or can be
   * sought, the input does not travel, or too much waits. Never throws for that; throws for invalid options.
   */
  cast(procedure: string, input?: unknown, options?: RpcCastOptions): boolean
  /**
   * Calls all providers of the best pattern, this node among them, and gives what each of them said, at the latest at the
   * deadline. Rejects only with `ERR_RPC_NO_PROVIDER`, `_INPUT`, `_PAYLOAD_TOO_LARGE`, `_CANCELLED`.
   */
  callMany<Output = unknown>(
    procedure: string,
    input?: unknown,
    options?: RpcCallManyOptions,
  ): Promise<readonly ProviderResult<Output>[]>
  /** Who offers a procedure by the best pattern, as far as is known: those that a call chooses from, by node key. */
  providers(procedure: string): readonly RpcProvider[]
  /** Forgets the results that calls with `cacheTtlMs` have kept, of one procedure or of all; gives how many. */
  clearCache(procedure?: string): number
  /** Counters and sizes. */
  stats(): RpcStats
}
