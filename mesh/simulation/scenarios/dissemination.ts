/** How fast one piece of news reaches everybody (S31). */
import { warmWorld, type ScenarioOptions } from './scenario.ts'

/** Milliseconds from the change until a share of all others knew; undefined if not in time. */
export interface Dissemination {
  readonly halfMs: number | undefined
  readonly allMs: number | undefined
  /** Others that did not know when the time was over. */
  readonly missed: number
}

/** Length of the news; metadata is empty before. */
const META_BYTES = 32

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
  const knows = new Set<number>()
  world.core.observe({
    event: ({ index }, { member }) => {
      if (member.id !== id || member.meta.length !== META_BYTES || knows.has(index)) return
      knows.add(index)
      times.push(world.nowMs - startMs)
    },
  })
  world.setMeta(source, META_BYTES)
  const others = options.nodes - 1
  world.runUntil(() => times.length >= others, withinMs)
  return {
    halfMs: times[Math.ceil(others / 2) - 1],
    allMs: times[others - 1],
    missed: others - times.length,
  }
}
