/** Options of the worker transport. */
import { createRealClock, createSystemEntropy, resolveOptions } from '../../../runtime/index.ts'
import type { Clock, Entropy } from '../../../runtime/index.ts'
import { keepaliveOf, TRANSPORT_LIMIT_CHECKS, TRANSPORT_LIMITS } from '../limits.ts'
import type { TransportLimits } from '../limits.ts'

/**
 * Dials of connections between threads of one process. A thread that ended is seen at once whatever `idleTimeoutMs` is: it
 * finds threads that are stuck.
 */
export interface WorkerTransportOptions extends TransportLimits {
  /** Time of dials, handshakes and keepalive. Default the real clock. */
  readonly clock?: Clock
  /** Nonces of the handshake. Default the system's. */
  readonly entropy?: Entropy
}

/** {@link WorkerTransportOptions} after defaults and checks. */
export type ResolvedWorkerOptions = Readonly<Required<WorkerTransportOptions>>

/** Defaults and checks, once per transport. */
export function resolveWorkerOptions(given: WorkerTransportOptions): ResolvedWorkerOptions {
  const where = 'createWorkerTransport'
  const { clock = createRealClock(), entropy = createSystemEntropy(), ...rest } = given
  const merged = resolveOptions(where, TRANSPORT_LIMITS, TRANSPORT_LIMIT_CHECKS, rest)
  const keepaliveIntervalMs = keepaliveOf(where, merged)
  return Object.freeze({ ...merged, clock, entropy, keepaliveIntervalMs })
}
