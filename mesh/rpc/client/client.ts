/** A client of a contract: one function for each of its methods. */
import type { Contract } from '../../../behaviours/index.ts'
import { resolveOptions } from '../../../runtime/index.ts'
import { CALL_CHECKS } from '../options.ts'
import type { Rpc, RpcCallOptions, RpcCastOptions } from '../rpc.ts'
import { methodsOf } from './contract.ts'
import type { ClientOptions, ContractClient } from './contract.ts'

type Method = (input?: unknown, options?: object) => unknown

/** Of the defaults of a client, what a cast knows. */
const CAST_OPTIONS = ['timeoutMs', 'strategy', 'key', 'node', 'priority'] as const

/** Makes a client; throws `ERR_RPC_PROCEDURE_INVALID` and `ERR_OPTION_*`. */
export function contractClient<P>(
  rpc: Pick<Rpc, 'call' | 'cast'>,
  contract: Contract<P>,
  options?: ClientOptions,
): ContractClient<P> {
  const { onProgress: _, ...checks } = CALL_CHECKS
  const defaults = resolveOptions<ClientOptions>('client', {}, checks, options)
  const castDefaults: RpcCastOptions = Object.fromEntries(
    CAST_OPTIONS.flatMap((name) => (defaults[name] === undefined ? [] : [[name, defaults[name]]])),
  )
  const halves = { call: emptyHalf(), cast: emptyHalf() }
  for (const { half, name, procedure } of methodsOf(contract as Contract<unknown>)) {
    const method: Method =
      half === 'call'
        ? (input, given) => rpc.call(procedure, input, merged<RpcCallOptions>(defaults, given))
        : (input, given) => rpc.cast(procedure, input, merged<RpcCastOptions>(castDefaults, given))
    // By definition, not by assignment: a call may be named `constructor` or `__proto__`.
    Object.defineProperty(halves[half], name, { value: method, enumerable: true })
  }
  Object.freeze(halves.call)
  Object.freeze(halves.cast)
  return Object.freeze(halves) as ContractClient<P>
}

/** Without a prototype: only what the contract names is there. */
function emptyHalf(): Record<string, Method> {
  return Object.create(null) as Record<string, Method>
}

function merged<Options extends object>(defaults: Options, given: object | undefined): Options {
  return given === undefined ? defaults : { ...defaults, ...given }
}
