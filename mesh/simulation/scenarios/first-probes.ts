/** From a crash to the first probe of the dead node: the part of detection that chance decides (S25). */
import { warmWorld, type ScenarioOptions } from './scenario.ts'

/** Delays in periods, one per crash; `crashes` of them in one world, one period apart. */
export function firstProbes(options: ScenarioOptions & { readonly crashes: number }): number[] {
  const { world, luck } = warmWorld(options)
  const periodMs = world.settings.probeIntervalMs
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
    world.core.stop(victim)
    crashMs.set(world.core.node(victim).id, world.nowMs)
    world.run(Math.round((0.5 + luck.next()) * periodMs))
  }
  world.run(40 * periodMs)
  return delays
}
