/**
 * Puts large messages together again. Memory taken is at most twice the bytes really received, never what a piece
 * merely claims, or was taken before, for a message that is over; it is bounded per peer and in all, and a message that rests is
 * given up. A piece that does not continue its message drops it, and so do all later ones: which message they belong
 * to is not known any more.
 */
import { Deadlines } from '../machine/deadlines.ts'
import { SpareRooms } from '../wire/spare-rooms.ts'
import { readChunk } from './chunks.ts'
import type { Chunk } from './chunks.ts'
import type { CourierSettings } from './settings.ts'

/** Bounds of {@link Assembly}. */
export type AssemblyLimits = Pick<
  CourierSettings,
  | 'valueBytesMax'
  | 'assembliesPerPeerMax'
  | 'assemblyBytesPerPeerMax'
  | 'assemblyBytesMax'
  | 'assemblyTimeoutMs'
>

/** Why a piece, or the message it belongs to, was dropped. */
export type AssemblyRefusal =
  'ERR_COURIER_CHUNK' | 'ERR_COURIER_ASSEMBLIES_MAX' | 'ERR_COURIER_ASSEMBLY_TIMEOUT'

/** What is told of. */
export interface AssemblySink<Source> {
  /** A message is whole; `payload` is valid during the call only, `source` came with its first piece. */
  readonly whole: (source: Source, type: number, payload: Uint8Array) => void
  readonly refused: (code: AssemblyRefusal, peer: string) => void
}

interface Message<Source> {
  readonly source: Source
  readonly number: number
  readonly peer: string
  readonly id: number
  readonly type: number
  readonly total: number
  buffer: Uint8Array
  bytes: number
}

interface Peer<Source> {
  readonly messages: Map<number, Message<Source>>
  bytes: number
}

const NOTHING: Uint8Array = new Uint8Array(0)

/** Messages that are not whole yet, of all peers. `peer` is any name of a sender and the way it comes. */
export class Assembly<Source> {
  readonly #limits: AssemblyLimits
  readonly #sink: AssemblySink<Source>
  readonly #peers = new Map<string, Peer<Source>>()
  readonly #byNumber = new Map<number, Message<Source>>()
  readonly #deadlines = new Deadlines()
  /** Memory of messages that are over: in new memory each would count towards the next collection of the whole heap. */
  readonly #rooms = new SpareRooms()
  #bytes = 0
  #number = 0

  constructor(limits: AssemblyLimits, sink: AssemblySink<Source>) {
    this.#limits = limits
    this.#sink = sink
  }

  /** Memory held. */
  get bytes(): number {
    return this.#bytes
  }

  /** Messages that are not whole. */
  get size(): number {
    return this.#byNumber.size
  }

  get nextDueMs(): number {
    return this.#deadlines.earliest()
  }

  /** A piece has come. */
  push(peer: string, source: Source, payload: Uint8Array, nowMs: number): void {
    const chunk = readChunk(payload)
    if (chunk === undefined) return this.#sink.refused('ERR_COURIER_CHUNK', peer)
    const known = this.#peers.get(peer)?.messages.get(chunk.id)
    if (known === undefined ? chunk.offset > 0 : !continues(known, chunk)) {
      if (known !== undefined) this.#drop(known)
      return this.#sink.refused('ERR_COURIER_CHUNK', peer)
    }
    const message = known ?? this.#begin(peer, source, chunk)
    if (message === undefined) return
    if (!this.#append(message, chunk.bytes)) {
      this.#drop(message)
      return this.#sink.refused('ERR_COURIER_ASSEMBLIES_MAX', peer)
    }
    if (message.bytes < message.total) {
      this.#deadlines.set(message.number, nowMs + this.#limits.assemblyTimeoutMs)
      return
    }
    this.#drop(message)
    this.#sink.whole(message.source, message.type, message.buffer.subarray(0, message.total))
    this.#rooms.give(message.buffer)
  }

  /** Nothing more comes from that peer on that way. */
  forget(peer: string): void {
    for (const message of this.#peers.get(peer)?.messages.values() ?? []) this.#drop(message)
  }

  /** Gives up what has rested too long. */
  tick(nowMs: number): void {
    while (this.#deadlines.earliest() <= nowMs) {
      const message = this.#byNumber.get(this.#deadlines.first())!
      this.#drop(message)
      this.#sink.refused('ERR_COURIER_ASSEMBLY_TIMEOUT', message.peer)
    }
  }

  #begin(peer: string, source: Source, { id, type, total }: Chunk): Message<Source> | undefined {
    const { valueBytesMax, assembliesPerPeerMax } = this.#limits
    if (total > valueBytesMax) {
      this.#sink.refused('ERR_COURIER_CHUNK', peer)
      return undefined
    }
    const of = this.#peers.get(peer) ?? { messages: new Map<number, Message<Source>>(), bytes: 0 }
    this.#peers.set(peer, of)
    if (of.messages.size >= assembliesPerPeerMax) {
      for (const oldest of of.messages.values()) {
        this.#drop(oldest)
        this.#sink.refused('ERR_COURIER_ASSEMBLIES_MAX', peer)
        break
      }
      this.#peers.set(peer, of)
    }
    this.#number += 1
    const message = {
      source,
      number: this.#number,
      peer,
      id,
      type,
      total,
      buffer: NOTHING,
      bytes: 0,
    }
    of.messages.set(id, message)
    this.#byNumber.set(message.number, message)
    return message
  }

  /** False when that would be more than may be held. */
  #append(message: Message<Source>, bytes: Uint8Array): boolean {
    const needed = message.bytes + bytes.length
    if (needed > message.buffer.length) {
      const room = message.bytes === 0 ? this.#rooms.take(message.total) : undefined
      const length = room === undefined ? Math.min(message.total, needed * 2) : message.total
      const more = length - message.buffer.length
      const peer = this.#peers.get(message.peer)!
      const { assemblyBytesPerPeerMax, assemblyBytesMax } = this.#limits
      if (peer.bytes + more > assemblyBytesPerPeerMax) return false
      if (this.#bytes + more > assemblyBytesMax) return false
      const grown = new Uint8Array(room?.buffer ?? new ArrayBuffer(length), 0, length)
      grown.set(message.buffer.subarray(0, message.bytes))
      message.buffer = grown
      peer.bytes += more
      this.#bytes += more
    }
    message.buffer.set(bytes, message.bytes)
    message.bytes = needed
    return true
  }

  #drop(message: Message<Source>): void {
    const peer = this.#peers.get(message.peer)!
    peer.messages.delete(message.id)
    peer.bytes -= message.buffer.length
    this.#bytes -= message.buffer.length
    if (peer.messages.size === 0) this.#peers.delete(message.peer)
    this.#byNumber.delete(message.number)
    this.#deadlines.delete(message.number)
  }
}

function continues({ type, total, bytes }: Message<unknown>, chunk: Chunk): boolean {
  return chunk.type === type && chunk.total === total && chunk.offset === bytes
}
