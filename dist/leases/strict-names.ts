/** Names of `dist/names` whose owner is the only one in every part of a network: each is a lease. */
import { GlobalRegistryError } from '../names/errors.ts'
import { NO_STRICT_NAMES, type StrictNames } from '../names/strict-names.ts'
import { LeaseError } from './errors.ts'
import type { StrictLeases } from './leases.ts'

/** What grants strict names: leases, if there are voters. */
export function strictNames(leases: StrictLeases, hasVoters: boolean): StrictNames {
  if (!hasVoters) return NO_STRICT_NAMES
  return Object.freeze<StrictNames>({
    claim: async (name, _pid, options) => {
      try {
        return await leases.acquire(`name:${name}`, options)
      } catch (cause) {
        if (!(cause instanceof LeaseError) || cause.code !== 'ERR_LEASE_HELD') throw cause
        const what = 'another has its lease'
        throw new GlobalRegistryError('ERR_GLOBAL_NAME_TAKEN', name, what, { cause })
      }
    },
  })
}
