/** The caller's side: finds a provider, opens the stream there, or with another one when it is refused. */
import { ownPromise } from '../../../runtime/index.ts'
import { RpcError } from '../errors.ts'
import { errorOfFault } from './faults.ts'
import { streamFault } from './frames.ts'
import type { StreamFault, StreamMode } from './frames.ts'
import type { StreamRead } from './incoming.ts'
import type { StreamCore } from './stream-core.ts'
import type { RpcStream } from './stream.ts'
import { StreamEndpoint } from './endpoint.ts'
import type { EndpointSettings } from './endpoint.ts'

/** Who may serve a stream. */
export interface StreamProvider {
  /** Node key, hex. */
  readonly node: string
  /** The gateway it is connected to. */
  readonly via: string | undefined
  /** A stream there begins; gives what is called when it is over, and why it was not accepted, if it was not. */
  readonly begin: () => (refused: StreamFault | undefined) => void
}

/** Says who is asked: not one in `tried`, perhaps this node; rejects with an `RpcError`. */
export type SelectProvider = (
  tried: ReadonlySet<string>,
  signal: AbortSignal,
) => StreamProvider | Promise<StreamProvider>

/** What the caller wants. */
export interface OutboundPlan {
  readonly procedure: string
  readonly input: unknown
  readonly mode: StreamMode
  readonly signal: AbortSignal | undefined
  /** Providers that are asked at most. */
  readonly attemptsMax: number
  readonly timeoutMs: number | undefined
}

/** What it needs of the driver. */
export interface OutboundParts {
  readonly endpoint: EndpointSettings
  readonly select: SelectProvider
  /** Sends `open` to it; gives the core for it. */
  readonly open: (
    provider: StreamProvider,
    input: Uint8Array,
    endpoint: StreamEndpoint,
  ) => StreamCore
  /** Nothing of it is left. */
  readonly over: (isFailed: boolean) => void
}

interface Settle {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

/** Refusals after which another provider is asked: no handler ran. */
const REFUSALS: ReadonlySet<StreamFault['kind']> = new Set(['overloaded', 'no_provider'])

/** See the head of this file. */
export class OutboundStream implements RpcStream {
  readonly #plan: OutboundPlan
  readonly #parts: OutboundParts
  readonly #endpoint: StreamEndpoint
  readonly #place: { readonly procedure: string; node: string | undefined }
  readonly #result: Promise<unknown>
  readonly #settle: Settle
  readonly #searching = new AbortController()
  readonly #tried = new Set<string>()
  /** Kept until a provider has accepted. */
  #input: Uint8Array | undefined = undefined
  #refusal: StreamFault | undefined
  #isOpen = false
  #isOver = false
  #hasFailed = false
  #release: () => void = () => {}

  constructor(plan: OutboundPlan, parts: OutboundParts) {
    this.#plan = plan
    this.#parts = parts
    this.#place = { procedure: plan.procedure, node: undefined }
    let settle: Settle | undefined
    this.#result = new Promise((resolve, reject) => (settle = { resolve, reject }))
    this.#settle = settle!
    // Whoever does not ask for the result hears of a failure in the loop.
    this.#result.catch(() => {})
    this.#endpoint = new StreamEndpoint(
      {
        ...parts.endpoint,
        opened: () => this.#opened(),
        settled: (last) => this.#settled(last),
        closed: (fault) => this.#closed(fault),
      },
      this.#place,
    )
  }

