/**
 * Events of a state machine: as `handleEvent` sees them, as `nextEvent` takes them, and as the machine
 * keeps them. A message from outside is kept as the mailbox item that it came in, so an event costs no
 * object of its own; {@link OwnEvent} is what the machine made itself.
 */
import {
  ItemKind,
  type Call,
  type Message,
  type OwnStep,
  type Pid,
  type Process,
} from '../../runtime/index.ts'
import type { CallsOf, CastsOf, InputOf, OutputOf, Ref } from '../server/contract.ts'
import type { TimeoutKind } from './gen-statem-results.ts'
import { ProcessOperator } from '../server/process-operations.ts'
import { selfRef, type RefMaker } from '../server/server-cell.ts'
import type { Ctx, From, Info } from '../server/server-context.ts'
import { downInfo, timerInfo } from '../server/server-loop.ts'

/** A call, by name. */
export type CallEvent<P> = {
  readonly [K in keyof CallsOf<P>]: {
    readonly type: 'call'
    readonly name: K
    readonly input: InputOf<CallsOf<P>[K]>
    readonly from: From<OutputOf<CallsOf<P>[K]>>
  }
}[keyof CallsOf<P>]

/** A cast, by name. */
export type CastEvent<P> = {
  readonly [K in keyof CastsOf<P>]: {
    readonly type: 'cast'
    readonly name: K
    readonly input: InputOf<CastsOf<P>[K]>
  }
}[keyof CastsOf<P>]

/** Every event of a machine that speaks `P`. */
export type StatemEvent<P> =
  | CallEvent<P>
  | CastEvent<P>
  | { readonly type: 'info'; readonly info: Info }
  | { readonly type: 'internal'; readonly name: string; readonly payload: unknown }
  | { readonly type: 'state_timeout'; readonly payload: unknown }
  | { readonly type: 'event_timeout'; readonly payload: unknown }
  | { readonly type: 'generic_timeout'; readonly name: string; readonly payload: unknown }

/** An input that may be written as a literal, whose arrays `nextEvent` infers as read-only. */
type Literal<I> = I extends (...a: never) => unknown
  ? I
  : I extends object
    ? { readonly [K in keyof I]: Literal<I[K]> }
    : I

/** A call or cast to be inserted; the input may be left out where the contract has none. */
type Insert<E> = E extends { readonly input: infer I }
  ? undefined extends I
    ? Omit<E, 'input'> & { readonly input?: Literal<I> }
    : Omit<E, 'input'> & { readonly input: Literal<I> }
  : never

/** What `nextEvent` takes: a {@link StatemEvent}, or one whose payload is left out. */
export type InsertedEvent<P> =
  | Insert<CallEvent<P>>
  | Insert<CastEvent<P>>
  | { readonly type: 'info'; readonly info: Info }
  | { readonly type: 'internal'; readonly name: string; readonly payload?: unknown }
  | { readonly type: 'state_timeout'; readonly payload?: unknown }
  | { readonly type: 'event_timeout'; readonly payload?: unknown }
  | { readonly type: 'generic_timeout'; readonly name: string; readonly payload?: unknown }

/** What a callback can do. `R` is the reply of the call in hand, `P` the protocol, `S` the states. */
export interface StatemCtx<R = unknown, P = unknown, S = unknown> extends Ctx<R, P> {
  /** The state the machine is in; in an enter callback the one that is entered. */
  readonly state: S
}

class Context {
  readonly process: Process
  readonly from: Waiter
  readonly state: unknown
  readonly #maker: RefMaker

  constructor(process: Process, from: Waiter, maker: RefMaker, state: unknown) {
    this.process = process
    this.from = from
    this.state = state
    this.#maker = maker
  }

