/**
 * Which sealed messages have been taken, so that each is taken once (H31). Senders number what they seal for a node; per
 * sender the latest life and a window of numbers are kept, as in RFC 4303, 3.4.3. A message of an earlier life, of a
 * number below the window or taken before, is refused; so is one that is too old, and a sender about which nothing has
 * been heard for as long is forgotten without harm. Senders are members of the realm, so their number is bounded; beyond
 * `sendersMax` a new one has to wait until another one is forgotten.
 */

/** Numbers below the highest that may still come. */
export const REPLAY_WINDOW = 1_024

const WORDS = REPLAY_WINDOW / 32

/** Bounds of {@link ReplayGuard}. */
export interface ReplayLimits {
  /** How far the time of a sealed message may be from now, in both directions. */
  readonly sealAgeMaxMs: number
  /** Senders that are remembered. */
  readonly sendersMax: number
}

/** Which message it is. */
export interface SealNumber {
  /** Node key of the sender, hex. */
  readonly sender: string
  readonly life: number
  readonly counter: number
  /** Wall time of the sender. */
  readonly sentAtMs: number
}

/** Why a message is refused. */
export type ReplayRefusal = 'ERR_COURIER_REPLAYED' | 'ERR_COURIER_STALE' | 'ERR_COURIER_SENDERS_MAX'

interface Sender {
  life: number
  highest: number
  readonly words: Uint32Array
  heardMs: number
}

/** See the file header. */
export class ReplayGuard {
  readonly #limits: ReplayLimits
  /** In order of the last message. */
  readonly #senders = new Map<string, Sender>()

  constructor(limits: ReplayLimits) {
    this.#limits = limits
  }

  /** Senders remembered. */
  get size(): number {
    return this.#senders.size
  }

  /** Takes a message, whose seal was found good; gives why not. */
  take(
    { sender, life, counter, sentAtMs }: SealNumber,
    wallNowMs: number,
  ): ReplayRefusal | undefined {
    if (Math.abs(wallNowMs - sentAtMs) > this.#limits.sealAgeMaxMs) return 'ERR_COURIER_STALE'
    const known = this.#senders.get(sender)
    if (known === undefined && !this.#hasRoom(wallNowMs)) return 'ERR_COURIER_SENDERS_MAX'
    if (known !== undefined && life < known.life) return 'ERR_COURIER_REPLAYED'
    const of =
      known?.life === life
        ? known
        : { life, highest: -1, words: new Uint32Array(WORDS), heardMs: wallNowMs }
    if (!mark(of, counter)) return 'ERR_COURIER_REPLAYED'
    of.heardMs = wallNowMs
    this.#senders.delete(sender)
    this.#senders.set(sender, of)
    return undefined
  }

  /** Forgets those whose messages would all be too old by now, not only when there is no room: most never come again. */
  #hasRoom(wallNowMs: number): boolean {
    const { sendersMax, sealAgeMaxMs } = this.#limits
    for (const [sender, { heardMs }] of this.#senders) {
      if (Math.abs(wallNowMs - heardMs) <= 2 * sealAgeMaxMs) break
      this.#senders.delete(sender)
    }
    return this.#senders.size < sendersMax
  }
}

/** False when that number was taken before, or is below the window. */
function mark(sender: Sender, counter: number): boolean {
  const { words } = sender
  if (counter > sender.highest) {
    const from = Math.max(sender.highest + 1, counter - REPLAY_WINDOW + 1)
    for (let number = from; number < counter; number++) words[placeOf(number)]! &= ~bitOf(number)
    words[placeOf(counter)]! |= bitOf(counter)
    sender.highest = counter
    return true
  }
  if (counter <= sender.highest - REPLAY_WINDOW) return false
  if ((words[placeOf(counter)]! & bitOf(counter)) !== 0) return false
  words[placeOf(counter)]! |= bitOf(counter)
  return true
}

function placeOf(number: number): number {
  return Math.floor(number / 32) % WORDS
}

function bitOf(number: number): number {
  return 1 << (number % 32)
}
