/**
 * Event managers: a process that gives every event to any number of handlers, which come and go while it
 * runs. Notifying does not wait, and a handler that fails takes nobody along.
 *
 *     notify -> mailbox -> newest handler, ..., oldest handler       (one after another, also async ones)
 *
 * Follows gen_event.erl (OTP 25): order newest first, supervised handlers, swap, `gen_event_EXIT` to the
 * owner, manager traps exits and ends with its parent. Differs: a second handler of the same name and id
 * is refused; a link to an owner that owns no handler any more is taken back; a call that a handler does
 * not know does not remove it.
 */
import {
  homeOf,
  isPid,
  numberOption,
  optional,
  resolveOptions,
  ArgumentError,
  type Call,
  type ExitReason,
  type Message,
  type MonitorRef,
  type OptionCheck,
  type Pid,
  type Process,
  type Program,
  type Via,
} from '../runtime/index.ts'
import type { ChildSpec, Shutdown } from './child-spec.ts'
import { contract, type Contract, type Ref } from './contract.ts'
import { CallInputError } from './errors.ts'
import {
  callTarget,
  parentPid,
  pickSystem,
  startProcess,
  stopProcess,
  type RequestOptions,
  type ServerOptions,
  type StopOptions,
} from './gen.ts'
import type { EventHandlerKey } from './gen-event-errors.ts'
import type { AnyHandlerSource, EventHandler, EventSink, SwapSource } from './gen-event-handler.ts'
import { EventHandlers } from './gen-event-manager.ts'
import { childSpec } from './gen-server.ts'
import type { RestartType } from './restart-strategy.ts'
import { noreply, reply } from './results.ts'
import type { Info, ServerContext } from './server-context.ts'
import type { ServerDoor } from './server-debug.ts'
import { refuseCall, REFUSED, ServerLoop, type ServerModule } from './server-loop.ts'

/** How an event manager is started: as a server, and with a limit. It always traps exits. */
export interface GenEventOptions extends Omit<ServerOptions, 'trapExit' | 'initTimeoutMs'> {
  /**
   * Handlers at most; default 10,000. Every event goes through all of them, so each costs time with each
   * event; raise it only for handlers that do little. `ERR_EVENT_HANDLERS_MAX`.
   */
  readonly handlersMax?: number | undefined
}

/** How a handler is added. */
export interface AddHandlerOptions extends RequestOptions {
  /** Tells several handlers of one kind apart. */
  readonly id?: string | undefined
}

/** How a supervised handler is added. */
export interface AddSupHandlerOptions extends AddHandlerOptions {
  /** Who supervises it; default the running process. */
  readonly owner?: Pid | { readonly pid: Pid } | undefined
}

/** A handler to be replaced, and what its `terminate` gets. */
export interface SwapFrom {
  readonly handler: string | { readonly name: string }
  readonly id?: string | undefined
  readonly arg?: unknown
}

/** The protocol of event managers. Adding handlers works only from inside the same program. */
export interface GenEventApi<E> extends EventSink<E> {
  call: {
    syncNotify: (event: E) => void
    addHandler: (request: AddRequest<E>) => void
    deleteHandler(request: { readonly key: EventHandlerKey; readonly arg: unknown }): unknown
    swapHandler(request: SwapRequest): void
    callHandler(request: { readonly key: EventHandlerKey; readonly request: unknown }): unknown
    whichHandlers(): readonly EventHandlerKey[]
  }
}

/** What `addHandler` sends. */
export interface AddRequest<E> {
  readonly source: {
    readonly handler: EventHandler<E, never, never>
    readonly arg: unknown
    readonly id?: string | undefined
  }
  readonly owner: Pid | undefined
}

/** What `swapHandler` sends. */
export interface SwapRequest {
  readonly key: EventHandlerKey
  readonly arg: unknown
  readonly to: AnyHandlerSource
  readonly owner: Pid | undefined
}

/** A running event manager of events `E`. */
export type GenEventRef<E> = Ref<GenEventApi<E>>

