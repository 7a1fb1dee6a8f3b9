/**
 * The contracts that one node knows by name, so that a ref which arrives in a message becomes one
 * that can be used. A node learns them from registered servers, from its options, from spawns by
 * contract and from refs it sends.
 *
 * A name is `base/major`. An arriving ref of another major version than the known one is not
 * guessed at: every use of it fails with `ERR_CONTRACT_VERSION`.
 */
import { bareRef, type Contract, type Ref } from '../behaviours/index.ts'
import type { Pid } from '../runtime/index.ts'
import { ContractVersionError } from './errors.ts'

/** Contracts a node keeps; learning more forgets the oldest learnt one. */
const CONTRACTS_MAX = 4096

/** `counter` of `counter/1`; the whole name if it has no version. */
function baseOf(name: string): string {
  const slash = name.lastIndexOf('/')
  return slash < 0 ? name : name.slice(0, slash)
}

/** Contracts by name. */
export class ContractTable {
  readonly #byName = new Map<string, Contract<unknown>>()
  /** The latest known contract of a base name. */
  readonly #byBase = new Map<string, Contract<unknown>>()

  /** Takes a contract into account; one of the same name that is known already stays. */
  learn(contract: Contract<never> | Contract<unknown>): void {
    const known = contract as Contract<unknown>
    if (this.#byName.has(known.name)) return
    if (this.#byName.size >= CONTRACTS_MAX) this.#forgetOldest()
    this.#byName.set(known.name, known)
    this.#byBase.set(baseOf(known.name), known)
  }

  /** The contract of exactly that name. */
  get(name: string): Contract<unknown> | undefined {
    return this.#byName.get(name)
  }

  /** Why a ref of `name` cannot be used here; `undefined` when it can, or is simply unknown. */
  mismatch(name: string): ContractVersionError | undefined {
    if (this.#byName.has(name)) return undefined
    const known = this.#byBase.get(baseOf(name))
    return known === undefined ? undefined : new ContractVersionError(known.name, name)
  }

  /** A ref to a process that says it speaks `name`. */
  refTo(pid: Pid, name: string): Ref<unknown> {
    const known = this.#byName.get(name)
    if (known !== undefined) return known.at(pid)
    const ref = bareRef(pid, name)
    const other = this.#byBase.get(baseOf(name))
    return other === undefined ? ref : refusing(ref, other, name)
  }

  /** A ref to be used by `contract`; one that refuses if the process says it speaks another major version of it. */
  refAs<P>(pid: Pid, contract: Contract<P>, spoken: string | undefined): Ref<P> {
    const { name } = contract
    if (spoken === undefined || spoken === name || baseOf(spoken) !== baseOf(name)) {
      return contract.at(pid)
    }
    return refusing(bareRef(pid, spoken), contract as Contract<unknown>, spoken) as Ref<P>
  }

  #forgetOldest(): void {
    for (const [name, contract] of this.#byName) {
      this.#byName.delete(name)
      if (this.#byBase.get(baseOf(name)) === contract) this.#byBase.delete(baseOf(name))
      return
    }
  }
}

/** The bare `ref` with the methods of the contract we know, each of which refuses. */
function refusing(ref: Ref<unknown>, known: Contract<unknown>, received: string): Ref<unknown> {
  const refuse = (): Promise<never> =>
    Promise.reject(new ContractVersionError(known.name, received))
  const drop = (): boolean => false
  Object.defineProperty(ref, 'call', { value: methods(known.names.call, refuse) })
  Object.defineProperty(ref, 'cast', { value: methods(known.names.cast, drop) })
  return ref
}

function methods(names: object, method: () => unknown): object {
  return Object.freeze(Object.fromEntries(Object.keys(names).map((name) => [name, method])))
}
