/**
 * What a process of the soak writes down before and after everything it does, one line of JSON per thing, straight into a
 * file: `kill -9` takes nothing of what was written. Times are microseconds of the machine's monotonic clock, which all
 * processes share, so that what they wrote can be put into one order.
 */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import process from 'node:process'

/** One line, without its time. `run` names a start of a process, `key` a node, `what` a thing that must exist once. */
export type Entry =
  | { readonly kind: 'call'; readonly n: number; readonly key: string }
  /** The end of a call: its answer, or a code with the reason. */
  | {
      readonly kind: 'answer'
      readonly n: number
      readonly value?: unknown
      readonly code?: string
    }
  | { readonly kind: 'executed'; readonly from: string; readonly n: number }
  /** A monitor on a process of that node was asked for; casts of this epoch follow. */
  | { readonly kind: 'watch'; readonly key: string; readonly epoch: number }
  | { readonly kind: 'down'; readonly key: string; readonly epoch: number; readonly reason: string }
  /** Casts of an epoch up to this number were taken by the sender's node. */
  | { readonly kind: 'cast'; readonly key: string; readonly epoch: number; readonly n: number }
  | { readonly kind: 'got'; readonly from: string; readonly epoch: number; readonly n: number }
  | { readonly kind: 'spawn'; readonly id: string; readonly key: string }
  /** The end of a spawn: a code if it failed. */
  | { readonly kind: 'spawned'; readonly id: string; readonly code?: string }
  | { readonly kind: 'born'; readonly id: string }
  | { readonly kind: 'died'; readonly id: string; readonly reason: string }
  | { readonly kind: 'mourned'; readonly id: string; readonly reason: string }
  /** Somebody holds what there must be one of, and that it still acts. */
  | { readonly kind: 'held'; readonly what: string; readonly token: number }
  | { readonly kind: 'act'; readonly what: string; readonly token: number }
  | { readonly kind: 'left'; readonly what: string; readonly token: number }
  /** A request that ends once, as calls do. */
  | { readonly kind: 'ask'; readonly what: string; readonly n: number }
  | { readonly kind: 'told'; readonly what: string; readonly n: number; readonly code?: string }
  /** The event loop could not run from then until this line, and the process used so much of processors meanwhile. */
  | { readonly kind: 'stall'; readonly fromUs: number; readonly cpuUs: number }
  /** The node that was begun then did not start. */
  | { readonly kind: 'unstarted'; readonly sinceUs: number; readonly reason: string }

/** A line that was written. */
export type Line = Entry & { readonly atUs: number }

/** The machine's monotonic clock. */
export const nowUs = (): number => Number(process.hrtime.bigint() / 1_000n)

/** The file of one run. */
export class Journal {
  readonly #file: number

  constructor(path: string) {
    this.#file = openSync(path, 'a', 0o600)
  }

  write(entry: Entry, atUs: number = nowUs()): void {
    writeSync(this.#file, `${JSON.stringify({ ...entry, atUs })}\n`)
  }

  close(): void {
    closeSync(this.#file)
  }
}

/** Everything that was written; a line that a kill cut off is none. */
export function readJournal(path: string): Line[] {
  const lines = readFileSync(path, 'utf8').split('\n')
  return lines.slice(0, -1).map((line) => JSON.parse(line) as Line)
}