/** A manager whose events are not known to the compiler. */
export type NamedManager = Pid | string | { readonly via: Via }

/** A handler as `call` and `deleteHandler` name it: its definition, or its name and id. */
export type HandlerTarget<Q, R> =
  | EventHandler<never, never, Q, R>
  | { readonly handler: EventHandler<never, never, Q, R>; readonly id?: string | undefined }

/**
 * The contract of event managers, for refs from pids.
 *
 * @example
 * const manager = await GenEvent.start<string>()
 * const ref = GenEventContract.at(manager.pid)
 * assert.deepEqual(await ref.call.whichHandlers(), [])
 * await GenEvent.stop(manager)
 */
export const GenEventContract: Contract<GenEventApi<unknown>> = contract('fovea.gen_event/1', {
  call: {
    syncNotify: true,
    addHandler: true,
    deleteHandler: true,
    swapHandler: true,
    callHandler: true,
    whichHandlers: true,
  },
  cast: { notify: true },
})

interface InitArg {
  readonly handlersMax: number
}

/** A handler and its state, as `sys` shows it. */
export interface HandlerState extends EventHandlerKey {
  readonly state: unknown
}

const door: ServerDoor = {
  behaviour: 'gen_event',
  view: ({ installed }: EventHandlers): readonly HandlerState[] =>
    installed.map(({ key, state }) => ({ ...key, state })),
  replace: (handlers: EventHandlers, given) => {
    const states = given as readonly HandlerState[]
    const { installed } = handlers
    const same =
      Array.isArray(given) &&
      states.length === installed.length &&
      installed.every(({ key }, i) => {
        const { handler, id } = states[i] as HandlerState
        return handler === key.handler && id === key.id
      })
    if (!same) throw new ArgumentError('state', 'the list of getState, with other states', given)
    for (const [i, handler] of installed.entries()) handler.state = states[i]?.state
    return handlers
  },
  status: ({ installed, crashed, refused }: EventHandlers) => ({
    handlers: installed.length,
    crashed,
    refused,
  }),
}

/** What comes from outside must not crash the manager: these read fields of their input. */
const NEEDS_OBJECT: ReadonlySet<string | undefined> = new Set([
  'addHandler',
  'deleteHandler',
  'swapHandler',
  'callHandler',
])

class ManagerModule implements ServerModule {
  readonly label: string = 'gen_event'
  readonly door: ServerDoor = door
  readonly continue: undefined = undefined
  readonly shorthand: undefined = undefined

  ref(pid: Pid): Ref<unknown> {
    return GenEventContract.at(pid)
  }

  init({ handlersMax }: InitArg, { process }: ServerContext): EventHandlers {
    return new EventHandlers(process, GenEventContract.at(process.pid), handlersMax)
  }

  call(state: unknown, call: Call, _ctx: ServerContext): unknown {
    const handlers = state as EventHandlers
    if (NEEDS_OBJECT.has(call.name) && (typeof call.input !== 'object' || call.input === null)) {
      call.fail(new CallInputError(GenEventContract.name, String(call.name), ['not an object']))
      return REFUSED
    }
    switch (call.name as keyof GenEventApi<unknown>['call']) {
      case 'syncNotify': {
        const wait = handlers.event(call.input)
        return wait === undefined
          ? reply(undefined, handlers)
          : wait.then(() => reply(undefined, handlers))
      }
      case 'whichHandlers':
        return reply(
          handlers.installed.map(({ key }) => key),
          handlers,
        )
      case 'addHandler': {
        const { source, owner } = call.input as AddRequest<never>
        return answer(handlers, call, handlers.add(source, owner))
      }
      case 'deleteHandler': {
        const { key, arg } = call.input as { key: EventHandlerKey; arg: unknown }
        return answer(handlers, call, handlers.delete(key, arg))
      }
      case 'swapHandler': {
        const { key, arg, to, owner } = call.input as SwapRequest
        return answer(handlers, call, handlers.swap(key, arg, to, owner))
      }
      case 'callHandler': {
        const { key, request } = call.input as { key: EventHandlerKey; request: unknown }
        return handlers.call(key, request, call).then(() => noreply(handlers))
      }
      default:
        return refuseCall(call, GenEventContract.name, call.name === 'notify')
    }
  }

