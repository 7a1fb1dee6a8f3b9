/**
 * Who serves a stream: of those that offer streams under the best pattern, the one with the fewest streams of this node by
 * default. Asks the network when nobody is known.
 */
import type { RpcContext } from '../context.ts'
import { doubtOf } from '../doubt.ts'
import { RpcError } from '../errors.ts'
import type { SelectionStrategy } from '../rpc.ts'
import { LookAgain } from '../look-again.ts'
import { Routes } from '../routes.ts'
import type { Candidate, Route } from '../routes.ts'
import { selectProvider } from '../selector.ts'
import type { SelectProvider, StreamProvider } from './outbound.ts'

/** Which provider a caller wants. */
export interface StreamTarget {
  readonly procedure: string
  readonly strategy: SelectionStrategy
  readonly key: string | undefined
  readonly node: string | undefined
}

/** The strategy of streams that name none: latencies say little about them, their number does. */
export const STREAM_STRATEGY: SelectionStrategy = 'least_outstanding'

/** See the head of this file. */
export class StreamSelector {
  readonly #context: RpcContext
  readonly #routes: Routes
  readonly #lookAgain: LookAgain
  readonly #stop: () => void

  constructor(context: RpcContext) {
    this.#context = context
    const { self, catalog, settings, memory, clock } = context
    this.#lookAgain = new LookAgain(catalog)
    this.#routes = new Routes({
      ...{ self, kind: 'stream', catalog, settings },
      procedures: memory.procedures,
      now: () => clock.now(),
    })
    this.#stop = catalog.onChange('procedure', ({ entry }) => this.#routes.changed(entry.node))
  }

  /** What asks for one after the other. */
  for(target: StreamTarget): SelectProvider {
    return (tried, signal) => this.#known(target, tried) ?? this.#sought(target, tried, signal)
  }

  close(): void {
    this.#stop()
  }

  #known(target: StreamTarget, tried: ReadonlySet<string>): StreamProvider | undefined {
    const { self, chance, clock } = this.#context
    const { procedure, node, strategy, key } = target
    const route = this.#routes.route(procedure)
    if (node !== undefined) {
      return tried.has(node)
        ? undefined
        : this.#provider(route, this.#routes.candidate(route, node))
    }
    const candidates = route.candidates.filter((candidate) => !tried.has(candidate.node))
    const at = selectProvider(strategy, candidates, {
      ...{ self, chance, key, turn: route.turn, nowMs: clock.now() },
    })
    route.turn += 1
    const candidate = candidates[at]
    if (candidate === undefined) return undefined
    if (!(candidate.isLocal && strategy === 'local_first')) this.#lookAgain.used(procedure)
    return this.#provider(route, candidate)
  }

  async #sought(
    target: StreamTarget,
    tried: ReadonlySet<string>,
    signal: AbortSignal,
  ): Promise<StreamProvider> {
    const { catalog } = this.#context
    const { procedure, node } = target
    const isWorth = node === undefined && !catalog.isSought('procedure', procedure)
    if (isWorth) await catalog.seek('procedure', procedure, { signal })
    const found = isWorth ? this.#known(target, tried) : undefined
    if (found !== undefined) return found
    const message = `nobody offers streams of '${procedure}'${doubtOf(catalog, procedure)}`
    throw new RpcError('ERR_RPC_NO_PROVIDER', message, { procedure, node })
  }

  #provider(route: Route, candidate: Candidate): StreamProvider {
    const { node, via } = candidate
    const begin: StreamProvider['begin'] = () => {
      candidate.outstanding += 1
      route.active += 1
      return (refused) => {
        candidate.outstanding -= 1
        route.active -= 1
        if (refused?.kind === 'no_provider') this.#routes.isAbsent(route, node)
      }
    }
    return { node, via, begin }
  }
}
