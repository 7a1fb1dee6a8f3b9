/** How soon a crash is noticed, and known by all (SWIM, DSN'02; Lifeguard). */
import { warmWorld, type ScenarioOptions } from './scenario.ts'

/** Milliseconds since the crash; undefined for what did not happen in time. */
export interface CrashDetection {
  /** The first probe that the dead node could not answer. */
  readonly firstProbeMs: number | undefined
  readonly firstSuspectMs: number | undefined
  readonly firstDeadMs: number | undefined
  readonly allDeadMs: number | undefined
  /** Living nodes that were declared dead meanwhile. */
  readonly falseDeaths: number
  /** Datagrams sent per node and second from the crash until all knew. */
  readonly sentPerSecond: number
}

/** Crashes one random node. */
export function crashDetection(
  options: ScenarioOptions & {
    readonly withinMs?: number
    /** Slow members while it happens (S42). */
    readonly slow?: { readonly count: number; readonly blockedMs: number; readonly everyMs: number }
  },
): CrashDetection {
  const { withinMs = 180_000, slow } = options
  const { world, luck } = warmWorld(options)
  const [victim = 0, ...slowNodes] = luck.sample(1 + (slow?.count ?? 0), options.nodes)
  if (slow !== undefined) {
    const { blockedMs, everyMs } = slow
    const base = { type: 'slow', atMs: world.nowMs, forMs: withinMs, blockedMs, everyMs } as const
    world.runFaults(slowNodes.map((node) => ({ ...base, node })))
    world.run(luck.below(blockedMs + everyMs))
  }
  const crashMs = world.nowMs
  const { id } = world.core.node(victim)
  const seen = { firstProbeMs: Infinity, firstSuspectMs: Infinity, firstDeadMs: Infinity }
  const see = (what: keyof typeof seen): void => {
    seen[what] = Math.min(seen[what], world.nowMs - crashMs)
  }
  world.core.observe({
    sent: (_, to, message) => {
      if (to === id && message.type === 'ping') see('firstProbeMs')
    },
    event: (_, { type, member }) => {
      if (member.id !== id) return
      if (type === 'suspect') see('firstSuspectMs')
      if (type === 'down') see('firstDeadMs')
    },
  })
  const sentBefore = sent(world)
  world.core.stop(victim)
  const allDeadMs = world.runUntil(() => world.allSee(victim, 'dead'), withinMs)
  const falseDeaths = world.views.accusations.filter(
    ({ sight, subject }) => sight === 'dead' && subject !== id,
  ).length
  return {
    firstProbeMs: finite(seen.firstProbeMs),
    firstSuspectMs: finite(seen.firstSuspectMs),
    firstDeadMs: finite(seen.firstDeadMs),
    allDeadMs,
    falseDeaths,
    sentPerSecond: ((sent(world) - sentBefore) * 1000) / (options.nodes * (allDeadMs ?? withinMs)),
  }
}

function sent(world: { core: { nodes: readonly { load: { datagramsSent: number } }[] } }): number {
  return world.core.nodes.reduce((sum, { load }) => sum + load.datagramsSent, 0)
}

function finite(value: number): number | undefined {
  return value === Infinity ? undefined : value
}