  cast(state: unknown, message: Message, ctx: ServerContext): unknown {
    const handlers = state as EventHandlers
    if (message.name !== 'notify') {
      ctx.system.logger.warn({ label: this.label, cast: message.name }, 'cast refused')
      return REFUSED
    }
    return follow(handlers, handlers.event(message.value))
  }

  readonly info = (state: unknown, info: Info): unknown => {
    const handlers = state as EventHandlers
    if (info.type === 'exit' && handlers.isOwner(info.from)) {
      const gone = handlers.ownerEnded(info.from, info.reason)
      return gone.then(() => handlers.info(info)).then(() => noreply(handlers))
    }
    return follow(handlers, handlers.info(info))
  }

  readonly terminate = (_reason: ExitReason, state: unknown): Promise<void> =>
    (state as EventHandlers).stopAll()
}

function follow(handlers: EventHandlers, wait: void | Promise<void>): unknown {
  return wait === undefined ? noreply(handlers) : wait.then(() => noreply(handlers))
}

/** The result, or the failure, is the caller's; the manager goes on. */
function answer(handlers: EventHandlers, call: Call, done: Promise<unknown>): Promise<unknown> {
  return done.then(
    (value) => reply(value, handlers),
    (error: unknown) => {
      call.fail(error)
      return noreply(handlers)
    },
  )
}

const program: Program = new ServerLoop(new ManagerModule())

const defaults: { readonly handlersMax?: number } = Object.freeze({ handlersMax: 10_000 })
const checks: { readonly handlersMax: OptionCheck } = {
  handlersMax: optional(numberOption(0, Number.MAX_SAFE_INTEGER)),
}

/** How a manager is a child; see `ChildSpec` for each field. */
export interface GenEventChildOptions {
  /** Default `'gen_event'`. */
  readonly id?: string | undefined
  /** Default `permanent`. */
  readonly restart?: RestartType | undefined
  /** Default 5000 ms, in which all handlers' `terminate` must be done. */
  readonly shutdown?: Shutdown | undefined
  /** Default false. */
  readonly significant?: boolean | undefined
}

/** The argument of `init`, which may be left out if it takes none, then options. */
export type HandlerArgs<A, O> = void extends A
  ? [arg?: A | undefined, options?: O]
  : [arg: A, options?: O]

