/** Some nodes with one-way or very lossy links (Rapid, ATC'18): does the rest stay calm? */
import type { Fault } from '../faults.ts'
import { warmWorld, type ScenarioOptions } from './scenario.ts'

/** How the tables moved. */
export interface Stability {
  /** Deaths of nodes with good links, at nodes with good links. */
  readonly falseDeaths: number
  /** Deaths of the others. */
  readonly unstableDeaths: number
  /** Changes from alive to dead and back of the others, per unstable node and observer. */
  readonly flapsPerView: number
}

/** `share` of the nodes lose `lossShare` of what comes in, goes out, or both. */
export function unstableLinks(
  options: ScenarioOptions & {
    readonly share: number
    readonly lossShare: number
    readonly direction: 'in' | 'out' | 'both'
    readonly forMs: number
  },
): Stability {
  const { share, lossShare, direction, forMs, nodes } = options
  const { world, luck } = warmWorld(options)
  const unstable = luck.sample(Math.max(1, Math.round(share * nodes)), nodes)
  const loss: Fault = {
    type: 'loss',
    atMs: world.nowMs,
    forMs,
    share: lossShare,
    nodes: unstable,
    direction,
  }
  world.runFaults([loss])
  world.run(forMs)
  const bad = new Set(unstable)
  let falseDeaths = 0
  let unstableDeaths = 0
  for (const { sight, subject, observer } of world.views.accusations) {
    if (sight !== 'dead' || bad.has(observer)) continue
    if (bad.has(world.core.nodeOf(subject)!.index)) unstableDeaths++
    else falseDeaths++
  }
  const views = bad.size * (nodes - bad.size)
  return { falseDeaths, unstableDeaths, flapsPerView: unstableDeaths / views }
}
