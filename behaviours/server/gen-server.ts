/**
 * Servers that implement a contract: `implement(contract, { init, call, cast, info, ... })`.
 *
 * The door: an unknown name, a cast that is called, or an input that its schema refuses is answered
 * with `ERR_CALL_UNKNOWN` or `ERR_CALL_INPUT`, and the server does not notice (architecture 4). For
 * casts nobody waits, so the refusal is a warning in the log. A crash is what the server's own code does.
 *
 * Differs from gen_server on purpose: a throw is always a crash, never a return value (G-15, G-32);
 * an unknown call does not crash the server (G-35; the message shape in message-server.ts does).
 */
import {
  ArgumentError,
  formatPid,
  type Call,
  type ExitReason,
  type Message,
  type MonitorRef,
  type Pid,
  type Process,
  type Program,
} from '../../runtime/index.ts'
import type { ChildSpec, Shutdown } from '../supervisor/child-spec.ts'
import { isContract } from './contract.ts'
import type { CallsOf, CastsOf, Contract, InputOf, OutputOf, Ref } from './contract.ts'
import { CallInputError, ContractError, HandlerMissingError } from './server-errors.ts'
import { parentPid, startProcess, type ServerOptions } from './gen.ts'
import type { RestartType } from '../supervisor/restart-strategy.ts'
import type { Ignore, NoReply, Ok, Reply, Stop } from './results.ts'
import { checkInput, type CheckedInput, type StandardSchema } from './schema.ts'
import type { Ctx, Info, ServerContext } from './server-context.ts'
import type { ServerDoor } from './server-debug.ts'
import { REFUSED, refuseCall, ServerLoop, type ServerModule } from './server-loop.ts'

/** A value now or later. */
export type Maybe<T> = T | Promise<T>

/** What `init` may return: a bare state, or a result. */
export type InitResult<S> = S | Ok<S> | Ignore | Stop<never>

/** What every kind of server may have besides its calls and casts. */
export interface Common<S, P> {
  /** Messages, EXIT, DOWN, timeouts. Without it they are dropped with a warning (G-39). */
  info?(state: S, info: Info, ctx: Ctx<never, P>): Maybe<NoReply<S> | Stop<S>>
  /** Runs before the next message when a result asked for it (G-05). Without it that is a crash. */
  continue?(state: S, token: unknown, ctx: Ctx<never, P>): Maybe<NoReply<S> | Stop<S>>
  /** Runs before a death that the server causes itself; see the README for when it does not. */
  terminate?(reason: ExitReason, state: S): Maybe<void>
}

/** The implementation of a contract. */
export interface Impl<P, A, S> extends Common<S, P> {
  init: (arg: A, ctx: Ctx<never, P>) => Maybe<InitResult<S>>
  call: {
    [K in keyof CallsOf<P>]: (
      state: S,
      input: InputOf<CallsOf<P>[K]>,
      ctx: Ctx<OutputOf<CallsOf<P>[K]>, P>,
    ) => Maybe<Reply<OutputOf<CallsOf<P>[K]>, S> | NoReply<S> | Stop<S, OutputOf<CallsOf<P>[K]>>>
  }
  cast: {
    [K in keyof CastsOf<P>]: (
      state: S,
      input: InputOf<CastsOf<P>[K]>,
      ctx: Ctx<never, P>,
    ) => Maybe<NoReply<S> | Stop<S>>
  }
}

/** How a server is a child; see `ChildSpec` for each field. */
export interface ChildOptions {
  /** Default: the contract's name. */
  readonly id?: string | undefined
  readonly restart?: RestartType | undefined
  readonly shutdown?: Shutdown | undefined
  readonly significant?: boolean | undefined
  /** Start options of every start and restart, such as `name` and `trapExit`. */
  readonly options?: Omit<ServerOptions, 'system' | 'parent' | 'link' | 'monitor'> | undefined
}

/** A kind of server that can be started. */
export interface Server<P, A = void> {
  readonly contract: Contract<P>
  /**
   * Resolves when `init` is done. Rejects with `ERR_INIT_FAILED` (`reason` says why), `ERR_INIT_TIMEOUT`, `ERR_START_IGNORED`,
   * `ERR_ALREADY_STARTED` for a name that is taken, `ERR_OPTION_*`.
   */
  start(arg: A, options?: ServerOptions): Promise<Ref<P>>
  /** As `start`, linked to `options.parent` or else the running process. */
  startLink(arg: A, options?: ServerOptions): Promise<Ref<P>>
  /** As `start`, monitored by `options.monitor` or else the running process (G-56). */
  startMonitor(
    arg: A,
    options?: ServerOptions,
  ): Promise<{ readonly ref: Ref<P>; readonly monitor: MonitorRef }>
  /** A child specification; restarts begin again with `arg` (U-61). */
  child(arg: A, options?: ChildOptions): ChildSpec<Ref<P>>
}