/** The functions of {@link GenEvent}. As in OTP, all but `call` wait without limit by default. */
export interface GenEventFunctions {
  /** Starts a manager without handlers. Name the type of its events: `GenEvent.start<LogEvent>()`. */
  start<E = unknown>(options?: GenEventOptions): Promise<GenEventRef<E>>
  /** As `start`, linked to `options.parent` or else the running process. */
  startLink<E = unknown>(options?: GenEventOptions): Promise<GenEventRef<E>>
  /** As `start`, monitored by `options.monitor` or else the running process. */
  startMonitor<E = unknown>(
    options?: GenEventOptions,
  ): Promise<{ readonly ref: GenEventRef<E>; readonly monitor: MonitorRef }>
  /** A child specification of a manager; a restarted one has no handlers. */
  child<E = unknown>(
    options?: Omit<GenEventOptions, 'system' | 'parent' | 'link' | 'monitor'>,
    child?: GenEventChildOptions,
  ): ChildSpec<GenEventRef<E>>
  /** Ends the manager after what is queued; every handler's `terminate` gets `'stop'`. */
  stop(
    manager: NamedManager | { readonly pid: Pid },
    reason?: ExitReason,
    options?: StopOptions,
  ): Promise<void>
  /** Installs a handler; resolves when its `init` is done. */
  addHandler<E, A>(
    manager: GenEventRef<E> | NamedManager,
    handler: EventHandler<E, A, never>,
    ...rest: HandlerArgs<A, AddHandlerOptions>
  ): Promise<void>
  /**
   * Installs a handler that is supervised by the calling process, which gets an `EventHandlerExit` message
   * when the handler goes. When the process ends, so does the handler. The two are linked.
   */
  addSupHandler<E, A>(
    manager: GenEventRef<E> | NamedManager,
    handler: EventHandler<E, A, never>,
    ...rest: HandlerArgs<A, AddSupHandlerOptions>
  ): Promise<void>
  /** Removes a handler; gives what its `terminate(arg)` returned. */
  deleteHandler(
    manager: { readonly pid: Pid } | NamedManager,
    handler: HandlerTarget<never, unknown> | EventHandlerKey,
    arg?: unknown,
    options?: RequestOptions,
  ): Promise<unknown>
  /**
   * Replaces a handler. The old one's `terminate` gets `from.arg`; the new one's `init` gets
   * `[to.arg, what that returned]`, or `[to.arg, 'error']` if there was no old one. It keeps the owner.
   */
  swapHandler<E, A>(
    manager: GenEventRef<E> | NamedManager,
    from: SwapFrom,
    to: SwapSource<E, A>,
    options?: RequestOptions,
  ): Promise<void>
  /** As `swapHandler`; the new handler is supervised as by `addSupHandler`. */
  swapSupHandler<E, A>(
    manager: GenEventRef<E> | NamedManager,
    from: SwapFrom,
    to: SwapSource<E, A>,
    options?: Omit<AddSupHandlerOptions, 'id'>,
  ): Promise<void>
  /** Gives an event to the handlers and does not wait; false when it was refused on this side. */
  notify<E>(
    manager: GenEventRef<E> | NamedManager,
    event: NoInfer<E>,
    options?: Pick<RequestOptions, 'system'>,
  ): boolean
  /** Gives an event to the handlers; resolves when all have handled it. */
  syncNotify<E>(
    manager: GenEventRef<E> | NamedManager,
    event: NoInfer<E>,
    options?: RequestOptions,
  ): Promise<void>
  /** Asks one handler. Waits the system's `callTimeoutMs` by default. */
  call<Q, R>(
    manager: { readonly pid: Pid } | NamedManager,
    handler: HandlerTarget<Q, R>,
    request: NoInfer<Q>,
    options?: RequestOptions,
  ): Promise<R>
  /** Asks one handler known by name only. */
  call(
    manager: { readonly pid: Pid } | NamedManager,
    handler: EventHandlerKey,
    request: unknown,
    options?: RequestOptions,
  ): Promise<unknown>
  /** The handlers, newest first. */
  whichHandlers(
    manager: { readonly pid: Pid } | NamedManager,
    options?: RequestOptions,
  ): Promise<readonly EventHandlerKey[]>
}

type Manager = { readonly pid: Pid } | NamedManager

const pidOf = (owner: Pid | { readonly pid: Pid }): Pid => (isPid(owner) ? owner : owner.pid)

/** The key in any of the ways to name a handler. */
function keyOf(
  target: { readonly name: string } | SwapFrom | EventHandlerKey | HandlerTarget<never, unknown>,
): EventHandlerKey {
  if ('name' in target) return { handler: target.name }
  const { handler, id } = target
  const name = typeof handler === 'string' ? handler : handler.name
  return id === undefined ? { handler: name } : { handler: name, id }
}

function ask<R>(
  manager: Manager,
  name: keyof GenEventApi<unknown>['call'],
  input: unknown,
  options?: RequestOptions,
): Promise<R> {
  return callTarget(manager, name, input, { timeoutMs: Infinity, ...options }) as Promise<R>
}

function add(
  manager: Manager,
  handler: { readonly name: string },
  arg: unknown,
  owner: Pid | undefined,
  { id, ...options }: AddHandlerOptions,
): Promise<void> {
  return ask(manager, 'addHandler', { source: { handler, arg, id }, owner }, options)
}

