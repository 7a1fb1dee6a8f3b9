/**
 * The attempts under way: each is in `pending` and counted at its provider until it has ended, and what its end says about
 * the provider is written down here (peak-EWMA, breaker, absence).
 */
import type { Agenda } from './agenda.ts'
import { Attempt } from './attempt.ts'
import type { AttemptAnswer } from './attempt.ts'
import type { CallIds } from './call-ids.ts'
import type { RpcContext } from './context.ts'
import type { CallMessage } from './frames.ts'
import type { OutgoingCall } from './outgoing-call.ts'
import { Pending } from './pending.ts'
import type { AttemptEnd } from './retry.ts'
import type { Candidate, Routes } from './routes.ts'

/** Called at most once: it did not arrive, or nobody can say whether it did. */
export type LostHandler = (mayHaveArrived: boolean) => void

/** Brings calls and casts to providers. False when it was not taken; else `lost` may be called later. */
export interface CallPort {
  callProvider(
    candidate: Candidate,
    message: CallMessage,
    input: Uint8Array,
    lost: LostHandler,
  ): boolean
  castProvider(
    candidate: Candidate,
    message: CallMessage,
    input: Uint8Array,
    lost: LostHandler,
  ): boolean
  cancelProvider(candidate: Candidate, id: string, wantsAnswer: boolean): void
}

/** One attempt of a call. */
export type Ongoing = Attempt<OutgoingCall>

/** What {@link Attempts} needs. */
export interface AttemptsParts {
  readonly context: RpcContext
  readonly agenda: Agenda
  readonly routes: Routes
  readonly ids: CallIds
  readonly port: CallPort
  /** An attempt has ended with a result. */
  readonly succeeded: (attempt: Ongoing, value: unknown, nowMs: number) => void
  /** An attempt has ended without. */
  readonly failed: (attempt: Ongoing, end: AttemptEnd) => void
}

/** See the head of this file. */
export class Attempts {
  readonly #parts: AttemptsParts
  readonly #pending: Pending<Ongoing>

  constructor(parts: AttemptsParts) {
    this.#parts = parts
    this.#pending = new Pending(parts.context.settings)
  }

  get size(): number {
    return this.#pending.size
  }

  /** Who was asked under that id; undefined when nobody waits for it. */
  askedNode(id: string): string | undefined {
    return this.#pending.get(id)?.node
  }

