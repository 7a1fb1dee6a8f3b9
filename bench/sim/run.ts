/**
 * `npm run bench:swim`: membership in the simulator, scenario by scenario as in the papers. Figures are of
 * virtual time and repeat from their seeds; only the speed is of this machine.
 */
import { saveResults } from '../harness.ts'
import { Targets } from '../local/targets.ts'
import { actors } from './actors.ts'
import { detection, load, probing } from './detection.ts'
import { loss, slowMembers, unstable } from './mistakes.ts'
import { speed } from './speed.ts'
import { joiners, spread } from './spreading.ts'
import { publish, type Scenario } from './table.ts'

const SCENARIOS: readonly Scenario[] = [
  speed,
  actors,
  load,
  probing,
  detection,
  spread,
  joiners,
  unstable,
  loss,
  slowMembers,
]

/** One benchmark per scenario, by name. */
export const swimScenarios: Readonly<Record<string, () => Promise<void>>> = Object.fromEntries(
  SCENARIOS.map((scenario) => [
    `swim-${scenario.name}`,
    async () => void (await runScenarios([scenario])),
  ]),
)

/** Every scenario. */
export async function benchSwim(): Promise<void> {
  const targets = await runScenarios(SCENARIOS)
  saveResults('swim-targets', targets.verdicts)
}

async function runScenarios(scenarios: readonly Scenario[]): Promise<Targets> {
  const targets = new Targets()
  for (const scenario of scenarios) publish(`swim-${scenario.name}`, scenario.run(targets))
  targets.print()
  return targets
}
