/**
 * `toMachine(definition, notes)`: a gen_statem in state-functions mode as a machine config of xstate, in JSON, for
 * its visual tools (stately.ai, the VS Code extension, `createMachine` and its graph functions).
 *
 * What a definition shows by itself: its states, which events each of them handles, what `any` handles, where
 * enter callbacks are. What it cannot show, because functions choose it at run time: where an event leads, how
 * long a timeout is, which state is first or last. {@link StatemNotes} say that; without a note a transition has no
 * target and its description says so. Machines in handle-event mode have no states to show.
 *
 * Pure; nothing of xstate is imported.
 */
import { ArgumentError } from '../../runtime/index.ts'

/** The functions of one state as they are looked at here: only what is there counts. */
export interface StateOutline {
  readonly enter?: unknown
  readonly call?: object | undefined
  readonly cast?: object | undefined
  readonly info?: unknown
  readonly stateTimeout?: unknown
  readonly eventTimeout?: unknown
  readonly genericTimeout?: object | undefined
  readonly internal?: object | undefined
}

/** What {@link toMachine} reads: what `implementStatem` and `defineStatem` are given has this shape. */
export interface StatemOutline<S extends string = string> {
  readonly states: { readonly [K in S]: StateOutline }
  readonly any?: StateOutline | undefined
}

/** What a definition does not say of itself. */
export interface StatemNotes<S extends string = string> {
  /** Default `'statem'`. */
  readonly id?: string | undefined
  /** The first state. Default the first one of the definition. */
  readonly initial?: S | undefined
  /** States in which the machine stops. */
  readonly final?: readonly S[] | undefined
  /**
   * Where events lead, per state (`any` for the common part): `{ locked: { button: ['locked', 'open'] } }`.
   * Events are called as in the result: `button`, `state_timeout`, `event_timeout`, `info`, `timeout.NAME`,
   * `internal.NAME`, and `call.NAME`, `cast.NAME` where a call and a cast of one state have the same name.
   */
  readonly targets?:
    { readonly [K in S | 'any']?: Readonly<Record<string, S | readonly S[]>> } | undefined
  /** Milliseconds of state timeouts that are always the same. */
  readonly stateTimeoutMs?: { readonly [K in S]?: number } | undefined
}

/** A transition of the result. */
export interface OutlineTransition {
  readonly target?: string
  /** Where several targets are possible. */
  readonly guard?: string
  readonly description: string
}

/** A state of the result, or its root. */
export interface OutlineNode {
  readonly type?: 'final'
  readonly entry?: readonly string[]
  readonly on?: Readonly<Record<string, OutlineTransition | readonly OutlineTransition[]>>
  readonly after?: Readonly<Record<string, OutlineTransition | readonly OutlineTransition[]>>
}

/** A machine config of xstate 5, made of JSON values only. */
export interface OutlineConfig extends OutlineNode {
  readonly id: string
  readonly initial: string
  readonly states: Readonly<Record<string, OutlineNode>>
}

/**
 * A gen_statem definition as a machine config of xstate, for its visual tools.
 *
 * @example
 * const push = (locked: boolean, code: string) => nextState(code === '1' ? 'open' : 'locked', locked)
 * const config = toMachine(
 *   { states: { locked: { call: { push } }, open: { stateTimeout: () => nextState('locked', true) } } },
 *   { targets: { locked: { push: ['locked', 'open'] }, open: { state_timeout: 'locked' } }, stateTimeoutMs: { open: 5000 } },
 * )
 * assert.equal(config.initial, 'locked')
 * assert.deepEqual(Object.keys(config.states.open?.after ?? {}), ['5000'])
 */
export function toMachine<S extends string>(
  definition: StatemOutline<S>,
  notes: StatemNotes<NoInfer<S>> = {},
): OutlineConfig {
  const states = definition.states as Readonly<Record<string, StateOutline>> | undefined
  const names = Object.keys(states ?? {})
  if (states === undefined || names.length === 0) {
    throw new ArgumentError('definition', 'a state machine whose states are named', definition)
  }
  checkNotes(notes as StatemNotes, names)
  const { id = 'statem', initial = names[0] as string } = notes
  const nodes = names.map((name) => [name, nodeOf(name, states[name] ?? {}, notes)] as const)
  const root = definition.any === undefined ? {} : nodeOf('any', definition.any, notes)
  return { id, initial, ...root, states: Object.fromEntries(nodes) }
}

