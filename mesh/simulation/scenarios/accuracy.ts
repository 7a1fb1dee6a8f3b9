/** Mistakes of the detector while nobody fails (S40, S41; Lifeguard, arXiv 1707.00788). */
import type { Fault } from '../faults.ts'
import { warmWorld, type ScenarioOptions } from './scenario.ts'

/** What went wrong. Events count at each node that had them. */
export interface Mistakes {
  /** Deaths of healthy members, at any node. */
  readonly falseDeaths: number
  /** The same at healthy nodes only. */
  readonly falseDeathsAtHealthy: number
  /** Suspicions of healthy members that a node came to by itself. */
  readonly falseSuspicions: number
  /** Deaths of slow members, at any node. */
  readonly slowDeaths: number
  readonly sentPerSecond: number
}

/** All nodes are alive; `slow` of them are blocked for `blockedMs` every `everyMs`. */
export function accuracy(
  options: ScenarioOptions & {
    readonly forMs: number
    readonly slow?: number
    readonly blockedMs?: number
    readonly everyMs?: number
  },
): Mistakes {
  const { forMs, slow = 0, blockedMs = 1_000, everyMs = 1_000 } = options
  const { world, luck } = warmWorld(options)
  const atMs = world.nowMs
  const slowNodes = new Set(luck.sample(slow, options.nodes))
  world.runFaults(
    [...slowNodes].map((node): Fault => ({ type: 'slow', atMs, node, forMs, blockedMs, everyMs })),
  )
  world.run(forMs)
  const mistakes = {
    falseDeaths: 0,
    falseDeathsAtHealthy: 0,
    falseSuspicions: 0,
    slowDeaths: 0,
  }
  for (const { sight, subject, observer, own } of world.views.accusations) {
    const healthy = !slowNodes.has(world.core.nodeOf(subject)!.index)
    if (sight === 'suspect') {
      if (healthy && own) mistakes.falseSuspicions++
    } else if (healthy) {
      mistakes.falseDeaths++
      if (!slowNodes.has(observer)) mistakes.falseDeathsAtHealthy++
    } else mistakes.slowDeaths++
  }
  const sent = world.core.nodes.reduce((sum, { load }) => sum + load.datagramsSent, 0)
  return { ...mistakes, sentPerSecond: (sent * 1000) / (options.nodes * world.nowMs) }
}
