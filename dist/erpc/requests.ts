/**
 * Calls whose responses are taken later, and collections of them: `erpc:send_request`, `wait_response`,
 * `receive_response`, `check_response`, `reqids_add`. The shape is that of `GenServer.sendRequest` (RP-12).
 *
 *     waitResponse    -> the response, or `timeout`: the request goes on, wait again
 *     receiveResponse -> the response, or `timeout`: the request is abandoned, its late result goes nowhere
 *
 * Invariants: a response is given once. A failure is a response, never an unhandled rejection.
 */
import { ArgumentError, type System } from '../../runtime/index.ts'
import { resolveResponseOptions, type ErpcResponseOptions } from './options.ts'

/** What came of a request. */
export type ErpcResponse<R = unknown> =
  | { readonly type: 'reply'; readonly value: R }
  /** An `ErpcError`, unless the arguments could not travel. */
  | { readonly type: 'error'; readonly error: unknown }

/** Nothing came in time. */
export interface ErpcResponseTimeout {
  readonly type: 'timeout'
}

/** The collection is empty. */
export interface ErpcNoRequest {
  readonly type: 'no_request'
}

/** A response of a collection, with what it was added with. */
export type ErpcLabelledResponse<L, R> = ErpcResponse<R> & {
  readonly label: L
  readonly request: ErpcRequest<R>
}

const TIMEOUT: ErpcResponseTimeout = Object.freeze({ type: 'timeout' })
const NO_REQUEST: ErpcNoRequest = Object.freeze({ type: 'no_request' })

/** One request; made by `erpc.sendRequest`. */
export class ErpcRequest<out R = unknown> {
  readonly #system: System
  readonly #abandon: () => void
  readonly #waiting: Set<() => void> = new Set()
  #response: ErpcResponse<R> | undefined
  #over = false

  /** @internal */
  constructor(system: System, answer: Promise<unknown>, abandon: () => void) {
    this.#system = system
    this.#abandon = abandon
    answer.then(
      (value) => this.#settle({ type: 'reply', value: value as R }),
      (error: unknown) => this.#settle({ type: 'error', error }),
    )
  }

  /** Whether its response was given or it was abandoned: nothing will come of it any more. */
  get over(): boolean {
    return this.#over
  }

  /** @internal */
  get system(): System {
    return this.#system
  }

  /** The response if it is there; undefined if it is not, or was given. */
  checkResponse(): ErpcResponse<R> | undefined {
    const response = this.#over ? undefined : this.#response
    if (response !== undefined) this.#over = true
    return response
  }

  /** The response, or `timeout` and the request goes on. A request that is over times out at once. */
  waitResponse(options?: ErpcResponseOptions): Promise<ErpcResponse<R> | ErpcResponseTimeout> {
    return this.#take(resolveResponseOptions('waitResponse', options).timeoutMs)
  }

  /** The response, or `timeout` and the request is abandoned. */
  async receiveResponse(
    options?: ErpcResponseOptions,
  ): Promise<ErpcResponse<R> | ErpcResponseTimeout> {
    const { timeoutMs } = resolveResponseOptions('receiveResponse', options)
    const response = await this.#take(timeoutMs)
    this.abandon()
    return response
  }

  /** Gives the request up; the function goes on. */
  abandon(): void {
    this.#over = true
    this.#abandon()
    this.#tell()
  }

  /** @internal Calls `tell` once when there is something to take; the result takes it back. */
  onSettled(tell: () => void): () => void {
    if (this.#response !== undefined || this.#over) tell()
    else this.#waiting.add(tell)
    return () => void this.#waiting.delete(tell)
  }

  #settle(response: ErpcResponse<R>): void {
    if (!this.#over) this.#response = response
    this.#tell()
  }

  #tell(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const tell of waiting) tell()
  }

