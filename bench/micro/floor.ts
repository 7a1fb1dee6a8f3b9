/**
 * The floor for local messages: the least that a hand-made mailbox does and still is one. A linked queue
 * of one object per message, handlers found by name in a table, a state that each handler replaces, one
 * microtask per burst, a promise per call. No deadline, no links, no death notice, no error handling, no
 * fairness, no limit.
 *
 * Why a table of handlers: a loop with one addition written into it is not a mailbox but a sum. Whoever
 * writes a mailbox by hand has more than one kind of message and finds its handler by name. A call's
 * handler gives `{ reply, state }`, because it has two things to say; a cast's gives the new state alone.
 */

/** What a handler of a call gives. */
export interface Answer<S> {
  readonly reply: number
  readonly state: S
}

/** What a mailbox can be asked and told. */
export interface Handlers<S> {
  readonly call: Readonly<Record<string, (state: S, input: number) => Answer<S>>>
  readonly cast: Readonly<Record<string, (state: S, input: number) => S>>
}

interface Entry {
  readonly name: string
  readonly input: number
  readonly resolve: ((value: number) => void) | undefined
  next: Entry | undefined
}

/** A hand-made process. */
export class FloorMailbox<S> {
  #state: S
  #head: Entry | undefined
  #tail: Entry | undefined
  #armed = false
  readonly #handlers: Handlers<S>
  readonly #drain = (): void => {
    this.#armed = false
    for (let entry = this.#head; entry !== undefined; entry = this.#head) {
      this.#head = entry.next
      if (entry.next === undefined) this.#tail = undefined
      if (entry.resolve === undefined) {
        this.#state = this.#handlers.cast[entry.name]!(this.#state, entry.input)
      } else {
        const { reply, state } = this.#handlers.call[entry.name]!(this.#state, entry.input)
        this.#state = state
        entry.resolve(reply)
      }
    }
  }

  constructor(handlers: Handlers<S>, state: S) {
    this.#handlers = handlers
    this.#state = state
  }

  call(name: string, input: number): Promise<number> {
    return new Promise((resolve) => {
      this.#push({ name, input, resolve, next: undefined })
    })
  }

  cast(name: string, input: number): void {
    this.#push({ name, input, resolve: undefined, next: undefined })
  }

  #push(entry: Entry): void {
    if (this.#tail === undefined) this.#head = entry
    else this.#tail.next = entry
    this.#tail = entry
    if (this.#armed) return
    this.#armed = true
    queueMicrotask(this.#drain)
  }
}

/** The same work as the servers of the other sides: a sum. */
export const sumHandlers: Handlers<number> = {
  call: {
    add: (n, by) => ({ reply: n + by, state: n + by }),
    total: (n) => ({ reply: n, state: n }),
  },
  cast: { put: (n, by) => n + by },
}
