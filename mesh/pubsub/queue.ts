/** Messages that wait, oldest first. */
import type { Publication } from './message.ts'

/** Room at the front that is given back. */
const COMPACT_AT = 1_024

/** First in, first out, with the bytes of the payloads. */
export class PublicationQueue {
  #items: (Publication | undefined)[] = []
  #head = 0
  #bytes = 0

  get length(): number {
    return this.#items.length - this.#head
  }

  get bytes(): number {
    return this.#bytes
  }

  push(publication: Publication): void {
    this.#items.push(publication)
    this.#bytes += publication.payload.size
  }

  shift(): Publication | undefined {
    if (this.#head === this.#items.length) return undefined
    const publication = this.#items[this.#head]!
    this.#items[this.#head] = undefined
    this.#head += 1
    this.#bytes -= publication.payload.size
    if (this.#head === this.#items.length) {
      this.#items.length = 0
      this.#head = 0
    } else if (this.#head >= COMPACT_AT && this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return publication
  }
}
