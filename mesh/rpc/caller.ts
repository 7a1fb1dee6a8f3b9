/**
 * The calling side: chooses a provider, asks it, asks another when that is safe, and ends every call exactly once.
 *
 *     call -> candidates? no -> seek (once) -> no provider
 *             yes -> choose -> attempt --result, what the handler threw--> the end
 *                                | \--lost, refused, gone, slow--> again elsewhere (retry.ts), or the end
 *                                \--hedge delay--> a second attempt; the first result wins, the other is cancelled
 *
 * Invariants: a call is in `#calls` until it has ended; whatever ends it cancels its attempts, timers and watches. Nothing
 * here throws for what a peer says.
 */
import type { Agenda } from './agenda.ts'
import type { AttemptAnswer } from './attempt.ts'
import { Attempts } from './attempts.ts'
import type { CallPort } from './attempts.ts'
import type { CallIds } from './call-ids.ts'
import type { CallRequest, CallTarget } from './call-request.ts'
import type { RpcContext } from './context.ts'
import { doubtOf } from './doubt.ts'
import { RpcError } from './errors.ts'
import type { RpcErrorCode } from './errors.ts'
import { hedgeDelayMs } from './hedging.ts'
import { LookAgain } from './look-again.ts'
import { OutgoingCall } from './outgoing-call.ts'
import { Owners } from './owners.ts'
import { errorOf } from './remote-failure.ts'
import { retryAdvice, retryPauseMs } from './retry.ts'
import type { AttemptEnd } from './retry.ts'
import type { Candidate, Route, Routes } from './routes.ts'
import { selectProvider } from './selector.ts'
import { Slots } from './slots.ts'

/** What {@link Caller} needs. */
export interface CallerParts {
  readonly context: RpcContext
  readonly agenda: Agenda
  readonly routes: Routes
  readonly ids: CallIds
  readonly port: CallPort
  /** Goes on with `task` when the promise is settled, if this still runs. */
  readonly after: (promise: Promise<unknown>, task: () => void) => void
}

const LOST: Readonly<Record<Exclude<AttemptEnd['type'], 'refused'>, string>> = {
  unsent: 'nothing reached the provider',
  gone: 'the provider is gone',
  slow: 'the provider gave no answer in the time of the attempt',
}

/** See the head of this file. */
export class Caller {
  readonly #parts: CallerParts
  readonly #attempts: Attempts
  readonly #calls = new Slots<OutgoingCall>()
  readonly #owners: Owners<OutgoingCall>
  readonly #lookAgain: LookAgain

