/** The way of a message of another node: checked, brought into order if it is `at_least_once`, given to subscribers. */
import { asNobody } from '../../runtime/index.ts'
import type { Origin } from '../courier/courier.ts'
import { Rates } from '../exchange/rates.ts'
import { isTopic } from '../topics/topic.ts'
import { CodecError, MessageError } from '../wire/errors.ts'
import type { PubSubContext } from './context.ts'
import type { PubSubErrorCode } from './errors.ts'
import type { LocalSubscription } from './local-subscription.ts'
import type { Publication, Settlement } from './message.ts'
import { Payload } from './payload.ts'
import { remoteReplyTaker } from './replies.ts'
import type { Requests } from './requests.ts'
import { isNewer, lastValue } from './retained.ts'
import { decodeAcknowledgement, decodePublish, encodeAcknowledgement } from './wire.ts'
import type { Acknowledgement, PublishFrame } from './wire.ts'

/** A message that came and was checked. */
export interface Arrival extends Omit<PublishFrame, 'payload'> {
  readonly origin: Origin
  readonly payload: Payload
}

/** Answers of `unwanted` to one peer in a second. */
const UNWANTED_PER_SECOND = 1_000

/** Nodes that are remembered as told. */
const TOLD_MAX = 4_096

/** See the head of this file. */
export class Receiver {
  readonly #context: PubSubContext
  readonly #requests: Requests
  readonly #returned: (node: string, sequence: number, groups: readonly string[]) => void
  readonly #rates: Rates
  readonly #unwantedRates: Rates

  /** `returned`: a node has no member any more of groups for which it was drawn. */
  constructor(
    context: PubSubContext,
    requests: Requests,
    returned: (node: string, sequence: number, groups: readonly string[]) => void,
  ) {
    this.#context = context
    this.#requests = requests
    this.#returned = returned
    this.#rates = new Rates(context.clock, context.settings.messagesPerSecondMax)
    this.#unwantedRates = new Rates(context.clock, UNWANTED_PER_SECOND)
  }

