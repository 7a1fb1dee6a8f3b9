/**
 * The loop of a server, as gen_server's: one item at a time, results applied, reply, continue, timeout,
 * stop, terminate. It knows nothing of contracts or message shapes: a {@link ServerModule} does.
 *
 * Invariants:
 * - A handler sees the state of the last handler that succeeded; a failed one leaves no trace (G-33).
 * - `terminate` runs once, and only for ends this loop causes itself: a result, a throw, a stop request,
 *   the parent's EXIT while trapping. A signal that kills never reaches this code (G-48, G-49).
 * - For a stop with a reply: `terminate` to its end, then the reply, then death (G-30).
 * - Nothing is done for a dead process: continuations ask `alive` first, and so does whatever would run
 *   user code after a handler that ended its own process.
 * - A synchronous handler costs no promise.
 *
 * Follows gen_server.erl (OTP 25) loop/handle_common_reply/terminate; cases G-02 to G-09, G-18 to G-57.
 */
import {
  formatPid,
  isThenable,
  ItemKind,
  Message,
  pidEquals,
  reasonOfThrown,
  runAs,
  tagOf,
  type Call,
  type ExitReason,
  type Pid,
  type Process,
  type Program,
  type StopRequest,
  type TimerRef,
} from '../../runtime/index.ts'
import type { Ref } from './contract.ts'
import { BadReturnError, CallUnknownError, HandlerMissingError } from './server-errors.ts'
import { runInit, Starting, STOP_NAME } from './gen.ts'
import { Ignore, NoReply, Ok, Reply, Stop, type After } from './results.ts'
import { ReturnTimeout, ServerCell } from './server-cell.ts'
import { ServerDebug, type ServerDoor } from './server-debug.ts'
import { NOBODY, ServerContext, type Info } from './server-context.ts'

/** Given by a module for a message that it refused without running a handler. */
export const REFUSED: unique symbol = Symbol('refused')

/** Where a result came from, for modules that allow shorthands. */
export type ResultOf = 'call' | 'cast' | 'info' | 'continue'

/** The user's part of a server, whatever shape the user wrote it in. */
export interface ServerModule {
  readonly label: string
  /** Makes the ref that `start` resolves with. */
  ref(pid: Pid): Ref<unknown>
  init(arg: unknown, ctx: ServerContext): unknown
  /** Runs the handler of a call, or answers it and gives {@link REFUSED}. */
  call(state: unknown, call: Call, ctx: ServerContext): unknown
  cast(state: unknown, message: Message, ctx: ServerContext): unknown
  readonly info: ((state: unknown, info: Info, ctx: ServerContext) => unknown) | undefined
  readonly continue: ((state: unknown, token: unknown, ctx: ServerContext) => unknown) | undefined
  readonly terminate: ((reason: ExitReason, state: unknown) => unknown) | undefined
  /** For behaviours that are built on servers: what `sys` shows of them. */
  readonly door?: ServerDoor | undefined
  /** Reads a shorthand (`[reply, state]`, a bare state); undefined if there is none such. */
  readonly shorthand:
    | ((result: unknown, of: ResultOf) => Reply<unknown, unknown> | NoReply<unknown> | undefined)
    | undefined
}

// V8 folds a constant of the module it is used in, but loads an imported one anew at each use.
const INIT: typeof ItemKind.init = ItemKind.init
const TIMEOUT: typeof ItemKind.timeout = ItemKind.timeout
const CALL: typeof ItemKind.call = ItemKind.call
const CAST: typeof ItemKind.cast = ItemKind.cast
const STOP: typeof STOP_NAME = STOP_NAME

/** After so many continues in a row all others have a turn: a chain without an end holds up its own server only. */
const CONTINUES_PER_TURN = 1000

/** The program of every server of one module. */
export class ServerLoop implements Program {
  readonly label: string
  readonly debug: ServerDebug
  readonly #module: ServerModule
  #lastCast: ServerContext | undefined = undefined

