/** What a network costs in which nothing happens (SWIM, DSN'02: figure of message load). */
import { warmWorld, type ScenarioOptions } from './scenario.ts'

/** Per node and probe period. */
export interface QuietLoad {
  readonly sent: number
  readonly received: number
  /** Sent by the busiest node. */
  readonly sentMost: number
  readonly bytesSent: number
  readonly handshakes: number
  readonly requests: number
  readonly falseSuspicions: number
}

/** Load of a quiet network over some periods. */
export function quietLoad(options: ScenarioOptions & { readonly periods: number }): QuietLoad {
  const { world } = warmWorld(options)
  const { nodes } = world.core
  const before = nodes.map(({ load }) => ({ ...load }))
  world.run(options.periods * world.settings.probeIntervalMs)
  const perNode = options.periods * nodes.length
  const grown = (name: keyof (typeof before)[number]): number[] =>
    nodes.map(({ load }, i) => load[name] - before[i]![name])
  const total = (name: keyof (typeof before)[number]): number =>
    grown(name).reduce((sum, value) => sum + value, 0) / perNode
  return {
    sent: total('datagramsSent'),
    received: total('datagramsReceived'),
    sentMost: Math.max(...grown('datagramsSent')) / options.periods,
    bytesSent: total('bytesSent'),
    handshakes: total('handshakes'),
    requests: total('requestsSent'),
    falseSuspicions: world.views.accusations.length,
  }
}
