/**
 * A cluster strategy: something that knows where other nodes may be (a list, a multicast group, DNS, an
 * orchestrator, the DHT). It is libcluster's `Cluster.Strategy` with the roles turned round: a strategy only
 * proposes addresses, the mesh dials them, and membership decides who is there (D1).
 *
 * - It runs as a supervised process: `start` is called in it, and once more after a failure, with growing pauses.
 * - It tells what it finds with `sink.seen`, and what its source says is no more with `sink.gone`.
 * - It tells that it could not ask with `sink.failed`. That never means that nobody is there (D1).
 * - It ends when `context.signal` is aborted, and leaves no socket, timer or request behind.
 *
 * Every source of the mesh (`Discovery` of `fovea/mesh`) is a strategy as it is.
 */
import type { Clock, Entropy, Logger } from '../../runtime/index.ts'
import type { Dht, DiscoverySink, NodeKey, Realm, TransportAddress } from '../../mesh/index.ts'

/** The node that looks for others. */
export interface DiscoverySelf {
  readonly key: NodeKey
  /** Name part of its id. */
  readonly name: string
  readonly cluster: string
  readonly realm: Realm
  /** Where others dial it; the port is known once the node has bound it. */
  readonly address: TransportAddress
}

/** What a strategy works with. Time and chance come from here only. */
export interface StrategyContext {
  readonly signal: AbortSignal
  readonly clock: Clock
  readonly entropy: Entropy
  readonly logger: Logger
  readonly self: DiscoverySelf
  readonly dht: Dht
  /** Counts what came from others and was dropped, by error code. */
  refused(code: string, fields?: Readonly<Record<string, unknown>>): void
}

/** A source of addresses. */
export interface Strategy {
  /** Names it among the strategies of a node and in log lines: 1 to 64 printable characters. */
  readonly name: string
  start(sink: DiscoverySink, context: StrategyContext): void | Promise<void>
}
