/**
 * Nodes that shout: each says by multicast where it is, and dials whom it hears; libcluster's `Gossip`. For one
 * network segment, without any server.
 *
 * - Heartbeats are authenticated (`heartbeat.ts`); what was made with another secret is passed over in silence (D10).
 * - A node whose heartbeats ended is not tried any more after `forgetAfterMs`; its link is membership's business (D3).
 * - At most `datagramsPerSecondMax` datagrams are read in a second; then the socket is closed for the rest of it.
 */
import { isIPv4 } from 'node:net'
import type { Candidate, DiscoverySink, NodeKey } from '../../mesh/index.ts'
import {
  booleanOption,
  numberOption,
  objectOption,
  optional,
  resolveOptions,
  stringOption,
  type OptionCheck,
} from '../../runtime/index.ts'
import { Claims } from './claims.ts'
import { DatagramBudget } from './datagram-budget.ts'
import {
  decodeHeartbeat,
  encodeHeartbeat,
  heartbeatKey,
  ReplayGuard,
  type HeartbeatKey,
} from './heartbeat.ts'
import type { MulticastPort, MulticastSocket } from './multicast-port.ts'
import { retryPauses } from './poll.ts'
import type { Sighted } from './sightings.ts'
import type { Strategy, StrategyContext } from './strategy.ts'
import { udpMulticast } from './udp-multicast.ts'
import { pause } from './wait.ts'

/** Options of {@link gossip}. */
export interface GossipOptions {
  /** Default `'gossip'`. */
  readonly name: string
  /** What all nodes know and no other; at least 16 characters. Default: the realm, which is no secret. */
  readonly secret: string | undefined
  /** Group. Default 233.252.1.32, libcluster's. */
  readonly group: string
  /** Port. Default 45892, libcluster's. */
  readonly port: number
  /** Networks that a heartbeat may pass. Default 1: this one only. */
  readonly hops: number
  /** Address of the interface to use. Default: the system's choice. */
  readonly interface: string | undefined
  /** Pause between two heartbeats, give or take a fifth. Default 1,500 ms. Lower finds others sooner. */
  readonly intervalMs: number
  /** Says where this node is, but listens to nobody. Default false. */
  readonly broadcastOnly: boolean
  /** How far the clock of a sender may be off; older heartbeats are replays. Default 30,000 ms. */
  readonly windowMs: number
  /** An address that is silent for so long is not tried any more. Default 60,000 ms. */
  readonly forgetAfterMs: number
  /** Nodes heard at once. Default 1,024; the one that was silent for longest gives way. */
  readonly sendersMax: number
  /** Datagrams read within a second. Default 2,000; then the socket is closed for the rest of it. */
  readonly datagramsPerSecondMax: number
  /** Opens sockets. Default: those of the machine. */
  readonly sockets: MulticastPort
}

const DEFAULTS: GossipOptions = Object.freeze<GossipOptions>({
  name: 'gossip',
  secret: undefined,
  group: '233.252.1.32',
  port: 45_892,
  hops: 1,
  interface: undefined,
  intervalMs: 1_500,
  broadcastOnly: false,
  windowMs: 30_000,
  forgetAfterMs: 60_000,
  sendersMax: 1_024,
  datagramsPerSecondMax: 2_000,
  sockets: udpMulticast,
})

const ipv4: OptionCheck = { expected: 'an IPv4 address', test: (v) => isIPv4(String(v)) }
const millis = numberOption(1, 2_147_483_647)

const CHECKS: { readonly [K in keyof GossipOptions]-?: OptionCheck } = {
  name: stringOption,
  secret: optional({
    expected: 'a text of at least 16 characters',
    test: (value) => typeof value === 'string' && value.length >= 16,
  }),
  group: ipv4,
  port: numberOption(1, 65_535),
  hops: numberOption(0, 255),
  interface: optional(ipv4),
  intervalMs: millis,
  broadcastOnly: booleanOption,
  windowMs: millis,
  forgetAfterMs: millis,
  sendersMax: numberOption(1, 1_048_576),
  datagramsPerSecondMax: numberOption(1, 1_048_576),
  sockets: objectOption,
}

/**
 * Finds nodes of one network segment by multicast.
 *
 * @example
 * gossip({ secret: process.env.CLUSTER_SECRET })
 */
export function gossip(given: Partial<GossipOptions> = {}): Strategy {
  const options = resolveOptions('gossip', DEFAULTS, CHECKS, given)
  return {
    name: options.name,
    start: (sink, context) => new Gossip(options, sink, context).run(),
  }
}

