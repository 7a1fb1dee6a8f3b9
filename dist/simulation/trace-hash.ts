/**
 * A running hash over everything that happens in a simulation, in order: two runs with the same hash did
 * the same. Not for secrets: two 32-bit lanes, made for speed.
 */

/** See the file header. */
export class TraceHash {
  /** What was folded in so far. */
  count = 0
  /** The same by kind. */
  readonly counts: number[] = []
  #a = 0x243f6a88
  #b = 0x85a308d3

  /** Folds in one event: its kind, when it happened, and two numbers that tell it from others. */
  add(kind: number, nowMs: number, one: number, two: number): void {
    this.count++
    this.counts[kind] = (this.counts[kind] ?? 0) + 1
    // Times may have fractions; a microsecond more or less is another run.
    this.#fold(kind)
    this.#fold(Math.floor(nowMs * 1_000) % 4_294_967_296)
    this.#fold(one)
    this.#fold(two)
  }

  /** Folds in text, as part of the last event. */
  text(text: string): void {
    for (let i = 0; i < text.length; i++) this.#fold(text.charCodeAt(i))
    this.#fold(-1)
  }

  /** 16 hex digits. */
  digest(): string {
    const hex = (lane: number): string => (lane >>> 0).toString(16).padStart(8, '0')
    return hex(this.#a) + hex(this.#b)
  }

  #fold(value: number): void {
    this.#a = Math.imul(this.#a ^ value, 0x9e3779b1)
    this.#a ^= this.#a >>> 15
    this.#b = Math.imul((this.#b + value) ^ (this.#b >>> 13), 0xc2b2ae35) + this.#a
  }
}
