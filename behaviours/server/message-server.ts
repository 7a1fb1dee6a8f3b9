/**
 * The message shape of noex and Elixir: one behaviour object with `handleCall(message, state, from)`,
 * messages as unions, and `GenServer.call(ref, message)`. The phantom `Asks<Reply>` on a message types
 * the reply of that message.
 *
 * Here OTP's rules apply, not noex's: a throw ends the server (NX-L1), a message without a handler ends
 * it too (G-40), `cast` never throws (G-36), a missing `handleInfo` is a warning (G-39).
 */
import {
  ArgumentError,
  currentProcess,
  homeOf,
  isPid,
  NoProcessError,
  type Call,
  type CallOptions,
  type ExitReason,
  type Message,
  type MonitorRef,
  type Pid,
  type RemoteName,
  type System,
  type TimerRef,
  type Via,
} from '../../runtime/index.ts'
import {
  bareRef,
  type CallsOf,
  type CastsOf,
  type InputsOf,
  type OutputOf,
  type Ref,
} from './contract.ts'
import { HandlerMissingError, NoParentError } from './server-errors.ts'
import {
  pickSystem,
  resolveTarget,
  startProcess,
  stopProcess,
  type ProcessTarget,
  type ServerOptions,
  type StopOptions,
} from './gen.ts'
import type { InitResult, Maybe } from './gen-server.ts'
import {
  callMany,
  castMany,
  type MultiCallOptions,
  type MultiCallResult,
  type MultiTarget,
  type SendOptions,
} from './multi-call.ts'
import { sendTo, type RequestId } from './requests.ts'
import { isResult, noreply, reply, type NoReply, type Reply, type Stop } from './results.ts'
import type { Peer } from './process-operations.ts'
import type { Ctx, From, Info, ServerContext } from './server-context.ts'
import { refuseCall, ServerLoop, type ResultOf, type ServerModule } from './server-loop.ts'

declare const REPLY: unique symbol

/** Marks a message type with the type of its reply: `{ type: 'get' } & Asks<number>`. */
export interface Asks<R> {
  readonly [REPLY]?: R
}

/** The reply type of a message; `unknown` for a message that does not say. */
export type ReplyOf<M> = M extends Asks<infer R> ? (unknown extends R ? unknown : R) : unknown

/** What `handleCall` may return for a message. */
export type CallResult<M, S> =
  Reply<ReplyOf<M>, S> | readonly [ReplyOf<M>, S] | NoReply<S> | Stop<S, ReplyOf<M>>

/** `CallResult` of each member of a union of messages. */
type CallResults<M, S> = M extends unknown ? CallResult<M, S> : never

/** What `handleCast`, `handleInfo` and `handleContinue` may return; anything else is the new state. */
export type StateResult<S> = S | NoReply<S> | Stop<S>

/** A server in the message shape. */
export interface Behaviour<S, C, K> {
  init(ctx: Ctx<never>): Maybe<InitResult<S>>
  handleCall?(
    message: C,
    state: S,
    from: From<ReplyOf<C>>,
    ctx: Ctx<never>,
  ): Maybe<CallResults<C, S>>
  handleCast?(message: K, state: S, ctx: Ctx<never>): Maybe<StateResult<S>>
  handleInfo?(info: Info, state: S, ctx: Ctx<never>): Maybe<StateResult<S>>
  handleContinue?(token: unknown, state: S, ctx: Ctx<never>): Maybe<StateResult<S>>
  terminate?(reason: ExitReason, state: S): Maybe<void>
}

/** A ref to a server of the message shape, with its messages as phantom types. */
export interface GenServerRef<in C = never, in K = never> {
  readonly pid: Pid
  readonly __messages?: (call: C, cast: K) => void
}

/** The name of a server, for those who know it only by name. */
export type NamedServer = string | { readonly via: Via }

/** A server of which nothing is known but where it is. */
export type UntypedTarget = Pid | NamedServer | RemoteName

/** Options of a call by name. */
export interface NamedCallOptions extends CallOptions {
  /** Where a name is looked up. Default: the running process's system, else the default system. */
  readonly system?: System | undefined
}

