/**
 * A queue from whose middle things are taken as well. Taken ones stay in the list until their turn comes, and are skipped
 * then: everything is O(1), on the whole.
 */

/** Taken ones at the head before the list is copied. */
const HEAD_MAX = 64

/** See the head of this file. */
export class JobQueue<Job extends object> {
  #list: Job[] = []
  #head = 0
  readonly #present = new Set<Job>()

  get size(): number {
    return this.#present.size
  }

  /** At the end; one that is in it already must not be given again. */
  push(job: Job): void {
    this.#list.push(job)
    this.#present.add(job)
  }

  /** False when it is not in it. */
  delete(job: Job): boolean {
    if (!this.#present.delete(job)) return false
    if (this.#present.size === 0) {
      this.#list = []
      this.#head = 0
    }
    return true
  }

  first(): Job | undefined {
    while (this.#head < this.#list.length) {
      const job = this.#list[this.#head]!
      if (this.#present.has(job)) return job
      this.#head += 1
      if (this.#head >= HEAD_MAX && this.#head * 2 >= this.#list.length) {
        this.#list = this.#list.slice(this.#head)
        this.#head = 0
      }
    }
    return undefined
  }

  last(): Job | undefined {
    for (;;) {
      const job = this.#list.at(-1)
      if (job === undefined || this.#present.has(job)) return job
      this.#list.pop()
    }
  }
}