  constructor(module: ServerModule) {
    this.label = module.label
    this.debug = new ServerDebug(module.label, module.door)
    this.#module = module
  }

  handle(process: Process, item: Message | Call): void | Promise<void> {
    if (item.kind === INIT) return this.#init(process)
    const cell = process.state as ServerCell
    const { timeout } = cell
    if (timeout !== undefined) {
      if (item.kind === TIMEOUT) {
        // One that was cancelled while it was queued must not cancel the one armed since.
        if (item.value !== timeout || !timeout.pending) return undefined
        cell.timeout = undefined
        return this.#info(process, cell, { type: 'timeout' })
      }
      this.#disarm(process, cell, timeout)
    }
    switch (item.kind) {
      case CALL:
        return this.#call(process, cell, item)
      case CAST:
        return this.#cast(process, cell, item)
      case ItemKind.exit:
        return this.#exit(process, cell, item)
      case ItemKind.stop:
        return this.#end(process, cell, (item.value as StopRequest).reason)
      case ItemKind.timeout:
        return undefined
      case ItemKind.info:
        return this.#info(process, cell, { type: 'message', message: item.value })
      case ItemKind.down:
        return this.#info(process, cell, downInfo(item))
      case ItemKind.timer:
        return this.#info(process, cell, timerInfo(item))
      case ItemKind.system: // the scheduler serves it; no program ever sees one
        return undefined
    }
  }

  onExit(process: Process, reason: ExitReason): void {
    if (process.state instanceof Starting) process.state.fail(process, reason)
  }

  // --- start

