/**
 * The side that serves: checks what arrives, lets it in, runs its handler once, and answers once.
 *
 *     arrival -> duplicate? granted? offered? in time? small enough? room? -> gate -> input -> handler -> answer
 *
 * Whatever is refused before the gate is answered at once, without work. Calls of one node begin in the order in which
 * they arrived, unless a schema is asynchronous. Handlers run in nobody's name: what they start does not belong to the
 * process that happens to run.
 */
import { checkInput } from '../../behaviours/index.ts'
import { asNobody, isThenable } from '../../runtime/index.ts'
import type { Origin } from '../courier/courier.ts'
import { CodecError, UnsendableError } from '../wire/errors.ts'
import type { Agenda } from './agenda.ts'
import type { RpcContext } from './context.ts'
import { RpcError } from './errors.ts'
import type { CallMessage } from './frames.ts'
import { IncomingCall } from './incoming-call.ts'
import type { Arrival, IncomingHost, ReplyPort } from './incoming-call.ts'
import type { CallInvoker } from './invoke.ts'
import { Pending } from './pending.ts'
import type { Registration } from './procedures.ts'
import { failureOf, refusal } from './remote-failure.ts'
import type { SentFailure } from './remote-failure.ts'
import type { RpcHandler } from './rpc.ts'
import { SeenIds } from './seen-ids.ts'

/** Progressive results are dropped while more bytes wait for the caller. */
const PROGRESS_BYTES_WAITING_MAX = 1_048_576

const NO_BYTES: Uint8Array = new Uint8Array(0)

/** What {@link Callee} needs. */
export interface CalleeParts {
  readonly context: RpcContext
  readonly agenda: Agenda
  readonly invoker: CallInvoker
  /** Does something that was begun before, if this still runs. */
  readonly enter: (task: () => void) => void
}

/** See the head of this file. */
export class Callee implements IncomingHost {
  readonly #parts: CalleeParts
  readonly #calls: Pending<IncomingCall>
  readonly #seen: SeenIds
  /** Those that still run although nobody wants them: they end when this does. */
  readonly #lingering = new Set<IncomingCall>()
  #bytes = 0
  #running = 0

