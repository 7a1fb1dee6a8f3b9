/**
 * What the callbacks of a state machine return: results, and actions in them.
 *
 * | here | gen_statem |
 * |---|---|
 * | `initialState(s, d, actions)` | `{ok,S,D,Actions}` of init |
 * | `nextState(s, d, actions)` | `{next_state,S,D,Actions}` |
 * | `keepState(d, actions)`, `keepStateAndData(actions)` | `{keep_state,D,Actions}`, `{keep_state_and_data,Actions}` |
 * | `repeatState(d, actions)`, `repeatStateAndData(actions)` | the same with `repeat_` |
 * | `stop(reason, d)`, `stopAndReply(reason, replies, d)` | `{stop,R,D}`, `{stop_and_reply,R,Replies,D}` |
 *
 * Names. `stop` and `ignore` are gen_server's: they mean the same. gen_server's `reply(value, state)` is
 * a result and gen_statem's `{reply,From,Value}` an action, so the action has names of its own:
 * `answer(value)` for the caller of the event in hand, `replyTo(from, value)` for a caller that was kept.
 *
 * Results and actions are instances of few classes with fixed fields, whatever they say; their types tell
 * them apart by `'~result'` and `'~action'`, which exist for the compiler only.
 */
import type { From } from '../server/server-context.ts'

/** What a {@link Transition} does with the state. */
export const Op: Readonly<{ initial: 0; keep: 1; next: 2; repeat: 3; stop: 4 }> = Object.freeze({
  initial: 0,
  keep: 1,
  next: 2,
  repeat: 3,
  stop: 4,
})
/** One of {@link Op}. */
export type Op = (typeof Op)[keyof typeof Op]

/** The one class behind all results but `stop`. */
export class Transition {
  readonly op: Op
  /** The next state, or the exit reason. */
  readonly state: unknown
  readonly data: unknown
  readonly keepsData: boolean
  readonly actions: unknown
  constructor(op: Op, state: unknown, data: unknown, keepsData: boolean, actions: unknown) {
    this.op = op
    this.state = state
    this.data = data
    this.keepsData = keepsData
    this.actions = actions
  }
}

/** What an {@link Action} asks for. */
export const ActionOp: Readonly<{
  timeout: 0
  postpone: 1
  nextEvent: 2
  replyTo: 3
  hibernate: 4
}> = Object.freeze({ timeout: 0, postpone: 1, nextEvent: 2, replyTo: 3, hibernate: 4 })
/** One of {@link ActionOp}. */
export type ActionOp = (typeof ActionOp)[keyof typeof ActionOp]

/** The three kinds of timeouts. */
export type TimeoutKind = 'event_timeout' | 'state_timeout' | 'generic_timeout'

/**
 * When a timeout is due: milliseconds from now, or at a time of the system's clock. 0 is at once, after
 * inserted and postponed events and before the mailbox. Infinity and `'cancel'` stop it; `'update'` gives
 * a running one another payload, and is due at once if there is none (S-21b).
 */
export type TimeoutTime = number | { readonly atMs: number } | 'cancel' | 'update'

/** The class behind all actions but {@link answer}. */
export class Action {
  readonly op: ActionOp
  readonly kind: TimeoutKind | undefined
  readonly name: string | undefined
  readonly when: TimeoutTime | undefined
  /** Payload, reply, event, or whether to postpone. */
  readonly value: unknown
  readonly from: From<unknown> | undefined
  constructor(
    op: ActionOp,
    value: unknown,
    kind?: TimeoutKind,
    name?: string,
    when?: TimeoutTime,
    from?: From<unknown>,
  ) {
    this.op = op
    this.kind = kind
    this.name = name
    this.when = when
    this.value = value
    this.from = from
  }
}

/** The one action with a class of its own, small because most calls make one. */
export class Answer {
  readonly value: unknown
  constructor(value: unknown) {
    this.value = value
  }
}

// --- types of actions

