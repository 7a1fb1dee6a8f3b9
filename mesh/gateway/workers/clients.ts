/**
 * The worker `clients`: the book of the peers at the edge that are connected, which is made of their links: a restarted one
 * finds them all. An entry goes with its link, at once.
 */
import { contract, implement, noreply } from '../../../behaviours/index.ts'
import type { Contract, Server } from '../../../behaviours/index.ts'
import { Alarm, ALARM } from '../../alarm.ts'
import type { Catalog } from '../../catalog/catalog.ts'
import type { Connection } from '../../link/connection.ts'
import { IDLE_REASON } from '../../link/link-watch.ts'
import type { LinkEvent } from '../../link/link.ts'
import type { Room } from '../admission.ts'
import type { GatewayContext } from '../context.ts'
import type { ClientInfo } from '../gateway.ts'
import type { PassiveApi } from '../quic-server.ts'

/** Looks at what passed this often within the time that makes a client idle. */
const SWEEPS = 8

interface Client {
  readonly link: Connection
  readonly sinceMs: number
  usedMs: number
}

/** See the file header. */
export class Clients implements Room {
  readonly #context: GatewayContext
  readonly #clients = new Map<string, Client>()
  /** Nobody is idle before that. */
  #idleFromMs = -Infinity

  constructor(context: GatewayContext) {
    this.#context = context
    for (const link of context.edges.pool.links()) this.#add(link)
  }

  get size(): number {
    return this.#clients.size
  }

  has(key: string): boolean {
    return this.#clients.has(key)
  }

  /** Everybody, the one that came first before others. */
  list(): readonly ClientInfo[] {
    return Array.from(this.#clients.values(), ({ link, sinceMs, usedMs }) => ({
      key: link.peer.key.hex,
      name: link.peer.name,
      remote: link.remote,
      ...{ sinceMs, usedMs },
      rttMs: link.rttMs,
      bytesQueued: link.bytesQueued,
    }))
  }

  /** The link with that client. */
  link(key: string): Connection | undefined {
    return this.#clients.get(key)?.link
  }

  /** A link came up or went down. */
  linkEvent({ type, link }: LinkEvent): void {
    const key = link.peer.key.hex
    if (type === 'up') this.#add(link as Connection)
    else if (this.#clients.get(key)?.link === link) this.#clients.delete(key)
  }

  /** Marks the clients for whom something passed. */
  sweep(nowMs: number): void {
    for (const client of this.#clients.values()) {
      if (client.link.use.take()) client.usedMs = nowMs
    }
  }

  makeRoom(nowMs: number): boolean {
    const { settings, services, memory, core } = this.#context
    if (nowMs < this.#idleFromMs) return false
    this.sweep(nowMs)
    const busy = nodesWithEntries(services?.catalog)
    let found: Client | undefined
    let nextMs = Infinity
    for (const client of this.#clients.values()) {
      if (busy.has(client.link.peer.key.hex)) continue
      nextMs = Math.min(nextMs, client.usedMs + settings.clientIdleMs)
      if (found === undefined || client.usedMs < found.usedMs) found = client
    }
    if (found === undefined || nextMs > nowMs) {
      // Who wants nothing any more later is seen a while later.
      this.#idleFromMs = Math.min(nextMs, nowMs + settings.clientIdleMs / SWEEPS)
      return false
    }
    memory.counts.evicted += 1
    core.refusals.count('ERR_GATEWAY_CLIENT_IDLE', { peer: found.link.peer.nodeId })
    void found.link.close(IDLE_REASON)
    return true
  }

  #add(link: Connection): void {
    const nowMs = this.#context.clock.now()
    this.#clients.set(link.peer.key.hex, { link, sinceMs: nowMs, usedMs: nowMs })
  }
}

/** Who wants or offers something. */
function nodesWithEntries(catalog: Pick<Catalog, 'entries'> | undefined): ReadonlySet<string> {
  const nodes = new Set<string>()
  for (const kind of ['topic', 'procedure'] as const) {
    for (const { node } of catalog?.entries(kind) ?? []) nodes.add(node)
  }
  return nodes
}

interface State {
  readonly context: GatewayContext
  readonly clients: Clients
  readonly alarm: Alarm
}

const ClientsContract: Contract<PassiveApi> = contract('fovea.gateway.clients/1', {
  call: {},
  cast: {},
})

/** Starts and serves it. */
export const ClientsServer: Server<PassiveApi, GatewayContext> = implement<
  PassiveApi,
  GatewayContext,
  State
>(ClientsContract, {
  init: (context, ctx): State => {
    const { memory, edges, clock } = context
    const clients = new Clients(context)
    const off = edges.pool.onLink((event) => clients.linkEvent(event))
    memory.clients = clients
    ctx.signal.addEventListener('abort', () => {
      off()
      if (memory.clients === clients) memory.clients = undefined
    })
    memory.runs('clients', ctx.signal)
    const alarm = new Alarm(clock)
    alarm.set(ctx, clock.now() + sweepMs(context))
    return { context, clients, alarm }
  },
  call: {},
  cast: {},
  info: (state, info, ctx) => {
    if (info.type !== 'message' || info.message !== ALARM) return noreply(state)
    const { context, clients, alarm } = state
    alarm.rang()
    clients.sweep(context.clock.now())
    alarm.set(ctx, context.clock.now() + sweepMs(context))
    return noreply(state)
  },
})

function sweepMs({ settings }: GatewayContext): number {
  return Math.max(1, settings.clientIdleMs / SWEEPS)
}