  constructor(parts: CalleeParts) {
    const { settings } = parts.context
    this.#parts = parts
    this.#calls = new Pending({
      pendingMax: settings.inboundMax,
      pendingPerPeerMax: settings.inboundPerPeerMax,
    })
    this.#seen = new SeenIds(settings.idsPerPeerMax)
  }

  get invoker(): CallInvoker {
    return this.#parts.invoker
  }

  get nowMs(): number {
    return this.#parts.context.clock.now()
  }

  /** Handlers that run, the lingering ones too. */
  get running(): number {
    return this.#running
  }

  /** Calls that wait for their turn. */
  get queued(): number {
    return this.#calls.size + this.#lingering.size - this.#running
  }

  /** A call has arrived, or a cast, which has no `reply`. `body` is read before this returns. */
  arrived(origin: Origin, message: CallMessage, body: Uint8Array, reply?: ReplyPort): void {
    const { context } = this.#parts
    const { node } = origin
    const arrivedMs = this.nowMs
    const key = keyOf(node, message.id)
    // One that runs for long may have been forgotten among the ids.
    if (!this.#seen.add(node, message.id, arrivedMs) || this.#calls.get(key) !== undefined) {
      context.memory.counters.duplicates += 1
      context.refusals.count('ERR_RPC_DUPLICATE', { node, procedure: message.procedure })
      return
    }
    const registration = context.memory.procedures.match('call', message.procedure)
    const found = registration as Registration<RpcHandler> | undefined
    const refused = this.#refusalOf(origin, message, body, found)
    if (refused !== undefined) {
      this.#refuse(message, reply, refused)
      return
    }
    const arrival: Arrival = {
      key,
      origin,
      message,
      reply,
      registration: found!,
      arrivedMs,
    }
    this.#letIn(arrival, body)
  }

  /** The caller has given it up. */
  cancelled(node: string, callId: string, reply: ReplyPort | undefined): void {
    const call = this.#calls.get(keyOf(node, callId))
    if (call === undefined) {
      // It may overtake a call that travels in pieces, which then must not run.
      if (this.#seen.add(node, callId, this.nowMs)) {
        const { failure, details } = refusal('cancelled', 'cancelled before it arrived')
        reply?.send({ type: 'failure', id: callId, number: 0, failure }, details)
      }
      return
    }
    this.#parts.context.memory.counters.cancelled += 1
    const error = this.#error(call, 'ERR_RPC_CANCELLED', 'the caller has given it up')
    if (reply !== undefined && call.state === 'running') {
      call.wantsAnswer = true
      call.giveUp(error)
      return
    }
    if (reply !== undefined) this.#answerFailure(call, refusal('cancelled', error.message))
    this.#abandon(call, error)
  }

  /** A node is gone: nobody wants what it has asked for. */
  gone(node: string): void {
    this.#seen.forget(node)
    for (const call of this.#calls.takeNode(node)) {
      this.#left(call, this.#error(call, 'ERR_RPC_UNREACHABLE', 'the caller is gone'))
    }
  }

  /** The process ends: callers are told, handlers are given up. */
  close(message: string): void {
    for (const call of this.#calls.takeAll()) {
      this.#answerFailure(call, refusal('unreachable', message))
      this.#left(call, this.#error(call, 'ERR_RPC_UNREACHABLE', message))
    }
    for (const call of this.#lingering) this.#release(call)
  }

  // --- for calls

  run(call: IncomingCall): void {
    const { context } = this.#parts
    call.state = 'running'
    call.startedMs = this.nowMs
    this.#running += 1
    context.memory.counters.served += 1
    let input: unknown
    try {
      input = context.values.decode(call.input)
    } catch (error) {
      if (!(error instanceof CodecError)) throw error
      this.#failed(call, refusal('input', `the input cannot be read: ${error.message}`))
      return
    }
    call.input = NO_BYTES
    const schema = call.registration.settings.input
    const checked = schema === undefined ? undefined : asNobody(() => checkInput(schema, input))
    if (checked === undefined) this.#handle(call, input)
    else if (isThenable(checked)) {
      void checked.then((result) => this.#parts.enter(() => this.#checked(call, result)))
    } else this.#checked(call, checked)
  }

  dropped(call: IncomingCall, why: 'displaced' | 'expired', retryAfterMs: number): void {
    this.#calls.take(call.id)
    if (why === 'expired') this.#countExpired(call)
    else {
      this.#parts.context.memory.counters.shed += 1
      const message = 'calls of a higher priority came'
      this.#answerFailure(call, refusal('overloaded', message, retryAfterMs))
    }
    this.#left(call, this.#error(call, 'ERR_RPC_OVERLOADED', 'it had no turn'))
  }

  progress(call: IncomingCall, value: unknown): boolean {
    const { reply, wantsProgress } = call
    if (!wantsProgress || reply === undefined || call.state !== 'running') return false
    if (call.givenUp !== undefined) return false
    const body = this.#progressBytes(call, value)
    if (body === undefined || reply.bytesWaiting > PROGRESS_BYTES_WAITING_MAX) {
      const { node, procedure } = call
      this.#parts.context.refusals.count('ERR_RPC_PROGRESS_DROPPED', { node, procedure })
      return false
    }
    reply.send({ type: 'progress', id: call.callId, number: call.progressCount }, body)
    call.progressCount += 1
    return true
  }

  // --- arrival

  #refusalOf(
    origin: Origin,
    { procedure, budgetMs }: CallMessage,
    body: Uint8Array,
    registration: Registration | undefined,
  ): SentFailure | undefined {
    const { settings, self, refusals, isGranted } = this.#parts.context
    const { node } = origin
    if (node !== self && !isGranted('call', origin)) {
      refusals.count('ERR_RPC_UNAUTHORIZED', { node, procedure })
      return refusal('unauthorized', `the policy of the realm does not let ${node} call`)
    }
    if (registration === undefined) {
      return refusal('no_provider', `'${procedure}' is not offered here`)
    }
    if (budgetMs <= 0) {
      refusals.count('ERR_RPC_EXPIRED', { node, procedure }, { level: 'debug' })
      return refusal('timeout', `the time for '${procedure}' was over when it arrived`)
    }
    if (body.length > settings.payloadBytesMax) {
      const most = settings.payloadBytesMax
      return refusal('payload_too_large', `the input has ${body.length} bytes, at most ${most}`)
    }
    if (this.#calls.hasRoom(node) && this.#bytes + body.length <= settings.inboundBytesMax) {
      return undefined
    }
    refusals.count('ERR_RPC_PEER_CALLS_MAX', { node, procedure })
    return refusal('overloaded', 'too many calls run or wait here')
  }

  #refuse(message: CallMessage, reply: ReplyPort | undefined, refused: SentFailure): void {
    const { failure, details } = refused
    if (failure.kind === 'overloaded') this.#parts.context.memory.counters.shed += 1
    if (reply === undefined) this.#castDropped(message.procedure, failure.message)
    else reply.send({ type: 'failure', id: message.id, number: 0, failure }, details)
  }

  #letIn(arrival: Arrival, body: Uint8Array): void {
    const { message, reply, registration, arrivedMs } = arrival
    const call = new IncomingCall(this, arrival, body)
    const answer = registration.gate.offer(call, arrivedMs)
    if (answer.type === 'refused') {
      const what = `'${message.procedure}' has too many calls here`
      this.#refuse(message, reply, refusal('overloaded', what, answer.retryAfterMs))
      return
    }
    this.#calls.add(call)
    this.#bytes += call.inputBytes
    if (answer.type === 'run') this.run(call)
    // The buffer of its frame is used again. A Buffer's `slice` would be a view of it.
    else call.input = new Uint8Array(body)
    // Most have ended by now, or were given up by what their handler did.
    if (call.state === 'ended' || call.timer !== undefined) return
    call.timer = this.#parts.agenda.at(call.dueMs, () => this.#expired(call))
  }

  #expired(call: IncomingCall): void {
    if (call.state === 'waiting') this.#countExpired(call)
    this.#abandon(call, this.#error(call, 'ERR_RPC_TIMEOUT', 'the time of the caller is over'))
  }

  // --- handlers

  #checked(call: IncomingCall, result: Awaited<ReturnType<typeof checkInput>>): void {
    if (call.state === 'ended') return
    if (result.ok) this.#handle(call, result.value)
    else this.#failed(call, refusal('input', `refused by the schema: ${result.issues.join('; ')}`))
  }

  #handle(call: IncomingCall, input: unknown): void {
    if (call.givenUp !== undefined) {
      this.#failed(call, refusal('cancelled', call.givenUp.message))
      return
    }
    let output: unknown
    let isLater: boolean
    try {
      output = asNobody(() => call.registration.handler(input, call))
      // A getter of the user may be behind `then`.
      isLater = isThenable(output)
    } catch (error) {
      this.#threw(call, error)
      return
    }
    if (!isLater) {
      this.#returned(call, output)
      return
    }
    const { enter } = this.#parts
    void Promise.resolve(output).then(
      (value) => enter(() => this.#returned(call, value)),
      (error: unknown) => enter(() => this.#threw(call, error)),
    )
  }

  #returned(call: IncomingCall, output: unknown): void {
    if (call.state === 'ended') return
    const schema = call.registration.settings.output
    if (schema === undefined) {
      this.#succeeded(call, output)
      return
    }
    const checked = asNobody(() => checkInput(schema, output))
    const conclude = (result: Awaited<typeof checked>): void => {
      if (result.ok) this.#succeeded(call, result.value)
      else this.#threw(call, badOutput(result.issues))
    }
    if (!isThenable(checked)) conclude(checked)
    else void checked.then((result) => this.#parts.enter(() => conclude(result)))
  }

  #succeeded(call: IncomingCall, output: unknown): void {
    const { context } = this.#parts
    if (call.state === 'ended') return
    if (call.reply === undefined || isUnwanted(call)) {
      this.#ended(call)
      return
    }
    const { payloadBytesMax } = context.settings
    let body: Uint8Array
    try {
      body = context.values.encode(output)
    } catch (error) {
      const isLarge = error instanceof UnsendableError && error.reason === 'bytes'
      this.#failed(
        call,
        isLarge ? refusal('payload_too_large', error.message) : this.#failureOf(error),
      )
      return
    }
    if (body.length > payloadBytesMax) {
      const message = `the result has ${body.length} bytes, at most ${payloadBytesMax}`
      this.#failed(call, refusal('payload_too_large', message))
      return
    }
    call.reply.send({ type: 'result', id: call.callId, number: call.progressCount }, body)
    this.#ended(call)
  }

  #threw(call: IncomingCall, error: unknown): void {
    if (call.state === 'ended') return
    this.#failed(call, this.#failureAt(call, error))
    if (call.reply === undefined) {
      const { logger } = this.#parts.context
      logger.warn({ procedure: call.procedure, error }, 'the handler of a cast threw')
    }
  }

  #failureAt({ givenUp, dueMs }: IncomingCall, error: unknown): SentFailure {
    // Whoever waits for the end of what it gave up is told that it was given up.
    if (givenUp !== undefined) return refusal('cancelled', givenUp.message)
    // Mostly a call of its own that had no more time; which of the two is noticed first is chance.
    if (this.nowMs >= dueMs) return refusal('timeout', 'the time of the caller is over')
    return this.#failureOf(error)
  }

  #failureOf(error: unknown): SentFailure {
    const { values, settings } = this.#parts.context
    return failureOf(error, values, settings.errorDetailsBytesMax)
  }

  #failed(call: IncomingCall, failure: SentFailure): void {
    if (!isUnwanted(call)) this.#answerFailure(call, failure)
    this.#ended(call)
  }

  #answerFailure(call: IncomingCall, { failure, details }: SentFailure): void {
    const { callId, progressCount } = call
    call.reply?.send({ type: 'failure', id: callId, number: progressCount, failure }, details)
  }

  // --- ends

  /** The handler has ended. */
  #ended(call: IncomingCall): void {
    this.#calls.take(call.id)
    this.#release(call)
  }

  /** Nobody wants it any more. */
  #abandon(call: IncomingCall, error: RpcError): void {
    if (this.#calls.take(call.id) !== undefined) this.#left(call, error)
  }

  /** It was taken out before its handler has ended. */
  #left(call: IncomingCall, error: RpcError): void {
    const { agenda, context } = this.#parts
    call.wantsAnswer = false
    agenda.cancel(call.timer)
    if (call.state === 'running') {
      this.#lingering.add(call)
      call.timer = agenda.at(this.nowMs + context.settings.handlerGraceMs, () =>
        this.#release(call),
      )
    } else {
      call.registration.gate.leave(call)
      this.#forget(call)
    }
    call.giveUp(error)
  }

  /** Its place is free. */
  #release(call: IncomingCall): void {
    if (call.state === 'ended') return
    const nowMs = this.nowMs
    this.#running -= 1
    this.#parts.agenda.cancel(call.timer)
    this.#lingering.delete(call)
    this.#forget(call)
    call.registration.gate.done(nowMs - call.startedMs, nowMs)
  }

  #forget(call: IncomingCall): void {
    call.state = 'ended'
    call.input = NO_BYTES
    this.#bytes -= call.inputBytes
  }

  #progressBytes(call: IncomingCall, value: unknown): Uint8Array | undefined {
    const { values, logger } = this.#parts.context
    try {
      return values.encode(value)
    } catch (error) {
      if (!(error instanceof UnsendableError)) throw error
      logger.warn({ procedure: call.procedure, error }, 'a progressive result does not travel')
      return undefined
    }
  }

  #countExpired({ node, procedure, reply }: IncomingCall): void {
    const { refusals } = this.#parts.context
    refusals.count('ERR_RPC_EXPIRED', { node, procedure }, { level: 'debug' })
    if (reply === undefined) this.#castDropped(procedure, 'its time was over')
  }

  #castDropped(procedure: string, why: string): void {
    this.#parts.context.refusals.count('ERR_RPC_CAST_DROPPED', { procedure, why })
  }

  #error(call: IncomingCall, code: RpcError['code'], message: string): RpcError {
    return new RpcError(code, message, { procedure: call.procedure, node: call.node })
  }
}

/** Given up, and nobody waits for the end. */
function isUnwanted(call: IncomingCall): boolean {
  return call.givenUp !== undefined && !call.wantsAnswer
}

function badOutput(issues: readonly string[]): RpcError {
  return new RpcError(
    'ERR_RPC_OUTPUT',
    `the result was refused by its schema: ${issues.join('; ')}`,
  )
}

function keyOf(node: string, callId: string): string {
  return node + callId
}
