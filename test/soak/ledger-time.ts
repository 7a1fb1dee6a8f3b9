/**
 * What a process may be late for: the times in which it stood still, because a signal stopped it or because its machine gave it
 * no time, as its own heart wrote down. With them it can be said on any machine whether something was late by itself.
 */
import { BEAT_US } from './heart.ts'
import { linesOf, type Findings, type Run, type Span } from './run.ts'

/** Beside standstills. A turn of the event loop, and what is too short for the heart. */
export const LATE_US = 1_000_000
/** Work without a look at the timers, which nothing here needs. */
const BUSY_US = 1_000_000
/** The least time in which a part of a node must have started. */
const START_US = 5_000_000

/** Stops by signals and stalls, one after another. */
export function standstills(run: Run): Span[] {
  const stalls = linesOf(run, 'stall').map(({ fromUs, atUs }) => ({ fromUs, toUs: atUs }))
  const spans = [...run.pauses, ...stalls].sort((x, y) => x.fromUs - y.fromUs)
  const merged: { fromUs: number; toUs: number }[] = []
  for (const { fromUs, toUs } of spans) {
    const last = merged.at(-1)
    if (last === undefined || fromUs > last.toUs) merged.push({ fromUs, toUs })
    else last.toUs = Math.max(last.toUs, toUs)
  }
  return merged
}

/** How long it stood still between two times. */
export const stoodUs = (still: readonly Span[], fromUs: number, toUs: number): number =>
  still.reduce(
    (sum, span) => sum + Math.max(0, Math.min(toUs, span.toUs) - Math.max(fromUs, span.fromUs)),
    0,
  )

/**
 * By how much something that was begun then ended after its time, without standstills. A deadline counts from the first
 * reading of the clock after the begin, which is after a standstill in which, or just before which, it was begun.
 */
export function lateUs(
  still: readonly Span[],
  begunUs: number,
  timeoutUs: number,
  atUs: number,
): number {
  const within = still.find(({ fromUs, toUs }) => fromUs - BEAT_US <= begunUs && begunUs <= toUs)
  const dueUs = (within?.toUs ?? begunUs) + timeoutUs
  return atUs <= dueUs ? 0 : atUs - dueUs - stoodUs(still, dueUs, atUs)
}

/** No process kept its own event loop from its timers: whoever stalled was without a processor. */
export function checkStalls(runs: readonly Run[]): Findings {
  const faults: string[] = []
  let [stalls, longestUs, busiestUs, allUs] = [0, 0, 0, 0]
  for (const run of runs) {
    for (const { fromUs, cpuUs, atUs } of linesOf(run, 'stall')) {
      stalls += 1
      allUs += atUs - fromUs
      longestUs = Math.max(longestUs, atUs - fromUs)
      busiestUs = Math.max(busiestUs, cpuUs)
      if (cpuUs > BUSY_US) {
        const text = `${(atUs - fromUs) / 1_000} ms, ${cpuUs / 1_000} ms of a processor`
        faults.push(`${run.run} was at work at ${atUs} without a look at its timers: ${text}`)
      }
    }
  }
  const ms = (us: number): number => Math.round(us / 1_000)
  return {
    faults,
    counts: {
      ...{ stalls, 'stalls: ms': ms(allUs), 'stalls: longest ms': ms(longestUs) },
      'stalls: busiest ms': ms(busiestUs),
    },
  }
}

/** A node that did not start was out of time, and half of that its machine had not given. */
export function checkStarts(runs: readonly Run[]): Findings {
  const faults: string[] = []
  let unstarted = 0
  for (const run of runs) {
    for (const { sinceUs, reason, atUs } of linesOf(run, 'unstarted')) {
      unstarted += 1
      const stood = stoodUs(standstills(run), sinceUs, atUs)
      if (!reason.includes('timeout') || stood < START_US / 2) {
        faults.push(
          `${run.run} did not start for ${reason}; it stood still for ${stood / 1_000} ms`,
        )
      }
    }
  }
  return { faults, counts: { unstarted } }
}
