/**
 * Gives all promises their turn without letting anything else in. Between two callbacks of one check phase of
 * the event loop Node runs every microtask, but no timer, file or socket; so callbacks are asked for in
 * batches. Code that runs in one callback of a batch, or in a promise behind it, is looked at in the next one:
 * what it has begun with the outside world cannot have ended by then, however fast it is.
 *
 *     loop turn | hop  hop  hop  hop  last hop: nothing runs, only a look | loop turn | hop ...
 */
import type { Clock } from '../clock.ts'

/** Hops that are asked for at a time; those that nobody needs cost little. */
const BATCH = 32

/** See the file header. */
export class Hops {
  /** Called before every hop, when all promises had their turn. */
  onQuiet: (() => void) | undefined = undefined
  readonly #clock: Clock
  #left = 0
  #waiting: (() => void)[] = []
  readonly #hop = (): void => {
    this.#left--
    if (this.#waiting.length === 0) return
    this.onQuiet?.()
    if (this.#left > 0) this.#waiting.shift()!()
    else this.#ask()
  }

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Runs `fn` when every promise that can go on has gone on. */
  next(fn: () => void): void {
    this.#waiting.push(fn)
    if (this.#left <= 1) this.#ask()
  }

  #ask(): void {
    if (this.#left > 1) return
    for (; this.#left < BATCH; this.#left++) this.#clock.nextTurn(this.#hop)
  }
}
