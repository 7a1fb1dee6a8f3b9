/** A process that runs once in a whole cluster, in every part of a network that falls apart: what users see of it. */
import type { ChildContext, ChildStarted } from '../../behaviours/index.ts'
import type { Pid } from '../../runtime/index.ts'

/** Who starts the process, and under which lease. */
export interface SingletonContext extends ChildContext {
  /** Aborted when the process shall end. */
  readonly signal: AbortSignal
  /** Higher than that of every process of this singleton before; hand it to what the process changes elsewhere. */
  readonly token: number
  /** Aborted when the lease is lost: the process is asked to end, and killed before another may start. */
  readonly lost: AbortSignal
}

/** How a node becomes a candidate. */
export interface SingletonOptions {
  /** The same on all candidates; it is the name of the lease. */
  readonly name: string
  /**
   * Starts the process, as in a child spec; called where the lease is held, again each time. Use the context's parent,
   * so that it is linked from its first moment.
   */
  readonly start: (context: SingletonContext) => ChildStarted | Promise<ChildStarted>
  /** TTL of the lease. Default that of the node. */
  readonly ttlMs?: number | undefined
}

/** A candidate. */
export interface Singleton {
  readonly name: string
  /** The process, while it runs on this node. */
  readonly pid: Pid | undefined
  /** Its token. */
  readonly token: number | undefined
  /** Ends the process if it runs here, then gives the lease to the others. This node is no candidate any more. */
  stop(): Promise<void>
}

/** The functions of `node.singletons`. */
export interface SingletonFunctions {
  /**
   * Makes this node a candidate, until `stop` or its end. Needs `voters`; throws `ERR_VOTERS_REQUIRED` without.
   *
   * @example
   * node.singletons.start({
   *   name: 'billing',
   *   start: ({ system, parent, token }) => Billing.start(token, { system, parent, link: true }),
   * })
   */
  start(options: SingletonOptions): Singleton
  /** What this node is a candidate for. */
  get(name: string): Singleton | undefined
  names(): string[]
}
