/**
 * A queue that can lose members from its middle: waiting callers give up, idle workers die. Its members
 * carry their own neighbours, so everything is O(1) and a long queue costs no more than a short one.
 */

/** Who can be in a queue; in at most one at a time. */
export interface Linked<T> {
  before: T | undefined
  after: T | undefined
}

/** See the header. */
export class LinkedQueue<T extends Linked<T>> {
  first: T | undefined = undefined
  last: T | undefined = undefined
  size = 0

  push(item: T): void {
    item.before = this.last
    item.after = undefined
    if (this.last === undefined) this.first = item
    else this.last.after = item
    this.last = item
    this.size++
  }

  remove(item: T): void {
    const { before, after } = item
    if (before === undefined) this.first = after
    else before.after = after
    if (after === undefined) this.last = before
    else after.before = before
    item.before = undefined
    item.after = undefined
    this.size--
  }
}
