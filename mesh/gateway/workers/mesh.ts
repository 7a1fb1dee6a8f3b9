/**
 * The worker `mesh`: links with members that are kept because clients use them, so that not every message of a client
 * costs a handshake. The least recently used of more than `meshLinksMax` is let go, and so is one that no client used for
 * `meshLinkIdleMs`; what the mesh itself needs stays as it is.
 */
import { contract, implement, noreply } from '../../../behaviours/index.ts'
import type { Contract, Server } from '../../../behaviours/index.ts'
import type { Clock } from '../../../runtime/index.ts'
import { Alarm, ALARM } from '../../alarm.ts'
import type { Link, LinkEvent } from '../../link/link.ts'
import type { GatewayContext } from '../context.ts'
import type { GatewaySettings } from '../options.ts'
import type { PassiveApi } from '../quic-server.ts'

interface Kept {
  readonly link: Link
  readonly release: () => void
  usedMs: number
}

/** See the file header. */
export class MeshLinks {
  readonly #settings: Pick<GatewaySettings, 'meshLinksMax' | 'meshLinkIdleMs'>
  readonly #clock: Clock
  /** The one that was used longest ago first. */
  readonly #kept = new Map<string, Kept>()

  constructor(settings: Pick<GatewaySettings, 'meshLinksMax' | 'meshLinkIdleMs'>, clock: Clock) {
    this.#settings = settings
    this.#clock = clock
  }

  get size(): number {
    return this.#kept.size
  }

  has(key: string): boolean {
    return this.#kept.has(key)
  }

  /** Something of a client passed on that link. */
  used(link: Link): void {
    const key = link.peer.key.hex
    const usedMs = this.#clock.now()
    const known = this.#kept.get(key)
    if (known?.link === link) {
      known.usedMs = usedMs
      this.#kept.delete(key)
      this.#kept.set(key, known)
      return
    }
    this.#letGo(key)
    if (link.state !== 'established') return
    this.#kept.set(key, { link, release: link.hold(), usedMs })
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= this.#settings.meshLinksMax) return
      this.#letGo(oldest)
    }
  }

  /** A link with a member came up or went down. */
  linkEvent({ type, link }: LinkEvent): void {
    const key = link.peer.key.hex
    if (type === 'down' && this.#kept.get(key)?.link === link) this.#letGo(key)
  }

  /** Lets go what was not used for long. */
  sweep(): void {
    const oldMs = this.#clock.now() - this.#settings.meshLinkIdleMs
    for (const [key, { usedMs }] of this.#kept) {
      if (usedMs > oldMs) return
      this.#letGo(key)
    }
  }

  /** Lets all of them go. */
  close(): void {
    for (const key of Array.from(this.#kept.keys())) this.#letGo(key)
  }

  #letGo(key: string): void {
    const kept = this.#kept.get(key)
    if (kept === undefined) return
    this.#kept.delete(key)
    kept.release()
  }
}

interface State {
  readonly context: GatewayContext
  readonly links: MeshLinks
  readonly alarm: Alarm
}

const MeshContract: Contract<PassiveApi> = contract('fovea.gateway.mesh/1', { call: {}, cast: {} })

/** Starts and serves it. */
export const MeshWorker: Server<PassiveApi, GatewayContext> = implement<
  PassiveApi,
  GatewayContext,
  State
>(MeshContract, {
  init: (context, ctx): State => {
    const { settings, clock, core, edges, memory } = context
    const links = new MeshLinks(settings, clock)
    const offs = [
      core.pool.onLink((event) => links.linkEvent(event)),
      edges.watch((link) => {
        // To another client of this gateway nothing passes through the mesh.
        if (link.peer.kind !== 'edge') links.used(link)
      }),
    ]
    memory.mesh = links
    ctx.signal.addEventListener('abort', () => {
      for (const off of offs) off()
      links.close()
      if (memory.mesh === links) memory.mesh = undefined
    })
    memory.runs('mesh', ctx.signal)
    const alarm = new Alarm(clock)
    alarm.set(ctx, clock.now() + sweepMs(settings))
    return { context, links, alarm }
  },
  call: {},
  cast: {},
  info: (state, info, ctx) => {
    if (info.type !== 'message' || info.message !== ALARM) return noreply(state)
    const { context, links, alarm } = state
    alarm.rang()
    links.sweep()
    alarm.set(ctx, context.clock.now() + sweepMs(context.settings))
    return noreply(state)
  },
})

function sweepMs({ meshLinkIdleMs }: Pick<GatewaySettings, 'meshLinkIdleMs'>): number {
  return Math.max(1, meshLinkIdleMs / 4)
}
