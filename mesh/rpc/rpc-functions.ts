/** `mesh.rpc`: what an application calls; survives restarts of the process behind. */
import type { Contract } from '../../behaviours/index.ts'
import { currentProcess, ownPromise, resolveOptions } from '../../runtime/index.ts'
import { contractClient } from './client/client.ts'
import type {
  ClientOptions,
  ContractClient,
  ContractService,
  ContractTarget,
  ServeOptions,
} from './client/contract.ts'
import { serveContract } from './client/serve.ts'
import type { RpcContext } from './context.ts'
import { doubtOf } from './doubt.ts'
import { givenUp, RpcError } from './errors.ts'
import { Invoker } from './invoke.ts'
import { advertiseSettings, CALL_MANY_CHECKS } from './options.ts'
import { checkPattern, metadataOf } from './procedures.ts'
import type { Registration } from './procedures.ts'
import type { Candidate } from './routes.ts'
import type {
  AdvertiseOptions,
  Advertisement,
  ProviderResult,
  Rpc,
  RpcCallManyOptions,
  RpcCallOptions,
  RpcCastOptions,
  RpcProvider,
  RpcTarget,
} from './rpc.ts'
import type { RpcStats } from './stats.ts'
import { StreamFunctions } from './streams/functions.ts'
import type {
  AdvertiseStreamOptions,
  RpcStream,
  StreamHandler,
  StreamOptions,
  StreamStats,
} from './streams/stream.ts'
import { resolveTarget } from './target.ts'

/** The procedures of one node. */
export class RpcFunctions implements Rpc {
  readonly #context: RpcContext
  readonly #invoker: Invoker
  readonly #streams: StreamFunctions
  readonly #check: () => void

  /** `check` throws once the node has stopped. */
  constructor(context: RpcContext, check: () => void) {
    this.#context = context
    this.#check = check
    this.#invoker = new Invoker(context, check)
    this.#streams = new StreamFunctions(context, check)
  }

  // An async function, so that everything that is wrong rejects.
  async advertise<Input = unknown, Output = unknown>(
    procedure: string,
    target: RpcTarget<Input, Output>,
    options?: AdvertiseOptions<Input, Output>,
  ): Promise<Advertisement> {
    this.#check()
    const { memory, system } = this.#context
    const { procedures } = memory
    const settings = advertiseSettings(options)
    const { handler, pid } = resolveTarget(system, target, settings.method)
    const owner = currentProcess()?.pid
    const registration = procedures.add({
      ...{ kind: 'call', pattern: procedure, handler, settings },
      owners: [owner, pid].filter((each) => each !== undefined),
    })
    return {
      procedure: registration.pattern,
      unadvertise: () => procedures.end(registration),
      drain: () => drained(registration, () => procedures.end(registration)),
    }
  }

  unadvertise(procedure: string): boolean {
    this.#check()
    const { procedures } = this.#context.memory
    const registration = procedures.get('call', checkPattern(procedure))
    return registration !== undefined && procedures.end(registration)
  }

  call<Output = unknown>(
    procedure: string,
    input?: unknown,
    options?: RpcCallOptions,
  ): Promise<Output> {
    return this.#invoker.call(procedure, input, options) as Promise<Output>
  }

  cast(procedure: string, input?: unknown, options?: RpcCastOptions): boolean {
    return this.#invoker.cast(procedure, input, options)
  }