/** See {@link postpone}. */
export interface PostponeAction {
  readonly '~action': 'postpone'
}
/** See {@link hibernate}. */
export interface HibernateAction {
  readonly '~action': 'hibernate'
}
/** See {@link stateTimeout}, {@link eventTimeout}, {@link genericTimeout}. */
export interface TimeoutAction {
  readonly '~action': 'timeout'
}
/** See {@link replyTo}. */
export interface ReplyAction {
  readonly '~action': 'reply'
}
/** See {@link answer}. */
export interface AnswerAction<R> {
  readonly '~action': 'answer'
  readonly value: R
}
/** See {@link nextEvent}. */
export interface NextEventAction<E> {
  readonly '~action': 'next_event'
  readonly value: E
}

/** What an enter callback may ask for: nothing that would move events (S-09). */
export type EnterAction = TimeoutAction | ReplyAction | HibernateAction
/** What `init` may ask for. */
export type InitAction<E> = EnterAction | NextEventAction<E>
/** What the handler of an event may ask for; `R` is the reply of the call in hand. */
export type EventAction<R, E> = InitAction<E> | PostponeAction | AnswerAction<R>
/** Any action. */
export type AnyAction = EventAction<unknown, unknown>
/** One action or a list of them, done in order. */
export type Actions<A> = A | readonly A[]

// --- types of results

/** See {@link initialState}. */
export interface Initial<S, D, A = never> {
  readonly '~result': 'initial_state'
  readonly state: S
  readonly data: D
  readonly actions: Actions<A> | undefined
}
/** See {@link nextState}. */
export interface NextState<S, D, A = never> {
  readonly '~result': 'next_state'
  readonly state: S
  readonly data: D
  readonly actions: Actions<A> | undefined
}
/** See {@link keepState} and {@link keepStateAndData}. */
export interface KeepState<D, A = never> {
  readonly '~result': 'keep_state'
  readonly data: D
  readonly actions: Actions<A> | undefined
}
/** See {@link repeatState} and {@link repeatStateAndData}. */
export interface RepeatState<D, A = never> {
  readonly '~result': 'repeat_state'
  readonly data: D
  readonly actions: Actions<A> | undefined
}
/** See {@link stopAndReply}. */
export interface StopAndReply<D, R = never> {
  readonly '~result': 'stop_and_reply'
  readonly data: D
  /** Under a name of its own, or the compiler would infer it into the actions of other results. */
  readonly '~replies': Actions<ReplyAction | AnswerAction<R>>
}

// --- results

// `NoInfer` in what they give: a result without actions has none, whatever its place would allow.

/**
 * The first state of a machine and its data, from `init`. Timeouts and inserted events among the actions
 * count as if an event had brought the machine there.
 *
 * @example
 * const Lock = defineStatem({
 *   init: (code: string) => initialState('locked', { code }, genericTimeout('night', 60_000)),
 *   states: {
 *     locked: { call: { state: (_data, _input, ctx) => keepStateAndData(answer(ctx.state)) } },
 *   },
 * })
 * const lock = await Lock.start('1234')
 * assert.equal(await lock.call.state(), 'locked')
 * await GenServer.stop(lock)
 */
export function initialState<const S, D, A extends AnyAction = never>(
  state: S,
  data: D,
  actions?: Actions<A>,
): Initial<S, D, NoInfer<A>> {
  return made<Initial<S, D, A>>(new Transition(Op.initial, state, data, false, actions))
}

/**
 * Goes to `state`, also if it is the present one; only a different state is a change: enter callbacks run,
 * postponed events are tried again, the state timeout ends (S-06, S-12).
 *
 * @example
 * const Toggle = defineStatem({
 *   init: () => initialState('off', 0),
 *   states: {
 *     off: { call: { flip: (count) => nextState('on', count + 1, answer('now on')) } },
 *     on: { call: { flip: (count) => nextState('off', count, answer('now off')) } },
 *   },
 * })
 * const toggle = await Toggle.start()
 * assert.equal(await toggle.call.flip(), 'now on')
 * assert.equal(await toggle.call.flip(), 'now off')
 * await GenServer.stop(toggle)
 */
export function nextState<const S, D, A extends AnyAction = never>(
  state: S,
  data: D,
  actions?: Actions<A>,
): NextState<S, D, NoInfer<A>> {
  return made<NextState<S, D, A>>(new Transition(Op.next, state, data, false, actions))
}

