/**
 * The handlers of one event manager, and what is done with them: install, deliver, swap, remove. One
 * thing at a time: whoever calls these waits for the result before the next message (server-loop.ts).
 *
 *     a callback gave    ok(state)       the state is kept
 *                        removeHandler   terminate('remove_handler'), owner told 'normal'
 *                        swapHandler     terminate(arg), owner told { swapped }, init([arg, result])
 *                        throw, garbage  terminate({ error }), owner told the reason, an error logged
 *
 * Invariants:
 * - `#installed` is never changed in place, so a delivery goes over those that were there when it began.
 * - Newest first, in delivery and in `whichHandlers`, as gen_event.erl keeps them; the handler that a
 *   handler swaps itself for takes its place.
 * - A failing handler harms nobody else: neither the manager nor the handlers after it.
 * - After every wait the manager may be dead; then no more user code runs.
 * - Delivery to synchronous handlers makes no promise.
 */
import {
  formatPid,
  isThenable,
  pidEquals,
  reasonOfThrown,
  runAs,
  type ExitReason,
  type Pid,
  type Process,
} from '../../runtime/index.ts'
import type { Ref } from '../server/contract.ts'
import { BadReturnError, CallUnknownError } from '../server/server-errors.ts'
import {
  EventHandlerCrashedError,
  EventHandlerDuplicateError,
  EventHandlerInitError,
  EventHandlerLimitError,
  EventHandlerNotFoundError,
  formatHandlerKey,
  type EventHandlerKey,
} from './gen-event-errors.ts'
import {
  implOf,
  RemoveHandler,
  SwapHandler,
  type AnyHandlerImpl,
  type AnyHandlerSource,
  type EventCtx,
  type EventHandlerExit,
  type EventSink,
} from './gen-event-handler.ts'
import { ProcessOperator } from '../server/process-operations.ts'
import { isResult, Ok, Reply, Stop } from '../server/results.ts'
import type { From, Info } from '../server/server-context.ts'

/** What a new handler's `init` gets in place of the old one's word when there was no old one (OTP). */
const NO_OLD_HANDLER = 'error'

/** The only implementation of {@link EventCtx}. */
class HandlerContext extends ProcessOperator implements EventCtx {
  readonly self: Ref<EventSink<unknown>>
  readonly handler: EventHandlerKey
  readonly owner: Pid | undefined
  constructor(
    process: Process,
    self: Ref<EventSink<unknown>>,
    handler: EventHandlerKey,
    owner: Pid | undefined,
  ) {
    super(process)
    this.self = self
    this.handler = handler
    this.owner = owner
  }
  get manager(): Pid {
    return this.process.pid
  }
}

/** One installed handler. */
export class Installed {
  readonly key: EventHandlerKey
  readonly impl: AnyHandlerImpl
  readonly ctx: EventCtx
  state: unknown
  constructor(key: EventHandlerKey, impl: AnyHandlerImpl, ctx: EventCtx, state: unknown) {
    this.key = key
    this.impl = impl
    this.ctx = ctx
    this.state = state
  }
  get owner(): Pid | undefined {
    return this.ctx.owner
  }
}

type Callback = (handler: Installed) => unknown

/** The handlers of one manager. */
export class EventHandlers {
  readonly #process: Process
  readonly #ref: Ref<EventSink<unknown>>
  readonly #handlersMax: number
  #installed: readonly Installed[] = []
  /** Handlers that failed so far. */
  crashed = 0
  /** Handlers that were refused because of `handlersMax`. */
  refused = 0

  constructor(process: Process, ref: Ref<EventSink<unknown>>, handlersMax: number) {
    this.#process = process
    this.#ref = ref
    this.#handlersMax = handlersMax
  }

  /** Newest first. */
  get installed(): readonly Installed[] {
    return this.#installed
  }

  // --- delivery

