/** Frames that came before one that is missing, copied, because what arrives is valid during its call only. */

/** A frame that waits. */
export interface HeldFrame {
  readonly type: number
  readonly payload: Uint8Array
}

/** What a frame costs beside its payload, so that empty ones are bounded, too. */
const FRAME_COST_BYTES = 64

/** See the file header. */
export class HeldFrames {
  readonly #bytesMax: number
  readonly #frames = new Map<number, HeldFrame>()
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get size(): number {
    return this.#frames.size
  }

  /** False when there is no room; a number that is held already is kept as it is. */
  keep(number: number, type: number, payload: Uint8Array): boolean {
    if (this.#frames.has(number)) return true
    const bytes = payload.length + FRAME_COST_BYTES
    if (this.#bytes + bytes > this.#bytesMax) return false
    this.#bytes += bytes
    this.#frames.set(number, { type, payload: new Uint8Array(payload) })
    return true
  }

  /** The frame of that number, which is held no longer. */
  take(number: number): HeldFrame | undefined {
    const frame = this.#frames.get(number)
    if (frame === undefined) return undefined
    this.#frames.delete(number)
    this.#bytes -= frame.payload.length + FRAME_COST_BYTES
    return frame
  }

  clear(): void {
    this.#frames.clear()
    this.#bytes = 0
  }
}
