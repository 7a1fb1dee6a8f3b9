/**
 * Memory of large values that were sent, for the next ones. Every new megabyte counts towards the next collection of
 * the whole heap, which stops everything for milliseconds; a program that sends large values would have several in a second.
 *
 * Nothing is kept alive here: what no new value has asked for until the next collection is gone with it.
 */

/** Smaller rooms cost less than the search for one. Above what the codec writes several small values into. */
export const SPARE_BYTES_MIN = 98_304

/** Larger ones are rare. */
export const SPARE_BYTES_MAX = 16_777_216

/** Rooms remembered. */
export const SPARES_MAX = 16

/** See the file header. */
export class SpareRooms {
  readonly #rooms: WeakRef<ArrayBufferLike>[] = []

  /** Rooms remembered, some of which may be gone. */
  get size(): number {
    return this.#rooms.length
  }

  /** A room of at least so many bytes, and at most twice as many; what is in it is of no meaning. */
  take(bytes: number): Buffer | undefined {
    if (bytes < SPARE_BYTES_MIN) return undefined
    for (let at = this.#rooms.length - 1; at >= 0; at--) {
      const room = this.#rooms[at]!.deref()
      if (room === undefined) this.#rooms.splice(at, 1)
      else if (room.byteLength >= bytes && room.byteLength <= bytes * 2) {
        this.#rooms.splice(at, 1)
        return Buffer.from(room)
      }
    }
    return undefined
  }

  /** Nobody looks at this any more, nor at anything else in its buffer. */
  give(bytes: Uint8Array): void {
    const { buffer } = bytes
    if (buffer.byteLength < SPARE_BYTES_MIN || buffer.byteLength > SPARE_BYTES_MAX) return
    if (this.#rooms.length >= SPARES_MAX) this.#rooms.shift()
    this.#rooms.push(new WeakRef(buffer))
  }
}