  constructor(parts: CallerParts) {
    this.#parts = parts
    this.#lookAgain = new LookAgain(parts.context.catalog)
    this.#attempts = new Attempts({
      ...parts,
      succeeded: ({ call }, value, nowMs) => this.#succeed(call, value, nowMs),
      failed: ({ call, isIdempotent }, end) => this.#goOn(call, end, isIdempotent),
    })
    this.#owners = new Owners(parts.context.system, (call) => {
      this.cancel(call, 'the calling process has ended')
    })
  }

  /** Attempts under way. */
  get pending(): number {
    return this.#attempts.size
  }

  /** Calls under way. */
  get size(): number {
    return this.#calls.size
  }

  /** Makes a call. */
  call(request: CallRequest): OutgoingCall {
    const { agenda, routes, context } = this.#parts
    const call = new OutgoingCall(request, routes.route(request.procedure))
    context.memory.counters.calls += 1
    call.route.active += 1
    call.place = this.#calls.add(call)
    if (request.owner !== undefined) call.placeAtOwner = this.#owners.add(request.owner, call)
    call.deadline = agenda.at(request.dueMs, () => this.#timedOut(call))
    const nowMs = this.#nowMs()
    if (request.dueMs <= nowMs) this.#timedOut(call)
    else this.#next(call, nowMs)
    return call
  }

  /** The caller does not want it any more. */
  cancel(call: OutgoingCall, reason: unknown): void {
    if (call.isOver || call.givenUp !== undefined) return
    const { cancelMode, procedure } = call.request
    const message = `'${procedure}' was given up`
    const error = this.#error(call, 'ERR_RPC_CANCELLED', message, reason)
    if (cancelMode !== 'kill' || call.attempts.length === 0) {
      this.#fail(call, error, cancelMode === 'skip' ? 'untold' : 'told')
      return
    }
    call.givenUp = error
    this.#stopTimers(call)
    for (const attempt of call.attempts.slice()) this.#attempts.tellCancel(attempt, true)
  }

  /** An answer has come; false when nobody waits for it. */
  answered(id: string, answer: AttemptAnswer, progressCount: number): boolean {
    return this.#attempts.answered(id, answer, progressCount)
  }

  /** A progressive result has come; false when nobody waits for it. */
  progressed(id: string, number: number, value: unknown): boolean {
    return this.#attempts.progressed(id, number, value)
  }

  /** Who was asked under that id; undefined when nobody waits for it. */
  askedNode(id: string): string | undefined {
    return this.#attempts.askedNode(id)
  }

  /** A node is gone: what it was asked ends, each once. */
  gone(node: string): void {
    this.#attempts.gone(node)
  }

  /** One of those that offer the procedure now, for a cast; undefined when there is none. */
  pick(target: CallTarget): Candidate | undefined {
    const { routes } = this.#parts
    const route = routes.route(target.procedure)
    if (target.node !== undefined) return routes.candidate(route, target.node)
    const candidate = this.#select(target, route, route.candidates)
    if (candidate !== undefined) this.#used(target, candidate)
    return candidate
  }

  /** The process ends: all calls fail. */
  close(message: string): void {
    for (const call of this.#calls.all()) {
      this.#fail(call, this.#error(call, 'ERR_RPC_UNREACHABLE', message), 'told')
    }
    this.#owners.close()
  }

  /** Asks a provider; `end` is how the attempt before ended. */
  #next(call: OutgoingCall, nowMs: number, end?: AttemptEnd): void {
    const { request } = call
    const route = (call.route = this.#routeOf(call))
    const candidate = this.#choose(call, nowMs)
    if (candidate !== undefined && this.#mustKnowOthers(call)) this.#seek(call)
    else if (candidate !== undefined) {
      if (call.made === 0 && !this.#admits(call, nowMs)) return
      if (call.made === 0 && !call.isSought) this.#used(request, candidate)
      if (end !== undefined) this.#parts.context.memory.counters.retries += 1
      this.#ask(call, candidate, nowMs, false)
      this.#hedgeLater(call)
    } else if (end !== undefined && !isAbsence(end)) {
      this.#fail(call, this.#errorOfEnd(call, end), 'told')
    } else if (request.node === undefined && route.candidates.length > 0) {
      const message = `the breakers of all providers of '${request.procedure}' are open`
      this.#fail(call, this.#error(call, 'ERR_RPC_UNREACHABLE', message), 'told')
    } else if (request.node !== undefined || call.isSought || this.#isSought(request)) {
      const where = request.node === undefined ? 'nobody offers' : `${request.node} does not offer`
      const { procedure } = request
      const doubt = doubtOf(this.#parts.context.catalog, procedure)
      const message = `${where} '${procedure}'${doubt}`
      this.#fail(call, this.#error(call, 'ERR_RPC_NO_PROVIDER', message), 'told')
    } else this.#seek(call)
  }

  /** As of now: others may have come or gone, and a long call may outlive what is remembered. */
  #routeOf(call: OutgoingCall): Route {
    const route = this.#parts.routes.route(call.request.procedure)
    if (route === call.route) return route
    call.route.active -= 1
    route.active += 1
    return route
  }

  /** By key all callers are to choose alike, which one that knows itself only cannot. */
  #mustKnowOthers({ request, route, isSought }: OutgoingCall): boolean {
    if (request.strategy !== 'consistent_hash' || request.node !== undefined || isSought)
      return false
    return route.candidates.every(({ isLocal }) => isLocal) && !this.#isSought(request)
  }

  #used({ procedure, strategy, node }: CallTarget, { isLocal }: Candidate): void {
    if (node === undefined && !(isLocal && strategy === 'local_first'))
      this.#lookAgain.used(procedure)
  }

  #isSought({ procedure }: CallRequest): boolean {
    return this.#parts.context.catalog.isSought('procedure', procedure)
  }

  #seek(call: OutgoingCall): void {
    const { context, after } = this.#parts
    const { procedure, dueMs } = call.request
    call.isSought = true
    const leftMs = dueMs - this.#nowMs()
    // Somebody is known who can do it when nobody else is found.
    const seekMs = call.route.candidates.length === 0 ? leftMs : leftMs / 2
    const timeoutMs = Math.max(1, Math.ceil(seekMs))
    after(context.catalog.seek('procedure', procedure, { timeoutMs }), () => {
      if (!call.isOver) this.#next(call, this.#nowMs())
    })
  }

  /** Of those that are there, not asked yet, and not avoided. */
  #choose(call: OutgoingCall, nowMs: number): Candidate | undefined {
    const { request, route, asked } = call
    if (request.node !== undefined) {
      const isLeft = call.mayRepeat || !asked.includes(request.node)
      const isThere = isLeft && !route.absent.has(request.node)
      return isThere ? this.#parts.routes.candidate(route, request.node) : undefined
    }
    const admitted = admittedAt(nowMs, route.candidates)
    const fresh =
      asked.length === 0 ? admitted : admitted.filter(({ node }) => !asked.includes(node))
    return this.#select(request, route, fresh.length > 0 || !call.mayRepeat ? fresh : admitted)
  }

  #select(
    { strategy, key }: CallTarget,
    route: Route,
    candidates: readonly Candidate[],
  ): Candidate | undefined {
    const { self, chance } = this.#parts.context
    if (candidates.length < 2) {
      route.turn += 1
      return candidates[0]
    }
    const at = selectProvider(strategy, candidates, {
      self,
      chance,
      key,
      turn: route.turn,
      nowMs: this.#nowMs(),
    })
    route.turn += 1
    return candidates[at]
  }

  /** Whether the call may be made at all; ends it when not. */
  #admits(call: OutgoingCall, nowMs: number): boolean {
    const { chance, memory } = this.#parts.context
    const { route } = call
    route.retries.earn()
    route.hedges.earn()
    if (route.throttle.admits(nowMs, chance)) {
      call.isAdmitted = true
      return true
    }
    memory.counters.throttled += 1
    const message = `held back: the providers of '${route.procedure}' refuse most calls`
    this.#fail(call, this.#error(call, 'ERR_RPC_OVERLOADED', message), 'told')
    return false
  }

  #ask(call: OutgoingCall, candidate: Candidate, nowMs: number, isHedge: boolean): void {
    call.made += 1
    if (!call.asked.includes(candidate.node)) call.asked.push(candidate.node)
    call.lastNode = candidate.node
    if (this.#attempts.ask(call, candidate, nowMs, isHedge)) return
    call.lastFailure = undefined
    this.#goOn(call, { type: 'refused', kind: 'overloaded' }, false)
  }

  /** An attempt ended without a result: another one, or the end. */
  #goOn(call: OutgoingCall, end: AttemptEnd, isIdempotent: boolean): void {
    const { request, route, attempts } = call
    if (call.isOver) return
    if (call.givenUp !== undefined) {
      if (attempts.length === 0) this.#fail(call, call.givenUp, 'told')
      return
    }
    const advice = retryAdvice(end, isIdempotent)
    // The other one of a hedge may still give a result; what a handler has said is the answer.
    if (attempts.length > 0 && (advice !== 'never' || end.type !== 'refused')) return
    const isFree = isAbsence(end)
    const isLast = advice === 'never' || call.made >= request.attemptsMax
    if (isLast || (!isFree && !route.retries.spend())) {
      this.#fail(call, this.#errorOfEnd(call, end), 'told')
      return
    }
    const isElsewhere =
      request.node === undefined && route.candidates.some(({ node }) => !call.asked.includes(node))
    call.mayRepeat = !isElsewhere && !isFree
    if (isFree || (advice === 'elsewhere' && isElsewhere)) this.#next(call, this.#nowMs(), end)
    else this.#pause(call, end)
  }

  #pause(call: OutgoingCall, end: AttemptEnd): void {
    const { agenda, context } = this.#parts
    const jitterMs = retryPauseMs(call.made + 1, context.settings, context.chance)
    const afterMs = end.type === 'refused' ? (end.retryAfterMs ?? 0) : 0
    const again = (): void => this.#next(call, this.#nowMs(), end)
    call.pause = agenda.at(this.#nowMs() + afterMs + jitterMs, again)
  }

  #hedgeLater(call: OutgoingCall): void {
    const { request, route, attempts } = call
    if (attempts.length === 0 || request.node !== undefined || request.attemptsMax < 2) return
    const delayMs = hedgeDelayMs(request.hedge, route.latencies)
    if (delayMs === undefined) return
    const { agenda } = this.#parts
    agenda.cancel(call.hedge)
    call.hedge = agenda.at(this.#nowMs() + delayMs, () => this.#hedge(call))
  }

  /** The first one is slow: asks a second one as well. */
  #hedge(call: OutgoingCall): void {
    if (call.attempts.length !== 1 || call.made >= call.request.attemptsMax) return
    call.mayRepeat = false
    const nowMs = this.#nowMs()
    const candidate = this.#choose(call, nowMs)
    if (candidate === undefined || !call.route.hedges.spend()) return
    this.#parts.context.memory.counters.hedges += 1
    this.#ask(call, candidate, nowMs, true)
  }

  #timedOut(call: OutgoingCall): void {
    const { procedure, timeoutMs } = call.request
    const message = `'${procedure}' gave no answer within ${timeoutMs} ms`
    this.#fail(call, call.givenUp ?? this.#error(call, 'ERR_RPC_TIMEOUT', message), 'late')
  }

  #succeed(call: OutgoingCall, value: unknown, nowMs: number): void {
    call.route.throttle.ended(true, nowMs)
    this.#finish(call, 'told')
    this.#parts.context.memory.counters.results += 1
    call.request.done(value)
  }

  #fail(call: OutgoingCall, error: RpcError, why: 'late' | 'told' | 'untold'): void {
    if (call.isOver) return
    const isRefusal = error.code === 'ERR_RPC_OVERLOADED'
    if (call.isAdmitted) call.route.throttle.ended(!isRefusal, this.#nowMs())
    this.#finish(call, why)
    this.#parts.context.memory.counters.errors += 1
    call.request.failed(error)
  }

  /** Everything that the call left behind goes. */
  #finish(call: OutgoingCall, why: 'late' | 'told' | 'untold'): void {
    const { owner } = call.request
    call.isOver = true
    call.route.active -= 1
    this.#calls.delete(call.place)
    if (owner !== undefined) this.#owners.delete(owner, call, call.placeAtOwner)
    this.#parts.agenda.cancel(call.deadline)
    this.#stopTimers(call)
    for (const attempt of call.attempts.slice()) this.#attempts.drop(attempt, why)
  }

  #stopTimers(call: OutgoingCall): void {
    const { agenda } = this.#parts
    agenda.cancel(call.pause)
    agenda.cancel(call.hedge)
  }

  #errorOfEnd(call: OutgoingCall, end: AttemptEnd): RpcError {
    const { procedure } = call.request
    if (end.type !== 'refused') {
      const code = end.type === 'slow' ? 'ERR_RPC_TIMEOUT' : 'ERR_RPC_UNREACHABLE'
      return this.#error(call, code, `'${procedure}': ${LOST[end.type]}`)
    }
    const { lastFailure } = call
    if (lastFailure === undefined) {
      const message = `'${procedure}': too many calls of this node wait for an answer`
      return this.#error(call, 'ERR_RPC_OVERLOADED', message)
    }
    return errorOf(lastFailure.failure, lastFailure.details, fieldsOf(call))
  }

  #error(call: OutgoingCall, code: RpcErrorCode, message: string, cause?: unknown): RpcError {
    const more = cause === undefined ? {} : { cause }
    return new RpcError(code, message, { ...fieldsOf(call), ...more })
  }

  #nowMs(): number {
    return this.#parts.context.clock.now()
  }
}

/** Those whose breakers let calls through; mostly all of them, and then the same array. */
function admittedAt(nowMs: number, candidates: readonly Candidate[]): readonly Candidate[] {
  for (const { breaker } of candidates) {
    if (!breaker.admits(nowMs)) return candidates.filter((each) => each.breaker.admits(nowMs))
  }
  return candidates
}

function isAbsence(end: AttemptEnd): boolean {
  return end.type === 'refused' && end.kind === 'no_provider'
}

function fieldsOf({ request, lastNode, made }: OutgoingCall): {
  readonly procedure: string
  readonly node: string | undefined
  readonly timeoutMs: number
  readonly attempts: number
} {
  const { procedure, timeoutMs } = request
  return { procedure, node: lastNode, timeoutMs, attempts: made }
}