async function start<E>(
  given: GenEventOptions = {},
  onStarted?: (process: Process) => void,
): Promise<GenEventRef<E>> {
  const { handlersMax, ...server } = given
  const arg = resolveOptions('GenEvent.start', defaults, checks, { handlersMax })
  const { pid } = await startProcess<GenEventRef<unknown>>(
    program,
    arg,
    { ...server, trapExit: true },
    onStarted,
  )
  return GenEventContract.at(pid) as GenEventRef<E>
}

/**
 * Event managers.
 *
 * @example
 * const seen: string[] = []
 * const Log = defineEventHandler({
 *   name: 'log',
 *   init: (prefix: string) => prefix,
 *   event: (prefix, line: string) => {
 *     seen.push(prefix + line)
 *     return ok(prefix)
 *   },
 * })
 * const manager = await GenEvent.start<string>()
 * await GenEvent.addHandler(manager, Log, 'a: ', { id: 'a' })
 * await GenEvent.addHandler(manager, Log, 'b: ', { id: 'b' })
 * await GenEvent.syncNotify(manager, 'started')
 * assert.deepEqual(seen, ['b: started', 'a: started'])
 * await GenEvent.stop(manager)
 */
export const GenEvent: GenEventFunctions = Object.freeze<GenEventFunctions>({
  start: (options) => start(options),
  startLink: (options) => start({ ...options, link: true }),
  startMonitor: async <E>(options: GenEventOptions = {}) => {
    const monitor = options.monitor ?? parentPid('gen_event')
    let made: MonitorRef | undefined
    const ref = await start<E>({ ...options, monitor }, (process) => {
      made = process.monitorRef
    })
    return { ref, monitor: made as MonitorRef }
  },
  child: <E>(
    options?: Omit<GenEventOptions, 'system' | 'parent' | 'link' | 'monitor'>,
    { id = 'gen_event', ...rest }: GenEventChildOptions = {},
  ) =>
    childSpec<GenEventRef<E>>(id, rest, ({ system, parent }) =>
      start<E>({ ...options, system, parent, link: true }),
    ),
  stop: (manager, reason, options) => stopProcess(manager, reason, options),
  addHandler: (manager, handler, ...[arg, options = {}]) =>
    add(manager, handler, arg, undefined, options),
  addSupHandler: async (manager, handler, ...[arg, { owner, ...options } = {}]) => {
    const pid = owner === undefined ? parentPid('addSupHandler') : pidOf(owner)
    return await add(manager, handler, arg, pid, options)
  },
  deleteHandler: (manager, handler, arg, options) =>
    ask(manager, 'deleteHandler', { key: keyOf(handler), arg }, options),
  swapHandler: (manager, from, to, options) =>
    ask(manager, 'swapHandler', swapRequest(from, to, undefined), options),
  swapSupHandler: async (manager, from, to, { owner, ...options } = {}) => {
    const pid = owner === undefined ? parentPid('swapSupHandler') : pidOf(owner)
    return await ask(manager, 'swapHandler', swapRequest(from, to, pid), options)
  },
  notify: (manager: Manager, event, { system } = {}) => {
    if (isPid(manager)) return homeOf(manager).cast(manager, 'notify', event)
    if (typeof manager === 'object' && 'pid' in manager) {
      return homeOf(manager.pid).cast(manager.pid, 'notify', event)
    }
    return pickSystem({ system }).cast(manager, 'notify', event)
  },
  syncNotify: (manager, event, options) => ask(manager, 'syncNotify', event, options),
  call: callHandler,
  whichHandlers: (manager, options) => ask(manager, 'whichHandlers', undefined, options),
})

function swapRequest(from: SwapFrom, to: object, owner: Pid | undefined): SwapRequest {
  return { key: keyOf(from), arg: from.arg, to: to as AnyHandlerSource, owner }
}

function callHandler(
  manager: Manager,
  handler: HandlerTarget<never, unknown> | EventHandlerKey,
  request: unknown,
  options?: RequestOptions,
): Promise<never> {
  return callTarget(
    manager,
    'callHandler',
    { key: keyOf(handler), request },
    options,
  ) as Promise<never>
}