  #init(process: Process): void | Promise<void> {
    return runInit(
      process,
      (arg) => this.#module.init(arg, this.#context(process)),
      (starting, result) => this.#started(process, starting, result),
    )
  }

  #started(process: Process, starting: Starting, result: unknown): void | Promise<void> {
    if (!process.alive) return undefined
    if (result instanceof Stop) return process.exit(result.reason)
    if (result instanceof Ignore) return starting.ignore(process)
    if (result instanceof Reply || result instanceof NoReply) {
      return process.exit(new BadReturnError(`init of ${this.label}`, result))
    }
    const wrapped = result instanceof Ok
    const ref = this.#module.ref(process.pid)
    const cell = new ServerCell(wrapped ? result.state : result, ref, process.parent)
    process.state = cell
    starting.succeed(process, ref)
    if (!wrapped || result.after === undefined) return undefined
    return this.#afterwards(process, cell, result.after)
  }

  // --- messages

  #call(process: Process, cell: ServerCell, call: Call): void | Promise<void> {
    let result: unknown
    try {
      result = this.#module.call(cell.state, call, this.#context(process, call))
    } catch (thrown) {
      return this.#end(process, cell, reasonOfThrown(thrown))
    }
    if (result instanceof Reply) {
      cell.state = result.state
      call.reply(result.reply)
      return result.after === undefined ? undefined : this.#afterwards(process, cell, result.after)
    }
    return this.#apply(process, cell, result, 'call', call)
  }

  #cast(process: Process, cell: ServerCell, message: Message): void | Promise<void> {
    if (message.name === STOP) return this.#end(process, cell, message.value)
    let result: unknown
    try {
      result = this.#module.cast(cell.state, message, this.#castContext(process))
    } catch (thrown) {
      return this.#end(process, cell, reasonOfThrown(thrown))
    }
    if (result instanceof NoReply) {
      cell.state = result.state
      return result.after === undefined ? undefined : this.#afterwards(process, cell, result.after)
    }
    return this.#apply(process, cell, result, 'cast', undefined)
  }

  #exit(process: Process, cell: ServerCell, item: Message): void | Promise<void> {
    const from = item.from as Pid
    if (cell.parent !== undefined && pidEquals(from, cell.parent)) {
      return this.#end(process, cell, item.value)
    }
    return this.#info(process, cell, { type: 'exit', from, reason: item.value })
  }

  #info(process: Process, cell: ServerCell, info: Info): void | Promise<void> {
    const handler = this.#module.info
    if (handler === undefined) {
      process.system.logger.warn(
        { process: formatPid(process.pid), label: this.label, type: info.type },
        'message dropped: the server has no info handler',
      )
      return undefined
    }
    let result: unknown
    try {
      result = handler(cell.state, info, this.#context(process))
    } catch (thrown) {
      return this.#end(process, cell, reasonOfThrown(thrown))
    }
    return this.#apply(process, cell, result, 'info', undefined)
  }

  // --- results

  #apply(
    process: Process,
    cell: ServerCell,
    result: unknown,
    of: ResultOf,
    call: Call | undefined,
  ): void | Promise<void> {
    if (result instanceof NoReply) {
      cell.state = result.state
      return result.after === undefined ? undefined : this.#afterwards(process, cell, result.after)
    }
    if (result instanceof Reply && call !== undefined) {
      cell.state = result.state
      call.reply(result.reply)
      return result.after === undefined ? undefined : this.#afterwards(process, cell, result.after)
    }
    if (result === REFUSED) return this.#rearm(process, cell)
    if (result instanceof Stop) return this.#stop(process, cell, result, call)
    if (isThenable(result)) return this.#await(process, cell, result, of, call)
    const read = this.#module.shorthand?.(result, of)
    if (read !== undefined) return this.#apply(process, cell, read, of, call)
    return this.#end(process, cell, new BadReturnError(`${of} handler of ${this.label}`, result))
  }

  #await(
    process: Process,
    cell: ServerCell,
    result: PromiseLike<unknown>,
    of: ResultOf,
    call: Call | undefined,
  ): Promise<void> {
    return Promise.resolve(result).then(
      (settled) => runAs(process, () => this.#apply(process, cell, settled, of, call)),
      (thrown) => runAs(process, () => this.#end(process, cell, reasonOfThrown(thrown))),
    )
  }

  #stop(
    process: Process,
    cell: ServerCell,
    result: Stop<unknown, unknown>,
    call: Call | undefined,
  ): void | Promise<void> {
    if (!result.keepsState) cell.state = result.state
    return this.#end(process, cell, result.reason, call, result.reply)
  }

  #afterwards(process: Process, cell: ServerCell, after: After): void | Promise<void> {
    if (!process.alive) return undefined
    if (after.continue !== undefined) return this.#continue(process, cell, after.continue)
    if (after.timeoutMs === undefined) return undefined
    try {
      return this.#arm(process, cell, after.timeoutMs)
    } catch (thrown) {
      return this.#end(process, cell, reasonOfThrown(thrown))
    }
  }

  /** Runs `continue` and whatever it continues with, before the mailbox (G-05, G-06). */
  #continue(process: Process, cell: ServerCell, first: unknown): void | Promise<void> {
    const handler = this.#module.continue
    if (handler === undefined) {
      return this.#end(process, cell, new HandlerMissingError(this.label, 'continue handler'))
    }
    let token = first
    for (let count = 1; ; count++) {
      let result: unknown
      try {
        result = handler(cell.state, token, this.#context(process))
      } catch (thrown) {
        return this.#end(process, cell, reasonOfThrown(thrown))
      }
      if (isThenable(result) || count === CONTINUES_PER_TURN) {
        return this.#continueLater(process, cell, handler, result, count)
      }
      token = continuationOf(result)
      if (token === undefined || !process.alive) {
        return this.#apply(process, cell, result, 'continue', undefined)
      }
      cell.state = (result as NoReply<unknown>).state
    }
  }

  /** The rest of a chain that is asynchronous or long; one promise, however long it is. */
  async #continueLater(
    process: Process,
    cell: ServerCell,
    handler: NonNullable<ServerModule['continue']>,
    first: unknown,
    done: number,
  ): Promise<void> {
    let result = first
    for (let count = done; ; count++) {
      try {
        result = await result
        if (count % CONTINUES_PER_TURN === 0) {
          await new Promise<void>((resolve) => process.system.clock.nextTurn(resolve))
        }
        const token = continuationOf(result)
        if (token === undefined || !process.alive) break
        cell.state = (result as NoReply<unknown>).state
        result = runAs(process, () => handler(cell.state, token, this.#context(process)))
      } catch (thrown) {
        return runAs(process, () => this.#end(process, cell, reasonOfThrown(thrown)))
      }
    }
    return runAs(process, () => this.#apply(process, cell, result, 'continue', undefined))
  }

  #arm(process: Process, cell: ServerCell, timeoutMs: number): void {
    if (timeoutMs === Infinity) return
    const timeout = new ReturnTimeout(timeoutMs)
    const fire = (): void => process.post(new Message(ItemKind.timeout, undefined, timeout))
    cell.timeout = timeout
    // With 0 it goes behind what is queued, and the first of those cancels it (G-04).
    if (timeoutMs === 0) fire()
    else timeout.timer = process.system.setTimer(process, timeoutMs, fire)
  }

  /** Cancels a pending timeout, or forgets one that an earlier message cancelled. */
  #disarm(process: Process, cell: ServerCell, timeout: ReturnTimeout): void {
    if (!timeout.pending) {
      cell.timeout = undefined
      return
    }
    timeout.pending = false
    if (timeout.timer !== undefined) process.system.cancelTimer(timeout.timer)
  }

  /** Arms the timeout anew that a refused message cancelled. */
  #rearm(process: Process, cell: ServerCell): void {
    const { timeout } = cell
    if (timeout !== undefined && process.alive) this.#arm(process, cell, timeout.timeoutMs)
  }

  // --- end

  /** `terminate`, then the reply, then death. */
  #end(
    process: Process,
    cell: ServerCell,
    reason: ExitReason,
    call?: Call,
    reply?: { readonly value: unknown },
  ): void | Promise<void> {
    // A handler may have ended its own process by a signal: then there is nothing left to end.
    if (!process.alive) return undefined
    const { terminate } = this.#module
    const finish = (actual: ExitReason): void => {
      if (!process.alive) return
      if (reply !== undefined) call?.reply(reply.value)
      process.exit(actual)
    }
    if (terminate === undefined) return finish(reason)
    let done: unknown
    try {
      done = terminate(reason, cell.state)
    } catch (thrown) {
      return finish(reasonOfThrown(thrown))
    }
    if (!isThenable(done)) return finish(reason)
    return Promise.resolve(done).then(
      () => finish(reason),
      (thrown) => finish(reasonOfThrown(thrown)),
    )
  }

  /** One for casts of a process that come in a row: nobody waits for any, so they differ in nothing. */
  #castContext(process: Process): ServerContext {
    const last = this.#lastCast
    if (last !== undefined && last.process === process) return last
    return (this.#lastCast = this.#context(process))
  }

  #context(process: Process, call?: Call): ServerContext {
    return new ServerContext(process, call ?? NOBODY, this.#module)
  }
}

/** What a result continues with. */
function continuationOf(result: unknown): unknown {
  return result instanceof NoReply ? result.after?.continue : undefined
}

/** Answers a call of a name that `contract` does not have. */
export function refuseCall(call: Call, contract: string, isCast: boolean): typeof REFUSED {
  call.fail(new CallUnknownError(contract, call.name ?? 'a message', isCast))
  return REFUSED
}

/** What a handler sees of a DOWN. */
export function downInfo(item: Message): Info {
  return {
    type: 'down',
    ref: item.ref as Extract<Info, { type: 'down' }>['ref'],
    pid: item.from,
    name: item.name,
    reason: item.value,
    tag: tagOf(item.ref),
  }
}

/** What a handler sees of a timer of `startTimer`. */
export function timerInfo(item: Message): Info {
  return { type: 'timer', ref: item.ref as TimerRef, message: item.value }
}