  callMany<Output = unknown>(
    procedure: string,
    input?: unknown,
    options?: RpcCallManyOptions,
  ): Promise<readonly ProviderResult<Output>[]> {
    return this.#invoker.withInput(procedure, input, (bytes) => {
      const given = resolveOptions<RpcCallManyOptions>(
        'rpc.callMany',
        {},
        CALL_MANY_CHECKS,
        options,
      )
      return this.#callAll<Output>(procedure, bytes, given)
    })
  }

  stream<Item = unknown, Result = unknown, Sent = unknown>(
    procedure: string,
    input?: unknown,
    options?: StreamOptions,
  ): RpcStream<Item, Result, Sent> {
    return this.#streams.stream(procedure, input, options)
  }

  advertiseStream<Input = unknown, Item = unknown, Result = unknown, Sent = unknown>(
    procedure: string,
    handler: StreamHandler<Input, Item, Result, Sent>,
    options?: AdvertiseStreamOptions<Input, Sent>,
  ): Promise<Advertisement> {
    return this.#streams.advertiseStream(procedure, handler, options)
  }

  serve<P>(
    contract: Contract<P>,
    target: ContractTarget<P>,
    options?: ServeOptions,
  ): Promise<ContractService> {
    return serveContract(this, this.#context.system, contract, target, options)
  }

  client<P>(contract: Contract<P>, options?: ClientOptions): ContractClient<P> {
    return contractClient(this, contract, options)
  }

  streamStats(): StreamStats {
    return this.#streams.streamStats()
  }

  providers(procedure: string): readonly RpcProvider[] {
    this.#check()
    const { engine } = this.#context.memory
    const nowMs = this.#context.clock.now()
    return Array.from(engine?.candidates(procedure) ?? [], (each) => this.#provider(each, nowMs))
  }

  clearCache(procedure?: string): number {
    return this.#context.memory.cache.clear(procedure)
  }

  stats(): RpcStats {
    const { counters, procedures, engine, cache } = this.#context.memory
    const { pending, running, queued } = engine?.sizes ?? { pending: 0, running: 0, queued: 0 }
    return {
      ...counters,
      pending,
      running,
      queued,
      advertised: procedures.size,
      cacheEntries: cache.size,
    }
  }

  #provider(candidate: Candidate, nowMs: number): RpcProvider {
    const { node, isLocal, via, pattern, entry, outstanding, latencyMs, breaker } = candidate
    const own = this.#context.memory.procedures.get('call', pattern)
    const metadata = isLocal ? own?.settings.metadata : metadataOf(entry?.detail ?? {})
    return {
      ...{ node, isLocal, via, pattern, outstanding, latencyMs },
      metadata: metadata ?? {},
      breaker: breaker.state(nowMs),
    }
  }

  async #callAll<Output>(
    procedure: string,
    input: Uint8Array,
    options: RpcCallManyOptions,
  ): Promise<readonly ProviderResult<Output>[]> {
    const { catalog, memory, clock, settings } = this.#context
    const { signal } = options
    if (signal?.aborted === true) throw givenUp(procedure, signal.reason)
    const startedMs = clock.now()
    const timeoutMs = options.timeoutMs ?? settings.callTimeoutMs
    const known = memory.engine?.candidates(procedure) ?? []
    // Those who are known are asked in any case, so there must be time left for them.
    const seekMs = known.length === 0 ? timeoutMs : Math.ceil(timeoutMs / 2)
    await this.#seek(procedure, seekMs, options.signal)
    const nodes = (memory.engine?.candidates(procedure) ?? []).map(({ node }) => node)
    if (nodes.length === 0) {
      const message = `nobody offers '${procedure}'${doubtOf(catalog, procedure)}`
      throw new RpcError('ERR_RPC_NO_PROVIDER', message, { procedure })
    }
    const leftMs = Math.max(1, timeoutMs - (clock.now() - startedMs))
    const results = await Promise.all(
      nodes.map((node) => {
        const asked = { ...options, node, attempts: 1, timeoutMs: leftMs }
        return this.#invoker.send(procedure, input, asked).then(
          (value): ProviderResult<Output> => ({
            node,
            status: 'fulfilled',
            value: value as Output,
          }),
          (reason: unknown): ProviderResult<Output> => ({ node, status: 'rejected', reason }),
        )
      }),
    )
    if (options.signal?.aborted === true) throw givenUp(procedure, options.signal.reason)
    return results
  }

  #seek(procedure: string, timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    const { catalog } = this.#context
    return ownPromise<void>((resolve, reject) => {
      if (catalog.isSought('procedure', procedure)) return resolve()
      catalog
        .seek('procedure', procedure, { timeoutMs, signal })
        .then(resolve, (cause: unknown) => reject(givenUp(procedure, cause)))
    })
  }
}

/** Resolves when nothing of it runs or waits any more. */
function drained({ gate }: Registration, end: () => void): Promise<void> {
  return ownPromise<void>((resolve) => {
    end()
    gate.whenIdle(resolve)
  })
}