const UNKNOWN = 'where it leads is decided at run time'

/** One state, or the root from `any`. */
function nodeOf(name: string, state: StateOutline, notes: StatemNotes): OutlineNode {
  const isRoot = name === 'any'
  const given = (notes.targets as Readonly<Record<string, Targets>> | undefined)?.[name] ?? {}
  const afterMs = (notes.stateTimeoutMs as Readonly<Record<string, number>> | undefined)?.[name]
  const on: Record<string, OutlineTransition | OutlineTransition[]> = {}
  let after: OutlineNode['after']
  const events = eventsOf(state)
  for (const { event, kind } of events) {
    const transitions = transitionsOf(kind, given[event], isRoot)
    if (event === 'state_timeout' && afterMs !== undefined) after = { [afterMs]: transitions }
    else on[event] = transitions
  }
  const unknown = Object.keys(given).find((noted) => !events.some(({ event }) => event === noted))
  if (unknown !== undefined) {
    throw new ArgumentError(`targets.${name}`, `events of '${name}'`, unknown)
  }
  return {
    ...(notes.final?.includes(name) === true ? { type: 'final' as const } : {}),
    ...(state.enter === undefined ? {} : { entry: ['enter'] }),
    ...(Object.keys(on).length === 0 ? {} : { on }),
    ...(after === undefined ? {} : { after }),
  }
}

type Targets = Readonly<Record<string, string | readonly string[]>>

interface Event {
  readonly event: string
  /** For the description. */
  readonly kind: string
}

function eventsOf(state: StateOutline): Event[] {
  const calls = Object.keys(state.call ?? {})
  const casts = Object.keys(state.cast ?? {})
  const both = new Set(calls.filter((name) => casts.includes(name)))
  const named = (kind: string, names: readonly string[]): Event[] =>
    names.map((name) => ({ event: both.has(name) ? `${kind}.${name}` : name, kind }))
  const own = (kind: string, prefix: string, table: object | undefined): Event[] =>
    Object.keys(table ?? {}).map((name) => ({ event: `${prefix}.${name}`, kind }))
  const single = (kind: string, event: string, handler: unknown): Event[] =>
    handler === undefined ? [] : [{ event, kind }]
  return [
    ...named('call', calls),
    ...named('cast', casts),
    ...single('info', 'info', state.info),
    ...own('internal event', 'internal', state.internal),
    ...single('state timeout', 'state_timeout', state.stateTimeout),
    ...single('event timeout', 'event_timeout', state.eventTimeout),
    ...own('timeout', 'timeout', state.genericTimeout),
  ]
}

function transitionsOf(
  kind: string,
  targets: string | readonly string[] | undefined,
  isRoot: boolean,
): OutlineTransition | OutlineTransition[] {
  if (targets === undefined) return { description: `${kind}; ${UNKNOWN}` }
  const to = (state: string): string => (isRoot ? '.' : '') + escaped(state)
  if (typeof targets === 'string') return { target: to(targets), description: kind }
  return targets.map((state) => ({
    target: to(state),
    guard: `to ${state}`,
    description: `${kind}; ${UNKNOWN}`,
  }))
}

/** A dot in a target means a state inside another. */
function escaped(state: string): string {
  return state.replaceAll(/[.\\]/g, String.raw`\$&`)
}

function checkNotes(notes: StatemNotes, names: readonly string[]): void {
  const { initial, final = [], targets = {}, stateTimeoutMs = {} } = notes
  const check = (where: string, state: string): void => {
    if (!names.includes(state)) throw new ArgumentError(where, 'a state of the definition', state)
  }
  if (initial !== undefined) check('initial', initial)
  for (const state of final) check('final', state)
  for (const state of Object.keys(stateTimeoutMs)) check('stateTimeoutMs', state)
  for (const [from, events] of Object.entries(targets)) {
    if (from !== 'any') check('targets', from)
    for (const to of Object.values(events ?? {}).flat()) check(`targets.${from}`, to)
  }
}
