/** `npm run bench -- services`: pub/sub, procedures and presence; a part by name, `npm run bench -- services-matching`. */
import { benchFanout } from './fanout.ts'
import { benchHops } from './hops.ts'
import { benchLanes } from './lanes.ts'
import { benchLocalFanout } from './local-fanout.ts'
import { benchMatching } from './matching.ts'
import { benchRpc } from './rpc.ts'

/** One benchmark per scenario, by name. */
export const serviceScenarios: Readonly<Record<string, () => Promise<void>>> = {
  'services-matching': benchMatching,
  'services-fanout': benchFanout,
  'services-local-fanout': benchLocalFanout,
  'services-lanes': benchLanes,
  'services-rpc': benchRpc,
  'services-hops': benchHops,
}

/** All of them. */
export async function benchServices(): Promise<void> {
  for (const run of Object.values(serviceScenarios)) await run()
}
