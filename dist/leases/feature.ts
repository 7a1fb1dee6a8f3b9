/**
 * The part `leases` of a node. It has no process: each lease and the voter are machines with a timer, and what throws
 * in one of them ends that one. So nothing of it can be killed while work goes on under a lease.
 */
import type { NodeKey } from '../../mesh/index.ts'
import type { DistFeature, DistParts } from '../parts.ts'
import { LeaseKeeper } from './lease-keeper.ts'
import type { StrictLeases } from './leases.ts'
import { leaseSettings, voterKeys, type LeaseOptions } from './options.ts'
import { VoterService } from './voter-service.ts'

/** One per node. Throws an `OptionError`. */
export function createLeases(
  parts: DistParts,
  voters: readonly (NodeKey | string)[] | undefined,
  options: LeaseOptions | undefined,
): DistFeature<StrictLeases> {
  const settings = leaseSettings(options)
  const keys = voterKeys(voters)
  const keeper = new LeaseKeeper(parts, settings, keys)
  const isVoter = keys.includes(parts.mesh.key.hex)
  const voter = isVoter ? new VoterService(parts, settings, keys) : undefined
  return {
    functions: Object.freeze<StrictLeases>({
      acquire: (name, given) => keeper.acquire(name, given),
    }),
    close: () => {
      keeper.close()
      voter?.close()
    },
  }
}
