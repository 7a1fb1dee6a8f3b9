/**
 * Counts everything that is refused or dropped and says so in the log, at a bounded rate: a hostile
 * peer may fill counters but not the disk. Counters are named by error code, so that a number in a
 * scrape, a line in a log and an entry in the catalogue are the same word.
 */
import type { Clock, Logger } from '../runtime/index.ts'

/** Lines per code and second; the rest is counted and summed up in the next line. */
const LINES_PER_SECOND = 5

const WINDOW_MS = 1_000

interface Entry {
  count: number
  windowStartMs: number
  lines: number
  unsaid: number
}

/** Options of {@link Refusals.count}. */
export interface CountOptions {
  /** How many at once. Default 1. */
  readonly times?: number
  /** Level of the line. Default `warn`; `debug` for what belongs to normal operation. */
  readonly level?: 'debug' | 'warn' | 'error'
}

/** Counters and log lines of one node. */
export class Refusals {
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #entries = new Map<string, Entry>()

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock
    this.#logger = logger
  }

  /** One more of `code`, or `times` more. Codes come from the catalogues, so the table is bounded. */
  count(
    code: string,
    fields: Readonly<Record<string, unknown>> = {},
    { times = 1, level }: CountOptions = {},
  ): void {
    const nowMs = this.#clock.now()
    let entry = this.#entries.get(code)
    if (entry === undefined) {
      entry = { count: 0, windowStartMs: nowMs, lines: 0, unsaid: 0 }
      this.#entries.set(code, entry)
    }
    entry.count += times
    if (nowMs - entry.windowStartMs >= WINDOW_MS) {
      entry.windowStartMs = nowMs
      entry.lines = 0
    }
    if (entry.lines >= LINES_PER_SECOND) {
      entry.unsaid += 1
      return
    }
    entry.lines += 1
    const unsaid = entry.unsaid === 0 ? {} : { unsaid: entry.unsaid }
    entry.unsaid = 0
    const chosen = level ?? (code === 'ERR_LINK_HANDLER' ? 'error' : 'warn')
    this.#logger[chosen]({ code, ...fields, ...unsaid }, `${code} (${entry.count} so far)`)
  }

  /** Counters by code. */
  counters(): Record<string, number> {
    return Object.fromEntries(Array.from(this.#entries, ([code, { count }]) => [code, count]))
  }
}
