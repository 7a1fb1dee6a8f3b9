/**
 * Contracts over the mesh: the protocol of a server (`contract()` of the behaviours) as procedures, so that a client
 * somewhere in the mesh imports types and names only.
 *
 * A call or cast `method` of a contract `counter/1` is the procedure `counter.1.method`: the contract's name with `/` as
 * `.`, then the method. So both must give valid segments, and a call and a cast cannot share a name.
 *
 * Guarantees are those of calls and casts (`../rpc.ts`): any of the nodes that serve the contract may be asked, each time
 * anew. Inputs that the contract gives a Standard Schema are checked, and perhaps transformed, at the server's door
 * (`ERR_RPC_INPUT`); a process checks its own.
 */
import { isContract } from '../../../behaviours/index.ts'
import type {
  CallsOf,
  CastsOf,
  Contract,
  InputOf,
  InputsOf,
  OutputOf,
  Ref,
} from '../../../behaviours/index.ts'
import { ArgumentError } from '../../../runtime/index.ts'
import { checkTopic } from '../../topics/topic.ts'
import { RpcError } from '../errors.ts'
import type { AdvertiseOptions, CallContext, RpcCallOptions, RpcCastOptions } from '../rpc.ts'

/** Arguments of one method of a client: its input, then options. */
export type ClientArgs<Method, Options> =
  InputsOf<Method> extends []
    ? [input?: undefined, options?: Options]
    : [] extends InputsOf<Method>
      ? [input?: InputOf<Method>, options?: Options]
      : [input: InputOf<Method>, options?: Options]

/** Whoever serves a contract, as one thing. */
export interface ContractClient<P> {
  /** Asks one of the providers. Rejects with an `RpcError`. */
  readonly call: {
    readonly [Name in keyof CallsOf<P>]: (
      ...given: ClientArgs<CallsOf<P>[Name], RpcCallOptions>
    ) => Promise<Awaited<OutputOf<CallsOf<P>[Name]>>>
  }
  /** Tells one of the providers; false when it was refused here. */
  readonly cast: {
    readonly [Name in keyof CastsOf<P>]: (
      ...given: ClientArgs<CastsOf<P>[Name], RpcCastOptions>
    ) => boolean
  }
}

/** Defaults of the methods of one client. */
export type ClientOptions = Omit<RpcCallOptions, 'onProgress'>

type Serve<Method, Output> = (
  input: InputOf<Method>,
  context: CallContext,
) => Output | Promise<Output>

type CallHandlers<P> = {
  readonly [Name in keyof CallsOf<P>]: Serve<CallsOf<P>[Name], Awaited<OutputOf<CallsOf<P>[Name]>>>
}

type CastHandlers<P> = {
  readonly [Name in keyof CastsOf<P>]: Serve<CastsOf<P>[Name], void>
}

/** One function for each call and cast; a half without methods may be left out. */
export type ContractHandlers<P> = (keyof CallsOf<P> extends never
  ? { readonly call?: CallHandlers<P> }
  : { readonly call: CallHandlers<P> }) &
  (keyof CastsOf<P> extends never
    ? { readonly cast?: CastHandlers<P> }
    : { readonly cast: CastHandlers<P> })

/** Serves a contract: functions, or a process that speaks it. */
export type ContractTarget<P> = ContractHandlers<P> | Ref<P>

/** Options of {@link RpcContracts.serve}: of every procedure. */
export type ServeOptions = Omit<AdvertiseOptions, 'input' | 'output' | 'method'>

/** A contract that this node serves. */
export interface ContractService {
  readonly contract: string
  /** What is advertised. */
  readonly procedures: readonly string[]
  /** Serves it no more, at once; false when it was over already. */
  unadvertise(): boolean
  /** Serves it no more and resolves when the calls that run or wait here have ended. */
  drain(): Promise<void>
}

/** What the functions of procedures have for contracts. */
export interface RpcContracts {
  /**
   * Serves all calls and casts of a contract, or none: rejects as `advertise` does. Served by a process it ends with that
   * process; inside a process with that one, too.
   *
   * @example
   * await mesh.rpc.serve(CounterContract, counter) // a ref
   * await mesh.rpc.serve(CounterContract, { call: { add: (by) => (n += by) }, cast: { reset: () => void (n = 0) } })
   */
  serve<P>(
    contract: Contract<P>,
    handlers: ContractHandlers<P>,
    options?: ServeOptions,
  ): Promise<ContractService>
  serve<P>(contract: Contract<P>, ref: Ref<P>, options?: ServeOptions): Promise<ContractService>
  /**
   * A typed client of a contract.
   *
   * @example
   * const counter = mesh.client(CounterContract)
   * await counter.call.add(5, { timeoutMs: 100 })
   * counter.cast.reset()
   */
  client<P>(contract: Contract<P>, options?: ClientOptions): ContractClient<P>
}

/** The two halves of a contract. */
export type ContractHalf = 'call' | 'cast'

/** One method of a contract. */
export interface ContractMethod {
  readonly half: ContractHalf
  readonly name: string
  readonly procedure: string
  /** `true`, or the schema of its input. */
  readonly slot: unknown
}

/**
 * All methods; throws `ERR_RPC_PROCEDURE_INVALID` for names that cannot be procedures, `ERR_ARGUMENT` for what is no
 * contract, a server for instance.
 */
export function methodsOf(contract: Contract<unknown>): readonly ContractMethod[] {
  if (!isContract(contract)) {
    throw new ArgumentError('contract', 'a contract, as contract() gives it', contract)
  }
  const { name, names } = contract
  const taken = new Set<string>()
  return (['call', 'cast'] as const).flatMap((half) =>
    Object.entries(names[half] as Readonly<Record<string, unknown>>).map(([method, slot]) => {
      const procedure = procedureOf(name, method)
      if (taken.has(procedure)) {
        const message = `contract '${name}': a call and a cast are both named '${method}'`
        throw new RpcError('ERR_RPC_PROCEDURE_INVALID', message, { procedure })
      }
      taken.add(procedure)
      return { half, name: method, procedure, slot }
    }),
  )
}

/** The procedure of a method; throws `ERR_RPC_PROCEDURE_INVALID`. */
export function procedureOf(contractName: string, method: string): string {
  const procedure = `${contractName.replaceAll('/', '.')}.${method}`
  try {
    return checkTopic(procedure)
  } catch (cause) {
    const message = `contract '${contractName}', '${method}': ${(cause as Error).message}`
    throw new RpcError('ERR_RPC_PROCEDURE_INVALID', message, { procedure, cause })
  }
}
