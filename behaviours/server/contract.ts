/**
 * A contract: the name of a protocol, the names of its calls and casts, and refs that speak it. It is
 * declared apart from its implementation, so that a client imports types and names only, and a ref to
 * a process on another node is the same thing as a ref to a local one.
 *
 * Invariants:
 * - `ref.call` and `ref.cast` are objects of two classes made once per contract; there is no Proxy,
 *   and a ref holds nothing but its pid until it is used.
 * - A ref knows its contract's name, so that it can travel: `{ pid, contract: 'counter/1' }`.
 * - Names that begin with `$` belong to the behaviours themselves (`$stop`).
 *
 * Differs from OTP: a gen_server takes any term; a contract says which messages exist.
 */
import { homeOf, isPid, type CallOptions, type Pid } from '../../runtime/index.ts'
import { ContractError } from './server-errors.ts'
import { isSchema, type StandardSchema } from './schema.ts'

/** A protocol as a type: calls have an answer, casts do not; each takes at most one input. */
export interface Api {
  readonly call?: object
  readonly cast?: object
}

/** The calls of a protocol. */
export type CallsOf<P> = P extends { readonly call: infer C } ? C : {}
/** The casts of a protocol. */
export type CastsOf<P> = P extends { readonly cast: infer C } ? C : {}
/** The inputs of a call or cast: a list of none or one. */
export type InputsOf<F> = F extends (...a: infer A) => unknown ? A : never
/** The one input of a call or cast. */
export type InputOf<F> = InputsOf<F>[0]
/** The answer of a call. */
export type OutputOf<F> = F extends (...a: never) => infer R ? R : never

/** Arguments of a call: its input, then options. */
export type CallArgs<F> =
  InputsOf<F> extends []
    ? [input?: undefined, options?: CallOptions]
    : [] extends InputsOf<F>
      ? [input?: InputOf<F>, options?: CallOptions]
      : [input: InputOf<F>, options?: CallOptions]

/** A process that speaks a protocol, wherever it lives. */
export interface Ref<P> {
  readonly pid: Pid
  /** The name of the contract, if the ref was made by one. */
  readonly contract?: string | undefined
  /**
   * Asks and waits, 5000 ms unless `timeoutMs` says otherwise. Rejects with `ERR_CALL_TIMEOUT`, with `ERR_CALL_EXIT` when the
   * process is not there or ends before it answers (`reason` is why), and as `system.call` does.
   */
  readonly call: {
    readonly [K in keyof CallsOf<P>]: (
      ...a: CallArgs<CallsOf<P>[K]>
    ) => Promise<OutputOf<CallsOf<P>[K]>>
  }
  /** Tells and does not wait; false when the message was refused on this side (G-36: never throws). */
  readonly cast: {
    readonly [K in keyof CastsOf<P>]: (...a: InputsOf<CastsOf<P>[K]>) => boolean
  }
}

/** What stands for a call or cast in a contract: `true`, or a schema of its input. */
export type Slot<I> = true | StandardSchema<unknown, I>

/** What may stand for `F`: only one input is sent, so a second one must not compile. */
type SlotOf<F> =
  InputsOf<F> extends readonly [unknown?] ? Slot<InputOf<F>> : 'takes more than one input'

/** The names of a protocol. */
export interface Names<P> {
  readonly call: { readonly [K in keyof CallsOf<P>]: SlotOf<CallsOf<P>[K]> }
  readonly cast: { readonly [K in keyof CastsOf<P>]: SlotOf<CastsOf<P>[K]> }
}

/** A named protocol; made by {@link contract}. */
export interface Contract<P> {
  /** Name and major version, `'counter/1'`. */
  readonly name: string
  readonly names: Names<P>
  /** A ref to the process `pid`, which is believed to speak this contract. */
  at(pid: Pid): Ref<P>
}

/** The ref of a server or contract. */
export type RefOf<T> = T extends { readonly contract: Contract<infer P> } | Contract<infer P>
  ? Ref<P>
  : never

/**
 * Declares a protocol. The type comes from the annotation, the names are checked against it.
 *
 * @example
 * interface CounterApi {
 *   call: { get(): number; add(by: number): number }
 *   cast: { reset(): void }
 * }
 * const CounterContract: Contract<CounterApi> = contract('counter/1', {
 *   call: { get: true, add: true },
 *   cast: { reset: true },
 * })
 * assert.equal(CounterContract.name, 'counter/1')
 */
export function contract<P>(name: string, names: NoInfer<Names<P>>): Contract<P> {
  if (typeof name !== 'string' || name === '') throw new ContractError(String(name), 'needs a name')
  if (typeof names !== 'object' || names === null) {
    throw new ContractError(name, 'needs the names of its calls and casts')
  }
  checkSlots(name, 'call', names.call)
  checkSlots(name, 'cast', names.cast)
  return new DeclaredContract<P>(name, names)
}

/** True for a contract of any protocol, also of another copy of this library; a server is none, its `contract` is. */
export function isContract(value: unknown): value is Contract<unknown> {
  if (typeof value !== 'object' || value === null) return false
  const { name, names, at } = value as Partial<Contract<unknown>>
  return typeof name === 'string' && typeof names === 'object' && typeof at === 'function'
}