  /** Gives an event to every handler. */
  event(event: unknown): void | Promise<void> {
    return this.#deliver(0, this.#installed, event, ({ impl, state, ctx }) =>
      impl.event(state, event, ctx),
    )
  }

  /** Gives a message that is no event to every handler that has `info`. */
  info(info: Info): void | Promise<void> {
    const takers = this.#installed.filter(({ impl }) => impl.info !== undefined)
    // EXIT and DOWN of an owner come to every manager; most handlers are right not to care.
    if (takers.length === 0 && info.type === 'message') {
      this.#process.system.logger.warn(
        { manager: formatPid(this.#process.pid), type: info.type },
        'message dropped: no handler has info',
      )
    }
    return this.#deliver(0, takers, info, ({ impl, state, ctx }) => impl.info?.(state, info, ctx))
  }

  #deliver(
    first: number,
    handlers: readonly Installed[],
    input: unknown,
    callback: Callback,
  ): void | Promise<void> {
    for (let i = first; i < handlers.length; i++) {
      if (!this.#process.alive) return undefined
      const wait = this.#run(handlers[i] as Installed, callback, input)
      if (wait !== undefined)
        return wait.then(() => this.#deliver(i + 1, handlers, input, callback))
    }
    return undefined
  }

  #run(handler: Installed, callback: Callback, input: unknown): void | Promise<void> {
    let result: unknown
    let later: boolean
    try {
      result = runAs(this.#process, () => callback(handler))
      later = isThenable(result)
    } catch (thrown) {
      return this.#crash(handler, reasonOfThrown(thrown), input)
    }
    if (!later) return this.#apply(handler, result, input)
    return Promise.resolve(result).then(
      (settled) => this.#apply(handler, settled, input),
      (thrown: unknown) => this.#crash(handler, reasonOfThrown(thrown), input),
    )
  }

  #apply(handler: Installed, result: unknown, input: unknown): void | Promise<void> {
    if (!this.#process.alive) return undefined
    if (result instanceof Ok && isPlain(result)) {
      handler.state = result.state
      return undefined
    }
    if (result instanceof RemoveHandler) return this.#removeSelf(handler)
    if (result instanceof SwapHandler) return this.#swapSelf(handler, result)
    return this.#crash(handler, badReturn(handler, result), input)
  }

  /** Asks one handler; answers `from` in the end, whatever becomes of the handler. */
  async call(key: EventHandlerKey, request: unknown, from: From<unknown>): Promise<void> {
    const handler = this.#find(key)
    if (handler === undefined) return void from.fail(new EventHandlerNotFoundError(key))
    const { impl, ctx } = handler
    if (impl.call === undefined) {
      return void from.fail(new CallUnknownError(formatHandlerKey(key), 'call', false))
    }
    let result: unknown
    try {
      result = await runAs(this.#process, () => impl.call?.(handler.state, request, ctx))
    } catch (thrown) {
      return await this.#failCall(handler, reasonOfThrown(thrown), request, from)
    }
    if (!this.#process.alive) return undefined
    if (result instanceof Reply && isPlain(result)) {
      handler.state = result.state
      return void from.reply(result.reply)
    }
    if (result instanceof RemoveHandler) await this.#removeSelf(handler)
    else if (result instanceof SwapHandler) await this.#swapSelf(handler, result)
    else return await this.#failCall(handler, badReturn(handler, result), request, from)
    from.reply((result as RemoveHandler<unknown>).reply?.value)
  }

  async #failCall(
    handler: Installed,
    reason: ExitReason,
    request: unknown,
    from: From<unknown>,
  ): Promise<void> {
    await this.#crash(handler, reason, request)
    from.fail(new EventHandlerCrashedError(handler.key, reason))
  }

  // --- coming and going

  /** Installs a handler as the newest; rejects with the reason why it is not. */
  async add(source: AnyHandlerSource, owner: Pid | undefined): Promise<void> {
    const made = await this.#make(source, owner, source.arg)
    if (made !== undefined) this.#installed = [made, ...this.#installed]
  }

  /** Removes a handler; gives what its `terminate` returned. */
  async delete(key: EventHandlerKey, arg: unknown): Promise<unknown> {
    const handler = this.#find(key)
    if (handler === undefined) throw new EventHandlerNotFoundError(key)
    const last = await this.#leave(handler, arg, 'normal')
    if ('thrown' in last) throw new EventHandlerCrashedError(key, last.thrown)
    return last.value
  }

  /** Replaces a handler by another one, which is the newest then; it comes also if there was none. */
  async swap(
    old: EventHandlerKey,
    arg: unknown,
    to: AnyHandlerSource,
    newOwner: Pid | undefined,
  ): Promise<void> {
    implOf(to.handler)
    const handler = this.#find(old)
    const owner = newOwner ?? handler?.owner
    const fromOld =
      handler === undefined
        ? NO_OLD_HANDLER
        : lastWord(await this.#leave(handler, arg, { swapped: keyOf(to), owner }, owner))
    if (!this.#process.alive) return
    const made = await this.#make(to, owner, [to.arg, fromOld])
    if (made !== undefined) this.#installed = [made, ...this.#installed]
  }

  async #removeSelf(handler: Installed): Promise<void> {
    await this.#leave(handler, 'remove_handler', 'normal')
  }

  async #swapSelf(
    handler: Installed,
    { state, arg, to }: SwapHandler<unknown, unknown>,
  ): Promise<void> {
    const { owner } = handler
    const place = this.#installed.indexOf(handler)
    handler.state = state
    const key = keyOf(to)
    const last = await this.#leave(handler, arg, { swapped: key, owner }, owner)
    if (!this.#process.alive) return
    try {
      const made = await this.#make(to, owner, [to.arg, lastWord(last)])
      if (made !== undefined) this.#installed = this.#installed.toSpliced(place, 0, made)
    } catch (error) {
      const reason = error instanceof EventHandlerInitError ? error.reason : error
      this.#report(key, reason, 'swapped')
      this.#tell(owner, key, reason)
    }
  }

  /** Runs `init`. Undefined if the manager died meanwhile; throws why the handler cannot be. */
  async #make(
    source: AnyHandlerSource,
    owner: Pid | undefined,
    arg: unknown,
  ): Promise<Installed | undefined> {
    const impl = implOf(source.handler)
    const key = keyOf(source)
    if (this.#find(key) !== undefined) throw new EventHandlerDuplicateError(key)
    if (this.#installed.length >= this.#handlersMax) {
      this.refused++
      throw new EventHandlerLimitError(this.#handlersMax)
    }
    const process = this.#process
    const ctx = new HandlerContext(process, this.#ref, key, owner)
    if (owner !== undefined) process.system.link(process.pid, owner)
    try {
      const result = await runAs(process, () => impl.init(arg, ctx))
      if (!process.alive) return undefined
      if (result instanceof Ok && isPlain(result))
        return new Installed(key, impl, ctx, result.state)
      if (result instanceof Stop) throw new EventHandlerInitError(key, result.reason)
      if (isResult(result)) throw new BadReturnError(`init of ${formatHandlerKey(key)}`, result)
      return new Installed(key, impl, ctx, result)
    } catch (thrown) {
      this.#release(owner)
      if (thrown instanceof EventHandlerInitError) throw thrown
      throw new EventHandlerInitError(key, reasonOfThrown(thrown))
    }
  }

  /** The process `owner` has ended: so do the handlers that it supervised. */
  async ownerEnded(owner: Pid, reason: ExitReason): Promise<void> {
    for (const handler of this.#installed) {
      if (handler.owner === undefined || !pidEquals(handler.owner, owner)) continue
      if (!this.#process.alive) return
      await this.#leave(handler, { stop: reason }, 'shutdown')
    }
  }

  isOwner(pid: Pid): boolean {
    return this.#installed.some(({ owner }) => owner !== undefined && pidEquals(owner, pid))
  }

  /** The manager stops: every handler goes, newest first. */
  async stopAll(): Promise<void> {
    for (const handler of this.#installed) {
      if (!this.#process.alive) return
      await this.#leave(handler, 'stop', 'shutdown')
    }
  }

  async #crash(handler: Installed, reason: ExitReason, input: unknown): Promise<void> {
    if (!this.#process.alive) return
    this.crashed++
    this.#report(handler.key, reason, input)
    await this.#leave(handler, { error: reason }, reason)
  }

  /** Takes a handler out: its `terminate`, then its owner is told, and unlinked unless `keep` is it. */
  async #leave(handler: Installed, arg: unknown, reason: ExitReason, keep?: Pid): Promise<Last> {
    this.#installed = this.#installed.filter((one) => one !== handler)
    const { impl, state, key, owner } = handler
    let last: Last = { value: undefined }
    try {
      if (impl.terminate !== undefined) {
        last = { value: await runAs(this.#process, () => impl.terminate?.(arg, state)) }
      }
    } catch (thrown) {
      last = { thrown: reasonOfThrown(thrown) }
      this.#report(key, last.thrown, 'terminate')
    }
    if (!this.#process.alive) return last
    this.#tell(owner, key, reason)
    if (keep === undefined || owner === undefined || !pidEquals(owner, keep)) this.#release(owner)
    return last
  }

  #find(wanted: EventHandlerKey): Installed | undefined {
    const { handler, id } = wanted
    return this.#installed.find(({ key }) => key.handler === handler && key.id === id)
  }

  #tell(owner: Pid | undefined, handler: EventHandlerKey, reason: ExitReason): void {
    if (owner === undefined) return
    const { pid: manager, system } = this.#process
    const message: EventHandlerExit = { type: 'gen_event_exit', manager, handler, reason }
    system.send(owner, message)
  }

  /** Unlinks an owner that owns nothing any more; the parent's link is not ours. */
  #release(owner: Pid | undefined): void {
    const { parent, pid, system } = this.#process
    if (owner === undefined || this.isOwner(owner)) return
    if (parent === undefined || !pidEquals(owner, parent)) system.unlink(pid, owner)
  }

  #report({ handler, id }: EventHandlerKey, reason: ExitReason, last: unknown): void {
    const { pid, system } = this.#process
    system.logger.error({ manager: formatPid(pid), handler, id, reason, last }, 'handler crashed')
  }
}

/** What a handler's `terminate` came to. */
type Last = { readonly value: unknown } | { readonly thrown: ExitReason }

function lastWord(last: Last): unknown {
  return 'thrown' in last ? { error: last.thrown } : last.value
}

function keyOf({ handler, id }: AnyHandlerSource): EventHandlerKey {
  return id === undefined ? { handler: handler.name } : { handler: handler.name, id }
}

/** A handler has no timeout and no continue of its own: the manager's process is everybody's. */
function isPlain({ after }: Ok<unknown> | Reply<unknown, unknown>): boolean {
  return after?.continue === undefined && after?.timeoutMs === undefined
}

function badReturn({ key }: Installed, result: unknown): BadReturnError {
  return new BadReturnError(`handler ${formatHandlerKey(key)}`, result)
}
