/**
 * Requests whose responses are taken later: gen_server:send_request, wait_response, receive_response,
 * check_response, and collections of them. Cases G-58 to G-60. Those of `erpc` are the same (RP-12): what is asked, and how
 * it is given up, the one who asks knows.
 *
 *     send   -> the server has the message                              (no deadline of its own)
 *     wait   -> the response, or `timeout`: the request goes on, wait again
 *     receive-> the response, or `timeout`: the request is abandoned, its late reply goes nowhere
 *
 * Invariants: a response is given once. A failure is a response, never a throw or an unhandled rejection
 * (G-59). An abandoned request leaves nothing: no pending call, timer or listener, and if the server has not
 * begun with it, it never does (NX-L8).
 */
import {
  ArgumentError,
  optional,
  ownPromise,
  resolveOptions,
  type OptionCheck,
  type System,
} from '../../runtime/index.ts'
import { pickSystem, signalOption, timeoutOption } from './gen.ts'
import { askOne, locate, sendChecks, type MultiTarget, type SendOptions } from './multi-call.ts'
import { ResponseAbortedError } from './request-errors.ts'

/** What came of a request. */
export type CallResponse<R = unknown> =
  | { readonly type: 'reply'; readonly value: R }
  /** The server failed the call, ended, or was not there (G-59). */
  | { readonly type: 'error'; readonly error: unknown }

/** Nothing came in time. */
export interface ResponseTimeout {
  readonly type: 'timeout'
}

/** A response of a collection, with what it was sent with. */
export type LabelledResponse<L, R> = CallResponse<R> & {
  readonly label: L
  readonly request: RequestId<R>
}

/** The collection is empty: there is nothing to wait for (G-60). */
export interface NoRequest {
  readonly type: 'no_request'
}

/** How long to wait for a response. */
export interface ResponseOptions {
  /** Default Infinity, as in OTP; 0 only looks. */
  readonly timeoutMs?: number | undefined
  /** Ends the waiting with `ERR_RESPONSE_ABORTED`. */
  readonly signal?: AbortSignal | undefined
}

const TIMEOUT: ResponseTimeout = Object.freeze({ type: 'timeout' })
const NO_REQUEST: NoRequest = Object.freeze({ type: 'no_request' })

interface Checked extends ResponseOptions {
  readonly timeoutMs: number
}

const defaults: Checked = Object.freeze({ timeoutMs: Infinity })
const checks: { readonly [K in keyof Checked]-?: OptionCheck } = {
  timeoutMs: timeoutOption,
  signal: optional(signalOption),
}

/** One request; made by `GenServer.sendRequest` and `erpc.sendRequest`. */
export class RequestId<out R = unknown> {
  readonly #system: System
  readonly #abandon: () => void
  /** Told when the response is there. */
  readonly #waiting: Set<() => void> = new Set<() => void>()
  #response: CallResponse<R> | undefined
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

  /** Whether a response was given or the request abandoned: nothing will come of it any more. */
  get over(): boolean {
    return this.#over
  }

  /** The response if it is there; undefined if it is not, or was given. */
  checkResponse(): CallResponse<R> | undefined {
    const response = this.#over ? undefined : this.#response
    if (response !== undefined) this.#over = true
    return response
  }

  /** The response, or `timeout` and the request goes on. A request that is over times out at once. */
  waitResponse(options?: ResponseOptions): Promise<CallResponse<R> | ResponseTimeout> {
    return this.#take(resolveOptions('waitResponse', defaults, checks, options))
  }

  /** The response, or `timeout` and the request is abandoned (G-58). */
  async receiveResponse(given?: ResponseOptions): Promise<CallResponse<R> | ResponseTimeout> {
    const options = resolveOptions('receiveResponse', defaults, checks, given)
    try {
      return await this.#take(options)
    } finally {
      this.abandon()
    }
  }

  /** Gives the request up. */
  abandon(): void {
    this.#over = true
    this.#abandon()
    this.#tell()
  }

  /** @internal Calls `tell` once when there is something to take; the result takes it back. */
  onSettled(tell: () => void): () => void {
    if (this.#response !== undefined || this.#over) tell()
    else this.#waiting.add(tell)
    return () => this.#waiting.delete(tell)
  }

  /** @internal */
  get system(): System {
    return this.#system
  }

  #settle(response: CallResponse<R>): void {
    if (!this.#over) this.#response = response
    this.#tell()
  }

  #tell(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const tell of waiting) tell()
  }

