/**
 * The sequences under which this node put its named values and providers, so that one put without a sequence
 * is newer than those before: two within a millisecond keep their order, and a clock that was set back undoes
 * nothing. In memory, so many names at most; what is older is known from the store.
 */
import { setNewest } from '../machine/newest.ts'
import { DhtError } from './errors.ts'
import { SEQUENCE_MAX } from './records/checks.ts'

/** Names that are remembered; of further ones the one that was put longest ago is forgotten. */
const NAMES_MAX = 4_096

/** See the head of this file. */
export class Sequences {
  readonly #max: number
  readonly #last = new Map<string, number>()

  constructor(max: number = NAMES_MAX) {
    this.#max = max
  }

  /** Wall time in milliseconds, but higher than everything that was put under the name or is `known`. */
  next(name: string, wallNowMs: number, ...known: readonly (number | undefined)[]): number {
    const last = Math.max(0, this.#last.get(name) ?? 0, ...known.map((each) => each ?? 0))
    if (last < SEQUENCE_MAX) return Math.max(Math.floor(wallNowMs), last + 1)
    throw new DhtError('ERR_DHT_SEQUENCE_LOW', `no sequence is higher than ${last}, which is used`)
  }

  /** A record with that sequence is being put; gives the way to forget it when nobody took it. */
  remember(name: string, sequence: number): () => void {
    const before = this.#last.get(name)
    const last = Math.max(sequence, before ?? 0)
    setNewest(this.#last, name, last, this.#max)
    return () => {
      if (before === last || this.#last.get(name) !== last) return
      if (before === undefined) this.#last.delete(name)
      else this.#last.set(name, before)
    }
  }
}
