/** One stream as the driver knows it, between its core and its endpoint. */
import type { EndpointSink } from './endpoint.ts'
import { streamFault, unsentFault } from './frames.ts'
import type { StreamFault, StreamFrame, StreamSide } from './frames.ts'
import type { StreamRead } from './incoming.ts'
import type { StreamCore, StreamSink } from './stream-core.ts'

/** Which stream it is. */
export interface TrackNames {
  /** For deadlines. */
  readonly key: number
  readonly side: StreamSide
  readonly streamId: number
  /** The other node, and the gateway it is connected to. */
  readonly node: string
  readonly via: string | undefined
}

/** What the driver does for it. */
export interface TrackParts {
  readonly send: (track: StreamTrack, frame: StreamFrame) => void
  readonly reserve: (bytes: number) => boolean
  readonly spent: (bytes: Uint8Array) => void
  readonly violated: (what: string) => void
  readonly closed: (track: StreamTrack) => void
}

/** See the head of this file. */
export class StreamTrack implements StreamSink {
  readonly key: number
  readonly side: StreamSide
  readonly streamId: number
  readonly node: string
  readonly via: string | undefined
  readonly #endpoint: EndpointSink
  readonly #parts: TrackParts
  /** Set by whoever makes both. */
  core!: StreamCore
  /** Told when it is over, and why it was not accepted, if it was not. */
  release: (refused: StreamFault | undefined) => void = () => {}
  #isOpen = false

  constructor(names: TrackNames, endpoint: EndpointSink, parts: TrackParts) {
    this.key = names.key
    this.side = names.side
    this.streamId = names.streamId
    this.node = names.node
    this.via = names.via
    this.#endpoint = endpoint
    this.#parts = parts
  }

  send(frame: StreamFrame): void {
    this.#parts.send(this, frame)
  }

  reserve(bytes: number): boolean {
    return this.#parts.reserve(bytes)
  }

  spent(bytes: Uint8Array): void {
    this.#parts.spent(bytes)
  }

  violated(what: string): void {
    this.#parts.violated(what)
  }

  readable(): void {
    this.#endpoint.readable()
  }

  accepted(items: number): void {
    this.#endpoint.accepted(items)
  }

  opened(): void {
    this.#isOpen = true
    this.#endpoint.opened()
  }

  /** The opening was lost, or nobody knows whether it arrived: then another node must not be asked. */
  openingLost(mayHaveArrived: boolean, message: string): void {
    if (!mayHaveArrived) return this.core.lose(unsentFault(message))
    // Of one that was accepted it is known that it did; only the word of it is lost.
    if (!this.#isOpen) this.core.lose(streamFault('unreachable', message))
  }

  settled(last: StreamRead): void {
    this.#endpoint.settled(last)
  }

  closed(fault: StreamFault | undefined): void {
    this.#parts.closed(this)
    this.release(this.#isOpen ? undefined : fault)
    this.#endpoint.closed(fault)
  }
}
