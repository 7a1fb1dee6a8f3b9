/**
 * What a lease is to those who need one: strict names, singletons, placement. A lease is the right to be the
 * only one of a name for a while. A majority of the configured `voters` grants it, and its holder gives it up before
 * they may grant it to another, so at most one lease of a name is held at any time, in every part of a network
 * that falls apart. The token of a lease is higher than that of every lease of its name before it: whatever the
 * holder changes elsewhere should be refused there when a higher token has been seen ("fencing").
 *
 * Leases follow Gray and Cheriton (SOSP 1989); fencing tokens and the order of votes follow Paxos' ballots.
 */

/** How to ask for a lease. */
export interface AcquireOptions {
  /** Gives up waiting: `ERR_LEASE_ABORTED`. A lease that is held is not touched by it. */
  readonly signal?: AbortSignal | undefined
  /**
   * How long the lease outlives its holder's silence. Default and longest is the `ttlMs` of the node. Shorter moves
   * sooner after a crash, and costs more messages.
   */
  readonly ttlMs?: number | undefined
  /**
   * How long to wait while another holds it or no majority answers. Default: for ever. 0 tries once. Then
   * `ERR_LEASE_HELD` or `ERR_LEASE_NO_MAJORITY`.
   */
  readonly timeoutMs?: number | undefined
}

/** A lease that was granted. */
export interface Lease {
  readonly name: string
  /** Higher than that of every lease of this name before; hand it to what the holder changes elsewhere. */
  readonly token: number
  /**
   * Aborted when the lease could not be renewed: `graceMs` before another may have it. Whoever works under the
   * lease ends now. It is aborted by `release()`, too, and when the node stops.
   */
  readonly lost: AbortSignal
  /** Whether it is held at this moment, by the clock of this node; false from the end of the grace. */
  readonly isHeld: boolean
  /** When it ends unless it is renewed, by `system.clock.now()` of this node. */
  readonly endsAtMs: number
  /** Gives it back, so that another has it at once. Call it when the work has ended. Idempotent. */
  release(): void
}

/** Leases by name. `node.leases` is this. */
export interface StrictLeases {
  /**
   * Waits for the lease of `name`. Rejects with a `LeaseError`: `ERR_VOTERS_REQUIRED` without voters, and as the
   * options say. Two who ask on one node are two: only one has it.
   *
   * @example
   * const lease = await node.leases.acquire('billing', { signal })
   * lease.lost.addEventListener('abort', () => worker.stop())
   */
  acquire(name: string, options?: AcquireOptions): Promise<Lease>
}