/** The functions of {@link GenServer}. */
export interface GenServerFunctions {
  /** Starts a server; resolves when `init` is done. */
  start<S, C = never, K = never>(
    behaviour: Behaviour<S, C, K>,
    options?: ServerOptions,
  ): Promise<GenServerRef<C, K>>
  /** As `start`, linked to `options.parent` or else the running process. */
  startLink<S, C = never, K = never>(
    behaviour: Behaviour<S, C, K>,
    options?: ServerOptions,
  ): Promise<GenServerRef<C, K>>
  /** Asks and waits; the reply type is that of the message. */
  call<C extends { readonly type: string }, const M extends C>(
    ref: GenServerRef<C, never>,
    message: M,
    options?: CallOptions,
  ): Promise<ReplyOf<Extract<C, { readonly type: M['type'] }>>>
  /** Asks a server known by name; nothing is known of its replies. */
  call(name: NamedServer, message: unknown, options?: NamedCallOptions): Promise<unknown>
  /** Tells and does not wait; false when the message was refused on this side. */
  cast<K>(ref: GenServerRef<never, K>, message: K): boolean
  cast(name: NamedServer, message: unknown, options?: { readonly system?: System }): boolean
  /**
   * Asks many servers at once: by name and inputs of a contract, or with a message. Resolves when each of
   * them has answered or failed, at the latest after `timeoutMs` (G-61).
   */
  multiCall<P, K extends keyof CallsOf<P> & string>(
    targets: readonly Ref<P>[],
    name: K,
    inputs: InputsOf<CallsOf<P>[K]>,
    options?: MultiCallOptions,
  ): Promise<MultiCallResult<Ref<P>, OutputOf<CallsOf<P>[K]>>>
  multiCall<C extends { readonly type: string }, const M extends C>(
    targets: readonly GenServerRef<C, never>[],
    message: M,
    options?: MultiCallOptions,
  ): Promise<
    MultiCallResult<GenServerRef<C, never>, ReplyOf<Extract<C, { readonly type: M['type'] }>>>
  >
  /** Names and pids among refs are taken to be of their kind. */
  multiCall<P, K extends keyof CallsOf<P> & string>(
    targets: readonly (Ref<P> | UntypedTarget)[],
    name: K,
    inputs: InputsOf<CallsOf<P>[K]>,
    options?: MultiCallOptions,
  ): Promise<MultiCallResult<Ref<P> | UntypedTarget, OutputOf<CallsOf<P>[K]>>>
  multiCall<C extends { readonly type: string }, const M extends C>(
    targets: readonly (GenServerRef<C, never> | UntypedTarget)[],
    message: M,
    options?: MultiCallOptions,
  ): Promise<
    MultiCallResult<
      GenServerRef<C, never> | UntypedTarget,
      ReplyOf<Extract<C, { readonly type: M['type'] }>>
    >
  >
  multiCall<T extends UntypedTarget>(
    targets: readonly T[],
    name: string,
    inputs: readonly unknown[],
    options?: MultiCallOptions,
  ): Promise<MultiCallResult<T, unknown>>
  multiCall<T extends UntypedTarget>(
    targets: readonly T[],
    message: unknown,
    options?: MultiCallOptions,
  ): Promise<MultiCallResult<T, unknown>>
  /** Tells many servers at once; the number of those whose message was accepted on this side (G-62). */
  abcast<P, K extends keyof CastsOf<P> & string>(
    targets: readonly (Ref<P> | UntypedTarget)[],
    name: K,
    inputs: InputsOf<CastsOf<P>[K]>,
    options?: SendOptions,
  ): number
  abcast<K>(
    targets: readonly (GenServerRef<never, K> | UntypedTarget)[],
    message: K,
    options?: SendOptions,
  ): number
  abcast(
    targets: readonly UntypedTarget[],
    name: string,
    inputs: readonly unknown[],
    options?: SendOptions,
  ): number
  abcast(targets: readonly UntypedTarget[], message: unknown, options?: SendOptions): number
  /**
   * Asks and takes the response later, from the request or from a `RequestIds` (G-58 to G-60). It has no
   * deadline of its own.
   */
  sendRequest<P, K extends keyof CallsOf<P> & string>(
    target: Ref<P>,
    name: K,
    inputs: InputsOf<CallsOf<P>[K]>,
  ): RequestId<OutputOf<CallsOf<P>[K]>>
  sendRequest<C extends { readonly type: string }, const M extends C>(
    target: GenServerRef<C, never>,
    message: M,
  ): RequestId<ReplyOf<Extract<C, { readonly type: M['type'] }>>>
  sendRequest(
    target: UntypedTarget,
    name: string,
    inputs: readonly unknown[],
    options?: SendOptions,
  ): RequestId
  sendRequest(target: UntypedTarget, message: unknown, options?: SendOptions): RequestId
  /** Stops a server and waits until it is dead; see `StopOptions`. */
  stop(target: ProcessTarget, reason?: ExitReason, options?: StopOptions): Promise<void>
  /** Answers a call whose handler returned `noreply`. */
  reply<R>(from: From<R>, value: R): boolean
  /**
   * Whether a server of this node is alive. For one elsewhere it throws `ERR_ARGUMENT`, as
   * `erlang:is_process_alive/1` does: monitor it instead.
   */
  isRunning(target: ProcessTarget): boolean
  /** Monitors `target`; the DOWN comes to the info handler of `owner`, default the running process. */
  monitor(target: Peer, owner?: Peer): MonitorRef
  demonitor(
    ref: MonitorRef,
    options?: { readonly flush?: boolean; readonly info?: boolean; readonly system?: System },
  ): boolean
  /** Links two processes; linking twice is linking once (L-07). */
  link(a: Peer, b: Peer): void
  unlink(a: Peer, b: Peer): void
  /**
   * Casts `message` after `delayMs`; the timer ends with the server. For one elsewhere it throws `ERR_ARGUMENT`, as
   * `erlang:send_after/3` does: cast from a timer of your own.
   */
  sendAfter<K>(ref: GenServerRef<never, K>, message: K, delayMs: number): TimerRef
  /** Milliseconds that were left, or false if it fired or was cancelled. */
  cancelTimer(ref: TimerRef, options?: { readonly system?: System }): number | false
}

