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
  ArgumentError,
  homeOf,
  isPid,
  numberOption,
  objectOption,
  resolveOptions,
  stringOption,
  type ExitReason,
  type MonitorRef,
  type OptionCheck,
  type Pid,
  type Via,
} from '../../runtime/index.ts'
import type { ChildSpec, Shutdown } from '../supervisor/child-spec.ts'
import { contract, type Contract, type Ref } from '../server/contract.ts'
import {
  addressOf,
  callTarget,
  parentPid,
  pickSystem,
  pidOption,
  serverChecks,
  signalOption,
  stopProcess,
  timeoutOption,
  type RequestOptions,
  type ServerOptions,
  type StopOptions,
} from '../server/gen.ts'
import type { EventHandlerKey } from './gen-event-errors.ts'
import type { AnyHandlerSource, EventHandler, EventSink, SwapSource } from './gen-event-handler.ts'
import { EventHandlers } from './gen-event-manager.ts'
import { childSpec, implementAs, type Maybe, type Server } from '../server/gen-server.ts'
import type { RestartType } from '../supervisor/restart-strategy.ts'
import { noreply, reply, type NoReply } from '../server/results.ts'
import { shape } from '../server/schema.ts'
import { processOf, type Ctx } from '../server/server-context.ts'
import type { ServerDoor } from '../server/server-debug.ts'

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
    deleteHandler(request: DeleteRequest): unknown
    swapHandler(request: SwapRequest): void
    callHandler(request: CallRequest): unknown
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

/** What `deleteHandler` sends. */
export interface DeleteRequest {
  readonly key: EventHandlerKey
  readonly arg: unknown
}

/** What `call` sends. */
export interface CallRequest {
  readonly key: EventHandlerKey
  readonly request: unknown
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
    addHandler: shape<AddRequest<unknown>>(
      '{ source, owner }',
      ({ source, owner }) => isSource(source) && isOwner(owner),
    ),
    deleteHandler: shape<DeleteRequest>('{ key, arg }', ({ key }) => isKey(key)),
    swapHandler: shape<SwapRequest>(
      '{ key, arg, to, owner }',
      ({ key, to, owner }) => isKey(key) && isSource(to) && isOwner(owner),
    ),
    callHandler: shape<CallRequest>('{ key, request }', ({ key }) => isKey(key)),
    whichHandlers: true,
  },
  cast: { notify: true },
})

function isKey(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { handler, id } = value as EventHandlerKey
  return typeof handler === 'string' && isId(id)
}

function isSource(value: unknown): boolean {
  return typeof value === 'object' && value !== null && isId((value as AnyHandlerSource).id)
}

const isId = (id: unknown): boolean => id === undefined || typeof id === 'string'
const isOwner = (owner: unknown): boolean => owner === undefined || isPid(owner)

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

const managerServer: Server<GenEventApi<unknown>, InitArg> = implementAs<
  GenEventApi<unknown>,
  InitArg,
  EventHandlers
>(
  GenEventContract,
  {
    init: ({ handlersMax }, ctx) => new EventHandlers(processOf(ctx), ctx.self, handlersMax),
    call: {
      syncNotify: (handlers, event) => {
        const wait = handlers.event(event)
        const done = reply(undefined, handlers)
        return wait === undefined ? done : wait.then(() => done)
      },
      addHandler: (handlers, { source, owner }, ctx) =>
        answer(handlers, ctx, handlers.add(source, owner)),
      deleteHandler: (handlers, { key, arg }, ctx) =>
        answer(handlers, ctx, handlers.delete(key, arg)),
      swapHandler: (handlers, { key, arg, to, owner }, ctx) =>
        answer(handlers, ctx, handlers.swap(key, arg, to, owner)),
      callHandler: (handlers, { key, request }, { from }) =>
        handlers.call(key, request, from).then(() => noreply(handlers)),
      whichHandlers: (handlers) =>
        reply(
          handlers.installed.map(({ key }) => key),
          handlers,
        ),
    },
    cast: { notify: (handlers, event) => follow(handlers, handlers.event(event)) },
    info: (handlers, info) => {
      if (info.type === 'exit' && handlers.isOwner(info.from)) {
        const gone = handlers.ownerEnded(info.from, info.reason)
        return gone.then(() => handlers.info(info)).then(() => noreply(handlers))
      }
      return follow(handlers, handlers.info(info))
    },
    terminate: (_reason, handlers) => handlers.stopAll(),
  },
  door,
)

function follow(
  handlers: EventHandlers,
  wait: void | Promise<void>,
): Maybe<NoReply<EventHandlers>> {
  return wait === undefined ? noreply(handlers) : wait.then(() => noreply(handlers))
}

/** The result, or the failure, is the caller's; the manager goes on. */
function answer<R>(
  handlers: EventHandlers,
  { from }: Ctx<R>,
  done: Promise<R>,
): Promise<NoReply<EventHandlers>> {
  return done.then(
    (value) => {
      from.reply(value)
      return noreply(handlers)
    },
    (error: unknown) => {
      from.fail(error)
      return noreply(handlers)
    },
  )
}

