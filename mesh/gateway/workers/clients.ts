/**
 * The worker `clients`: the book of the peers at the edge that are connected, which is made of their links: a restarted one
 * finds them all. An entry goes with its link, at once.
 *
 * A client that makes room for others is asked first (`link/parting.ts`): what it says at that moment is not lost, and one
 * that waits for something stays. So the newcomer is told that there is no room, and finds it when it comes again: its
 * place is kept for a while, for the one that made it wants to come back as well.
 */
import { contract, implement, noreply } from '../../../behaviours/index.ts'
import type { Contract, Server } from '../../../behaviours/index.ts'
import { Alarm, ALARM } from '../../alarm.ts'
import type { Catalog } from '../../catalog/catalog.ts'
import type { Connection } from '../../link/connection.ts'
import { IDLE_REASON } from '../../link/link-watch.ts'
import type { Link, LinkEvent } from '../../link/link.ts'
import type { Room } from '../admission.ts'
import type { GatewayContext } from '../context.ts'
import type { ClientInfo } from '../gateway.ts'
import type { PassiveApi } from '../quic-server.ts'

/** Looks at what passed this often within the time that makes a client idle. */
const SWEEPS = 8

/** So many clients are asked to make room at once. */
const ASKED_MAX = 64

/** A place is kept for longer than a newcomer waits before it comes again, as a rule. */
const KEPT_MS = 60_000

interface Client {
  readonly link: Connection
  readonly sinceMs: number
  usedMs: number
}

/** See the file header. */
export class Clients implements Room {
  readonly #context: GatewayContext
  readonly #clients = new Map<string, Client>()
  /** Links whose clients are asked to make room, each with the key of the newcomer. */
  readonly #asked = new Map<Link, string>()
  /** Until when places are kept for newcomers, by key. */
  readonly #kept = new Map<string, number>()
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
  linkEvent(event: LinkEvent): void {
    const { link } = event
    if (event.type === 'up') return this.#add(link as Connection)
    const { hex } = link.peer.key
    if (this.#clients.get(hex)?.link === link) this.#clients.delete(hex)
    if (!this.#asked.delete(link) || event.reason !== 'idle') return
    const { memory, core } = this.#context
    memory.counts.evicted += 1
    core.refusals.count('ERR_GATEWAY_CLIENT_IDLE', { peer: link.peer.nodeId })
  }

  /** A client was asked whether it makes room, and stays. */
  stays(link: Link): void {
    const newcomer = this.#asked.get(link)
    if (newcomer === undefined) return
    this.#asked.delete(link)
    this.#kept.delete(newcomer)
  }

  /** Marks the clients for whom something passed. */
  sweep(nowMs: number): void {
    for (const client of this.#clients.values()) {
      if (client.link.use.take()) client.usedMs = nowMs
    }
  }

  taken(key: string, nowMs: number): number {
    for (const [newcomer, untilMs] of this.#kept) {
      if (untilMs <= nowMs) this.#kept.delete(newcomer)
    }
    return this.#clients.size + this.#kept.size - (this.#kept.has(key) ? 1 : 0)
  }

  makeRoom(key: string, nowMs: number): boolean {
    const { settings, services } = this.#context
    if (nowMs < this.#idleFromMs || this.#asked.size >= ASKED_MAX || this.#kept.has(key))
      return false
    this.sweep(nowMs)
    const busy = nodesWithEntries(services?.catalog)
    let found: Client | undefined
    let nextMs = Infinity
    for (const client of this.#clients.values()) {
      if (busy.has(client.link.peer.key.hex) || this.#asked.has(client.link)) continue
      nextMs = Math.min(nextMs, client.usedMs + settings.clientIdleMs)
      if (found === undefined || client.usedMs < found.usedMs) found = client
    }
    if (found === undefined || nextMs > nowMs) {
      // Who wants nothing any more later is seen a while later.
      this.#idleFromMs = Math.min(nextMs, nowMs + settings.clientIdleMs / SWEEPS)
      return false
    }
    const { link } = found
    this.#asked.set(link, key)
    this.#kept.set(key, nowMs + KEPT_MS)
    // Who has taken nothing of what waits for it for so long would not answer.
    if (link.bytesQueued > 0) void link.close(IDLE_REASON)
    else link.part()
    return this.taken(key, nowMs) < settings.clientsMax
  }

  #add(link: Connection): void {
    const nowMs = this.#context.clock.now()
    const { hex } = link.peer.key
    this.#kept.delete(hex)
    this.#clients.set(hex, { link, sinceMs: nowMs, usedMs: nowMs })
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
    const offs = [
      edges.pool.onLink((event) => clients.linkEvent(event)),
      edges.pool.onParting(({ type, link }) => {
        if (type === 'stays') clients.stays(link)
      }),
    ]
    memory.clients = clients
    ctx.signal.addEventListener('abort', () => {
      for (const off of offs) off()
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
