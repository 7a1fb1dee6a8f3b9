/**
 * Deadlines by key in an indexed binary heap: the earliest in O(1), a change in O(log n) (S45). Equal
 * times are ordered by key, so that a run repeats.
 */

/** Many timers of one kind; each key has one deadline at most. */
export class Deadlines {
  readonly #keys: number[] = []
  readonly #times: number[] = []
  readonly #places = new Map<number, number>()

  get size(): number {
    return this.#keys.length
  }

  /** The earliest deadline; Infinity when there is none. */
  earliest(): number {
    return this.#times[0] ?? Infinity
  }

  /** Key of the earliest deadline; -1 when there is none. */
  first(): number {
    return this.#keys[0] ?? -1
  }

  get(key: number): number | undefined {
    const place = this.#places.get(key)
    return place === undefined ? undefined : this.#times[place]
  }

  set(key: number, timeMs: number): void {
    const place = this.#places.get(key)
    if (place === undefined) {
      this.#keys.push(key)
      this.#times.push(timeMs)
      this.#places.set(key, this.#keys.length - 1)
      this.#up(this.#keys.length - 1)
      return
    }
    this.#times[place] = timeMs
    this.#up(place)
    this.#down(place)
  }

  delete(key: number): void {
    const place = this.#places.get(key)
    if (place === undefined) return
    const last = this.#keys.length - 1
    this.#swap(place, last)
    this.#keys.pop()
    this.#times.pop()
    this.#places.delete(key)
    if (place < last) {
      this.#up(place)
      this.#down(place)
    }
  }

  /** Every key with its deadline, earliest first for equal content (heap order). */
  entries(): (readonly [number, number])[] {
    return this.#keys
      .map((key, place): readonly [number, number] => [key, this.#times[place] ?? Infinity])
      .sort(([leftKey, left], [rightKey, right]) => left - right || leftKey - rightKey)
  }

  clear(): void {
    this.#keys.length = 0
    this.#times.length = 0
    this.#places.clear()
  }

  #before(left: number, right: number): boolean {
    const leftTime = this.#times[left] ?? Infinity
    const rightTime = this.#times[right] ?? Infinity
    if (leftTime !== rightTime) return leftTime < rightTime
    return (this.#keys[left] ?? 0) < (this.#keys[right] ?? 0)
  }

  #up(start: number): void {
    let place = start
    while (place > 0) {
      const parent = (place - 1) >>> 1
      if (!this.#before(place, parent)) return
      this.#swap(place, parent)
      place = parent
    }
  }

  #down(start: number): void {
    let place = start
    for (;;) {
      const left = place * 2 + 1
      if (left >= this.#keys.length) return
      const right = left + 1
      const child = right < this.#keys.length && this.#before(right, left) ? right : left
      if (!this.#before(child, place)) return
      this.#swap(place, child)
      place = child
    }
  }

  #swap(left: number, right: number): void {
    if (left === right) return
    const leftKey = this.#keys[left] ?? 0
    const rightKey = this.#keys[right] ?? 0
    const leftTime = this.#times[left] ?? 0
    this.#keys[left] = rightKey
    this.#times[left] = this.#times[right] ?? 0
    this.#keys[right] = leftKey
    this.#times[right] = leftTime
    this.#places.set(rightKey, left)
    this.#places.set(leftKey, right)
  }
}
