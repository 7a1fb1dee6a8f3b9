/**
 * A call that this node serves, from its arrival until its handler has ended. It is what its handler gets as context.
 *
 *     waiting -> running -> ended        answered, or given up: cancelled, caller gone, time over
 *
 * A handler of a call that was given up may go on; it keeps its place in the gate until it ends, for `handlerGraceMs` at
 * most. Signals are made only for handlers that look at them.
 */
import type { Origin } from '../courier/courier.ts'
import type { Appointment } from './agenda.ts'
import type { CallInvoker } from './invoke.ts'
import type { RpcError } from './errors.ts'
import type { CallMessage, ReplyMessage } from './frames.ts'
import type { GateJob } from './gate.ts'
import type { PendingEntry } from './pending.ts'
import type { Registration } from './procedures.ts'
import type { CallContext, RpcCallOptions, RpcHandler, RpcPriority } from './rpc.ts'

/** The way back to whoever called. */
export interface ReplyPort {
  send(message: ReplyMessage, body: Uint8Array): void
  /** Bytes that wait on the way there. */
  readonly bytesWaiting: number
}

/** What a call does through the side that serves it. */
export interface IncomingHost {
  readonly invoker: CallInvoker
  readonly nowMs: number
  /** It has its turn. */
  run(call: IncomingCall): void
  dropped(call: IncomingCall, why: 'displaced' | 'expired', retryAfterMs: number): void
  progress(call: IncomingCall, value: unknown): boolean
}

/** What is known about a call when it arrives. */
export interface Arrival {
  readonly key: string
  readonly origin: Origin
  readonly message: CallMessage
  readonly registration: Registration<RpcHandler>
  /** Undefined for a cast. */
  readonly reply: ReplyPort | undefined
  readonly arrivedMs: number
}

/** See the head of this file. */
export class IncomingCall implements PendingEntry, GateJob, CallContext {
  /** Of the call and its caller. */
  readonly id: string
  readonly callId: string
  readonly node: string
  readonly dueMs: number
  readonly priority: RpcPriority
  readonly caller: Origin
  readonly procedure: string
  readonly registration: Registration<RpcHandler>
  readonly reply: ReplyPort | undefined
  readonly wantsProgress: boolean
  /** The encoded input, until the handler has it. */
  input: Uint8Array
  readonly inputBytes: number
  state: 'waiting' | 'running' | 'ended' = 'waiting'
  /** Why nobody wants the result any more. */
  givenUp: RpcError | undefined
  /** The caller waits for the end although it has given the call up. */
  wantsAnswer = false
  startedMs = 0
  progressCount = 0
  /** Gives it up at its time; then takes its place in the gate away. */
  timer: Appointment | undefined
  readonly #host: IncomingHost
  /** Made for the first; most handlers call nobody. */
  #children: Set<(reason: unknown) => void> | undefined
  #controller: AbortController | undefined

  constructor(host: IncomingHost, arrival: Arrival, input: Uint8Array) {
    const { key, origin, message, registration, reply, arrivedMs } = arrival
    this.#host = host
    this.id = key
    this.callId = message.id
    this.node = origin.node
    this.caller = origin
    this.procedure = message.procedure
    this.priority = message.priority ?? registration.settings.priority
    this.dueMs = arrivedMs + message.budgetMs
    this.registration = registration
    this.reply = reply
    this.wantsProgress = message.wantsProgress
    this.input = input
    this.inputBytes = input.length
  }

  // --- for its handler

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.givenUp !== undefined) this.#controller.abort(this.givenUp)
    }
    return this.#controller.signal
  }

  get deadlineMs(): number {
    return Math.max(0, this.dueMs - this.#host.nowMs)
  }

  // Handlers take these out of their context: `({ progress, call }) => ...`.

  get progress(): CallContext['progress'] {
    return (value) => this.#host.progress(this, value)
  }

  get call(): CallContext['call'] {
    const { invoker } = this.#host
    return <Output = unknown>(procedure: string, input?: unknown, options?: RpcCallOptions) =>
      invoker.call(procedure, input, options, this) as Promise<Output>
  }

  get cast(): CallContext['cast'] {
    return (procedure, input, options) => this.#host.invoker.cast(procedure, input, options, this)
  }

  // --- for the gate

  run(): void {
    this.#host.run(this)
  }

  dropped(why: 'displaced' | 'expired', retryAfterMs: number): void {
    this.#host.dropped(this, why, retryAfterMs)
  }

  // --- for the side that serves it

  /** Something that the handler has under way ends with this call; gives the way to forget it. */
  adopt(cancel: (reason: unknown) => void): () => void {
    const children = (this.#children ??= new Set())
    children.add(cancel)
    return () => void children.delete(cancel)
  }

  /** Nobody wants the result any more: tells the handler, and whatever it has asked others for. */
  giveUp(error: RpcError): void {
    if (this.givenUp !== undefined) return
    this.givenUp = error
    this.#controller?.abort(error)
    const children = Array.from(this.#children ?? [])
    this.#children?.clear()
    for (const cancel of children) cancel(error)
  }
}
