/**
 * Which life of a node speaks, and whose words are not believed any more: what is under way of a node that is gone may
 * arrive after it is, and would bring back what it said.
 */

interface Life {
  /** Infinity for any, of a node that never spoke. */
  readonly life: number
  /** When it was said to be gone; Infinity while it is not. */
  goneMs: number
  /** Until then it may still be said that the life before it is over; that it began has said so already. */
  succeedsUntilMs: number
}

/** `over`: of a life that is over. `new`: its first word in this life, a former one was known. `same`: neither. */
export type Standing = 'over' | 'new' | 'same'

/** See the head of this file. */
export class Lives {
  readonly #goneMs: number
  readonly #lives = new Map<string, Life>()
  #dueMs = Infinity

  /** A gone node is remembered as such for `goneMs`. */
  constructor(goneMs: number) {
    this.#goneMs = goneMs
  }

  get size(): number {
    return this.#lives.size
  }

  get nextDueMs(): number {
    return this.#dueMs
  }

  /** The life in which a node spoke last; 0 for none. */
  of(node: string): number {
    return this.#lives.get(node)?.life ?? 0
  }

  hear(node: string, life: number, nowMs: number): Standing {
    const known = this.#lives.get(node)
    if (known !== undefined && (life < known.life || (life === known.life && isGone(known)))) {
      return 'over'
    }
    if (known?.life === life) return 'same'
    const succeedsUntilMs = known === undefined ? -Infinity : nowMs + this.#goneMs
    this.#lives.set(node, { life, goneMs: Infinity, succeedsUntilMs })
    return known === undefined ? 'same' : 'new'
  }

  /** False when that is no news: what was before the present life is gone. */
  gone(node: string, isRestarted: boolean, nowMs: number): boolean {
    let known = this.#lives.get(node)
    if (known === undefined) {
      // A node that is there in another life is not gone.
      if (isRestarted) return true
      known = { life: Infinity, goneMs: Infinity, succeedsUntilMs: -Infinity }
      this.#lives.set(node, known)
    }
    if (isRestarted && nowMs <= known.succeedsUntilMs) {
      known.succeedsUntilMs = -Infinity
      return false
    }
    if (!isGone(known)) known.goneMs = nowMs
    this.#dueMs = Math.min(this.#dueMs, known.goneMs + this.#goneMs)
    return true
  }

  /** Somebody knows that it is there; true when it was gone. */
  back(node: string): boolean {
    const known = this.#lives.get(node)
    if (known === undefined || !isGone(known)) return false
    if (known.life === Infinity) this.#lives.delete(node)
    else known.goneMs = Infinity
    return true
  }

  /** Forgets who has been gone for long; gives them. */
  expire(nowMs: number): readonly string[] {
    if (nowMs < this.#dueMs) return []
    this.#dueMs = Infinity
    const expired: string[] = []
    for (const [node, life] of this.#lives) {
      if (!isGone(life)) continue
      const dueMs = life.goneMs + this.#goneMs
      if (dueMs > nowMs) this.#dueMs = Math.min(this.#dueMs, dueMs)
      else {
        this.#lives.delete(node)
        expired.push(node)
      }
    }
    return expired
  }
}

function isGone({ goneMs }: Life): boolean {
  return goneMs < Infinity
}
