/** Statements of members, joined in memory: what each says reaches the others after a while, in order. */
import type { RosterPort } from '../../../mesh/presence/roster.ts'
import type { SimClock } from '../../../runtime/index.ts'

interface Said {
  words: (bytesMax: number) => string | undefined
  text: string | undefined
  readonly hearers: Set<(node: string, words: string | undefined) => void>
}

/** The members of one network. */
export class Rosters {
  readonly #clock: SimClock
  readonly #nodes = new Map<string, Said>()
  /** Room in a statement. */
  bytesMax = 400
  /** How long news need from one node to another. */
  delayMs: (from: string, to: string) => number = () => 5
  /** Statements that were made. */
  made = 0

  constructor(clock: SimClock) {
    this.#clock = clock
  }

  port(self: string): RosterPort {
    const said: Said = { words: () => undefined, text: undefined, hearers: new Set() }
    this.#nodes.set(self, said)
    const changed = (): void => {
      const text = said.words(this.bytesMax)
      if (text === said.text) return
      said.text = text
      this.made += 1
      this.#spread(self, text)
    }
    return {
      changed,
      say: (words) => {
        said.words = words
        changed()
      },
      hear: (handler) => {
        for (const [node, { text }] of this.#nodes) if (node !== self) handler(node, text)
        said.hearers.add(handler)
        return () => void said.hearers.delete(handler)
      },
    }
  }

  /** What a node says now. */
  textOf(self: string): string | undefined {
    return this.#nodes.get(self)?.text
  }

  /** There is more or less room in all statements. */
  resize(bytesMax: number): void {
    this.bytesMax = bytesMax
    for (const [self, said] of this.#nodes) {
      said.text = said.words(bytesMax)
      this.#spread(self, said.text)
    }
  }

  /** A member says something that this node did not make. */
  forge(self: string, text: string): void {
    this.#spread(self, text)
  }

  /** The others hear that it is gone. */
  gone(self: string): void {
    this.#nodes.delete(self)
    this.#spread(self, undefined)
  }

  #spread(self: string, text: string | undefined): void {
    for (const [node, { hearers }] of this.#nodes) {
      if (node === self) continue
      this.#clock.setTimer(this.delayMs(self, node), () => {
        for (const hearer of hearers) hearer(self, text)
      })
    }
  }
}
