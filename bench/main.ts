/**
 * `npm run bench`: every benchmark, or the named ones (`npm run bench -- local`, `swim-loss`). Never a gate: figures
 * are for reading, and written to bench/results with the commit they belong to.
 */
import { benchBulk } from './cluster/bulk.ts'
import { benchGarbage } from './cluster/garbage.ts'
import { benchLossy } from './cluster/lossy.ts'
import { benchNames } from './cluster/names.ts'
import { benchFormation } from './cluster/formation.ts'
import { benchNamesQuiet } from './cluster/quiet.ts'
import { benchRemote } from './cluster/remote.ts'
import { benchDht, dhtScenarios } from './dht/run.ts'
import { benchLocal } from './local/run.ts'
import { benchServices, serviceScenarios } from './services/run.ts'
import { benchWorkers } from './cluster/workers.ts'
import { benchSwim, swimScenarios } from './sim/run.ts'

const BENCHMARKS: Readonly<Record<string, () => Promise<void>>> = {
  local: benchLocal,
  remote: benchRemote,
  cluster: benchFormation,
  names: benchNames,
  'names-quiet': benchNamesQuiet,
  'cluster-lossy': benchLossy,
  'cluster-bulk': benchBulk,
  'cluster-garbage': benchGarbage,
  swim: benchSwim,
  dht: benchDht,
  services: benchServices,
  workers: benchWorkers,
}

const wanted = process.argv.slice(2)
for (const name of wanted.length === 0 ? Object.keys(BENCHMARKS) : wanted) {
  const run =
    BENCHMARKS[name] ?? swimScenarios[name] ?? dhtScenarios[name] ?? serviceScenarios[name]
  if (run === undefined) {
    console.error(
      `unknown benchmark '${name}'; there are ${[...Object.keys(BENCHMARKS), ...Object.keys(swimScenarios), ...Object.keys(dhtScenarios), ...Object.keys(serviceScenarios)].join(', ')}`,
    )
    process.exit(2)
  }
  await run()
}