  async #take(timeoutMs: number): Promise<ErpcResponse<R> | ErpcResponseTimeout> {
    const ready = this.checkResponse()
    if (ready !== undefined) return ready
    if (this.#over || timeoutMs === 0) return TIMEOUT
    await told(this.#system, timeoutMs, (tell) => this.onSettled(tell))
    return this.checkResponse() ?? TIMEOUT
  }
}

/**
 * Requests with labels, whose responses are taken as they come.
 *
 * @example
 * const requests = new ErpcRequests<string>()
 * for (const id of Cluster.getNodeIds()) requests.add(Erpc.sendRequest(id, 'disk_free', []), id)
 * for await (const response of requests) console.log(response.label, response.type)
 */
export class ErpcRequests<L, R = unknown> {
  readonly #open = new Map<ErpcRequest<R>, L>()
  readonly #release = new Map<ErpcRequest<R>, () => void>()
  readonly #ready: ErpcRequest<R>[] = []
  readonly #waiting = new Set<() => void>()

  /** Requests whose response was not taken. */
  get size(): number {
    return this.#open.size
  }

  /** Adds a request; one that is over, or was added before, changes nothing. */
  add(request: ErpcRequest<R>, label: L): this {
    if (!(request instanceof ErpcRequest)) throw new ArgumentError('request', 'a request', request)
    if (request.over || this.#open.has(request)) return this
    this.#open.set(request, label)
    const tell = (): void => {
      this.#ready.push(request)
      for (const each of this.#waiting) each()
    }
    this.#release.set(request, request.onSettled(tell))
    return this
  }

  /** What is open, oldest first. */
  toList(): readonly (readonly [request: ErpcRequest<R>, label: L])[] {
    return [...this.#open]
  }

  /** The next response that is there; undefined if none is. */
  checkResponse(): ErpcLabelledResponse<L, R> | ErpcNoRequest | undefined {
    for (;;) {
      if (this.#open.size === 0) return NO_REQUEST
      const request = this.#ready.shift()
      if (request === undefined) return undefined
      const response = request.checkResponse()
      const label = this.#open.get(request) as L
      this.#remove(request)
      // Somebody took it, or gave it up, behind our back.
      if (response !== undefined) return { ...response, label, request }
    }
  }

  /** The next response; on `timeout` the requests go on. */
  async waitResponse(
    options?: ErpcResponseOptions,
  ): Promise<ErpcLabelledResponse<L, R> | ErpcResponseTimeout | ErpcNoRequest> {
    const { timeoutMs } = resolveResponseOptions('waitResponse', options)
    let ready = this.checkResponse()
    if (ready !== undefined) return ready
    const [first] = this.#open.keys()
    const { system } = first as ErpcRequest<R>
    const deadlineMs = system.clock.now() + timeoutMs
    while (ready === undefined) {
      const leftMs = deadlineMs - system.clock.now()
      if (leftMs <= 0) return TIMEOUT
      await told(system, leftMs, (tell) => {
        this.#waiting.add(tell)
        return () => void this.#waiting.delete(tell)
      })
      ready = this.checkResponse()
    }
    return ready
  }

  /** The next response; on `timeout` all requests are abandoned. */
  async receiveResponse(
    options?: ErpcResponseOptions,
  ): Promise<ErpcLabelledResponse<L, R> | ErpcResponseTimeout | ErpcNoRequest> {
    const response = await this.waitResponse(options)
    if (response.type === 'timeout') this.abandon()
    return response
  }

  /** Gives all requests up. */
  abandon(): void {
    for (const request of [...this.#open.keys()]) {
      this.#remove(request)
      request.abandon()
    }
    this.#ready.length = 0
    for (const tell of this.#waiting) tell()
  }

  [Symbol.dispose](): void {
    this.abandon()
  }

  /** All responses, as they come. Leaving the loop early keeps the others. */
  async *[Symbol.asyncIterator](): AsyncGenerator<ErpcLabelledResponse<L, R>, void, undefined> {
    for (;;) {
      const response = await this.waitResponse()
      if (response.type === 'no_request' || response.type === 'timeout') return
      yield response
    }
  }

  #remove(request: ErpcRequest<R>): void {
    this.#open.delete(request)
    this.#release.get(request)?.()
    this.#release.delete(request)
  }
}

/** Until `subscribe`'s callback is called, or the time is over. */
function told(
  system: System,
  timeoutMs: number,
  subscribe: (tell: () => void) => () => void,
): Promise<void> {
  return new Promise((resolve) => {
    let release: () => void = () => {}
    const timer =
      timeoutMs === Infinity ? undefined : system.clock.setTimer(timeoutMs, () => over())
    const over = (): void => {
      timer?.cancel()
      release()
      resolve()
    }
    release = subscribe(over)
  })
}
