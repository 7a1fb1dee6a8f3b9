/** Names of `dist/names` whose owner is the only one in every part of a network: each is a lease. */
import { NO_STRICT_NAMES, type StrictNames } from '../names/strict-names.ts'
import type { StrictLeases } from './leases.ts'

/** What grants strict names: leases, if there are voters. */
export function strictNames(leases: StrictLeases, hasVoters: boolean): StrictNames {
  if (!hasVoters) return NO_STRICT_NAMES
  return Object.freeze<StrictNames>({
    claim: (name, _pid, options) => leases.acquire(`name:${name}`, options),
  })
}