  async #take({
    timeoutMs,
    signal,
  }: Readonly<Checked>): Promise<CallResponse<R> | ResponseTimeout> {
    const ready = this.checkResponse()
    if (ready !== undefined) return ready
    if (this.#over || timeoutMs === 0) return TIMEOUT
    await waitFor(this.#system, timeoutMs, signal, (tell) => this.onSettled(tell))
    return this.checkResponse() ?? TIMEOUT
  }
}

/**
 * Requests with labels, whose responses are taken in the order in which they come (G-60).
 *
 * @example
 * const Slow = defineServer({
 *   init: (name: string) => name,
 *   call: { name: async (state) => reply(state, state) },
 *   cast: {},
 * })
 * const servers = [await Slow.start('a'), await Slow.start('b')]
 * const requests = new RequestIds<number>()
 * servers.forEach((server, index) => {
 *   requests.add(GenServer.sendRequest(server, 'name', []), index)
 * })
 * const names: unknown[] = []
 * for await (const response of requests) {
 *   if (response.type === 'reply') names[response.label] = response.value
 * }
 * assert.deepEqual(names, ['a', 'b'])
 * assert.deepEqual(await requests.receiveResponse(), { type: 'no_request' })
 * for (const server of servers) await GenServer.stop(server)
 */
export class RequestIds<L, R = unknown> {
  readonly #open = new Map<RequestId<R>, L>()
  /** With a response, in the order in which they came. */
  #ready: (RequestId<R> | undefined)[] = []
  /** Where the first of them is. */
  #first = 0
  readonly #release = new Map<RequestId<R>, () => void>()
  readonly #waiting = new Set<() => void>()

  /** Requests whose response was not taken; `gen_server:reqids_size`. */
  get size(): number {
    return this.#open.size
  }

  /** `gen_server:reqids_add`. */
  add(request: RequestId<R>, label: L): this {
    if (!(request instanceof RequestId)) throw new ArgumentError('request', 'a request', request)
    if (this.#open.has(request) || request.over) return this
    this.#open.set(request, label)
    const tell = (): void => {
      this.#ready.push(request)
      for (const each of this.#waiting) each()
    }
    this.#release.set(request, request.onSettled(tell))
    return this
  }

  /** `gen_server:reqids_to_list`, oldest first. */
  toList(): readonly (readonly [request: RequestId<R>, label: L])[] {
    return [...this.#open]
  }

  /** The next response that is there; undefined if none is. */
  checkResponse(): LabelledResponse<L, R> | NoRequest | undefined {
    for (;;) {
      if (this.#open.size === 0) return NO_REQUEST
      const request = this.#takeReady()
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
    given?: ResponseOptions,
  ): Promise<LabelledResponse<L, R> | ResponseTimeout | NoRequest> {
    const { timeoutMs, signal } = resolveOptions('waitResponse', defaults, checks, given)
    let ready = this.checkResponse()
    if (ready !== undefined) return ready
    const [first] = this.#open.keys()
    const { system } = first as RequestId<R>
    const { clock } = system
    const deadlineMs = clock.now() + timeoutMs
    while (ready === undefined) {
      const leftMs = Math.max(0, deadlineMs - clock.now())
      if (leftMs === 0) return TIMEOUT
      await waitFor(system, leftMs, signal, (tell) => {
        this.#waiting.add(tell)
        return () => this.#waiting.delete(tell)
      })
      ready = this.checkResponse()
    }
    return ready
  }

  /** The next response; on `timeout` all requests are abandoned, and when `signal` is aborted. */
  async receiveResponse(
    given?: ResponseOptions,
  ): Promise<LabelledResponse<L, R> | ResponseTimeout | NoRequest> {
    const options = resolveOptions('receiveResponse', defaults, checks, given)
    let response: LabelledResponse<L, R> | ResponseTimeout | NoRequest = TIMEOUT
    try {
      response = await this.waitResponse(options)
      return response
    } finally {
      if (response.type === 'timeout') this.abandon()
    }
  }

  /** Gives all requests up. */
  abandon(): void {
    const requests = [...this.#open.keys()]
    for (const request of requests) {
      this.#remove(request)
      request.abandon()
    }
    this.#ready = []
    this.#first = 0
    for (const tell of this.#waiting) tell()
  }

  [Symbol.dispose](): void {
    this.abandon()
  }

  /** All responses, as they come. Leaving the loop early keeps the others. */
  async *[Symbol.asyncIterator](): AsyncGenerator<LabelledResponse<L, R>, void, undefined> {
    for (;;) {
      const response = await this.waitResponse()
      if (response.type === 'no_request' || response.type === 'timeout') return
      yield response
    }
  }

  #takeReady(): RequestId<R> | undefined {
    const request = this.#ready[this.#first]
    if (request === undefined) return undefined
    this.#ready[this.#first++] = undefined
    if (this.#first === this.#ready.length) {
      this.#ready = []
      this.#first = 0
    }
    return request
  }

  #remove(request: RequestId<R>): void {
    this.#open.delete(request)
    this.#release.get(request)?.()
    this.#release.delete(request)
  }
}

/** Sends a request. */
export function sendTo(
  target: MultiTarget,
  name: string | undefined,
  input: unknown,
  given: SendOptions | undefined,
): RequestId {
  const { system } = resolveOptions<SendOptions>('sendRequest', {}, sendChecks, given)
  const home = locate(target, system)?.system ?? pickSystem({ system })
  const abort = new AbortController()
  const { signal } = abort
  const answer = askOne(target, name, input, { timeoutMs: Infinity, signal, system })
  // Without a reason it would make an error with a stack.
  return new RequestId(home, answer, () => abort.abort('abandoned'))
}

/** Until `subscribe`'s callback is called or the time is over; rejects when `signal` is aborted. */
function waitFor(
  system: System,
  timeoutMs: number,
  signal: AbortSignal | undefined,
  subscribe: (tell: () => void) => () => void,
): Promise<void> {
  return ownPromise<void>((resolve, reject) => {
    if (signal?.aborted === true) throw new ResponseAbortedError(signal.reason)
    const release: (() => void)[] = []
    const over = (): void => {
      for (const each of release) each()
    }
    const done = (): void => {
      over()
      resolve()
    }
    if (timeoutMs !== Infinity) {
      const timer = system.clock.setTimer(timeoutMs, done)
      release.push(() => timer.cancel())
    }
    if (signal !== undefined) {
      const aborted = (cause: unknown): void => {
        over()
        reject(new ResponseAbortedError(cause))
      }
      release.push(system.onAbort(signal, aborted))
    }
    release.push(subscribe(done))
  })
}
