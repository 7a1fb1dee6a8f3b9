/**
 * What a handler returns. Results are instances of small classes, never plain objects with a tag, so
 * that a state which happens to look like `{ tag: 'stop' }` is a state and not an order. `'~result'`
 * exists for the compiler only: without it a `Reply` would pass for a `NoReply`, and with a common name it
 * would meddle with the types of states.
 *
 * Follows gen_server's return values: `{reply,R,S}`, `{noreply,S}`, `{stop,R,S}`, `{stop,R,Reply,S}`,
 * `{ok,S}` and `ignore`, each with `{continue,C}`, a timeout or `hibernate`.
 */
import { ArgumentError } from '../../runtime/index.ts'

/** What happens after a handler's result was applied. */
export interface After {
  /** Run `continue(state, token)` before the next message of the mailbox (G-05, G-06). */
  readonly continue?: unknown
  /**
   * Deliver `{ type: 'timeout' }` to `info` when no message came for so long. Any message cancels it
   * and it is not armed again by itself (G-03); 0 fires only if nothing is queued (G-04).
   */
  readonly timeoutMs?: number
  /** A hint that the process will idle. Accepted for OTP's sake; V8 has no heap per process to shrink. */
  readonly hibernate?: boolean
}

/**
 * Answer the caller and go on with a new state.
 *
 * @example
 * const answer = reply('pong', 0)
 * assert.ok(answer instanceof Reply)
 * assert.equal(answer.reply, 'pong')
 */
export class Reply<R, S> {
  declare readonly '~result': 'reply'
  readonly reply: R
  readonly state: S
  readonly after: After | undefined
  constructor(reply: R, state: S, after: After | undefined) {
    this.reply = reply
    this.state = state
    this.after = after
  }
}

/**
 * Go on with a new state; whoever waits is answered later or never.
 *
 * @example
 * const result = noreply({ waiting: 1 })
 * assert.ok(result instanceof NoReply)
 * assert.equal(result.after, undefined)
 */
export class NoReply<S> {
  declare readonly '~result': 'noreply'
  readonly state: S
  readonly after: After | undefined
  constructor(state: S, after: After | undefined) {
    this.state = state
    this.after = after
  }
}

/**
 * End the process; `terminate` runs first, then the reply, if there is one, is sent (G-30).
 *
 * @example
 * const result = stop('normal', 0, { reply: 'bye' })
 * assert.ok(result instanceof Stop)
 * assert.equal(result.reply?.value, 'bye')
 */
export class Stop<S, R = never> {
  declare readonly '~result': 'stop'
  readonly reason: unknown
  /** The last state; `undefined` with `keepsState` when the state from before the handler counts. */
  readonly state: S | undefined
  readonly keepsState: boolean
  /** The reply to the caller, boxed so that `undefined` can be one. */
  readonly reply: { readonly value: R } | undefined
  constructor(
    reason: unknown,
    state: S | undefined,
    keepsState: boolean,
    reply: { readonly value: R } | undefined,
  ) {
    this.reason = reason
    this.state = state
    this.keepsState = keepsState
    this.reply = reply
  }
}

/**
 * The first state of a process, with something to do after `init`.
 *
 * @example
 * const first = ok(0, { timeoutMs: 100 })
 * assert.ok(first instanceof Ok)
 * assert.equal(first.after?.timeoutMs, 100)
 */
export class Ok<S> {
  declare readonly '~result': 'ok'
  readonly state: S
  readonly after: After | undefined
  constructor(state: S, after: After | undefined) {
    this.state = state
    this.after = after
  }
}

/**
 * Not started on purpose; see {@link ignore}.
 *
 * @example
 * assert.ok(ignore() instanceof Ignore)
 */
export class Ignore {
  declare readonly '~result': 'ignore'
}

/**
 * The one {@link Ignore}; also what a child's start function gives for "not today" (U-07).
 *
 * @example
 * const sup = await Supervisor.start({
 *   children: [{ id: 'metrics', start: async () => IGNORE }], // switched off today
 * })
 * assert.equal((await Supervisor.countChildren(sup)).active, 0)
 * await Supervisor.stop(sup)
 */
export const IGNORE: Ignore = Object.freeze(new Ignore())

/** Whether `value` is an order of any kind, and so cannot be a state. */
export function isResult(value: unknown): boolean {
  return (
    value instanceof Reply ||
    value instanceof NoReply ||
    value instanceof Stop ||
    value instanceof Ok ||
    value instanceof Ignore
  )
}

