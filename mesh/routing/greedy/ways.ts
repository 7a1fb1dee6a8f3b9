/**
 * Ways that keys do not show: by way of which neighbour a node was reached on a detour. A receipt teaches them, which comes
 * back from whom the envelope was given to; nobody can make a node learn one who was not on the way himself. One that is
 * not confirmed for `ttlMs` is forgotten, so that whoever drops what he is given is not believed for longer than that.
 */
import { setNewest } from '../../machine/newest.ts'

interface Way {
  readonly next: string
  readonly untilMs: number
}

/** The latest `max` ways of a node, by destination. Keys are hex. */
export class Ways {
  readonly #max: number
  readonly #ttlMs: number
  readonly #ways = new Map<string, Way>()

  constructor(max: number, ttlMs: number) {
    this.#max = max
    this.#ttlMs = ttlMs
  }

  get size(): number {
    return this.#ways.size
  }

  /** By way of whom that node was reached. */
  next(destination: string, nowMs: number): string | undefined {
    const way = this.#ways.get(destination)
    if (way === undefined || way.untilMs > nowMs) return way?.next
    this.#ways.delete(destination)
    return undefined
  }

  learn(destination: string, next: string, nowMs: number): void {
    setNewest(this.#ways, destination, { next, untilMs: nowMs + this.#ttlMs }, this.#max)
  }

  /** That neighbour is no way to it, or nobody is. */
  forget(destination: string, next?: string): void {
    if (next !== undefined && this.#ways.get(destination)?.next !== next) return
    this.#ways.delete(destination)
  }
}