  /** A PUBLISH came. */
  publish(origin: Origin, bytes: Uint8Array): void {
    const { memory, codec } = this.#context
    memory.counters.received += 1
    if (!this.#rates.allow(origin.node)) return this.#refuse('ERR_PUBSUB_FLOOD', origin)
    const frame = this.#read(origin, () => decodePublish(bytes, codec))
    if (frame === undefined) return
    if (frame.isReply) return this.#reply(origin, frame)
    if (!memory.routes.has(frame.topic) && !isTopic(frame.topic)) {
      return this.#refuse('ERR_PUBSUB_MESSAGE_INVALID', origin)
    }
    if (!this.#context.isGranted('publish', origin)) return this.#deny(origin, frame)
    if (frame.place === undefined) {
      const arrival = this.#arrival(origin, frame)
      if (arrival !== undefined) this.arrived(arrival, undefined)
      return
    }
    const content = (): Arrival | undefined => this.#arrival(origin, frame)
    memory.inbox.take(origin, frame.place, content, frame.payload.length)
  }

  /** A PUBACK came. */
  acknowledgement(origin: Origin, bytes: Uint8Array): void {
    const { memory, codec, clock } = this.#context
    if (!this.#rates.allow(origin.node)) return this.#refuse('ERR_PUBSUB_FLOOD', origin)
    const message = this.#read(origin, () => decodeAcknowledgement(bytes, codec))
    switch (message?.type) {
      case undefined:
        return
      case 'state':
        return memory.outbox.acknowledged(origin.node, message)
      case 'denied':
        return memory.outbox.denied(origin.node, message.session)
      case 'wanted':
        return memory.unwanted.forget(origin.node)
      case 'returned':
        return this.#returned(origin.node, message.sequence, message.groups)
      case 'unwanted':
        if (memory.routes.has(message.topic)) {
          memory.unwanted.add(origin.node, message.topic, clock.now())
        }
        if (message.requestId !== undefined) this.#requests.without(message.requestId, origin.node)
    }
  }

  /** A node is gone: what it sent in this second is not held against its next life. */
  gone(node: string): void {
    this.#rates.forget(node)
    this.#unwantedRates.forget(node)
  }

  /** A message to be handed on; nothing for one that was refused and is to be acknowledged all the same. */
  arrived(arrival: Arrival | undefined, settlement: Settlement | undefined): void {
    if (arrival === undefined) return
    if (arrival.isReplay) return this.#replay(arrival, settlement)
    const { memory } = this.#context
    const { origin, topic, stampMs, groups, requestId } = arrival
    const { plain, groups: members } = memory.routes.local(topic)
    if (stampMs !== undefined && this.#isBelieved(arrival, stampMs)) {
      this.#remember(arrival, stampMs)
    }
    const publication = this.#publication(arrival, settlement)
    let isTaken = plain.length > 0
    let empty: string[] | undefined
    asNobody(() => {
      const count = arrival.isDrawnAgain === true ? 0 : plain.length
      for (let at = 0; at < count; at++) this.#give(plain[at]!, publication)
      for (const name of groups ?? NO_GROUPS) {
        const member = members.get(name)?.pick(false)
        if (member === undefined) {
          empty ??= []
          empty.push(name)
          continue
        }
        isTaken = true
        this.#give(member, publication)
      }
    })
    if (empty !== undefined && requestId === undefined) this.#giveBack(arrival, empty)
    if (isTaken) return
    if (members.size === 0) this.#unwanted(origin, topic, requestId)
    // There are members of groups, of which another node was drawn.
    else if (requestId !== undefined)
      this.#answer(origin, { type: 'unwanted', topic: '', requestId })
  }

  #give(subscription: LocalSubscription, publication: Publication): void {
    const taken = subscription.take(publication)
    if (taken === 'taken' || taken === 'blocked') this.#context.memory.counters.delivered += 1
  }

  /** A last value of a time before: for all who have not got it, which they have if it is remembered. */
  #replay(arrival: Arrival, settlement: Settlement | undefined): void {
    const { memory } = this.#context
    const { origin, topic, stampMs = 0, headers, sequence, payload } = arrival
    const value = { topic, publisher: origin.node, sequence, stampMs, headers, payload }
    const { plain } = memory.routes.local(topic)
    if (plain.length === 0) return this.#unwanted(origin, topic, undefined)
    // It may be the clock of this node that is wrong: better such a value than none.
    const isBelieved = this.#isBelieved(arrival, stampMs)
    for (const other of [memory.remembered.age(topic), memory.own.get(topic)]) {
      if (other !== undefined && !(isBelieved && isNewer(value, other))) return
    }
    if (isBelieved) this.#keep(value)
    const publication = lastValue(value, settlement)
    asNobody(() => {
      for (const subscription of plain) {
        if (subscription.settings.retained) this.#give(subscription, publication)
      }
    })
  }

  /** A stamp from the future would be newer than all that anybody publishes until then. */
  #isBelieved({ origin }: Arrival, stampMs: number): boolean {
    const { clock, settings } = this.#context
    if (stampMs <= clock.wallNow() + settings.stampAheadMaxMs) return true
    this.#refuse('ERR_PUBSUB_STAMP', origin)
    return false
  }

