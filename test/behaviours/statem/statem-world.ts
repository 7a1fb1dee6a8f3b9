/**
 * A machine whose handlers are sent to it, as the oracle's `sm` module was: a cast or call `run` carries
 * what to return, every other event goes to `on` and else to the log.
 */
import {
  contract,
  implementHandleEvent,
  initialState,
  keepStateAndData,
  type Contract,
  type EnterResult,
  type From,
  type Initial,
  type InitAction,
  type InsertedEvent,
  type Ref,
  type Server,
  type StatemCtx,
  type StatemEvent,
  type StatemInit,
  type StatemLimits,
  type StatemResult,
  type Maybe,
} from '../../../behaviours/index.ts'

export type Result = Maybe<StatemResult<string, number, never, MachineApi>>
export type Ctx = StatemCtx<never, MachineApi, string>
export type Step = (state: string, data: number, ctx: Ctx) => Result
export type CallStep = (from: From<unknown>, state: string, data: number, ctx: Ctx) => Result
export type Event = StatemEvent<MachineApi>
export type First = Initial<string, number, InitAction<InsertedEvent<MachineApi>>>

export interface MachineApi {
  call: { run(step: CallStep): unknown; ask(what: string): unknown }
  cast: { run(step: Step): void; tell(what: string): void }
}

export const MachineContract: Contract<MachineApi> = contract('machine/1', {
  call: { run: true, ask: true },
  cast: { run: true, tell: true },
})

export interface MachineScript {
  readonly init?: (ctx: unknown) => Maybe<StatemInit<string, number, MachineApi>>
  /** For what is not run by its sender; undefined: into the log. */
  readonly on?: (event: Event, state: string, data: number, ctx: Ctx) => Result | undefined
  readonly enter?: (
    previous: string,
    state: string,
    data: number,
    ctx: Ctx,
  ) => Maybe<EnterResult<number>>
  readonly log?: unknown[]
  readonly terminate?: (reason: unknown, state: string, data: number) => Maybe<void>
  readonly limits?: StatemLimits
}

/** What an event is called in logs: what a cast or call says, the payload of the others. */
export function label(event: Event): unknown {
  switch (event.type) {
    case 'call':
    case 'cast':
      return event.input
    case 'info':
      return event.info.type === 'message' ? event.info.message : event.info.type
    case 'internal':
      return event.name
    case 'state_timeout':
    case 'event_timeout':
    case 'generic_timeout':
      return event.payload
  }
}

/** A machine that starts in state `a` with data 1 and behaves as `script` says. */
export function machine(script: MachineScript = {}): Server<MachineApi> {
  const log = script.log ?? []
  const { enter, terminate } = script
  return implementHandleEvent<MachineApi, void, string, number>(
    MachineContract,
    {
      init: (_arg, ctx) => script.init?.(ctx) ?? initialState('a', 1),
      handleEvent: (event, state, data, ctx) => {
        if (event.type === 'cast' && event.name === 'run') return event.input(state, data, ctx)
        if (event.type === 'call' && event.name === 'run') {
          return event.input(event.from, state, data, ctx)
        }
        const result = script.on?.(event, state, data, ctx)
        if (result !== undefined) return result
        log.push(label(event))
        return keepStateAndData()
      },
      ...(enter === undefined ? {} : { enter }),
      ...(terminate === undefined ? {} : { terminate }),
    },
    script.limits,
  )
}

export type MachineRef = Ref<MachineApi>
