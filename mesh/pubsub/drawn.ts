/**
 * Messages that went to a drawn member of a group, for a while: when that node says that it has no member any more, another
 * one is drawn. What is sent is with the node that it was drawn for, and nobody else can give it back.
 */
import type { Letter } from './letter.ts'
import { LETTER_BYTES } from './letter.ts'
import type { PubSubSettings } from './options.ts'
import type { Delivery } from './pubsub.ts'

/** One message for one group. */
export interface Drawn {
  readonly letter: Letter
  readonly delivery: Delivery
  readonly group: string
  /** Nodes that it must not go to: those that have given it back, and those that its publisher left out. */
  readonly exclude: ReadonlySet<string>
  /** When it is given up. */
  readonly expiresMs: number
}

interface Kept extends Drawn {
  readonly node: string
  readonly untilMs: number
}

/** What it reads. */
export type DrawnSettings = Pick<
  PubSubSettings,
  'groupReturnMs' | 'groupLettersMax' | 'groupLettersBytesMax'
>

/** See the head of this file. */
export class DrawnLetters {
  readonly #settings: DrawnSettings
  /** By message and group, oldest first: all of them are kept for the same time. */
  readonly #kept = new Map<string, Kept>()
  #bytes = 0

  constructor(settings: DrawnSettings) {
    this.#settings = settings
  }

  get size(): number {
    return this.#kept.size
  }

  get bytes(): number {
    return this.#bytes
  }

  get nextDueMs(): number {
    if (this.#kept.size === 0) return Infinity
    for (const { untilMs } of this.#kept.values()) return untilMs
    return Infinity
  }

  /** It went to that node. */
  add(node: string, drawn: Drawn, nowMs: number): void {
    const { groupReturnMs, groupLettersMax, groupLettersBytesMax } = this.#settings
    const name = nameOf(drawn.letter.sequence, drawn.group)
    this.#forget(name)
    this.#kept.set(name, { ...drawn, node, untilMs: nowMs + groupReturnMs })
    this.#bytes += bytesOf(drawn)
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= groupLettersMax && this.#bytes <= groupLettersBytesMax) return
      this.#forget(oldest)
    }
  }

  /** That node gives it back; undefined when it does not have it, or that was too long ago. */
  take(node: string, sequence: number, group: string): Drawn | undefined {
    const name = nameOf(sequence, group)
    const kept = this.#kept.get(name)
    if (kept?.node !== node) return undefined
    this.#forget(name)
    const { letter, delivery, exclude, expiresMs } = kept
    return { letter, delivery, group, expiresMs, exclude: new Set([...exclude, node]) }
  }

  tick(nowMs: number): void {
    for (const [name, { untilMs }] of this.#kept) {
      if (untilMs > nowMs) return
      this.#forget(name)
    }
  }

  #forget(name: string): void {
    const kept = this.#kept.get(name)
    if (kept === undefined) return
    this.#kept.delete(name)
    this.#bytes -= bytesOf(kept)
  }
}

function nameOf(sequence: number, group: string): string {
  return `${sequence} ${group}`
}

function bytesOf({ letter }: Drawn): number {
  return letter.payload.size + LETTER_BYTES
}
