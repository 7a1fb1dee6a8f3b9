/**
 * Watching a process at work. A {@link ProcessTap} is told what a process takes from its mailbox, what it
 * replies, how long its handlers take and why it ends. Only an observed process pays for it: its OBSERVED
 * flag sends it down another path of the scheduler.
 *
 * Invariants: a tap never hurts the process; one that throws is taken off and logged. Taps run in nobody's
 * name. After the end of the process nothing is told any more.
 */
import { runIn } from './context.ts'
import { CallError } from './errors.ts'
import { ItemKind } from './item.ts'
import { OBSERVED } from './process-flags.ts'
import type { Call } from './call.ts'
import type { ExitReason } from './exit-reason.ts'
import type { Message } from './item.ts'
import type { ProcessCell } from './process.ts'
import type { Process } from './program.ts'

/** How an item was dealt with. */
export interface ItemOutcome {
  /** Of the synchronous part, by the clock of the system. */
  readonly tookMs: number
  /** From the start until an asynchronous handler was settled; 0 for a synchronous one. */
  readonly inFlightMs: number
  /** What the program threw or rejected with, boxed; it ends the process. */
  readonly thrown: { readonly error: unknown } | undefined
}

/** What a program takes besides the items of its mailbox. */
export interface OwnStep {
  /** In the words of the program. */
  readonly kind: string
  readonly name: string | undefined
  readonly value: unknown
}

/** Who watches a process. */
export interface ProcessTap {
  /** The process takes an item and is about to handle it. */
  taken(item: Message | Call): void
  /** A call that was taken since the tap is there gets its reply, also one that was deferred. */
  replied(call: Call, value: unknown): void
  /** The same for a call that the server failed. */
  refused(call: Call, error: unknown): void
  handled(item: Message | Call, outcome: ItemOutcome): void
  /** The program goes on, before its next item, with something that is not in the mailbox. */
  own?(event: OwnStep): void
  ended(reason: ExitReason): void
}

/** The taps of one process. */
export class Observer {
  readonly #cell: ProcessCell
  #taps: readonly ProcessTap[] = []

  constructor(cell: ProcessCell) {
    this.#cell = cell
  }

  get taps(): readonly ProcessTap[] {
    return this.#taps
  }

  add(tap: ProcessTap): void {
    this.#taps = [...this.#taps, tap]
  }

  remove(tap: ProcessTap): void {
    this.#taps = this.#taps.filter((each) => each !== tap)
    const cell = this.#cell
    if (this.#taps.length > 0 || cell.extras?.observer !== this) return
    cell.extras.observer = undefined
    cell.flags &= ~OBSERVED
  }

  taken(item: Message | Call): void {
    if (item.kind === ItemKind.call) this.#follow(item)
    this.#tell((tap) => tap.taken(item))
  }

  handled(item: Message | Call, tookMs: number): void {
    this.#tell((tap) => tap.handled(item, { tookMs, inFlightMs: 0, thrown: undefined }))
  }

  failed(item: Message | Call, tookMs: number, error: unknown): void {
    this.#tell((tap) => tap.handled(item, { tookMs, inFlightMs: 0, thrown: { error } }))
  }

  /** `result`, with its end told before the process goes on. */
  inFlight(
    item: Message | Call,
    startMs: number,
    tookMs: number,
    result: Promise<void>,
  ): Promise<void> {
    const settled = (thrown: { readonly error: unknown } | undefined): void => {
      if (!this.#cell.alive) return
      const inFlightMs = this.#cell.core.clock.now() - startMs
      this.#tell((tap) => tap.handled(item, { tookMs, inFlightMs, thrown }))
    }
    return result.then(
      () => settled(undefined),
      (error: unknown) => {
        settled({ error })
        throw error
      },
    )
  }

  own(event: OwnStep): void {
    this.#tell((tap) => tap.own?.(event))
  }

  ended(reason: ExitReason): void {
    this.#tell((tap) => tap.ended(reason))
    this.#taps = []
  }

  /** Replies pass through here, whoever gives them and whenever. */
  #follow(call: Call): void {
    const { resolve, reject } = call
    call.resolve = (value) => {
      this.#tell((tap) => tap.replied(call, value))
      resolve?.(value)
    }
    call.reject = (error) => {
      // Deadline, signal or end of the process are the runtime's answer, not the server's.
      const own = !(error instanceof CallError && error.server === call.server)
      if (own) this.#tell((tap) => tap.refused(call, error))
      reject?.(error)
    }
  }

  #tell(fn: (tap: ProcessTap) => void): void {
    runIn(undefined, () => {
      for (const tap of this.#taps) {
        try {
          fn(tap)
        } catch (error) {
          this.remove(tap)
          dropped(this.#cell, error)
        }
      }
    })
  }
}

/** Tells that a tap was taken off because it failed. */
function dropped({ core, pid, label }: ProcessCell, error: unknown): void {
  core.logger.warn({ pid: pid.toString(), label, error }, 'trace ended: its sink failed')
}

/** The taps of a process, for those who look for their own. */
export function tapsOf(process: Process): readonly ProcessTap[] {
  return (process as ProcessCell).extras?.observer?.taps ?? []
}

/** For programs: tells who observes the process, if anybody does, of a step of its own. */
export function tellOwnStep<S>(process: Process, describe: (step: S) => OwnStep, step: S): void {
  const observer = (process as ProcessCell).extras?.observer
  if (observer !== undefined) observer.own(describe(step))
}

/** Lets `tap` watch a live local process from its next message on; the result takes it off. */
export function observeProcess(process: Process, tap: ProcessTap): () => void {
  const cell = process as ProcessCell
  if (!cell.alive) return () => {}
  const observer = (cell.more().observer ??= new Observer(cell))
  observer.add(tap)
  cell.flags |= OBSERVED
  return () => observer.remove(tap)
}
