/**
 * What the process behind procedures does: brings frames to the two sides, and calls of this node to itself from one to the
 * other. A call to a local handler takes the same way as any other, only that no frame is made of it; it is served in a
 * microtask, so that nothing of a handler runs inside the call of its caller.
 */
import type { Origin } from '../courier/courier.ts'
import type { Driver, Ties } from '../driver-process.ts'
import { CodecError, MessageError } from '../wire/errors.ts'
import { WireType } from '../wire/messages.ts'
import { Agenda } from './agenda.ts'
import type { AttemptAnswer } from './attempt.ts'
import type { CallPort, LostHandler } from './attempts.ts'
import { Callee } from './callee.ts'
import { Caller } from './caller.ts'
import { CallIds } from './call-ids.ts'
import type { CallRequest, CallTarget } from './call-request.ts'
import { Casts } from './casts.ts'
import type { RpcContext } from './context.ts'
import { RpcFrames } from './frames.ts'
import type { CallMessage, Opened, ReplyMessage } from './frames.ts'
import type { ReplyPort } from './incoming-call.ts'
import { Invoker } from './invoke.ts'
import type { OutgoingCall } from './outgoing-call.ts'
import { RemoteReply } from './remote-reply.ts'
import { Routes } from './routes.ts'
import type { Candidate } from './routes.ts'
import type { EngineSizes, RpcEngine } from './rpc-engine.ts'

/** See the head of this file. */
export class RpcDriver implements Driver, RpcEngine, CallPort {
  readonly #context: RpcContext
  readonly #ties: Pick<Ties, 'worked' | 'failed'>
  readonly #agenda = new Agenda()
  readonly #frames: RpcFrames
  readonly #routes: Routes
  readonly #caller: Caller
  readonly #callee: Callee
  readonly #casts: Casts
  readonly #own: Origin
  /** One function for all calls. */
  readonly #makeCall = (request: CallRequest): OutgoingCall => this.#caller.call(request)
  #depth = 0
  #closing = false
  #closed = false