/**
 * Stays in the state, with new data.
 *
 * @example
 * const Adder = defineStatem({
 *   init: () => initialState('counting', 0),
 *   states: {
 *     counting: {
 *       cast: { add: (sum, by: number) => keepState(sum + by) },
 *       call: { sum: (sum) => keepStateAndData(answer(sum)) },
 *     },
 *   },
 * })
 * const adder = await Adder.start()
 * adder.cast.add(2)
 * assert.equal(await adder.call.sum(), 2)
 * await GenServer.stop(adder)
 */
export function keepState<D, A extends AnyAction = never>(
  data: D,
  actions?: Actions<A>,
): KeepState<D, NoInfer<A>> {
  return made<KeepState<D, A>>(new Transition(Op.keep, undefined, data, false, actions))
}

const KEEP: Transition = new Transition(Op.keep, undefined, undefined, true, undefined)

/**
 * Stays in the state and changes nothing.
 *
 * @example
 * const Fixed = defineStatem({
 *   init: (value: number) => initialState('only', value),
 *   states: { only: { call: { get: (value) => keepStateAndData(answer(value)) } } },
 * })
 * const fixed = await Fixed.start(7)
 * assert.equal(await fixed.call.get(), 7)
 * await GenServer.stop(fixed)
 */
export function keepStateAndData<A extends AnyAction = never>(
  actions?: Actions<A>,
): KeepState<never, NoInfer<A>> {
  if (actions === undefined) return made<KeepState<never, A>>(KEEP)
  return made<KeepState<never, A>>(new Transition(Op.keep, undefined, undefined, true, actions))
}

/**
 * Stays in the state with new data and runs its enter callback again. It is not a change of state:
 * postponed events stay where they are and the state timeout goes on (S-07, S-41).
 *
 * @example
 * const Job = defineStatem({
 *   init: () => initialState('trying', { tries: 0 }),
 *   states: {
 *     trying: {
 *       enter: (data) => keepState({ tries: data.tries + 1 }),
 *       call: { again: (data) => repeatState(data, answer(data.tries)) },
 *     },
 *   },
 * })
 * const job = await Job.start()
 * assert.equal(await job.call.again(), 1)
 * assert.equal(await job.call.again(), 2) // entered twice
 * await GenServer.stop(job)
 */
export function repeatState<D, A extends AnyAction = never>(
  data: D,
  actions?: Actions<A>,
): RepeatState<D, NoInfer<A>> {
  return made<RepeatState<D, A>>(new Transition(Op.repeat, undefined, data, false, actions))
}

/**
 * {@link repeatState} with the data as it is.
 *
 * @example
 * const entered: string[] = []
 * const Job = defineStatem({
 *   init: () => initialState('trying', 0),
 *   states: {
 *     trying: {
 *       enter: (_data, previous) => {
 *         entered.push(previous)
 *         return keepStateAndData()
 *       },
 *       call: { again: () => repeatStateAndData(answer(true)) },
 *     },
 *   },
 * })
 * const job = await Job.start()
 * await job.call.again()
 * assert.deepEqual(entered, ['trying', 'trying'])
 * await GenServer.stop(job)
 */
export function repeatStateAndData<A extends AnyAction = never>(
  actions?: Actions<A>,
): RepeatState<never, NoInfer<A>> {
  return made<RepeatState<never, A>>(new Transition(Op.repeat, undefined, undefined, true, actions))
}

/**
 * Sends the replies, then ends the machine: `terminate` runs after them (S-27), unlike gen_server's
 * `stop(reason, state, { reply })` (G-30).
 *
 * @example
 * const ended: string[] = []
 * const Door = defineStatem({
 *   init: () => initialState('open', 0),
 *   states: { open: { call: { close: () => stopAndReply('normal', answer('closed')) } } },
 *   terminate: (_reason, state) => void ended.push(state),
 * })
 * const door = await Door.start()
 * assert.equal(await door.call.close(), 'closed')
 * assert.deepEqual(ended, ['open'])
 */
export function stopAndReply<R = never>(
  reason: unknown,
  replies: Actions<ReplyAction | AnswerAction<R>>,
): StopAndReply<never, R>
/**
 * As above; `terminate` sees `data`.
 *
 * @example
 * const ended: number[] = []
 * const Till = defineStatem({
 *   init: () => initialState('open', 10),
 *   states: { open: { call: { close: (sum) => stopAndReply('normal', answer(sum), 0) } } },
 *   terminate: (_reason, _state, sum) => void ended.push(sum),
 * })
 * const till = await Till.start()
 * assert.equal(await till.call.close(), 10)
 * assert.deepEqual(ended, [0])
 */