  /** Keeps the last value for subscribers to come. */
  #remember({ origin, payload, topic, sequence, headers }: Arrival, stampMs: number): void {
    const { memory } = this.#context
    const value = { topic, publisher: origin.node, sequence, stampMs, headers, payload }
    const there = memory.remembered.age(topic)
    if (there !== undefined && !isNewer(value, there)) return
    if (payload.isEmpty) return memory.remembered.bury(value)
    if (memory.registry.isWanted(topic)) this.#keep(value)
  }

  #keep(value: Parameters<PubSubContext['memory']['remembered']['set']>[0]): void {
    const { memory, refusals } = this.#context
    if (memory.remembered.fits(value)) return memory.remembered.set(value)
    memory.remembered.delete(value.topic)
    refusals.count('ERR_PUBSUB_RETAINED_MAX', { topic: value.topic })
  }

  #publication(arrival: Arrival, settlement: Settlement | undefined): Publication {
    const { origin, requestId } = arrival
    return {
      topic: arrival.topic,
      payload: arrival.payload,
      publisher: origin.node,
      sequence: arrival.sequence,
      delivery: arrival.place === undefined ? 'at_most_once' : 'at_least_once',
      retained: false,
      stampMs: arrival.stampMs,
      headers: arrival.headers,
      reply:
        requestId === undefined ? undefined : remoteReplyTaker(this.#context, origin, requestId),
      settlement,
    }
  }

  #reply(origin: Origin, frame: PublishFrame): void {
    const arrival = this.#arrival(origin, frame)
    if (arrival === undefined || frame.requestId === undefined) return
    const { headers = {} } = frame
    const reply = { payload: arrival.payload.take(), publisher: origin.node, headers }
    if (this.#requests.reply(frame.requestId, reply)) return
    this.#refuse('ERR_PUBSUB_REPLY_UNEXPECTED', origin, 'debug')
  }

  /** Checks the payload and makes it our own: the bytes of a frame are there during the call only. */
  #arrival(origin: Origin, frame: PublishFrame): Arrival | undefined {
    const { settings, values } = this.#context
    if (frame.payload.length > settings.payloadBytesMax) {
      this.#refuse('ERR_PUBSUB_PAYLOAD_TOO_LARGE', origin)
      return undefined
    }
    try {
      const payload = Payload.received(values, new Uint8Array(frame.payload))
      return {
        origin,
        topic: frame.topic,
        sequence: frame.sequence,
        place: frame.place,
        requestId: frame.requestId,
        isReply: frame.isReply,
        stampMs: frame.stampMs,
        isReplay: frame.isReplay,
        headers: frame.headers,
        groups: frame.groups,
        isDrawnAgain: frame.isDrawnAgain,
        payload,
      }
    } catch (error) {
      if (!(error instanceof CodecError)) throw error
      this.#refuse('ERR_PUBSUB_PAYLOAD_INVALID', origin)
      return undefined
    }
  }

  #deny(origin: Origin, { place, topic }: PublishFrame): void {
    const { refusals } = this.#context
    refusals.count('ERR_PUBSUB_UNAUTHORIZED', { peer: origin.node, topic })
    if (place !== undefined) this.#answer(origin, { type: 'denied', session: place.session })
  }

  #unwanted(origin: Origin, topic: string, requestId: number | undefined): void {
    const { memory } = this.#context
    this.#refuse('ERR_PUBSUB_UNWANTED', origin, 'debug')
    if (!this.#unwantedRates.allow(origin.node)) return
    if (memory.told.size < TOLD_MAX || memory.told.has(origin.node)) {
      memory.told.set(origin.node, origin.via)
      this.#answer(origin, { type: 'unwanted', topic, requestId })
    }
  }

  /** Another member of these groups may have it. */
  #giveBack({ origin, sequence }: Arrival, groups: readonly string[]): void {
    if (!this.#unwantedRates.allow(origin.node)) return
    this.#answer(origin, { type: 'returned', sequence, groups })
  }

  #answer({ node, via }: Origin, message: Acknowledgement): void {
    const { courier, codec } = this.#context
    courier.send(node, 'pubsub', encodeAcknowledgement(message, codec), { via })
  }

  /** Bytes of a peer: what is wrong with them is counted. */
  #read<T>(origin: Origin, read: () => T): T | undefined {
    try {
      return read()
    } catch (error) {
      if (!(error instanceof MessageError || error instanceof CodecError)) throw error
      this.#refuse('ERR_PUBSUB_MESSAGE_INVALID', origin)
      return undefined
    }
  }

  #refuse(code: PubSubErrorCode, { node }: Origin, level: 'debug' | 'warn' = 'warn'): void {
    this.#context.refusals.count(code, { peer: node }, { level })
  }
}

const NO_GROUPS: readonly string[] = Object.freeze([])