  constructor(context: RpcContext, ties: Pick<Ties, 'worked' | 'failed'>) {
    const { self, settings, codec, entropy, clock, memory } = context
    this.#context = context
    this.#ties = ties
    this.#frames = new RpcFrames(codec)
    this.#own = { node: self, roles: [], path: 'direct', via: undefined }
    this.#routes = new Routes({
      ...{ self, kind: 'call', catalog: context.catalog, settings },
      procedures: memory.procedures,
      now: () => clock.now(),
    })
    const ids = new CallIds(entropy)
    const after = (promise: Promise<unknown>, task: () => void): void => {
      promise.then(
        () => this.enter(task),
        (error: unknown) => this.enter(() => this.#fail(error)),
      )
    }
    const shared = { context, agenda: this.#agenda, ids, after }
    this.#caller = new Caller({ ...shared, routes: this.#routes, port: this })
    this.#casts = new Casts({ ...shared, caller: this.#caller, port: this })
    this.#callee = new Callee({
      ...{ context, agenda: this.#agenda, invoker: new Invoker(context) },
      enter: (task) => this.enter(task),
    })
  }

  get nextDueMs(): number {
    return Math.min(this.#agenda.nextDueMs, this.#context.memory.procedures.nextDueMs)
  }

  get sizes(): EngineSizes {
    const { pending } = this.#caller
    const { running, queued } = this.#callee
    return { pending, running, queued }
  }

  tick(): void {
    this.enter(() => {
      this.#agenda.run(this.#context.clock.now())
      this.#context.memory.procedures.tick()
    })
  }

  // --- for applications

  candidates(procedure: string): readonly Candidate[] {
    return this.#routes.lookup(procedure)
  }

  call(request: CallRequest): OutgoingCall | undefined {
    return this.#do(this.#makeCall, request)
  }

  cancel(call: OutgoingCall, reason: unknown): void {
    this.enter(() => this.#caller.cancel(call, reason))
  }

  cast(target: CallTarget): boolean {
    let isTaken = false
    this.enter(() => (isTaken = this.#casts.cast(target)))
    return isTaken
  }

  // --- from others

  /** A frame of procedures has arrived. */
  frame(origin: Origin, type: number, payload: Uint8Array): void {
    // As `enter`, without a function for each frame.
    if (this.#closed) return
    this.#depth += 1
    try {
      this.#read(origin, type, payload)
    } catch (error) {
      if (error instanceof MessageError || error instanceof CodecError) {
        const { node } = origin
        this.#context.refusals.count('ERR_RPC_FRAME', { node, type, why: error.message })
      } else this.#fail(error)
    } finally {
      this.#left()
    }
  }

  /** A node is gone. */
  gone(node: string): void {
    this.enter(() => {
      this.#caller.gone(node)
      this.#callee.gone(node)
    })
  }

  /** The catalog has learned something about a node. */
  changed(node: string): void {
    this.#routes.changed(node)
  }

  /** Something is due at another time. */
  due(): void {
    if (!this.#closed) this.#ties.worked()
  }

  /** Everything that is under way ends, and nothing begins any more. Idempotent. */
  close(message: string): void {
    if (this.#closing) return
    this.#closing = true
    const { memory } = this.#context
    if (memory.engine === this) memory.engine = undefined
    this.#callee.close(message)
    this.#caller.close(message)
    this.#closed = true
    this.#agenda.clear()
  }

  /** Does something; what is thrown ends the process. */
  enter(task: () => void): void {
    this.#do(run, task)
  }

  /** Undefined when it could not be done. */
  #do<Subject, Result>(work: (subject: Subject) => Result, subject: Subject): Result | undefined {
    if (this.#closed) return undefined
    this.#depth += 1
    try {
      return work(subject)
    } catch (error) {
      this.#fail(error)
      return undefined
    } finally {
      this.#left()
    }
  }

  #left(): void {
    this.#depth -= 1
    if (this.#depth === 0 && !this.#closed) this.#ties.worked()
  }

  // --- the way of attempts

  callProvider(
    candidate: Candidate,
    message: CallMessage,
    input: Uint8Array,
    lost: LostHandler,
  ): boolean {
    if (candidate.isLocal) {
      this.#context.clock.microtask(() => this.enter(() => this.#serveOwn(message, input)))
      return true
    }
    return this.#send(candidate, this.#frames.call(message, input), lost, message.budgetMs)
  }

  castProvider(
    candidate: Candidate,
    message: CallMessage,
    input: Uint8Array,
    lost: LostHandler,
  ): boolean {
    if (candidate.isLocal) {
      this.#context.clock.microtask(() =>
        this.enter(() => this.#callee.arrived(this.#own, message, input)),
      )
      return true
    }
    return this.#send(candidate, this.#frames.cast(message, input), lost, message.budgetMs)
  }

  cancelProvider(candidate: Candidate, id: string, wantsAnswer: boolean): void {
    if (candidate.isLocal) {
      this.#context.clock.microtask(() =>
        this.enter(() => {
          const reply = wantsAnswer ? this.#ownReply() : undefined
          this.#callee.cancelled(this.#own.node, id, reply)
        }),
      )
      return
    }
    this.#send(candidate, this.#frames.cancel({ id, wantsAnswer }), () => {})
  }

  /** What waits for a way longer than the caller waits for an answer must not be run: it is lost. */
  #send(
    { node, via }: Candidate,
    frame: Uint8Array,
    lost: LostHandler,
    timeoutMs?: number,
  ): boolean {
    const { courier } = this.#context
    // Written out: properties after a spread cost more than the rest of a call.
    const outcome = courier.send(node, 'rpc', frame, {
      via,
      timeoutMs,
      lost: ({ mayHaveArrived }) => this.enter(() => lost(mayHaveArrived)),
    })
    return outcome !== 'refused'
  }

  // --- frames

  #read(origin: Origin, type: number, payload: Uint8Array): void {
    switch (type) {
      case WireType.call: {
        const { message, body } = this.#frames.readCall(payload)
        this.#callee.arrived(origin, message, body, this.#replyTo(origin))
        return
      }
      case WireType.cast: {
        const { message, body } = this.#frames.readCast(payload)
        this.#callee.arrived(origin, message, body)
        return
      }
      case WireType.reply:
        this.#replied(origin.node, this.#frames.readReply(payload))
        return
      case WireType.cancel: {
        const { id, wantsAnswer } = this.#frames.readCancel(payload)
        this.#callee.cancelled(origin.node, id, wantsAnswer ? this.#replyTo(origin) : undefined)
        return
      }
      default:
        throw new MessageError('rpc', 'type', 'one of call, reply, cast and cancel')
    }
  }

  #replied(node: string, { message, body }: Opened<ReplyMessage>): void {
    const { memory, refusals } = this.#context
    const asked = this.#caller.askedNode(message.id)
    if (asked !== undefined && asked !== node) {
      refusals.count('ERR_RPC_FOREIGN_REPLY', { node, asked })
      return
    }
    const isWaited = asked !== undefined && this.#deliver(message, this.#valueOf(node, body))
    if (isWaited) return
    memory.counters.late += 1
    refusals.count('ERR_RPC_LATE', { node }, { level: 'debug' })
  }

  /** What cannot be read is counted, and stands for itself: the call must end all the same. */
  #valueOf(node: string, body: Uint8Array): unknown {
    if (body.length === 0) return undefined
    try {
      return this.#context.values.decode(body)
    } catch (error) {
      if (!(error instanceof CodecError)) throw error
      this.#context.refusals.count('ERR_RPC_FRAME', { node, why: error.message })
      return error
    }
  }

  #deliver(message: ReplyMessage, value: unknown): boolean {
    const { id, number } = message
    const isBroken = value instanceof CodecError
    switch (message.type) {
      case 'progress':
        // A gap: the end waits for it a while.
        return isBroken || this.#caller.progressed(id, number, value)
      case 'result':
        return this.#caller.answered(
          id,
          isBroken ? unreadable(value) : { type: 'result', value },
          number,
        )
      case 'failure': {
        const { failure } = message
        const details = isBroken ? undefined : value
        return this.#caller.answered(id, { type: 'failure', failure, details }, number)
      }
    }
  }

  #replyTo(origin: Origin): ReplyPort {
    return new RemoteReply(this.#context, this.#frames, origin)
  }

  #serveOwn(message: CallMessage, input: Uint8Array): void {
    this.#callee.arrived(this.#own, message, input, this.#ownReply())
  }

  #ownReply(): ReplyPort {
    return {
      send: (message, body) => this.#replied(this.#own.node, { message, body }),
      bytesWaiting: 0,
    }
  }

  /** The process hears of it later: those who wait must not wait for that, and no call may begin meanwhile. */
  #fail(error: unknown): void {
    if (this.#closing) return
    try {
      this.close('the process behind procedures has failed')
    } finally {
      this.#closed = true
      this.#ties.failed(error)
    }
  }
}

function run(task: () => void): void {
  task()
}

/** The result of a provider that is no value. */
function unreadable({ name, message, code }: CodecError): AttemptAnswer {
  const failure = { kind: 'remote' as const, name, message, code, retryAfterMs: undefined }
  return { type: 'failure', failure, details: undefined }
}