export function stopAndReply<D, R = never>(
  reason: unknown,
  replies: Actions<ReplyAction | AnswerAction<R>>,
  data: D,
): StopAndReply<D, R>
export function stopAndReply<D, R>(
  reason: unknown,
  replies: Actions<ReplyAction | AnswerAction<R>>,
  ...rest: readonly [data?: D]
): StopAndReply<D, R> {
  const stopping = new Transition(Op.stop, reason, rest[0], rest.length === 0, replies)
  return made<StopAndReply<D, R>>(stopping)
}

// --- actions

const POSTPONE: Action = new Action(ActionOp.postpone, true)
const DO_NOT_POSTPONE: Action = new Action(ActionOp.postpone, false)
const HIBERNATE: Action = new Action(ActionOp.hibernate, undefined)

/**
 * Puts the event aside until the state has changed. The last one in a list counts (S-37).
 *
 * @example
 * const Printer = defineStatem({
 *   init: () => initialState('busy', 0),
 *   states: {
 *     busy: {
 *       call: { print: () => keepStateAndData(postpone()) },
 *       cast: { ready: (pages) => nextState('idle', pages) },
 *     },
 *     idle: { call: { print: (pages) => keepState(pages + 1, answer(pages + 1)) } },
 *   },
 * })
 * const printer = await Printer.start()
 * const printed = printer.call.print()
 * printer.cast.ready()
 * assert.equal(await printed, 1)
 * await GenServer.stop(printer)
 */
export function postpone(on = true): PostponeAction {
  return made<PostponeAction>(on ? POSTPONE : DO_NOT_POSTPONE)
}

/**
 * Inserts an event before all that wait, in list order (S-13, S-14). It has the form that `handleEvent`
 * sees, and comes with exactly that type (S-15).
 *
 * @example
 * const Lines = defineStatem({
 *   init: () => initialState('reading', [] as string[]),
 *   states: {
 *     reading: {
 *       cast: {
 *         text: (_lines, text: string) =>
 *           keepStateAndData(
 *             text.split(',').map((payload) => nextEvent({ type: 'internal', name: 'line', payload })),
 *           ),
 *       },
 *       internal: { line: (lines, line: string) => keepState([...lines, line]) },
 *       call: { lines: (lines) => keepStateAndData(answer(lines)) },
 *     },
 *   },
 * })
 * const lines = await Lines.start()
 * lines.cast.text('a,b')
 * assert.deepEqual(await lines.call.lines(), ['a', 'b'])
 * await GenServer.stop(lines)
 */
export function nextEvent<const E extends { readonly type: string }>(event: E): NextEventAction<E> {
  return made<NextEventAction<E>>(new Action(ActionOp.nextEvent, event))
}

/**
 * Starts, changes or stops the timeout of the present state; leaving the state ends it.
 *
 * @example
 * const Lamp = defineStatem({
 *   init: () => initialState('off', undefined as From<string> | undefined),
 *   states: {
 *     off: {
 *       call: {
 *         blink: (_from, _input: undefined, ctx: StatemCtx<string>) =>
 *           nextState('on', ctx.from, stateTimeout(5, 'off again')),
 *       },
 *     },
 *     on: {
 *       stateTimeout: (from, payload: string) =>
 *         nextState('off', undefined, from === undefined ? [] : replyTo(from, payload)),
 *     },
 *   },
 * })
 * const lamp = await Lamp.start()
 * assert.equal(await lamp.call.blink(), 'off again')
 * await GenServer.stop(lamp)
 */
export function stateTimeout(when: TimeoutTime, payload?: unknown): TimeoutAction {
  const action = new Action(ActionOp.timeout, payload, 'state_timeout', undefined, when)
  return made<TimeoutAction>(action)
}

