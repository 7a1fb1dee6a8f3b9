/**
 * What a handler returns. Results are instances of small classes, never plain objects with a tag, so
 * that a state which happens to look like `{ tag: 'stop' }` is a state and not an order. `'~result'`
 * exists for the compiler only: without it a `Reply` would pass for a `NoReply`, and with a common name it
 * would meddle with the types of states.
 *
 * Follows gen_server's return values: `{reply,R,S}`, `{noreply,S}`, `{stop,R,S}`, `{stop,R,Reply,S}`,
 * `{ok,S}` and `ignore`, each with `{continue,C}`, a timeout or `hibernate`.
 */

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

/** Answer the caller and go on with a new state. */
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

/** Go on with a new state; whoever waits is answered later or never. */
export class NoReply<S> {
  declare readonly '~result': 'noreply'
  readonly state: S
  readonly after: After | undefined
  constructor(state: S, after: After | undefined) {
    this.state = state
    this.after = after
  }
}

/** End the process; `terminate` runs first, then the reply, if there is one, is sent (G-30). */
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

/** The first state of a process, with something to do after `init`. */
export class Ok<S> {
  declare readonly '~result': 'ok'
  readonly state: S
  readonly after: After | undefined
  constructor(state: S, after: After | undefined) {
    this.state = state
    this.after = after
  }
}

/** Not started on purpose; see {@link ignore}. */
export class Ignore {
  declare readonly '~result': 'ignore'
}

/**
 * The one {@link Ignore}; also what a child's start function gives for "not today" (U-07).
 *
 * @example
 * children: [{ id: 'metrics', start: async () => (enabled ? Metrics.start() : IGNORE) }]
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
 * call: { add: (n: number, by: number) => reply(n + by, n + by) }
 */
export function reply<R, S>(value: R, state: S, after?: After): Reply<R, S> {
  return new Reply(value, state, after)
}

/**
 * Goes on with `state` and answers nobody now. Keep `ctx.from` in the state to reply later.
 *
 * @example
 * cast: { reset: () => noreply(0) }
 */
export function noreply<S>(state: S, after?: After): NoReply<S> {
  return new NoReply(state, after)
}

/**
 * Ends the process with `reason`, keeping the state from before this handler.
 *
 * @example
 * info: (state, info) => (info.type === 'down' ? stop(info.reason) : noreply(state))
 */
export function stop(reason: unknown): Stop<never>
/**
 * Ends the process with `reason`; `terminate` sees `state`.
 *
 * @example
 * cast: { close: (state) => stop('normal', { ...state, open: false }) }
 */
export function stop<S>(reason: unknown, state: S): Stop<S>
/**
 * Ends the process with `reason`; the caller gets `reply` once `terminate` has run (G-30).
 *
 * @example
 * call: { finish: (state) => stop('normal', state, { reply: state.total }) }
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
 * init: (path: string) => ok({ path, lines: [] }, { continue: 'load' })
 */
export function ok<S>(state: S, after?: After): Ok<S> {
  return new Ok(state, after)
}

/**
 * From `init`: do not start, and do not call it an error. `start` rejects with `ERR_START_IGNORED`.
 *
 * @example
 * init: (config: Config) => (config.enabled ? { hits: 0 } : ignore())
 */
export function ignore(): Ignore {
  return IGNORE
}
