/**
 * The gateway of a node: the way of peers at the edge into the mesh, and what its operator sees of it.
 *
 * The process `gateway` stands between the links of clients and the services of the node: every frame of a client passes
 * its gate, which asks the workers. While it is being restarted everything passes: a link that stands loses nothing.
 */
import { contract, implement } from '../../behaviours/index.ts'
import type { Contract, Server } from '../../behaviours/index.ts'
import type { Link, LinkEvent } from '../link/link.ts'
import type { TransportAddress } from '../transport/transport.ts'
import { WireType } from '../wire/messages.ts'
import type { GatewayContext } from './context.ts'
import { GatewayError } from './errors.ts'
import type { GatewayCounts, GatewayPart } from './memory.ts'
import { GATEWAY_PARTS } from './memory.ts'
import type { PassiveApi } from './quic-server.ts'

/** A peer at the edge that is connected. */
export interface ClientInfo {
  /** Node key, hex. */
  readonly key: string
  readonly name: string
  /** Where its packets come from. */
  readonly remote: TransportAddress
  /** By the clock of the node. */
  readonly sinceMs: number
  /** When something passed for it, as of the last look. */
  readonly usedMs: number
  readonly rttMs: number
  /** Bytes that wait for it. */
  readonly bytesQueued: number
}

/** A client came or went. */
export interface ClientEvent {
  readonly type: 'connected' | 'disconnected'
  readonly key: string
  readonly name: string
}

/** Numbers of a gateway, made for a scrape. */
export interface GatewayStats extends GatewayCounts {
  readonly clients: number
  readonly clientsMax: number
  /** Links with members that are kept for clients. */
  readonly meshLinks: number
}

/** How a gateway does. */
export interface GatewayHealth {
  /** `ok` when all of its parts run, else `degraded`: some are being restarted. */
  readonly status: 'ok' | 'degraded'
  readonly parts: Readonly<Record<GatewayPart, boolean>>
}

/** The gateway of a mesh, `mesh.gateway`. The same object while its processes are restarted. */
export interface Gateway {
  /** Port of the health server; undefined for none, and while it is being restarted. */
  readonly healthPort: number | undefined
  /** Who is connected; empty while the book is being made anew. */
  clients(): readonly ClientInfo[]
  /** Calls `handler` for every client that comes or goes; gives the way to stop. */
  onClient(handler: (event: ClientEvent) => void): () => void
  /** Says goodbye to a client; it may come back. Rejects with `ERR_GATEWAY_UNKNOWN_CLIENT`. */
  disconnect(key: string, reason?: string): Promise<void>
  health(): GatewayHealth
  stats(): GatewayStats
}

const GatewayContract: Contract<PassiveApi> = contract('fovea.gateway/1', { call: {}, cast: {} })

/** Starts and serves the process between clients and services. */
export const GatewayServer: Server<PassiveApi, GatewayContext> = implement<
  PassiveApi,
  GatewayContext,
  GatewayContext
>(GatewayContract, {
  init: (context, { signal }): GatewayContext => {
    const { edges, memory } = context
    const offs = [
      edges.guard((link, type, bytes) => pass(context, link, type, bytes)),
      edges.pool.onLink((event) => memory.tell(clientEvent(event))),
    ]
    signal.addEventListener('abort', () => {
      for (const off of offs) off()
    })
    memory.runs('gateway', signal)
    return context
  },
  call: {},
  cast: {},
})

/** Types below this one are about topics, the others about procedures. */
const RPC_TYPE_MIN = WireType.call

function pass({ memory }: GatewayContext, link: Link, type: number, bytes: number): boolean {
  const worker = type < RPC_TYPE_MIN ? memory.pubsub : memory.rpc
  return worker === undefined || worker.pass(link, type, bytes)
}

function clientEvent({ type, link }: LinkEvent): ClientEvent {
  const { key, name } = link.peer
  return { type: type === 'up' ? 'connected' : 'disconnected', key: key.hex, name }
}

/** What the operator of a node is given. */
export class GatewayFunctions implements Gateway {
  readonly #context: GatewayContext

  constructor(context: GatewayContext) {
    this.#context = context
  }

  get healthPort(): number | undefined {
    return this.#context.memory.healthPort
  }

  clients(): readonly ClientInfo[] {
    return this.#context.memory.clients?.list() ?? []
  }

  onClient(handler: (event: ClientEvent) => void): () => void {
    return this.#context.memory.onClient(handler)
  }

  async disconnect(key: string, reason = 'normal'): Promise<void> {
    const link = this.#context.edges.pool.link(key)
    if (link === undefined) {
      throw new GatewayError(
        'ERR_GATEWAY_UNKNOWN_CLIENT',
        `no client ${key.slice(0, 64)} is connected`,
      )
    }
    await link.close(reason)
  }

  health(): GatewayHealth {
    const { memory, health, settings, services } = this.#context
    const hasDiagnostics = settings.diagnostics && services !== undefined
    const isRunning = (part: GatewayPart): boolean => {
      if (part === 'health' && health === undefined) return true
      if (part === 'diagnostics' && !hasDiagnostics) return true
      return memory.isRunning(part)
    }
    const parts = Object.fromEntries(GATEWAY_PARTS.map((part) => [part, isRunning(part)]))
    return {
      status: Object.values(parts).every(Boolean) ? 'ok' : 'degraded',
      parts: parts as Record<GatewayPart, boolean>,
    }
  }

  stats(): GatewayStats {
    const { memory, edges, settings } = this.#context
    return {
      ...memory.counts,
      clients: edges.pool.linkCount,
      clientsMax: settings.clientsMax,
      meshLinks: memory.mesh?.size ?? 0,
    }
  }
}
