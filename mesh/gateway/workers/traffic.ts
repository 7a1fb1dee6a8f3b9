/** How much each client sends of one kind within a second: counted, and what is too much is dropped. */
import { contract, implement } from '../../../behaviours/index.ts'
import type { Contract, Server } from '../../../behaviours/index.ts'
import type { Clock } from '../../../runtime/index.ts'
import type { Link } from '../../link/link.ts'
import type { Refusals } from '../../refusals.ts'
import { wireTypeName } from '../../wire/messages.ts'
import type { GatewayContext } from '../context.ts'
import type { GatewayCounts } from '../memory.ts'
import type { GatewaySettings } from '../options.ts'
import type { PassiveApi } from '../quic-server.ts'

const WINDOW_MS = 1_000

interface Window {
  startMs: number
  frames: number
  bytes: number
}

/** What {@link Traffic} works with. */
export interface TrafficParts {
  readonly settings: Pick<GatewaySettings, 'clientFramesPerSecond' | 'clientBytesPerSecond'>
  readonly clock: Clock
  readonly refusals: Refusals
  readonly counts: GatewayCounts
}

/** See the file header. Forget a client when its link is gone. */
export class Traffic {
  readonly #parts: TrafficParts
  readonly #windows = new Map<string, Window>()

  constructor(parts: TrafficParts) {
    this.#parts = parts
  }

  /** Clients whose traffic is counted. */
  get size(): number {
    return this.#windows.size
  }

  /** One more frame of a client; false when it is dropped. */
  pass({ peer }: Link, type: number, bytes: number): boolean {
    const { settings, clock, counts, refusals } = this.#parts
    const nowMs = clock.now()
    const key = peer.key.hex
    let window = this.#windows.get(key)
    if (window === undefined) {
      this.#windows.set(key, (window = { startMs: nowMs, frames: 0, bytes: 0 }))
    } else if (nowMs - window.startMs >= WINDOW_MS) {
      window.startMs = nowMs
      window.frames = 0
      window.bytes = 0
    }
    window.frames += 1
    window.bytes += bytes
    const { clientFramesPerSecond, clientBytesPerSecond } = settings
    if (window.frames <= clientFramesPerSecond && window.bytes <= clientBytesPerSecond) {
      counts.frames += 1
      counts.bytes += bytes
      return true
    }
    counts.dropped += 1
    refusals.count('ERR_GATEWAY_CLIENT_FLOOD', { peer: peer.nodeId, type: wireTypeName(type) })
    return false
  }

  forget(key: string): void {
    this.#windows.delete(key)
  }
}

/** The worker that keeps book of one kind. While it is being restarted everything of that kind passes. */
export function trafficServer(part: 'pubsub' | 'rpc'): Server<PassiveApi, GatewayContext> {
  const name: Contract<PassiveApi> = contract(`fovea.gateway.${part}/1`, { call: {}, cast: {} })
  return implement<PassiveApi, GatewayContext, Traffic>(name, {
    init: ({ settings, clock, core, memory, edges }, { signal }): Traffic => {
      const { refusals } = core
      const traffic = new Traffic({ settings, clock, refusals, counts: memory.counts })
      const off = edges.pool.onLink(({ link }) => traffic.forget(link.peer.key.hex))
      memory[part] = traffic
      signal.addEventListener('abort', () => {
        off()
        if (memory[part] === traffic) memory[part] = undefined
      })
      memory.runs(part, signal)
      return traffic
    },
    call: {},
    cast: {},
  })
}
