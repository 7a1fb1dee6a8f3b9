/** A queue of byte views that gives back as many bytes as asked for, without copying them. */

const EMPTY: Uint8Array = new Uint8Array(0)

/** See the file header. */
export class ChunkQueue {
  #chunks: Uint8Array[] = []
  #head = 0
  #bytes = 0

  /** Bytes in the queue. */
  get bytes(): number {
    return this.#bytes
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
  }

  /** The next 1 to `max` bytes that lie together; nothing when empty. */
  take(max: number): Uint8Array | undefined {
    const chunk = this.#chunks[this.#head]
    if (chunk === undefined || max <= 0) return undefined
    const taken = chunk.length <= max ? chunk : chunk.subarray(0, max)
    this.#bytes -= taken.length
    if (taken !== chunk) {
      this.#chunks[this.#head] = chunk.subarray(max)
      return taken
    }
    this.#chunks[this.#head++] = EMPTY
    if (this.#head === this.#chunks.length) this.clear()
    return taken
  }

  clear(): void {
    this.#chunks = []
    this.#head = 0
    this.#bytes = 0
  }
}
