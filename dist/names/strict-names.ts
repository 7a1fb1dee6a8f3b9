/** What strict registrations stand on: the right to a name, granted by voters. `dist/leases` implements it. */
import type { Pid } from '../../runtime/index.ts'
import { GlobalRegistryError } from './errors.ts'

/** The right to a name. */
export interface StrictClaim {
  /** Higher than that of everybody who had it before. */
  readonly token: number
  /** Aborted when it is over: another may have it soon. */
  readonly lost: AbortSignal
  /** Gives it back. Idempotent. */
  release(): void
}

/** Who grants it. */
export interface StrictNames {
  /** Waits for the right to `name`, for that process. */
  claim(
    name: string,
    pid: Pid,
    options: { readonly signal: AbortSignal; readonly timeoutMs: number },
  ): Promise<StrictClaim>
}

/** Of a node without voters. */
export const NO_STRICT_NAMES: StrictNames = Object.freeze<StrictNames>({
  claim: (name) => {
    const what = 'a strict registration needs voters'
    return Promise.reject(new GlobalRegistryError('ERR_VOTERS_REQUIRED', name, what))
  },
})