/**
 * Servers in the message shape.
 *
 * @example
 * type Get = { readonly type: 'get' } & Asks<number>
 * const ref = await GenServer.start({
 *   init: () => 0,
 *   handleCall: (message: Get, n) => [n, n],
 * })
 * assert.equal(await GenServer.call(ref, { type: 'get' }), 0)
 * await GenServer.stop(ref)
 */
export const GenServer: GenServerFunctions = Object.freeze<GenServerFunctions>({
  start: (behaviour, options) =>
    startProcess(loopOf(behaviour as AnyBehaviour), undefined, options),
  startLink: (behaviour, options) =>
    startProcess(loopOf(behaviour as AnyBehaviour), undefined, { ...options, link: true }),
  call,
  cast,
  multiCall,
  abcast,
  sendRequest,
  stop: (target, reason, options) => stopProcess(target, reason, options),
  reply: (from, value) => from.reply(value),
  isRunning: (target) => {
    const pid = resolveTarget(target, systemOf(target))
    if (pid === undefined) return false
    const home = homeOf(pid)
    // Nobody here knows; `false` would be a lie (NX-D25).
    if (pid.node !== home.node) throw new ArgumentError('target', 'a process of this node', pid)
    return home.isAlive(pid)
  },
  monitor: (target, owner) => {
    const pid = owner === undefined ? currentProcess()?.pid : pidOf(owner)
    if (pid === undefined) throw new NoParentError('GenServer.monitor')
    return homeOf(pid).monitor(pid, pidOf(target))
  },
  demonitor: (ref, { system, ...options } = {}) => pickSystem({ system }).demonitor(ref, options),
  link: (a, b) => homeOf(pidOf(a)).link(pidOf(a), pidOf(b)),
  unlink: (a, b) => homeOf(pidOf(a)).unlink(pidOf(a), pidOf(b)),
  sendAfter,
  cancelTimer: (ref, options = {}) => pickSystem(options).cancelTimer(ref),
})

const pidOf = (target: Peer): Pid => (isPid(target) ? target : target.pid)

function systemOf(target: ProcessTarget): System {
  if (typeof target !== 'object' || 'via' in target) return pickSystem({})
  return homeOf(pidOf(target))
}

function call(
  target: GenServerRef<never, never> | NamedServer,
  message: unknown,
  options?: NamedCallOptions,
): Promise<never> {
  const made =
    typeof target === 'object' && 'pid' in target
      ? homeOf(target.pid).call(target.pid, undefined, message, options)
      : pickSystem(options ?? {}).call(target, undefined, message, options)
  return made as Promise<never>
}

function cast(
  target: GenServerRef<never, never> | NamedServer,
  message: unknown,
  options: { readonly system?: System } = {},
): boolean {
  if (typeof target === 'object' && 'pid' in target) {
    return homeOf(target.pid).cast(target.pid, undefined, message)
  }
  return pickSystem(options).cast(target, undefined, message)
}

