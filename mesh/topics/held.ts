/**
 * Values under one filter. Most filters have one, which is held as it is; a set only where there are several. One can
 * be added or taken away by whoever is visited.
 */

/** What a filter map may hold; nothing means that there is none. */
export type HeldValue = object | string | number

/** One value or several. */
export type Held<Value extends HeldValue> = Value | Several<Value>

/** More than one value. */
export class Several<Value extends HeldValue> {
  #values: Set<Value>
  /** Visits of the set that are under way. */
  #visits = 0

  constructor(values: Iterable<Value>) {
    this.#values = new Set(values)
  }

  get size(): number {
    return this.#values.size
  }

  has(value: Value): boolean {
    return this.#values.has(value)
  }

  add(value: Value): void {
    this.#own().add(value)
  }

  delete(value: Value): void {
    this.#own().delete(value)
  }

  [Symbol.iterator](): IterableIterator<Value> {
    return this.#values.values()
  }

  /** Those that are there now and still there when their turn comes. */
  visit(visit: (value: Value, filter: string) => void, filter: string): void {
    const values = this.#values
    this.#visits += 1
    try {
      for (const value of values) {
        if (values === this.#values || this.#values.has(value)) visit(value, filter)
      }
    } finally {
      if (values === this.#values) this.#visits -= 1
    }
  }

  /** A set that nobody walks through. */
  #own(): Set<Value> {
    if (this.#visits > 0) {
      this.#values = new Set(this.#values)
      this.#visits = 0
    }
    return this.#values
  }
}

/** What is held with one value more; the same when it was there. */
export function withValue<Value extends HeldValue>(
  held: Held<Value> | undefined,
  value: Value,
): Held<Value> {
  if (held === undefined || held === value) return value
  if (!(held instanceof Several)) return new Several([held, value])
  held.add(value)
  return held
}

/** What is held with one value less. */
export function withoutValue<Value extends HeldValue>(
  held: Held<Value>,
  value: Value,
): Held<Value> | undefined {
  if (!(held instanceof Several)) return held === value ? undefined : held
  held.delete(value)
  if (held.size > 1) return held
  const [left] = held
  return left
}

/** Whether a value is held. */
export function holds<Value extends HeldValue>(
  held: Held<Value> | undefined,
  value: Value,
): boolean {
  return held instanceof Several ? held.has(value) : held === value
}

/** How many are held. */
export function countOf<Value extends HeldValue>(held: Held<Value> | undefined): number {
  if (held === undefined) return 0
  return held instanceof Several ? held.size : 1
}

/** Calls `visit` for each. */
export function visitHeld<Value extends HeldValue>(
  held: Held<Value>,
  visit: (value: Value, filter: string) => void,
  filter: string,
): void {
  if (held instanceof Several) held.visit(visit, filter)
  else visit(held, filter)
}
