/**
 * `npm run bench:dht`: the DHT in the simulator, scenario by scenario. Figures are of virtual time and
 * repeat from their seeds; each is printed with its ratio to what it should come to.
 */
import { saveResults } from '../harness.ts'
import { Targets } from '../local/targets.ts'
import { publish, type Scenario } from '../sim/table.ts'
import { atRest, deaths, softTimeouts } from './lookups.ts'
import { collusion, sybils } from './enemies.ts'
import { guesses, joins } from './joining.ts'
import { churn } from './records.ts'
import { benchSideBySide } from './side-by-side.ts'

const SCENARIOS: readonly Scenario[] = [
  atRest,
  deaths,
  softTimeouts,
  collusion,
  sybils,
  churn,
  joins,
  guesses,
]

/** One benchmark per scenario, by name. */
export const dhtScenarios: Readonly<Record<string, () => Promise<void>>> = {
  ...Object.fromEntries(
    SCENARIOS.map((scenario) => [
      `dht-${scenario.name}`,
      async () => void (await runScenarios([scenario])),
    ]),
  ),
  'dht-side-by-side': benchSideBySide,
}

/** Every scenario, and whole nodes beside other DHTs. */
export async function benchDht(): Promise<void> {
  const targets = await runScenarios(SCENARIOS)
  saveResults('dht-targets', targets.verdicts)
  await benchSideBySide()
}

async function runScenarios(scenarios: readonly Scenario[]): Promise<Targets> {
  const targets = new Targets()
  for (const scenario of scenarios) publish(`dht-${scenario.name}`, scenario.run(targets))
  targets.print()
  return targets
}
