/**
 * The exchanges of one process of the DHT. Lookups and puts have their own: numbers, room, dials; so neither
 * waits for the other, and each ends with its process.
 */
import type { Clock } from '../../runtime/index.ts'
import { OnDemand } from '../exchange/on-demand.ts'
import { Requests } from '../exchange/requests.ts'
import type { ExchangeProtocol } from '../exchange/requests.ts'
import type { Dialer } from '../link/dialer.ts'
import type { LinkPool } from '../link/pool.ts'
import type { Refusals } from '../refusals.ts'
import { DhtError } from './errors.ts'
import type { DhtReply, DhtRequest } from './kademlia/message.ts'
import type { ResolvedDhtOptions } from './options.ts'
import type { DhtProtocol } from './protocol.ts'

/** Requests that may wait for one dial. */
const WAITING_MAX = 64

/** Targets that wait for a dial of the share. */
const DIAL_QUEUE_MAX = 256

/** Part of a request's time that its dial may take: an answer needs some, too. */
const DIAL_PART = 0.75

/** Questions of peers that wait for an answer: those about puts wait for the disk. */
const OWED_MAX = 1_024
const OWED_PER_PEER_MAX = 128

/** What exchanges need. */
export interface ExchangesParts {
  readonly options: ResolvedDhtOptions
  /** Dials at once. */
  readonly dialsMax: number
  readonly handshakeTimeoutMs: number
  readonly clock: Clock
  readonly chance: () => number
  readonly pool: LinkPool
  readonly dialer: Dialer
  readonly refusals: Refusals
  readonly protocol: DhtProtocol
  /** Something waits for the next second of a peer: the next deadline may be another one. */
  readonly held: () => void
}

/** Dials and books of one process. */
export interface Exchanges {
  readonly onDemand: OnDemand
  readonly requests: Requests<DhtRequest, DhtReply>
}

/** Opens them, with a first number of their own: answers to a predecessor are not theirs. */
export function openExchanges(parts: ExchangesParts): Exchanges {
  const { options, dialsMax, clock, chance, pool, dialer, refusals, protocol } = parts
  const { requestTimeoutMs, requestsPerPeerMax } = options.routing
  const dialTimeoutMs = Math.min(parts.handshakeTimeoutMs, requestTimeoutMs * DIAL_PART)
  const onDemand = new OnDemand({
    ...{ pool, dialer, refusals, clock, dialsMax, dialTimeoutMs },
    ...{ queueMax: DIAL_QUEUE_MAX, deadMs: 2 * dialTimeoutMs, waitingMax: WAITING_MAX },
    codes: { dialsMax: 'ERR_DHT_DIALS_MAX', backlog: 'ERR_DHT_BACKLOG' },
  })
  const requests = new Requests<DhtRequest, DhtReply>({
    ...{ onDemand, refusals, clock, protocol: framesOf(protocol), held: parts.held },
    firstNumber: Math.floor(chance() * 0x1_0000_0000),
    limits: {
      requestsMax: options.exchangesMax,
      requestsPerPeerMax: options.exchangesPerPeerMax,
      // Both processes together stay below what a peer takes.
      perSecondMax: Math.max(1, Math.floor(requestsPerPeerMax / 2)),
      requestsCode: 'ERR_DHT_EXCHANGES_MAX',
      owedMax: OWED_MAX,
      owedPerPeerMax: OWED_PER_PEER_MAX,
      owedCode: 'ERR_DHT_ANSWERS_MAX',
    },
  })
  return { onDemand, requests }
}

/** A record that a peer with small frames cannot take is no frame: the request fails, as the peer would make it. */
function framesOf(protocol: DhtProtocol): ExchangeProtocol<DhtRequest, DhtReply> {
  return {
    request: (number, message, frameBytesMax) => {
      try {
        return [protocol.request(number, message, frameBytesMax)]
      } catch (error) {
        if (error instanceof DhtError) return []
        throw error
      }
    },
    reply: (number, message, frameBytesMax) => [protocol.reply(number, message, frameBytesMax)],
  }
}