/**
 * Gives a contract its behaviour.
 *
 * @example
 * interface CounterApi {
 *   call: { add(by: number): number }
 *   cast: { reset(): void }
 * }
 * const CounterContract: Contract<CounterApi> = contract('counter/1', {
 *   call: { add: true },
 *   cast: { reset: true },
 * })
 * const Counter: Server<CounterApi, number> = implement(CounterContract, {
 *   init: (start: number) => start,
 *   call: { add: (n, by) => reply(n + by, n + by) },
 *   cast: { reset: () => noreply(0) },
 * })
 * const counter = await Counter.start(10)
 * assert.equal(await counter.call.add(5), 15)
 * await GenServer.stop(counter)
 */
export function implement<P, A, S>(contract: Contract<P>, impl: Impl<P, A, S>): Server<P, A> {
  return new ProgramServer<P, A>(
    contract,
    loopOf(contract as Contract<never>, impl as unknown as AnyImpl),
  )
}

/** {@link implement} for a behaviour that is built on servers, with what `sys` shows of it. */
export function implementAs<P, A, S>(
  contract: Contract<P>,
  impl: Impl<P, A, S>,
  door: ServerDoor,
): Server<P, A> {
  return new ProgramServer<P, A>(
    contract,
    loopOf(contract as Contract<never>, impl as unknown as AnyImpl, door),
  )
}

/** An implementation with its types forgotten, as the loop runs it. */
export type AnyHandler = (state: unknown, input: unknown, ctx: Ctx<never, never>) => unknown

/** See {@link AnyHandler}. */
export interface AnyImpl {
  readonly init: (arg: unknown, ctx: Ctx<never, never>) => unknown
  readonly call: Readonly<Record<string, AnyHandler>>
  readonly cast: Readonly<Record<string, AnyHandler>>
  readonly info?: (state: unknown, info: Info, ctx: Ctx<never, never>) => unknown
  readonly continue?: (state: unknown, token: unknown, ctx: Ctx<never, never>) => unknown
  readonly terminate?: (reason: ExitReason, state: unknown) => unknown
}

function loopOf(declared: Contract<never>, impl: AnyImpl, door?: ServerDoor): ServerLoop {
  if (!isContract(declared)) {
    throw new ArgumentError('contract', 'a contract, as contract() gives it', declared)
  }
  if (typeof impl !== 'object' || impl === null) {
    throw new ArgumentError('impl', 'an object of handlers', impl)
  }
  return new ServerLoop(new ContractModule(declared as Contract<unknown>, impl, door))
}

/** Starts a program that acknowledges its start through `Starting`, for the callers of a contract. */
export class ProgramServer<P, A> implements Server<P, A> {
  readonly contract: Contract<P>
  readonly #program: Program

  constructor(declared: Contract<P>, program: Program) {
    this.contract = declared
    this.#program = program
  }

