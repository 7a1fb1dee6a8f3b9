/**
 * One attempt of a call: what one provider was asked, and what it has said so far. Progressive results are handed on in
 * their order, and the end after all of them, whatever the order in which they arrive: a large one travels in pieces and
 * is overtaken by smaller ones.
 */
import type { Appointment } from './agenda.ts'
import type { FailureMessage } from './frames.ts'
import type { PendingEntry } from './pending.ts'
import type { Candidate } from './routes.ts'

/** How a provider ended an attempt. */
export type AttemptAnswer =
  | { readonly type: 'result'; readonly value: unknown }
  | { readonly type: 'failure'; readonly failure: FailureMessage; readonly details: unknown }

/** How an attempt is made. */
export type AttemptFacts = Pick<Attempt<unknown>, 'startedMs' | 'isHedge' | 'isIdempotent'>

/** See the head of this file. */
export class Attempt<Call> implements PendingEntry {
  readonly id: string
  readonly call: Call
  readonly candidate: Candidate
  readonly startedMs: number
  readonly isHedge: boolean
  /** It may run a second time, elsewhere: its caller says so, or its provider. */
  readonly isIdempotent: boolean
  /** Gives it up at its own time; undefined when there is none. */
  timer: Appointment | undefined
  /** The end waits for progressive results that are on their way. */
  answer: AttemptAnswer | undefined
  #endNumber = Infinity
  #nextNumber = 0
  /** Made for the first that comes too early. */
  #held: Map<number, unknown> | undefined

  constructor(
    id: string,
    call: Call,
    candidate: Candidate,
    { startedMs, isHedge, isIdempotent }: AttemptFacts,
  ) {
    this.id = id
    this.call = call
    this.candidate = candidate
    this.startedMs = startedMs
    this.isHedge = isHedge
    this.isIdempotent = isIdempotent
  }

  get node(): string {
    return this.candidate.node
  }

  /** Everything that was reported before the end has come. */
  get isComplete(): boolean {
    return this.answer !== undefined && this.#nextNumber >= this.#endNumber
  }

  /**
   * A progressive result has come: calls `hand` with it, and with those that waited for it. False when it was refused:
   * it is there already, or `heldMax` wait.
   */
  progress(
    number: number,
    value: unknown,
    heldMax: number,
    hand: (value: unknown) => void,
  ): boolean {
    if (number !== this.#nextNumber) return this.#hold(number, value, heldMax)
    this.#nextNumber += 1
    hand(value)
    while (this.#held?.has(this.#nextNumber) === true) {
      const next = this.#held.get(this.#nextNumber)
      this.#held.delete(this.#nextNumber)
      this.#nextNumber += 1
      hand(next)
    }
    return true
  }

  /** The end has come, after `progressCount` progressive results. False when it had come before. */
  end(answer: AttemptAnswer, progressCount: number): boolean {
    if (this.answer !== undefined) return false
    this.answer = answer
    this.#endNumber = progressCount
    return true
  }

  /** Those that wait for an earlier one which does not come, in their order. */
  rest(): readonly unknown[] {
    return Array.from(this.#held ?? [])
      .sort(([left], [right]) => left - right)
      .map(([, value]) => value)
  }

  #hold(number: number, value: unknown, heldMax: number): boolean {
    const isNew = number > this.#nextNumber && number < this.#endNumber
    this.#held ??= new Map()
    if (!isNew || this.#held.has(number) || this.#held.size >= heldMax) return false
    this.#held.set(number, value)
    return true
  }
}
