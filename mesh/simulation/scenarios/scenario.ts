/** What every scenario takes: the same seed and options give the same figures. */
import type { SwimSettings } from '../../membership/swim/settings.ts'
import { Sequence } from '../chance.ts'
import type { LinkOptions } from '../link-table.ts'
import type { NetworkOptions } from '../network-model.ts'
import { SwimWorld, type SwimWorldOptions } from '../swim-world.ts'

/** How a scenario is run. */
export interface ScenarioOptions {
  readonly seed: number
  readonly nodes: number
  /** Default: the preset `lan`. */
  readonly settings?: SwimSettings
  readonly network?: NetworkOptions
  readonly links?: LinkOptions | false
  /** Makes the cores, when they are not to be the library's. */
  readonly makeCore?: NonNullable<SwimWorldOptions['makeCore']>
}

/** A world in which all know each other and have probed for a few periods, and luck for its set-up. */
export function warmWorld(
  options: ScenarioOptions,
  warmUpPeriods = 3,
): { readonly world: SwimWorld; readonly luck: Sequence } {
  const world = new SwimWorld(options)
  const luck = new Sequence(options.seed)
  world.run((warmUpPeriods + luck.next()) * world.settings.probeIntervalMs)
  return { world, luck }
}
