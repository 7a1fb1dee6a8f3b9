/**
 * What of a gateway outlives a restart of its processes: its counters, whoever wants to hear of clients, and which parts
 * run. The parts find each other through it at use, so a restarted one is found again.
 */
import { callHandler } from '../call-handler.ts'
import type { Refusals } from '../refusals.ts'
import type { ClientEvent } from './gateway.ts'
import type { Clients } from './workers/clients.ts'
import type { MeshLinks } from './workers/mesh.ts'
import type { Traffic } from './workers/traffic.ts'

/** The processes of a gateway. */
export const GATEWAY_PARTS = [
  'health',
  'diagnostics',
  'quic_server',
  'gateway',
  'clients',
  'pubsub',
  'rpc',
  'mesh',
] as const

/** One of them. */
export type GatewayPart = (typeof GATEWAY_PARTS)[number]

/** Counters since the start. */
export interface GatewayCounts {
  /** Clients that came in. */
  admitted: number
  /** Clients refused, by reason. */
  refusedFull: number
  refusedRate: number
  /** Idle clients that made room. */
  evicted: number
  /** Frames of clients handed on, and dropped because there were too many. */
  frames: number
  bytes: number
  dropped: number
}

/** See the file header. */
export class GatewayMemory {
  readonly #refusals: Refusals
  readonly #handlers = new Set<(event: ClientEvent) => void>()
  readonly #running = new Set<GatewayPart>()
  readonly counts: GatewayCounts = {
    admitted: 0,
    refusedFull: 0,
    refusedRate: 0,
    evicted: 0,
    frames: 0,
    bytes: 0,
    dropped: 0,
  }
  /** Those that run; undefined while their process is being restarted. */
  clients: Clients | undefined
  pubsub: Traffic | undefined
  rpc: Traffic | undefined
  mesh: MeshLinks | undefined
  /** Where the health server listens, while it does. */
  healthPort: number | undefined
  /** Where it did before: a restarted one takes the same port, because scrapers know it. */
  healthPortTaken: number | undefined

  constructor(refusals: Refusals) {
    this.#refusals = refusals
  }

  /** A part runs, until `signal` aborts. */
  runs(part: GatewayPart, signal: AbortSignal): void {
    this.#running.add(part)
    signal.addEventListener('abort', () => void this.#running.delete(part), { once: true })
  }

  isRunning(part: GatewayPart): boolean {
    return this.#running.has(part)
  }

  /** Tells everybody who wants to hear of clients. */
  tell(event: ClientEvent): void {
    const failed = (err: unknown): void =>
      this.#refusals.count('ERR_GATEWAY_HANDLER', { err }, { level: 'error' })
    for (const handler of Array.from(this.#handlers)) callHandler(() => handler(event), failed)
  }

  /** Calls `handler` for every client that comes or goes; gives the way to stop. */
  onClient(handler: (event: ClientEvent) => void): () => void {
    const entry = (event: ClientEvent): void => handler(event)
    this.#handlers.add(entry)
    return () => void this.#handlers.delete(entry)
  }
}
