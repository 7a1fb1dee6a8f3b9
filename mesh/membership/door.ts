/**
 * What peers say to the detector: frames become inputs here or are refused. A frame that is none closes
 * the link it came from (a datagram is only dropped, by the link); one too many is counted.
 */
import type { Clock } from '../../runtime/index.ts'
import type { Rates } from '../exchange/rates.ts'
import type { Requests } from '../exchange/requests.ts'
import type { Link } from '../link/link.ts'
import type { Refusals } from '../refusals.ts'
import { WireType } from '../wire/messages.ts'
import type { Detector } from './detector.ts'
import type { HoldSignal } from './hold-signal.ts'
import type { ProbeTimes } from './probe-times.ts'
import type { SwimReply, SwimRequest } from './swim/message.ts'
import { SwimInbox } from './swim-inbox.ts'
import type { SwimProtocol } from './swim-protocol.ts'

/** What a door needs. */
export interface DoorParts {
  readonly clock: Clock
  readonly protocol: SwimProtocol
  readonly refusals: Refusals
  readonly probeTimes: ProbeTimes
  readonly requests: Requests<SwimRequest, SwimReply>
  /** Requests and words of one peer within a second. */
  readonly rates: Rates
  readonly holdSignal: HoldSignal
  readonly detector: Detector
}

/** The door of one detector. */
export class Door {
  readonly #parts: DoorParts
  readonly #inboxes = new WeakMap<Link, SwimInbox>()

  constructor(parts: DoorParts) {
    this.#parts = parts
  }

  /** A frame of types `swimPing` to `swimSync` came. */
  frame(link: Link, type: number, payload: Uint8Array): void {
    if (type === WireType.swimSync) this.#stream(link, payload)
    else this.#datagram(link, type, payload)
  }

  /** The link with that peer is gone. */
  forget(peer: string): void {
    this.#parts.rates.forget(peer)
  }

  #datagram(link: Link, type: number, payload: Uint8Array): void {
    const { protocol, probeTimes, clock, detector } = this.#parts
    const message = protocol.readDatagram(type, payload)
    const from = link.peer.key.hex
    if (message.type === 'ack') probeTimes.acked(from, message.sequence, clock.now())
    detector.input({ type: 'datagram', from, message })
  }

  #stream(link: Link, payload: Uint8Array): void {
    const { protocol, requests, detector, rates, refusals, holdSignal } = this.#parts
    let inbox = this.#inboxes.get(link)
    if (inbox === undefined) this.#inboxes.set(link, (inbox = new SwimInbox(protocol)))
    const said = inbox.take(payload)
    if (said === undefined) return
    const peer = link.peer.key.hex
    if (said.type === 'reply') {
      const requestId = requests.answered(peer, said.number)
      // Cancelled, overdue, twice or invented.
      if (requestId === undefined) return this.#late(link)
      return detector.input({ type: 'reply', requestId, from: peer, message: said.message })
    }
    if (!rates.allow(peer)) {
      return refusals.count('ERR_MEMBERS_REQUEST_FLOOD', { peer: link.peer.nodeId })
    }
    if (said.type === 'hold') return holdSignal.tell(link, said.hold)
    this.#request(link, said.number, said.message)
  }

  #request(link: Link, number: number, message: SwimRequest): void {
    const { requests, detector } = this.#parts
    const replyId = requests.asked(link, number)
    if (replyId === undefined) return
    detector.input({ type: 'request', from: link.peer.key.hex, replyId, message })
  }

  #late(link: Link): void {
    const { refusals } = this.#parts
    refusals.count('ERR_SWIM_SEQUENCE', { peer: link.peer.nodeId }, { level: 'debug' })
  }
}