/**
 * Starts or stops the event timeout: any event that comes before it ends it (S-16).
 *
 * @example
 * const Session = defineStatem({
 *   init: () => initialState('active', 0, eventTimeout(5, 'idle')),
 *   states: {
 *     active: {
 *       cast: { touch: () => keepStateAndData(eventTimeout(5, 'idle')) },
 *       eventTimeout: (_data, why: string) => stop({ shutdown: why }),
 *     },
 *   },
 * })
 * const session = await Session.start()
 * session.cast.touch()
 * const reason = await new Promise((resolve) => {
 *   homeOf(session.pid).watch(session.pid, resolve)
 * })
 * assert.deepEqual(reason, { shutdown: 'idle' })
 */
export function eventTimeout(when: TimeoutTime, payload?: unknown): TimeoutAction {
  const action = new Action(ActionOp.timeout, payload, 'event_timeout', undefined, when)
  return made<TimeoutAction>(action)
}

/**
 * Starts, changes or stops the timeout called `name`. There is one of each name; state changes leave it
 * alone (S-20).
 *
 * @example
 * const Clock = defineStatem({
 *   init: () => initialState('a', 0, [genericTimeout('tick', 1), genericTimeout('end', 10)]),
 *   states: {
 *     a: { genericTimeout: { tick: (ticks) => nextState('b', ticks + 1) } },
 *     b: { genericTimeout: { end: (ticks) => stop({ ticks }) } },
 *   },
 * })
 * const ticking = await Clock.start()
 * const reason = await new Promise((resolve) => {
 *   homeOf(ticking.pid).watch(ticking.pid, resolve)
 * })
 * assert.deepEqual(reason, { ticks: 1 })
 */
export function genericTimeout(name: string, when: TimeoutTime, payload?: unknown): TimeoutAction {
  return made<TimeoutAction>(new Action(ActionOp.timeout, payload, 'generic_timeout', name, when))
}

/**
 * Replies to the caller of the event in hand, as a call handler may.
 *
 * @example
 * const Machine = defineStatem({
 *   init: () => initialState('ready', 0),
 *   states: {
 *     ready: {
 *       call: { state: (_data, _input, ctx) => keepStateAndData(answer(ctx.state)) },
 *     },
 *   },
 * })
 * const machine = await Machine.start()
 * assert.equal(await machine.call.state(), 'ready')
 * await GenServer.stop(machine)
 */
export function answer<R>(value: R): AnswerAction<R> {
  return made<AnswerAction<R>>(new Answer(value))
}

/**
 * Replies to a caller that was kept: a `ctx.from` of an earlier call.
 *
 * @example
 * const Barrier = defineStatem({
 *   init: () => initialState('closed', [] as From<string>[]),
 *   states: {
 *     closed: {
 *       call: {
 *         pass: (waiting, _input: undefined, ctx: StatemCtx<string>) =>
 *           keepState([...waiting, ctx.from]),
 *       },
 *       cast: {
 *         open: (waiting) => nextState('open', [], waiting.map((from) => replyTo(from, 'go'))),
 *       },
 *     },
 *     open: { call: { pass: () => keepStateAndData(answer('go')) } },
 *   },
 * })
 * const barrier = await Barrier.start()
 * const passed = [barrier.call.pass(), barrier.call.pass()]
 * barrier.cast.open()
 * assert.deepEqual(await Promise.all(passed), ['go', 'go'])
 * await GenServer.stop(barrier)
 */
export function replyTo<R>(from: From<R>, value: NoInfer<R>): ReplyAction {
  const action = new Action(ActionOp.replyTo, value, undefined, undefined, undefined, from)
  return made<ReplyAction>(action)
}

/**
 * A hint that the machine will idle. Accepted for OTP's sake; V8 has no heap per process to shrink.
 *
 * @example
 * const Quiet = defineStatem({
 *   init: () => initialState('idle', 0),
 *   states: { idle: { call: { ping: () => keepStateAndData([answer('pong'), hibernate()]) } } },
 * })
 * const quiet = await Quiet.start()
 * assert.equal(await quiet.call.ping(), 'pong')
 * await GenServer.stop(quiet)
 */
export function hibernate(): HibernateAction {
  return made<HibernateAction>(HIBERNATE)
}

/** Gives a record the type that tells what it was made as. */
function made<T>(record: Transition | Action | Answer): T {
  return record as unknown as T
}