  get caller(): Pid | undefined {
    return this.from.from
  }
  get self(): Ref<unknown> {
    return selfRef(this.process, this.#maker)
  }
}

// Not by `extends`, as in server-context.ts: there is one for every event.
Object.setPrototypeOf(Context.prototype, ProcessOperator.prototype)

type Waiter = From<unknown> & { readonly from: Pid | undefined }

/** The only implementation of {@link StatemCtx}. */
export type StatemContext = Context & ProcessOperator
export const StatemContext: new (
  process: Process,
  from: Waiter,
  maker: RefMaker,
  state: unknown,
) => StatemContext = Context as never

/** The kinds of events besides those of {@link ItemKind}. */
export const OwnKind: Readonly<{
  call: 100
  cast: 101
  info: 102
  internal: 103
  state_timeout: 104
  event_timeout: 105
  generic_timeout: 106
}> = Object.freeze({
  call: 100,
  cast: 101,
  info: 102,
  internal: 103,
  state_timeout: 104,
  event_timeout: 105,
  generic_timeout: 106,
})
/** One of {@link OwnKind}. */
export type OwnKind = (typeof OwnKind)[keyof typeof OwnKind]

const OWN_TYPES: ReadonlyMap<unknown, OwnKind> = new Map(Object.entries(OwnKind))

/** An event that the machine made itself: inserted, a timeout, or an input that a schema has changed. */
export class OwnEvent {
  readonly kind: OwnKind
  readonly name: string | undefined
  /** Input, payload or info. */
  readonly value: unknown
  readonly from: From<unknown> | undefined
  constructor(kind: OwnKind, name: string | undefined, value: unknown, from?: From<unknown>) {
    this.kind = kind
    this.name = name
    this.value = value
    this.from = from
  }
}

/** An event as the machine keeps it. */
export type HeldEvent = Message | Call | OwnEvent

/** The event of a timeout that is due. */
export function timeoutEvent(
  kind: TimeoutKind,
  name: string | undefined,
  payload: unknown,
): OwnEvent {
  return new OwnEvent(OwnKind[kind], name, payload)
}

/** The event that `nextEvent` was given, or undefined if it is none. */
export function insertedEvent(given: unknown): OwnEvent | undefined {
  if (typeof given !== 'object' || given === null) return undefined
  const event = given as Partial<Record<'name' | 'input' | 'payload' | 'info' | 'from', unknown>>
  const kind = OWN_TYPES.get((given as { type?: unknown }).type)
  if (kind === undefined) return undefined
  const name = event.name as string | undefined
  switch (kind) {
    case OwnKind.info:
      return isRecord(event.info) ? new OwnEvent(kind, undefined, event.info) : undefined
    case OwnKind.state_timeout:
    case OwnKind.event_timeout:
      return new OwnEvent(kind, undefined, event.payload)
    case OwnKind.internal:
    case OwnKind.generic_timeout:
      return typeof name === 'string' ? new OwnEvent(kind, name, event.payload) : undefined
    case OwnKind.cast:
      return typeof name === 'string' ? new OwnEvent(kind, name, event.input) : undefined
    case OwnKind.call:
      if (typeof name !== 'string' || !isFrom(event.from)) return undefined
      return new OwnEvent(kind, name, event.input, event.from)
  }
}

/** Whether `value` can be replied to. */
export function isFrom(value: unknown): value is From<unknown> {
  return isRecord(value) && typeof value['reply'] === 'function'
}

/** Who waits for a reply to `event`. */
export function fromOf(event: HeldEvent): From<unknown> | undefined {
  if (event.kind === ItemKind.call) return event
  return event.kind === OwnKind.call ? event.from : undefined
}

/** The {@link Info} of an event that is neither call nor cast. */
export function infoOf(event: Message | OwnEvent): Info {
  switch (event.kind) {
    case OwnKind.info:
      return event.value as Info
    case ItemKind.down:
      return downInfo(event as Message)
    case ItemKind.timer:
      return timerInfo(event as Message)
    case ItemKind.exit:
      return { type: 'exit', from: (event as Message).from as never, reason: event.value }
    default:
      return { type: 'message', message: event.value }
  }
}

/** An event as users see it. */
export function publicEvent(event: HeldEvent): StatemEvent<unknown> {
  return toPublic(event) as StatemEvent<unknown>
}

function toPublic(event: HeldEvent): object {
  switch (event.kind) {
    case ItemKind.call:
      return { type: 'call', name: event.name, input: event.input, from: event }
    case ItemKind.cast:
      return { type: 'cast', name: event.name, input: event.value }
    case OwnKind.call:
      return { type: 'call', name: event.name, input: event.value, from: event.from }
    case OwnKind.cast:
      return { type: 'cast', name: event.name, input: event.value }
    case OwnKind.internal:
      return { type: 'internal', name: event.name, payload: event.value }
    case OwnKind.generic_timeout:
      return { type: 'generic_timeout', name: event.name, payload: event.value }
    case OwnKind.state_timeout:
      return { type: 'state_timeout', payload: event.value }
    case OwnKind.event_timeout:
      return { type: 'event_timeout', payload: event.value }
    default:
      return { type: 'info', info: infoOf(event as Message | OwnEvent) }
  }
}

/** An event for traces. */
export function stepOf(held: HeldEvent): OwnStep {
  const event = publicEvent(held)
  const { type: kind } = event
  if ('input' in event) return { kind, name: held.name, value: event.input }
  return { kind, name: held.name, value: event.type === 'info' ? event.info : event.payload }
}

/** An event for logs and `sys.status`: no caller, and no input, which may be anything. */
export function describeEvent(event: HeldEvent): { readonly type: string; readonly name?: string } {
  const { type } = publicEvent(event)
  return event.name === undefined ? { type } : { type, name: event.name }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