const defaults: GenEventOptions = Object.freeze({ handlersMax: 10_000 })
const { trapExit: _always, initTimeoutMs: _none, ...processChecks } = serverChecks
const checks: { readonly [K in keyof GenEventOptions]-?: OptionCheck } = {
  ...processChecks,
  handlersMax: numberOption(0, Number.MAX_SAFE_INTEGER),
}

const ownerOption: OptionCheck = {
  expected: 'a pid, or something with one',
  test: (v) => isPid(v) || (objectOption.test(v) && isPid((v as { pid?: unknown }).pid)),
}
const addChecks: { readonly [K in keyof AddHandlerOptions]-?: OptionCheck } = {
  id: stringOption,
  timeoutMs: timeoutOption,
  signal: signalOption,
  system: objectOption,
  from: pidOption,
}
const addSupChecks: { readonly [K in keyof AddSupHandlerOptions]-?: OptionCheck } = {
  ...addChecks,
  owner: ownerOption,
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
type Named = SwapFrom | EventHandlerKey | HandlerTarget<never, unknown> | { readonly name: string }

/** The key in any of the ways to name a handler. */
function keyOf(target: Named): EventHandlerKey {
  if (typeof target === 'object' && target !== null) {
    if ('name' in target) return { handler: target.name }
    const { handler, id } = target
    const name = typeof handler === 'string' ? handler : handler?.name
    if (name !== undefined) return id === undefined ? { handler: name } : { handler: name, id }
  }
  throw new ArgumentError('handler', 'a handler, or { handler, id }', target)
}

async function ask<R>(
  manager: Manager,
  name: keyof GenEventApi<unknown>['call'],
  input: unknown,
  options?: RequestOptions,
): Promise<R> {
  return (await callTarget(manager, name, input, { timeoutMs: Infinity, ...options })) as R
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

/** Who supervises a handler, and the options of the request. */
function supervised(
  where: string,
  given: AddSupHandlerOptions | undefined,
): { readonly owner: Pid; readonly options: AddHandlerOptions } {
  const { owner, ...options } = resolveOptions<AddSupHandlerOptions>(where, {}, addSupChecks, given)
  if (owner === undefined) return { owner: parentPid(where, 'owner'), options }
  return { owner: isPid(owner) ? owner : owner.pid, options }
}

/** How the process is started, and with what. */
function startOptions(given: GenEventOptions | undefined): [arg: InitArg, server: ServerOptions] {
  const { handlersMax, ...server } = resolveOptions('GenEvent.start', defaults, checks, given)
  return [{ handlersMax: handlersMax as number }, { ...server, trapExit: true }]
}

async function start<E>(given: GenEventOptions | undefined): Promise<GenEventRef<E>> {
  return (await managerServer.start(...startOptions(given))) as GenEventRef<E>
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
  startMonitor: async <E>(options?: GenEventOptions) => {
    const { ref, monitor } = await managerServer.startMonitor(...startOptions(options))
    return { ref: ref as GenEventRef<E>, monitor }
  },
  child: <E>(
    options?: Omit<GenEventOptions, 'system' | 'parent' | 'link' | 'monitor'>,
    { id = 'gen_event', ...rest }: GenEventChildOptions = {},
  ) =>
    childSpec<GenEventRef<E>>(id, rest, ({ system, parent }) =>
      start<E>({ ...options, system, parent, link: true }),
    ),
  stop: (manager, reason, options) => stopProcess(manager, reason, options),
  addHandler: async (manager, handler, ...[arg, options]) => {
    const checked = resolveOptions<AddHandlerOptions>('GenEvent.addHandler', {}, addChecks, options)
    await add(manager, handler, arg, undefined, checked)
  },
  addSupHandler: async (manager, handler, ...[arg, given]) => {
    const { owner, options } = supervised('GenEvent.addSupHandler', given)
    await add(manager, handler, arg, owner, options)
  },
  deleteHandler: async (manager, handler, arg, options) =>
    await ask(manager, 'deleteHandler', { key: keyOf(handler), arg }, options),
  swapHandler: async (manager, from, to, options) =>
    await ask(manager, 'swapHandler', swapRequest(from, to, undefined), options),
  swapSupHandler: async (manager, from, to, given) => {
    const { owner, options } = supervised('GenEvent.swapSupHandler', given)
    await ask(manager, 'swapHandler', swapRequest(from, to, owner), options)
  },
  notify: (manager: Manager, event, { system } = {}) => {
    const to = addressOf(manager)
    return (isPid(to) ? homeOf(to) : pickSystem({ system })).cast(to, 'notify', event)
  },
  syncNotify: (manager, event, options) => ask(manager, 'syncNotify', event, options),
  call: callHandler,
  whichHandlers: (manager, options) => ask(manager, 'whichHandlers', undefined, options),
})

function swapRequest(from: SwapFrom, to: object, owner: Pid | undefined): SwapRequest {
  if (!objectOption.test(to)) throw new ArgumentError('to', '{ handler, arg, id }', to)
  return { key: keyOf(from), arg: from.arg, to: to as AnyHandlerSource, owner }
}

async function callHandler(
  manager: Manager,
  handler: HandlerTarget<never, unknown> | EventHandlerKey,
  request: unknown,
  options?: RequestOptions,
): Promise<never> {
  const input = { key: keyOf(handler), request }
  return (await callTarget(manager, 'callHandler', input, options)) as never
}