/**
 * True for a ref of any contract, also a bare one.
 *
 * @example
 * const Light = defineServer({ init: () => 'off', call: {}, cast: {} })
 * const light = await Light.start()
 * assert.equal(isRef(light), true)
 * assert.equal(isRef({ pid: light.pid }), false) // a look-alike
 * await GenServer.stop(light)
 */
export function isRef(value: unknown): value is Ref<unknown> {
  return value instanceof AnyRef
}

/**
 * The contract that made `ref`; `undefined` for a bare ref.
 *
 * @example
 * const Light = defineServer({ name: 'light/1', init: () => 'off', call: {}, cast: {} })
 * const light = await Light.start()
 * assert.equal(refContract(light)?.name, 'light/1')
 * await GenServer.stop(light)
 */
export function refContract(ref: Ref<unknown>): Contract<unknown> | undefined {
  return ref instanceof AnyRef ? ref.declared : undefined
}

/**
 * A ref without a contract of this program: it carries the name that came with it and can be used with
 * `RemoteCall.call(ref, name, input)` or sent on.
 *
 * @example
 * const pid = defaultSystem().spawn((ctx) => ctx.receive())
 * assert.equal(bareRef(pid, 'counter/1').contract, 'counter/1')
 * defaultSystem().exit(pid, 'kill')
 */
export function bareRef(pid: Pid, contractName?: string): Ref<unknown> {
  return new BareRef(pid, contractName)
}

const NOTHING: object = Object.freeze({})

/**
 * What all refs share. The pid is the only own property, so refs print and compare by it. The two halves are
 * kept here and not in the class of each contract: so there is one `get call` for V8 to know, and to inline.
 */
class AnyRef implements Ref<unknown> {
  readonly pid: Pid
  #call: object | undefined = undefined
  #cast: object | undefined = undefined
  constructor(pid: Pid) {
    this.pid = pid
  }
  get contract(): string | undefined {
    return undefined
  }
  get declared(): Contract<unknown> | undefined {
    return undefined
  }
  get call(): {} {
    return this.#call ?? (this.#call = this.half('call'))
  }
  get cast(): {} {
    return this.#cast ?? (this.#cast = this.half('cast'))
  }
  /** Makes one half of the ref; of a bare one there is nothing to call. */
  half(_of: 'call' | 'cast'): object {
    return NOTHING
  }
}

class BareRef extends AnyRef {
  readonly #contract: string | undefined
  constructor(pid: Pid, contractName: string | undefined) {
    super(pid)
    this.#contract = contractName
  }
  override get contract(): string | undefined {
    return this.#contract
  }
}

type Method = (this: Part, input?: unknown, options?: CallOptions) => unknown

/** One half of a ref; its methods are put on the prototype of a subclass per contract. */
class Part {
  readonly #pid: Pid
  constructor(pid: Pid) {
    this.#pid = pid
  }
  static callMethod(name: string): Method {
    return function call(this: Part, input?: unknown, options?: CallOptions): Promise<unknown> {
      const pid = this.#pid
      return homeOf(pid).call(pid, name, input, options)
    }
  }
  static castMethod(name: string): Method {
    return function cast(this: Part, input?: unknown): boolean {
      const pid = this.#pid
      return homeOf(pid).cast(pid, name, input)
    }
  }
}

class DeclaredContract<P> implements Contract<P> {
  readonly name: string
  readonly names: Names<P>
  readonly #Ref: new (pid: Pid) => AnyRef

  constructor(name: string, names: Names<P>) {
    this.name = name
    this.names = names
    this.#Ref = makeRefClass(this as Contract<unknown>)
  }

  at(pid: Pid): Ref<P> {
    if (!isPid(pid)) throw new ContractError(this.name, 'at() needs a pid')
    return new this.#Ref(pid) as unknown as Ref<P>
  }
}

function makeRefClass(declared: Contract<unknown>): new (pid: Pid) => AnyRef {
  class CallPart extends Part {}
  class CastPart extends Part {}
  for (const name of Object.keys(declared.names.call)) {
    define(CallPart.prototype, name, Part.callMethod(name))
  }
  for (const name of Object.keys(declared.names.cast)) {
    define(CastPart.prototype, name, Part.castMethod(name))
  }
  return class ContractRef extends AnyRef {
    override get contract(): string {
      return declared.name
    }
    override get declared(): Contract<unknown> {
      return declared
    }
    override half(of: 'call' | 'cast'): Part {
      return of === 'call' ? new CallPart(this.pid) : new CastPart(this.pid)
    }
  }
}

/** By definition, not by assignment: a call may be named `constructor` or `toString`. */
function define(prototype: object, name: string, value: Method): void {
  Object.defineProperty(prototype, name, { value, enumerable: true, configurable: false })
}

function checkSlots(contractName: string, kind: 'call' | 'cast', slots: unknown): void {
  if (typeof slots !== 'object' || slots === null) {
    throw new ContractError(contractName, `'${kind}' must be an object of names`)
  }
  for (const [name, slot] of Object.entries(slots)) {
    if (name === '' || name.startsWith('$') || name === 'then') {
      throw new ContractError(contractName, `a ${kind} cannot be named '${name}'`)
    }
    if (slot !== true && !isSchema(slot)) {
      throw new ContractError(contractName, `'${kind}.${name}' must be true or a Standard Schema`)
    }
  }
}
