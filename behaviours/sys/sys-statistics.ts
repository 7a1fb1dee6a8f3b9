/**
 * Numbers of one process, counted while somebody asked for them; sys:statistics of OTP, with times. They
 * count from the moment they were switched on and are gone when they are switched off.
 */
import {
  debugOf,
  ItemKind,
  itemKindName,
  observeProcess,
  tapsOf,
  type Call,
  type ItemKindName,
  type ItemOutcome,
  type Message,
  type Process,
  type ProcessTap,
} from '../../runtime/index.ts'

/** Time of many handlers together, and of the longest. */
export interface TimeStatistics {
  readonly totalMs: number
  readonly maxMs: number
}

/** What {@link Sys.statistics} gives. */
export interface Statistics {
  /** Since when it counts, by the clock of the system. */
  readonly sinceMs: number
  readonly nowMs: number
  /** Items taken, by kind. */
  readonly messagesIn: Readonly<Partial<Record<ItemKindName, number>>>
  /** All of them. */
  readonly messagesInTotal: number
  /** Answers to calls, failures on purpose included. */
  readonly replies: number
  /** User messages queued now, and at most when one was taken. */
  readonly queueLength: number
  readonly queueLengthMax: number
  /** In the synchronous parts of handlers. */
  readonly handlers: TimeStatistics
  /** In asynchronous handlers, waiting included. */
  readonly inFlight: TimeStatistics
  /** Restarts of a supervisor's present children since they were added; undefined for others. */
  readonly restarts: number | undefined
}

class Time {
  totalMs = 0
  maxMs = 0
  add(ms: number): void {
    this.totalMs += ms
    if (ms > this.maxMs) this.maxMs = ms
  }
  read(): TimeStatistics {
    return { totalMs: this.totalMs, maxMs: this.maxMs }
  }
}

class Counting implements ProcessTap {
  #release: (() => void) | undefined
  readonly #process: Process
  readonly #sinceMs: number
  readonly #taken: number[] = []
  readonly #handlers = new Time()
  readonly #inFlight = new Time()
  #replies = 0
  #queueLengthMax: number

  constructor(process: Process) {
    this.#process = process
    this.#sinceMs = process.system.clock.now()
    this.#queueLengthMax = process.mailboxLength
  }

  start(): void {
    this.#release ??= observeProcess(this.#process, this)
  }
  stop(): void {
    this.#release?.()
    this.#release = undefined
  }

  taken(item: Message | Call): void {
    this.#taken[item.kind] = (this.#taken[item.kind] ?? 0) + 1
    const user = item.kind <= ItemKind.timer ? 1 : 0
    this.#queueLengthMax = Math.max(this.#queueLengthMax, this.#process.mailboxLength + user)
  }
  replied(): void {
    this.#replies++
  }
  refused(): void {
    this.#replies++
  }
  handled(_item: Message | Call, { tookMs, inFlightMs }: ItemOutcome): void {
    this.#handlers.add(tookMs)
    this.#inFlight.add(inFlightMs)
  }
  ended(): void {}

  read(): Statistics {
    const process = this.#process
    const messagesIn: Partial<Record<ItemKindName, number>> = {}
    let messagesInTotal = 0
    for (const kind of Object.values(ItemKind)) {
      const count = this.#taken[kind] ?? 0
      messagesInTotal += count
      if (count > 0) messagesIn[itemKindName(kind)] = count
    }
    return {
      sinceMs: this.#sinceMs,
      nowMs: process.system.clock.now(),
      messagesIn,
      messagesInTotal,
      replies: this.#replies,
      queueLength: process.mailboxLength,
      queueLengthMax: this.#queueLengthMax,
      handlers: this.#handlers.read(),
      inFlight: this.#inFlight.read(),
      restarts: restartsOf(process),
    }
  }
}

/** Begins to count; again changes nothing. */
export function startStatistics(process: Process): void {
  const counting = countingOf(process) ?? new Counting(process)
  counting.start()
}

/** Ends the counting. */
export function stopStatistics(process: Process): void {
  countingOf(process)?.stop()
}

/** The numbers so far; undefined while nothing is counted. */
export function readStatistics(process: Process): Statistics | undefined {
  return countingOf(process)?.read()
}

function countingOf(process: Process): Counting | undefined {
  for (const tap of tapsOf(process)) if (tap instanceof Counting) return tap
  return undefined
}

function restartsOf(process: Process): number | undefined {
  const children = debugOf(process)?.children?.(process)
  return children?.reduce((sum, { restarts }) => sum + restarts, 0)
}