function multiCall(
  targets: readonly MultiTarget[],
  request: unknown,
  ...rest: readonly unknown[]
): Promise<never> {
  const { name, input, options } = requestOf<MultiCallOptions>(request, rest)
  return callMany(targets, name, input, options) as Promise<never>
}

function abcast(
  targets: readonly MultiTarget[],
  request: unknown,
  ...rest: readonly unknown[]
): number {
  const { name, input, options } = requestOf<SendOptions>(request, rest)
  return castMany(targets, name, input, options)
}

function sendRequest(
  target: MultiTarget,
  request: unknown,
  ...rest: readonly unknown[]
): RequestId<never> {
  const { name, input, options } = requestOf<SendOptions>(request, rest)
  return sendTo(target, name, input, options) as RequestId<never>
}

/** `(name, [input], options)` of a contract, or `(message, options)`. */
function requestOf<O>(
  request: unknown,
  [second, third]: readonly unknown[],
): {
  readonly name: string | undefined
  readonly input: unknown
  readonly options: O | undefined
} {
  if (!Array.isArray(second)) return { name: undefined, input: request, options: second as O }
  if (typeof request !== 'string') throw new ArgumentError('name', 'the name of a call', request)
  return { name: request, input: second[0] as unknown, options: third as O }
}

function sendAfter(ref: GenServerRef<never, never>, message: unknown, delayMs: number): TimerRef {
  const home = homeOf(ref.pid)
  // The timer ends with the server, which only its own node sees; to say that it is dead would be a lie (NX-D25).
  if (ref.pid.node !== home.node) throw new ArgumentError('ref', 'a server of this node', ref.pid)
  const process = home.process(ref.pid)
  const fire = (): void => void home.cast(ref.pid, undefined, message)
  if (process === undefined) throw new NoProcessError(ref.pid, 'GenServer.sendAfter')
  return home.setTimer(process, delayMs, fire)
}

type AnyBehaviour = Behaviour<unknown, unknown, unknown>

/** One program per behaviour object, however many servers are started with it. */
const loops = new WeakMap<AnyBehaviour, ServerLoop>()

function loopOf(behaviour: AnyBehaviour): ServerLoop {
  const known = loops.get(behaviour)
  if (known !== undefined) return known
  const loop = new ServerLoop(new MessageModule(behaviour))
  loops.set(behaviour, loop)
  return loop
}

class MessageModule implements ServerModule {
  readonly label: string = 'gen_server'
  readonly info: ServerModule['info']
  readonly continue: ServerModule['continue']
  readonly terminate: ServerModule['terminate']
  readonly #behaviour: AnyBehaviour

  constructor(behaviour: AnyBehaviour) {
    this.#behaviour = behaviour
    const { handleInfo, handleContinue, terminate } = behaviour
    this.info =
      handleInfo === undefined
        ? undefined
        : (s, i, c) => behaviour.handleInfo?.(i, s, c as Ctx<never>)
    this.continue =
      handleContinue === undefined
        ? undefined
        : (s, t, c) => behaviour.handleContinue?.(t, s, c as Ctx<never>)
    this.terminate = terminate === undefined ? undefined : (r, s) => behaviour.terminate?.(r, s)
  }

  ref(pid: Pid): Ref<unknown> {
    return bareRef(pid)
  }

  init(_arg: unknown, ctx: ServerContext): unknown {
    const behaviour = this.#behaviour
    if (typeof behaviour.init !== 'function') throw new HandlerMissingError(this.label, 'init')
    return behaviour.init(ctx as Ctx<never>)
  }

  call(state: unknown, item: Call, ctx: ServerContext): unknown {
    if (item.name !== undefined) return refuseCall(item, this.label, false)
    const behaviour = this.#behaviour
    if (behaviour.handleCall === undefined) throw new HandlerMissingError(this.label, 'handleCall')
    return behaviour.handleCall(item.input, state, item, ctx as Ctx<never>)
  }

  cast(state: unknown, message: Message, ctx: ServerContext): unknown {
    const behaviour = this.#behaviour
    if (behaviour.handleCast === undefined) throw new HandlerMissingError(this.label, 'handleCast')
    return behaviour.handleCast(message.value, state, ctx as Ctx<never>)
  }

  shorthand(result: unknown, of: ResultOf): Reply<unknown, unknown> | NoReply<unknown> | undefined {
    if (result === undefined || isResult(result)) return undefined
    if (of !== 'call') return noreply(result)
    if (Array.isArray(result) && result.length === 2) return reply(result[0], result[1])
    return undefined
  }
}