  /** Asks a provider. False when too many attempts are under way, there or in all: nothing was sent. */
  ask(call: OutgoingCall, candidate: Candidate, nowMs: number, isHedge: boolean): boolean {
    const { ids, port, agenda } = this.#parts
    const { request } = call
    const isIdempotent = request.isIdempotent || candidate.isIdempotent
    const facts = { startedMs: nowMs, isHedge, isIdempotent }
    const attempt: Ongoing = new Attempt(ids.next(), call, candidate, facts)
    if (!this.#pending.add(attempt)) return false
    candidate.outstanding += 1
    candidate.breaker.began(nowMs)
    call.attempts.push(attempt)
    if (request.attemptTimeoutMs !== undefined && attempt.isIdempotent) {
      attempt.timer = agenda.at(nowMs + request.attemptTimeoutMs, () => this.#slow(attempt))
    }
    const message: CallMessage = {
      id: attempt.id,
      procedure: request.procedure,
      budgetMs: Math.max(1, Math.floor(request.dueMs - nowMs)),
      priority: request.priority,
      wantsProgress: request.progress !== undefined && !isHedge,
    }
    // What may have arrived may have run.
    const lost: LostHandler = (mayHaveArrived) =>
      this.#end(attempt, { type: mayHaveArrived ? 'gone' : 'unsent' })
    if (!port.callProvider(candidate, message, request.input, lost)) lost(false)
    return true
  }

  /** An answer has come, after so many progressive results. False when nobody waits for it. */
  answered(id: string, answer: AttemptAnswer, progressCount: number): boolean {
    const attempt = this.#pending.get(id)
    if (attempt === undefined || !attempt.end(answer, progressCount)) return false
    if (attempt.isComplete) {
      this.#settle(attempt)
      return true
    }
    const { agenda, context } = this.#parts
    agenda.cancel(attempt.timer)
    attempt.timer = agenda.at(this.#nowMs() + context.settings.progressWaitMs, () => {
      for (const value of attempt.rest()) hand(attempt, value)
      this.#settle(attempt)
    })
    return true
  }

  /** A progressive result has come. False when nobody waits for it. */
  progressed(id: string, number: number, value: unknown): boolean {
    const attempt = this.#pending.get(id)
    if (attempt === undefined) return false
    const { settings, refusals } = this.#parts.context
    const isTaken = attempt.progress(number, value, settings.progressHeldMax, (each) =>
      hand(attempt, each),
    )
    if (!isTaken) refusals.count('ERR_RPC_PROGRESS_DROPPED', { node: attempt.node, number })
    else if (attempt.isComplete) this.#settle(attempt)
    return true
  }

  /** A node is gone: everything that it was asked ends. */
  gone(node: string): void {
    for (const attempt of this.#pending.takeNode(node)) this.#ended(attempt, { type: 'gone' })
  }

  /** Tells the provider that nobody wants the answer any more; with `wantsAnswer` that it is wanted all the same. */
  tellCancel(attempt: Ongoing, wantsAnswer: boolean): void {
    this.#parts.port.cancelProvider(attempt.candidate, attempt.id, wantsAnswer)
  }

  /** The call ends without it: `late` when its time was over, which the provider knows as well. */
  drop(attempt: Ongoing, why: 'late' | 'told' | 'untold'): void {
    if (this.#pending.take(attempt.id) === undefined) return
    this.#release(attempt)
    if (why === 'late') this.#judge(attempt, { type: 'slow' })
    else attempt.candidate.breaker.abandoned(attempt.startedMs)
    if (why === 'told') this.tellCancel(attempt, false)
  }

  #slow(attempt: Ongoing): void {
    this.tellCancel(attempt, false)
    this.#end(attempt, { type: 'slow' })
  }

  #settle(attempt: Ongoing): void {
    const { answer, candidate, call } = attempt
    if (answer!.type === 'failure') {
      const { kind, retryAfterMs } = answer!.failure
      call.lastFailure = answer
      this.#end(attempt, { type: 'refused', kind, retryAfterMs })
      return
    }
    if (this.#pending.take(attempt.id) === undefined) return
    this.#release(attempt)
    const nowMs = this.#nowMs()
    const latencyMs = nowMs - attempt.startedMs
    candidate.latency.observe(latencyMs, nowMs)
    candidate.breaker.ended(false, attempt.startedMs, nowMs)
    call.route.latencies.observe(latencyMs)
    this.#parts.succeeded(attempt, answer!.value, nowMs)
  }

  /** Ends it, if it is under way. */
  #end(attempt: Ongoing, end: AttemptEnd): void {
    if (this.#pending.take(attempt.id) !== undefined) this.#ended(attempt, end)
  }

  #ended(attempt: Ongoing, end: AttemptEnd): void {
    this.#release(attempt)
    this.#judge(attempt, end)
    this.#parts.failed(attempt, end)
  }

  #release(attempt: Ongoing): void {
    attempt.candidate.outstanding -= 1
    const { attempts } = attempt.call
    attempts.splice(attempts.indexOf(attempt), 1)
    this.#parts.agenda.cancel(attempt.timer)
  }

  /** What an end without result says about the provider. */
  #judge({ candidate, startedMs, call }: Ongoing, end: AttemptEnd): void {
    const nowMs = this.#nowMs()
    const elapsedMs = nowMs - startedMs
    if (end.type !== 'refused') {
      if (end.type !== 'unsent') candidate.latency.observe(elapsedMs, nowMs)
      candidate.breaker.ended(true, startedMs, nowMs)
      return
    }
    switch (end.kind) {
      case 'timeout':
      case 'unreachable':
        candidate.latency.observe(elapsedMs, nowMs)
        candidate.breaker.ended(true, startedMs, nowMs)
        return
      case 'overloaded':
        // A quick refusal must not look like a quick answer.
        candidate.latency.observe(elapsedMs + (end.retryAfterMs ?? elapsedMs), nowMs)
        candidate.breaker.abandoned(startedMs)
        return
      case 'no_provider':
        this.#parts.routes.isAbsent(call.route, candidate.node)
        candidate.breaker.abandoned(startedMs)
        return
      case 'cancelled':
        candidate.breaker.abandoned(startedMs)
        return
      case 'remote':
      case 'payload_too_large':
      case 'unauthorized':
      case 'input':
        candidate.latency.observe(elapsedMs, nowMs)
        candidate.breaker.ended(false, startedMs, nowMs)
        call.route.latencies.observe(elapsedMs)
    }
  }

  #nowMs(): number {
    return this.#parts.context.clock.now()
  }
}

function hand({ call }: Ongoing, value: unknown): void {
  if (!call.isOver && call.givenUp === undefined) call.request.progress?.(value)
}
