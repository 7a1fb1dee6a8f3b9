/** How fast one piece of news reaches everybody (S31). */
import { warmWorld, type ScenarioOptions } from './scenario.ts'

/** Milliseconds from the change until a share of all others knew; undefined if not in time. */
export interface Dissemination {
  readonly halfMs: number | undefined
  readonly allMs: number | undefined
  /** Others that did not know when the time was over. */
  readonly missed: number
}

/** One random node changes its metadata. */
export function dissemination(
  options: ScenarioOptions & { readonly withinMs?: number },
): Dissemination {
  const { withinMs = 60_000 } = options
  const { world, luck } = warmWorld(options)
  const source = luck.below(options.nodes)
  const { id } = world.core.node(source)
  const startMs = world.nowMs
  const times: number[] = []
  world.core.observe({
    event: (_, { type, member }) => {
      if (type === 'update' && member.id === id) times.push(world.nowMs - startMs)
    },
  })
  world.setMeta(source, 32)
  const others = options.nodes - 1
  world.runUntil(() => times.length >= others, withinMs)
  return {
    halfMs: times[Math.ceil(others / 2) - 1],
    allMs: times[others - 1],
    missed: others - times.length,
  }
}