class Gossip {
  readonly #options: GossipOptions
  readonly #sink: DiscoverySink
  readonly #context: StrategyContext
  readonly #key: HeartbeatKey
  readonly #guard: ReplayGuard
  readonly #budget: DatagramBudget
  /** Who was heard when, the longest silent first. */
  readonly #heard = new Map<string, number>()
  readonly #claims = new Claims()
  #number = 0

  constructor(options: GossipOptions, sink: DiscoverySink, context: StrategyContext) {
    this.#options = options
    this.#sink = sink
    this.#context = context
    const { realm, cluster } = context.self
    this.#key = heartbeatKey(realm, cluster, options.secret)
    this.#guard = new ReplayGuard(options)
    this.#budget = new DatagramBudget(options.datagramsPerSecondMax)
  }

  /** Opens the socket, and again after failures, until the signal is aborted. */
  async run(): Promise<void> {
    const { signal, clock, entropy } = this.#context
    const pauses = retryPauses()
    while (!signal.aborted) {
      try {
        await this.#session(() => pauses.reset())
      } catch (error) {
        if (!signal.aborted) this.#sink.failed(error)
        await pause(clock, pauses.nextMs(entropy.random()), signal)
      }
    }
  }

  async #session(beat: () => void): Promise<void> {
    const { signal, clock, entropy } = this.#context
    const { group, port, hops, intervalMs, sockets } = this.#options
    const over = new AbortController()
    const end = (): void => over.abort()
    const errors: unknown[] = []
    const socket = await sockets.open({
      ...{ group, port, hops, interface: this.#options.interface },
      onDatagram: (bytes) => {
        if (!over.signal.aborted) this.#take(bytes, end)
      },
      onError: (error) => {
        errors.push(error)
        end()
      },
    })
    signal.addEventListener('abort', end, { once: true })
    // Nobody could be heard until now: silence of before says nothing.
    for (const hex of this.#heard.keys()) this.#heard.set(hex, clock.now())
    try {
      while (!signal.aborted && !over.signal.aborted) {
        this.#say(socket)
        this.#forget()
        if (await pause(clock, intervalMs * (0.8 + 0.4 * entropy.random()), over.signal)) beat()
      }
    } finally {
      signal.removeEventListener('abort', end)
      await socket.close()
    }
    if (errors.length > 0) throw errors[0]
    await pause(clock, this.#budget.restMs(clock.now()), signal)
  }

  #say(socket: MulticastSocket): void {
    const { key, name, address } = this.#context.self
    this.#number += 1
    const wallMs = this.#context.clock.wallNow()
    socket.send(encodeHeartbeat({ key, name, address, wallMs, number: this.#number }, this.#key))
  }

  #take(bytes: Uint8Array, end: () => void): void {
    const { clock, self, refused } = this.#context
    const nowMs = clock.now()
    const verdict = this.#budget.take(nowMs)
    if (verdict === 'spent') {
      refused('ERR_DISCOVERY_FLOOD', { medium: 'gossip' })
      end()
    }
    if (verdict !== 'taken' || this.#options.broadcastOnly) return
    const heartbeat = decodeHeartbeat(bytes, this.#key)
    if (typeof heartbeat === 'string') {
      refused('ERR_DISCOVERY_DATAGRAM', { detail: heartbeat })
      return
    }
    if (heartbeat.key.hex === self.key.hex) return
    if (!this.#guard.take(heartbeat, clock.wallNow())) {
      refused('ERR_DISCOVERY_DATAGRAM', { detail: 'replay', node: heartbeat.name })
      return
    }
    this.#hear(heartbeat.key, { ...heartbeat.address, name: heartbeat.name }, nowMs)
  }

  #hear({ hex }: NodeKey, candidate: Candidate, nowMs: number): void {
    this.#heard.delete(hex)
    this.#heard.set(hex, nowMs)
    this.#tell(this.#claims.claim(hex, candidate))
    if (this.#heard.size > this.#options.sendersMax) this.#drop(this.#heard.keys().next().value!)
  }

  #forget(): void {
    const nowMs = this.#context.clock.now()
    for (const [hex, atMs] of this.#heard) {
      if (nowMs - atMs < this.#options.forgetAfterMs) return
      this.#drop(hex)
    }
  }

  #drop(hex: string): void {
    this.#heard.delete(hex)
    this.#tell(this.#claims.release(hex))
  }

  #tell({ seen, gone }: Sighted): void {
    if (gone.length > 0) this.#sink.gone(gone)
    if (seen.length > 0) this.#sink.seen(seen)
  }
}