  /** Begins; the input is encoded before this returns. */
  start(): this {
    const { signal, input, mode, timeoutMs, procedure } = this.#plan
    if (mode === 'server') this.#endpoint.end(false)
    let bytes: Uint8Array
    try {
      bytes = this.#endpoint.encode(input)
    } catch (error) {
      this.#fail(error as RpcError)
      return this
    }
    if (signal?.aborted === true) {
      this.cancel(signal.reason)
      return this
    }
    const onAbort = (): void => this.cancel(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    const timer =
      timeoutMs === undefined
        ? undefined
        : this.#parts.endpoint.clock.setTimer(timeoutMs, () => {
            const message = `stream of '${procedure}': not over within ${timeoutMs} ms`
            const options = { procedure, node: this.node, timeoutMs }
            this.#give(
              streamFault('timeout', 'the time of the stream is over'),
              new RpcError('ERR_RPC_TIMEOUT', message, options),
            )
          })
    this.#release = () => {
      signal?.removeEventListener('abort', onAbort)
      timer?.cancel()
    }
    void this.#open(bytes)
    return this
  }

  get procedure(): string {
    return this.#place.procedure
  }

  get node(): string | undefined {
    return this.#place.node
  }

  get result(): Promise<unknown> {
    const result = this.#result
    return ownPromise((resolve, reject) => void result.then(resolve, reject))
  }

  write(item: unknown): Promise<void> {
    return this.#endpoint.write(item, this.#isOpen)
  }

  end(): void {
    this.#endpoint.end(this.#isOpen)
  }

  cancel(reason?: unknown): void {
    const { procedure, node } = this
    const message = `stream of '${procedure}': the caller gave up`
    const options = { procedure, node, ...(reason === undefined ? {} : { cause: reason }) }
    this.#give(
      streamFault('cancelled', 'the caller gave up'),
      new RpcError('ERR_RPC_CANCELLED', message, options),
    )
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    return this.#endpoint.next()
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    this.#endpoint.leave()
    this.cancel()
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  /** The node is gone, or this one stops. */
  lose(fault: StreamFault): void {
    const { core } = this.#endpoint
    if (core !== undefined && !core.isClosed) core.lose(fault)
    else if (!this.#isOver) {
      this.#fail(errorOfFault(this.#parts.endpoint.values, fault, this.#place))
    }
  }

  async #open(input: Uint8Array): Promise<void> {
    try {
      const provider = await this.#parts.select(this.#tried, this.#searching.signal)
      if (this.#isOver) return
      this.#tried.add(provider.node)
      this.#place.node = provider.node
      this.#input = input
      this.#endpoint.use(this.#parts.open(provider, input, this.#endpoint))
    } catch (error) {
      // With nobody left to ask, what the last one said is the answer.
      if (!this.#isOver) this.#conclude(this.#refusal ?? (error as RpcError))
    }
  }

  #opened(): void {
    this.#isOpen = true
    this.#input = undefined
    this.#endpoint.start()
  }

  #settled(last: StreamRead): void {
    const { values } = this.#parts.endpoint
    const { procedure, node } = this.#place
    if (last.type === 'error') {
      this.#hasFailed = true
      this.#settle.reject(errorOfFault(values, last.fault, this.#place))
    }
    if (last.type !== 'reply') return
    try {
      this.#settle.resolve(values.decode(last.bytes))
    } catch (cause) {
      const message = `stream of '${procedure}': the result cannot be read`
      this.#settle.reject(new RpcError('ERR_RPC_INPUT', message, { cause, procedure, node }))
    }
  }

  #closed(fault: StreamFault | undefined): void {
    const isRefused =
      fault !== undefined && !this.#isOpen && (fault.isUnsent === true || REFUSALS.has(fault.kind))
    const input = this.#input
    const mayTry = this.#tried.size < this.#plan.attemptsMax && !this.#isOver
    if (isRefused && mayTry && input !== undefined) {
      this.#refusal = fault
      void this.#open(input)
      return
    }
    this.#conclude(fault)
  }

  #conclude(failure: StreamFault | RpcError | undefined): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#release()
    this.#endpoint.conclude(failure)
    if (this.#endpoint.error !== undefined) this.#settle.reject(this.#endpoint.error)
    this.#parts.over(failure !== undefined || this.#hasFailed)
  }

  #fail(error: RpcError): void {
    this.#conclude(error)
  }

  #give(fault: StreamFault, error: RpcError): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#release()
    this.#searching.abort(error)
    this.#settle.reject(error)
    this.#endpoint.cancel(fault, error)
    this.#parts.over(true)
  }
}