  start(arg: A, options?: ServerOptions): Promise<Ref<P>> {
    return startProcess<Ref<P>>(this.#program, arg, options)
  }

  startLink(arg: A, options?: ServerOptions): Promise<Ref<P>> {
    return startProcess<Ref<P>>(this.#program, arg, { ...options, link: true })
  }

  async startMonitor(
    arg: A,
    options?: ServerOptions,
  ): Promise<{ readonly ref: Ref<P>; readonly monitor: MonitorRef }> {
    const monitor = options?.monitor ?? parentPid(this.#program.label, 'monitor')
    let made: MonitorRef | undefined
    const ref = await startProcess<Ref<P>>(
      this.#program,
      arg,
      { ...options, monitor },
      (process: Process) => {
        made = process.monitorRef
      },
    )
    return { ref, monitor: made as MonitorRef }
  }

  child(arg: A, given: ChildOptions = {}): ChildSpec<Ref<P>> {
    const { id = this.contract.name, options, ...rest } = given
    return childSpec(id, rest, ({ system, parent }) =>
      this.start(arg, { ...options, system, parent, link: true }),
    )
  }
}

/**
 * A specification without fields that were given as `undefined`. How long its start may take is what
 * `initTimeoutMs` of the server says.
 */
export function childSpec<R extends { readonly pid: Pid }>(
  id: string,
  given: Omit<ChildOptions, 'id' | 'options'>,
  start: ChildSpec<R>['start'],
): ChildSpec<R> {
  const fields = Object.entries(given).filter(([, value]) => value !== undefined)
  return {
    ...(Object.fromEntries(fields) as Partial<ChildSpec<R>>),
    id,
    start,
    startTimeoutMs: Infinity,
  }
}

/** A handler and the schema of its input, if the contract has one. */
interface Slot {
  readonly handler: AnyHandler
  readonly schema: StandardSchema | undefined
}

class ContractModule implements ServerModule {
  readonly label: string
  readonly info: ServerModule['info']
  readonly continue: ServerModule['continue']
  readonly terminate: ServerModule['terminate']
  readonly shorthand: undefined = undefined
  readonly door: ServerDoor | undefined
  readonly #contract: Contract<unknown>
  readonly #impl: AnyImpl
  readonly #calls: Slots
  readonly #casts: Slots

  constructor(declared: Contract<unknown>, impl: AnyImpl, door: ServerDoor | undefined) {
    this.label = door === undefined ? `gen_server ${declared.name}` : door.behaviour
    this.door = door
    this.#contract = declared
    this.#impl = impl
    this.#calls = new Slots(this.label, 'call', declared.names.call, impl.call)
    this.#casts = new Slots(this.label, 'cast', declared.names.cast, impl.cast)
    this.info = impl.info === undefined ? undefined : (s, i, c) => impl.info?.(s, i, c)
    this.continue = impl.continue === undefined ? undefined : (s, t, c) => impl.continue?.(s, t, c)
    this.terminate = impl.terminate === undefined ? undefined : (r, s) => impl.terminate?.(r, s)
  }

  ref(pid: Pid): Ref<unknown> {
    return this.#contract.at(pid)
  }

  init(arg: unknown, ctx: ServerContext): unknown {
    if (typeof this.#impl.init !== 'function') throw new HandlerMissingError(this.label, 'init')
    return this.#impl.init(arg, ctx as Ctx<never, never>)
  }

  call(state: unknown, call: Call, ctx: ServerContext): unknown {
    const slot = this.#calls.get(call.name)
    if (slot === undefined) {
      return refuseCall(call, this.#contract.name, this.#casts.has(call.name))
    }
    if (slot.schema === undefined) return slot.handler(state, call.input, ctx as Ctx<never, never>)
    return this.#callChecked(slot, slot.schema, state, call, ctx)
  }

  // Apart from `call`, because a function with a closure in it pays for the closure's variables each time.
  #callChecked(
    { handler }: Slot,
    schema: StandardSchema,
    state: unknown,
    call: Call,
    ctx: ServerContext,
  ): unknown {
    const admit = (checked: CheckedInput): unknown => {
      if (checked.ok) return handler(state, checked.value, ctx as Ctx<never, never>)
      call.fail(new CallInputError(this.#contract.name, String(call.name), checked.issues))
      return REFUSED
    }
    return whenChecked(checkInput(schema, call.input), admit)
  }

  cast(state: unknown, message: Message, ctx: ServerContext): unknown {
    const slot = this.#casts.get(message.name)
    if (slot === undefined) return this.#refuseCast(message, ctx, ['no such cast'])
    if (slot.schema === undefined) {
      return slot.handler(state, message.value, ctx as Ctx<never, never>)
    }
    return this.#castChecked(slot, slot.schema, state, message, ctx)
  }

  #castChecked(
    { handler }: Slot,
    schema: StandardSchema,
    state: unknown,
    message: Message,
    ctx: ServerContext,
  ): unknown {
    const admit = (checked: CheckedInput): unknown =>
      checked.ok
        ? handler(state, checked.value, ctx as Ctx<never, never>)
        : this.#refuseCast(message, ctx, checked.issues)
    return whenChecked(checkInput(schema, message.value), admit)
  }

  #refuseCast(message: Message, ctx: ServerContext, issues: readonly string[]): typeof REFUSED {
    ctx.system.logger.warn(
      { process: formatPid(ctx.process.pid), label: this.label, cast: message.name, issues },
      'cast refused',
    )
    return REFUSED
  }
}

function whenChecked(
  checked: CheckedInput | Promise<CheckedInput>,
  admit: (checked: CheckedInput) => unknown,
): unknown {
  return checked instanceof Promise ? checked.then(admit) : admit(checked)
}

/** The calls or casts of one module by name. */
class Slots {
  readonly #byName = new Map<string | undefined, Slot>()
  // Messages of one name come in runs; the last one is found again without a look-up.
  #lastName: string | undefined = undefined
  #last: Slot | undefined = undefined

  /** Names and handlers must match: a handler without a name could never be reached. */
  constructor(
    label: string,
    kind: 'call' | 'cast',
    names: object,
    handlers: Readonly<Record<string, AnyHandler>> = {},
  ) {
    for (const [name, slot] of Object.entries(names)) {
      const handler = Object.hasOwn(handlers, name) ? handlers[name] : undefined
      if (typeof handler !== 'function') throw new HandlerMissingError(label, `${kind} '${name}'`)
      const schema = slot === true ? undefined : (slot as StandardSchema)
      this.#byName.set(name, { handler, schema })
    }
    for (const name of Object.keys(handlers)) {
      if (!this.has(name)) throw new ContractError(label, `has no ${kind} '${name}'`)
    }
  }

  has(name: string | undefined): boolean {
    return this.#byName.has(name)
  }

  get(name: string | undefined): Slot | undefined {
    if (name === this.#lastName) return this.#last
    this.#lastName = name
    return (this.#last = this.#byName.get(name))
  }
}
