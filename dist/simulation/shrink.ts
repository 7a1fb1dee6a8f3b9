/**
 * Makes a failing schedule smaller while it still fails: first it leaves out entries, in halves, quarters and one
 * by one, then it shortens what is left. What chance decides about a message does not depend on the rest of
 * the run, so leaving something out changes little else, and this converges.
 */
import type { Command, Fault, Schedule } from './fault.ts'

type Entry =
  | { readonly kind: 'fault'; readonly entry: Fault }
  | { readonly kind: 'command'; readonly entry: Command }

/** The smallest schedule found, and how many runs that took. */
export interface Shrunk {
  readonly schedule: Schedule
  readonly runs: number
}

/** Fields that are made smaller, and the smallest value that makes sense. */
const LENGTHS: Readonly<Record<string, number>> = { atMs: 0, forMs: 1, downMs: 1, byMs: 0 }

/** `fails` runs a schedule and tells whether it still fails in the same way. */
export async function shrinkSchedule(
  schedule: Schedule,
  runsMax: number,
  fails: (schedule: Schedule) => Promise<boolean>,
): Promise<Shrunk> {
  let best = entriesOf(schedule)
  let runs = 0
  const attempt = async (candidate: readonly Entry[]): Promise<boolean> => {
    if (runs >= runsMax) return false
    runs++
    if (!(await fails(scheduleOf(candidate)))) return false
    best = candidate
    return true
  }
  for (let size = Math.ceil(best.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let start = 0; start < best.length;) {
      const without = [...best.slice(0, start), ...best.slice(start + size)]
      if (!(await attempt(without))) start += size
    }
  }
  for (let index = 0; index < best.length; index++) {
    for (const name of Object.keys(LENGTHS)) await shorten(index, name)
  }
  return { schedule: scheduleOf(best), runs }

  /** The smallest value, or else a rounder and smaller one. */
  async function shorten(index: number, name: string): Promise<void> {
    const value = (best[index]!.entry as unknown as Record<string, unknown>)[name]
    const least = LENGTHS[name]!
    if (typeof value !== 'number' || value <= least) return
    for (const smaller of smallerThan(value, least)) {
      const changed = {
        ...best[index]!,
        entry: { ...best[index]!.entry, [name]: smaller },
      } as Entry
      if (await attempt(best.map((each, i) => (i === index ? changed : each)))) return
    }
  }
}

/** Candidates, the boldest first. */
function smallerThan(value: number, least: number): number[] {
  const round = [1_000, 100, 10].map((step) => Math.floor(value / step) * step)
  const candidates = [least, Math.floor(value / 4), Math.floor(value / 2), ...round]
  return [...new Set(candidates)].filter((each) => each >= least && each < value)
}

function entriesOf({ faults, commands }: Schedule): readonly Entry[] {
  const entries: Entry[] = [
    ...faults.map((entry) => ({ kind: 'fault', entry }) as const),
    ...commands.map((entry) => ({ kind: 'command', entry }) as const),
  ]
  return entries.sort((a, b) => a.entry.atMs - b.entry.atMs)
}

function scheduleOf(entries: readonly Entry[]): Schedule {
  return {
    faults: entries.flatMap((each) => (each.kind === 'fault' ? [each.entry] : [])),
    commands: entries.flatMap((each) => (each.kind === 'command' ? [each.entry] : [])),
  }
}