/**
 * Answers the caller with `value` and goes on with `state`.
 *
 * @example
 * const Counter = defineServer({
 *   init: () => 0,
 *   call: { add: (n, by: number) => reply(n + by, n + by) },
 *   cast: {},
 * })
 * const counter = await Counter.start()
 * assert.equal(await counter.call.add(5), 5)
 * await GenServer.stop(counter)
 */
export function reply<R, S>(value: R, state: S, after?: After): Reply<R, S> {
  if (state === undefined && arguments.length < 2) throw stateMissing('reply(value, state)')
  return new Reply(value, state, after)
}

/**
 * Goes on with `state` and answers nobody now. Keep `ctx.from` in the state to reply later.
 *
 * @example
 * const Counter = defineServer({
 *   init: () => 7,
 *   call: { get: (n) => reply(n, n) },
 *   cast: { reset: () => noreply(0) },
 * })
 * const counter = await Counter.start()
 * counter.cast.reset()
 * assert.equal(await counter.call.get(), 0)
 * await GenServer.stop(counter)
 */
export function noreply<S>(state: S, after?: After): NoReply<S> {
  if (state === undefined && arguments.length < 1) throw stateMissing('noreply(state)')
  return new NoReply(state, after)
}

/**
 * Ends the process with `reason`, keeping the state from before this handler.
 *
 * @example
 * const Shadow = defineServer({
 *   init: (of: Pid, ctx) => ctx.monitor(of),
 *   call: {},
 *   cast: {},
 *   info: (ref, info) => (info.type === 'down' ? stop(info.reason) : noreply(ref)),
 * })
 * const pid = defaultSystem().spawn((ctx) => ctx.receive())
 * const shadow = await Shadow.start(pid)
 * const ended = new Promise((resolve) => defaultSystem().watch(shadow.pid, resolve))
 * defaultSystem().exit(pid, 'kill')
 * assert.equal(await ended, 'killed')
 */
export function stop(reason: unknown): Stop<never>
/**
 * Ends the process with `reason`; `terminate` sees `state`.
 *
 * @example
 * const closed: string[] = []
 * const Door = defineServer({
 *   init: () => 'open',
 *   call: {},
 *   cast: { close: () => stop('normal', 'closed') },
 *   terminate: (_reason, state) => void closed.push(state),
 * })
 * const door = await Door.start()
 * const ended = new Promise((resolve) => defaultSystem().watch(door.pid, resolve))
 * door.cast.close()
 * assert.equal(await ended, 'normal')
 * assert.deepEqual(closed, ['closed'])
 */
export function stop<S>(reason: unknown, state: S): Stop<S>
/**
 * Ends the process with `reason`; the caller gets `reply` once `terminate` has run (G-30).
 *
 * @example
 * const Sum = defineServer({
 *   init: () => 42,
 *   call: { finish: (total) => stop('normal', total, { reply: total }) },
 *   cast: {},
 * })
 * const sum = await Sum.start()
 * assert.equal(await sum.call.finish(), 42)
 */
export function stop<S, R>(reason: unknown, state: S, options: { readonly reply: R }): Stop<S, R>
export function stop<S, R>(
  reason: unknown,
  ...rest: readonly [state?: S, options?: { readonly reply: R }]
): Stop<S, R> {
  const options = rest[1]
  const boxed = options === undefined ? undefined : { value: options.reply }
  return new Stop<S, R>(reason, rest[0], rest.length === 0, boxed)
}

/**
 * The first state of a process with something to do next; a bare state means the same without it.
 *
 * @example
 * const File = defineServer({
 *   init: (path: string) => ok({ path, lines: 0 }, { continue: 'load' }), // start resolves at once
 *   continue: (file) => noreply({ ...file, lines: 3 }), // before any message
 *   call: { lines: (file) => reply(file.lines, file) },
 *   cast: {},
 * })
 * const file = await File.start('/etc/hosts')
 * assert.equal(await file.call.lines(), 3)
 * await GenServer.stop(file)
 */
export function ok<S>(state: S, after?: After): Ok<S> {
  return new Ok(state, after)
}

/**
 * From `init`: do not start, and do not call it an error. `start` rejects with `ERR_START_IGNORED`.
 *
 * @example
 * const Metrics = defineServer({
 *   init: (enabled: boolean) => (enabled ? { hits: 0 } : ignore()),
 *   call: {},
 *   cast: {},
 * })
 * await assert.rejects(Metrics.start(false), { code: 'ERR_START_IGNORED' })
 */
export function ignore(): Ignore {
  return IGNORE
}

/** Where no compiler looks, a forgotten state would be lost without a word, and missed much later. */
function stateMissing(form: string): ArgumentError {
  return new ArgumentError('state', `given, be it undefined: ${form}`, undefined)
}
