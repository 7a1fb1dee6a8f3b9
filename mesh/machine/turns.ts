/**
 * Inputs of a core, one after the other: one that comes while the core works (a link that breaks under a
 * send, an event that makes a handler ask for something) waits until it is done, in order.
 */

/** What a {@link Turns} does with inputs. */
export interface TurnsParts<Input> {
  /** Steps the core and does what it wants done. */
  readonly work: (input: Input) => void
  /** Everything that waited is done: the next deadline may be another one. */
  readonly worked: () => void
  /** Something was thrown inside; nothing is taken any more. */
  readonly failed: (error: unknown) => void
}

/** The inputs of one core. */
export class Turns<Input> {
  readonly #parts: TurnsParts<Input>
  readonly #inputs: Input[] = []
  #working = false
  #closed = false

  constructor(parts: TurnsParts<Input>) {
    this.#parts = parts
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Something has happened. */
  take(input: Input): void {
    if (this.#closed) return
    this.#inputs.push(input)
    if (this.#working) return
    this.#working = true
    try {
      // Grows while it is worked off.
      for (let at = 0; at < this.#inputs.length; at++) this.#parts.work(this.#inputs[at]!)
      this.#inputs.length = 0
      this.#parts.worked()
    } catch (error) {
      this.close()
      this.#parts.failed(error)
    } finally {
      this.#working = false
    }
  }

  /** Takes nothing any more. */
  close(): void {
    this.#closed = true
    this.#inputs.length = 0
  }
}
