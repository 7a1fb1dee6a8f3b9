/** The provider's side: runs a handler, gives it what comes, and sends what it yields, writes and returns. */
import { checkInput } from '../../../behaviours/index.ts'
import type { StandardSchema } from '../../../behaviours/index.ts'
import { asNobody } from '../../../runtime/index.ts'
import type { Origin } from '../../courier/courier.ts'
import { RpcError } from '../errors.ts'
import { StreamEndpoint } from './endpoint.ts'
import type { EndpointSettings } from './endpoint.ts'
import { errorOfFault, faultOfThrown } from './faults.ts'
import { streamFault } from './frames.ts'
import type { StreamFault, StreamOpen } from './frames.ts'
import type { StreamCore } from './stream-core.ts'
import type { StreamContext, StreamHandler } from './stream.ts'

/** What is advertised for streams. */
export interface StreamService {
  readonly handler: StreamHandler
  readonly input: StandardSchema | undefined
  readonly item: StandardSchema | undefined
}

/** What it needs of the driver. */
export interface InboundParts {
  readonly endpoint: EndpointSettings
  readonly detailsBytesMax: number
  /** When the caller's time is over, by the clock of this node. */
  readonly dueMs: number
  /** The handler threw when nobody wanted to know any more. */
  readonly unheard: (error: unknown) => void
  /** The stream has ended, and its handler has not. */
  readonly lingers: () => void
  /** The stream and its handler have both ended. */
  readonly over: (isFailed: boolean) => void
}

type Step = IteratorResult<unknown, unknown>

/** See the head of this file. */
export class InboundStream {
  readonly #open: StreamOpen
  readonly #origin: Origin
  readonly #service: StreamService
  readonly #parts: InboundParts
  readonly #endpoint: StreamEndpoint
  readonly #abort = new AbortController()
  /** What the handler iterates, so that it can be stopped. */
  #iterator: AsyncIterator<unknown> | undefined
  /** What the door had against the input or an item. */
  #refused: RpcError | undefined
  #isSettled = false
  #hasFailed = false

  constructor(open: StreamOpen, origin: Origin, service: StreamService, parts: InboundParts) {
    this.#open = open
    this.#origin = origin
    this.#service = service
    this.#parts = parts
    const nothing = (): void => {}
    const place = { procedure: open.procedure, node: origin.node }
    this.#endpoint = new StreamEndpoint(
      { ...parts.endpoint, opened: nothing, settled: nothing, closed: (f) => this.#closed(f) },
      place,
    )
  }

  get endpoint(): StreamEndpoint {
    return this.#endpoint
  }

  /** Runs the handler; `core` has accepted. */
  async run(core: StreamCore): Promise<void> {
    this.#endpoint.use(core)
    try {
      const input = await this.#input()
      if (!core.isClosed) {
        const returned = asNobody(() => this.#service.handler(input, this.#context()))
        const result = isAsyncIterable(returned) ? await this.#pump(returned) : await returned
        if (core.isWritable) core.reply(this.#endpoint.encode(result), this.#nowMs())
      }
    } catch (thrown) {
      this.#failed(core, thrown)
    }
    this.#isSettled = true
    this.#tellOver()
  }

  /** The caller is gone, or this node stops. */
  lose(fault: StreamFault): void {
    this.#endpoint.core?.lose(fault)
  }

  async #input(): Promise<unknown> {
    const { values } = this.#parts.endpoint
    let input: unknown
    try {
      input = values.decode(this.#open.input)
    } catch (cause) {
      throw this.#inputError('the input cannot be read', cause)
    }
    return await this.#checked(this.#service.input, input)
  }

  async #checked(schema: StandardSchema | undefined, value: unknown): Promise<unknown> {
    if (schema === undefined) return value
    const checked = await checkInput(schema, value)
    if (checked.ok) return checked.value
    throw this.#inputError(checked.issues.join('; '))
  }

  #inputError(message: string, cause?: unknown): RpcError {
    const { procedure } = this.#open
    const options = { procedure, ...(cause === undefined ? {} : { cause }) }
    this.#refused = new RpcError('ERR_RPC_INPUT', message, options)
    return this.#refused
  }

  /** Writes what an iterable gives, and gives what it returns. */
  async #pump(iterable: AsyncIterable<unknown>): Promise<unknown> {
    const iterator = iterable[Symbol.asyncIterator]() as AsyncIterator<unknown, unknown>
    this.#iterator = iterator
    let isDone = false
    try {
      for (;;) {
        const step: Step = await iterator.next()
        if (step.done === true) {
          isDone = true
          return step.value
        }
        await this.#endpoint.write(step.value, true)
      }
    } catch (error) {
      // What it throws itself has ended it.
      if (!isDone) await iterator.return?.()
      throw error
    } finally {
      this.#iterator = undefined
    }
  }

  #context(): StreamContext {
    const endpoint = this.#endpoint
    const { procedure, mode } = this.#open
    const { dueMs } = this.#parts
    const nowMs = (): number => this.#nowMs()
    const next = async (): Promise<IteratorResult<unknown, undefined>> => {
      const step = await endpoint.next()
      if (step.done === true) return step
      return { done: false, value: await this.#checked(this.#service.item, step.value) }
    }
    return {
      signal: this.#abort.signal,
      get deadlineMs(): number {
        return Math.max(0, dueMs - nowMs())
      },
      caller: this.#origin,
      procedure,
      mode,
      write: (item) => endpoint.write(item, true),
      [Symbol.asyncIterator]: () => ({ next }),
    }
  }

  #failed(core: StreamCore, thrown: unknown): void {
    this.#hasFailed = true
    if (!core.isWritable) {
      if (thrown !== this.#endpoint.error) this.#parts.unheard(thrown)
      return
    }
    const { endpoint, detailsBytesMax } = this.#parts
    const fault =
      thrown !== undefined && thrown === this.#refused
        ? streamFault('input', this.#refused.message)
        : faultOfThrown(endpoint.values, thrown, detailsBytesMax)
    core.fail(fault, this.#nowMs())
  }

  #closed(fault: StreamFault | undefined): void {
    this.#endpoint.conclude(fault)
    if (fault !== undefined) {
      this.#hasFailed = true
      const place = { procedure: this.#open.procedure, node: this.#origin.node }
      const error = this.#endpoint.error ?? errorOfFault(this.#parts.endpoint.values, fault, place)
      asNobody(() => this.#abort.abort(error))
      void this.#stop()
    }
    if (!this.#isSettled) this.#parts.lingers()
    this.#tellOver()
  }

  /** One that waits for its own things is told when it yields next. What it throws, or gives, is its own affair. */
  async #stop(): Promise<void> {
    try {
      await asNobody(() => this.#iterator?.return?.())
    } catch (thrown) {
      this.#parts.unheard(thrown)
    }
  }

  #tellOver(): void {
    if (!this.#isSettled || this.#endpoint.core?.isClosed !== true) return
    this.#parts.over(this.#hasFailed)
  }

  #nowMs(): number {
    return this.#parts.endpoint.clock.now()
  }
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}
