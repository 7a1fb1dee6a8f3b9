/**
 * A hash over everything that happened, in order: two runs with the same hash were the same run. Works
 * on plain data of any shape, with the same result on every version of Node.
 */

/** FNV-1a in two lanes of 32 bits. */
export class Trace {
  #low = 0x811c9dc5
  #high = 0x01000193
  #count = 0

  /** Entries so far. */
  get count(): number {
    return this.#count
  }

  /** Sixteen hexadecimal digits. */
  get hash(): string {
    return hex(this.#high) + hex(this.#low)
  }

  /** Adds one entry: what, when and to whom, and its data. */
  add(kind: string, atMs: number, node: number, data: unknown): void {
    this.#count++
    this.#text(kind)
    this.#number(atMs)
    this.#number(node)
    this.#value(data)
  }

  #value(value: unknown): void {
    if (typeof value === 'string') this.#text(value)
    else if (typeof value === 'number') this.#number(value)
    else if (Array.isArray(value) || value instanceof Uint8Array || value instanceof Uint32Array) {
      this.#byte(1)
      this.#number(value.length)
      for (const item of value) this.#value(item)
    } else if (typeof value === 'object' && value !== null) {
      this.#byte(2)
      for (const [key, item] of Object.entries(value)) {
        this.#text(key)
        this.#value(item)
      }
    } else this.#text(String(value))
  }

  #text(text: string): void {
    this.#byte(3)
    for (let i = 0; i < text.length; i++) this.#byte(text.charCodeAt(i))
  }

  #number(value: number): void {
    if (Number.isInteger(value)) {
      this.#byte(value)
      this.#byte(Math.floor(value / 4_294_967_296))
    } else this.#text(String(value))
  }

  #byte(value: number): void {
    this.#low = Math.imul(this.#low ^ value, 0x01000193)
    this.#high = Math.imul(this.#high ^ (value + (this.#low >>> 13)), 0x5bd1e995)
  }
}

function hex(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0')
}
