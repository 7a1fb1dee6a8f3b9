/** Nodes that join one after the other through one seed (SWIM, DSN'02: stable groups under loss). */
import { Sequence } from '../chance.ts'
import { SwimWorld } from '../swim-world.ts'
import type { ScenarioOptions } from './scenario.ts'

/** How it went. */
export interface Joining {
  /** From the last start until all knew all; undefined if never. */
  readonly stableMs: number | undefined
  /** Nodes that everybody held alive at the end. */
  readonly stable: number
  /** Deaths of living members on the way. */
  readonly falseDeaths: number
}

/** One node runs; the others start at random times within `spreadMs`, then `forMs` pass. */
export function joining(
  options: ScenarioOptions & { readonly spreadMs: number; readonly forMs: number },
): Joining {
  const { nodes, spreadMs, forMs } = options
  const world = new SwimWorld({ ...options, warm: 1, seeds: [0] })
  const luck = new Sequence(options.seed)
  for (let node = 1; node < nodes; node++) {
    world.core.at(luck.below(spreadMs), () => world.startJoining(node))
  }
  world.run(spreadMs)
  const stableMs = world.runUntil(() => world.agrees(), forMs, 200)
  world.run(Math.max(0, forMs - (stableMs ?? forMs)))
  const stable = world.core.nodes.filter(({ index }) => world.allSee(index, 'alive')).length
  const falseDeaths = world.views.accusations.filter(({ sight }) => sight === 'dead').length
  return { stableMs, stable, falseDeaths }
}
