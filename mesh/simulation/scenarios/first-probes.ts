/** From a crash to the first probe of the dead node: the part of detection that chance decides (S25). */
import { warmWorld, type ScenarioOptions } from './scenario.ts'

/** Delays in periods, one per crash; `crashes` nodes, few of all, crash within one period. */
export function firstProbes(options: ScenarioOptions & { readonly crashes: number }): number[] {
  const { world, luck } = warmWorld(options)
  const periodMs = world.settings.probeIntervalMs
  const startMs = world.nowMs
  const crashMs = new Map<string, number>()
  const delays: number[] = []
  world.core.observe({
    sent: (_, to, message) => {
      const atMs = crashMs.get(to)
      if (atMs === undefined || message.type !== 'ping') return
      crashMs.delete(to)
      delays.push((world.nowMs - atMs) / periodMs)
    },
  })
  for (const victim of luck.sample(options.crashes, options.nodes)) {
    world.core.at(startMs + luck.below(periodMs), () => {
      world.core.stop(victim)
      crashMs.set(world.core.node(victim).id, world.nowMs)
    })
  }
  world.runUntil(() => delays.length === options.crashes, 2 * options.nodes * periodMs, periodMs)
  return delays
}
