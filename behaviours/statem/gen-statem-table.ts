/**
 * The table of a machine in state-functions mode: state x kind of event x name -> handler, made once per
 * definition. What a state leaves out is filled in from `any` here, so that an event costs two look-ups
 * whether its handler is the state's own or the common one.
 */
import { HandlerMissingError, ContractError } from '../server/server-errors.ts'
import type { Contract } from '../server/contract.ts'
import { OwnKind } from './gen-statem-events.ts'
import type { StatemContext } from './gen-statem-events.ts'

/** A handler with its types forgotten. */
export type AnyStateHandler = (data: unknown, input: unknown, ctx: StatemContext) => unknown

type Handlers = Readonly<Record<string, AnyStateHandler | undefined>>

/** The functions of one state with their types forgotten. */
export interface AnyStateFunctions {
  readonly enter?: AnyStateHandler
  readonly call?: Handlers
  readonly cast?: Handlers
  readonly info?: AnyStateHandler
  readonly internal?: Handlers
  readonly stateTimeout?: AnyStateHandler
  readonly eventTimeout?: AnyStateHandler
  readonly genericTimeout?: Handlers
}

const NAMED = ['call', 'cast', 'internal', 'genericTimeout'] as const
const SINGLE = ['enter', 'info', 'stateTimeout', 'eventTimeout'] as const
const KEYS: ReadonlySet<string> = new Set([...NAMED, ...SINGLE])

/** Handlers by name. */
class Named {
  readonly #byName = new Map<string | undefined, AnyStateHandler>()
  // Messages of one name come in runs; the last one is found again without a look-up.
  #lastName: string | undefined = undefined
  #last: AnyStateHandler | undefined = undefined

  /** What `own` has not is taken from `any`. */
  constructor(own: Handlers = {}, any: Handlers = {}) {
    for (const handlers of [any, own]) {
      for (const [name, handler] of Object.entries(handlers)) {
        if (handler !== undefined) this.#byName.set(name, handler)
      }
    }
  }

  has(name: string): boolean {
    return this.#byName.has(name)
  }

  get(name: string | undefined): AnyStateHandler | undefined {
    if (name === this.#lastName) return this.#last
    this.#lastName = name
    return (this.#last = this.#byName.get(name))
  }
}

/** One state, compiled. */
export class StateTable {
  readonly enter: AnyStateHandler | undefined
  readonly call: Named
  readonly cast: Named
  readonly info: AnyStateHandler | undefined
  readonly internal: Named
  readonly stateTimeout: AnyStateHandler | undefined
  readonly eventTimeout: AnyStateHandler | undefined
  readonly genericTimeout: Named

  constructor(own: AnyStateFunctions, any: AnyStateFunctions) {
    this.enter = own.enter ?? any.enter
    this.call = new Named(own.call, any.call)
    this.cast = new Named(own.cast, any.cast)
    this.info = own.info ?? any.info
    this.internal = new Named(own.internal, any.internal)
    this.stateTimeout = own.stateTimeout ?? any.stateTimeout
    this.eventTimeout = own.eventTimeout ?? any.eventTimeout
    this.genericTimeout = new Named(own.genericTimeout, any.genericTimeout)
  }

  /** The handler of an event that the machine made itself. */
  own(kind: OwnKind, name: string | undefined): AnyStateHandler | undefined {
    switch (kind) {
      case OwnKind.call:
        return this.call.get(name)
      case OwnKind.cast:
        return this.cast.get(name)
      case OwnKind.info:
        return this.info
      case OwnKind.internal:
        return this.internal.get(name)
      case OwnKind.state_timeout:
        return this.stateTimeout
      case OwnKind.event_timeout:
        return this.eventTimeout
      case OwnKind.generic_timeout:
        return this.genericTimeout.get(name)
    }
  }
}

/** All states of a machine, compiled and checked against its contract. */
export function compileStates(
  label: string,
  declared: Contract<unknown>,
  states: Readonly<Record<string, AnyStateFunctions>>,
  any: AnyStateFunctions = {},
): ReadonlyMap<unknown, StateTable> {
  if (Object.keys(states ?? {}).length === 0) {
    throw new ContractError(declared.name, 'a machine needs `states`')
  }
  checkFunctions(label, 'any', declared, any)
  const compiled = new Map<unknown, StateTable>()
  for (const [name, functions] of Object.entries(states)) {
    checkFunctions(label, name, declared, functions)
    compiled.set(name, new StateTable(functions, any))
  }
  checkReachable(label, 'call', declared.names.call, compiled)
  checkReachable(label, 'cast', declared.names.cast, compiled)
  return compiled
}

/** What is written down must be a handler that can be reached. */
function checkFunctions(
  label: string,
  state: string,
  declared: Contract<unknown>,
  functions: AnyStateFunctions,
): void {
  const refuse = (why: string): never => {
    throw new ContractError(declared.name, why)
  }
  if (!isTable(functions)) return refuse(`'${state}' must be an object of handlers`)
  for (const key of Object.keys(functions)) {
    if (!KEYS.has(key)) refuse(`a state has no part '${key}', but '${state}' does`)
  }
  for (const key of SINGLE) {
    const handler: unknown = functions[key]
    if (handler !== undefined && typeof handler !== 'function') {
      throw new HandlerMissingError(label, `${key} of '${state}'`)
    }
  }
  for (const key of NAMED) {
    if (!isTable(functions[key] ?? {}))
      refuse(`'${key}' of '${state}' must be an object of handlers`)
    for (const [name, handler] of Object.entries(functions[key] ?? {})) {
      if (handler !== undefined && typeof handler !== 'function') {
        throw new HandlerMissingError(label, `${key} '${name}' of '${state}'`)
      }
      if ((key === 'call' || key === 'cast') && !Object.hasOwn(declared.names[key], name)) {
        refuse(`there is no ${key} '${name}', but '${state}' handles it`)
      }
    }
  }
}

function isTable(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}

/** A message of the contract that no state handles was forgotten. */
function checkReachable(
  label: string,
  kind: 'call' | 'cast',
  names: object,
  states: ReadonlyMap<unknown, StateTable>,
): void {
  for (const name of Object.keys(names)) {
    let handled = false
    for (const table of states.values()) handled ||= table[kind].has(name)
    if (!handled) throw new HandlerMissingError(label, `${kind} '${name}' in any state`)
  }
}
