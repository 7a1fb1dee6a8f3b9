/**
 * What there must be one of: tokens of those that act one after another only grow, and nobody begins while another one
 * has it. Who stands still (a stopped process, or one without a processor) may act late, as the documents of leases say, and a
 * storage that compares tokens refuses that: it is counted, and allowed only right after a process went on.
 */
import { standstills } from './ledger-time.ts'
import { linesOf, type Findings, type Run, type Span } from './run.ts'

/** What was waiting when a process went on is done within this time. */
const WAKING_US = 1_000_000
/** Holders are told 750 ms before their lease ends (a quarter of its time): who stood still for less is not late. */
const STALL_US = 600_000

interface Act {
  readonly run: Run
  readonly token: number
  readonly atUs: number
}

interface Holding extends Act {
  /** When it ended, or its process was killed. */
  readonly untilUs: number
}

/** `isExact`: who acts has looked whether it still holds it, so not even a late act is allowed. */
export function checkHolders(runs: readonly Run[], what: string, isExact = false): Findings {
  const acts: Act[] = runs
    .flatMap((run) =>
      run.lines.flatMap((line) =>
        (line.kind === 'act' || line.kind === 'held') && line.what === what
          ? [{ run, token: line.token, atUs: line.atUs }]
          : [],
      ),
    )
    .sort((x, y) => x.atUs - y.atUs)
  const faults: string[] = []
  const holders = new Map<number, string>()
  const wakings = new Map(runs.map((run) => [run, wakingsOf(run)]))
  let [fence, refused] = [0, 0]
  for (const { run, token, atUs } of acts) {
    const holder = holders.get(token) ?? run.run
    holders.set(token, holder)
    if (holder !== run.run) faults.push(`${what}: ${holder} and ${run.run} have token ${token}`)
    if (token >= fence) {
      fence = token
      continue
    }
    refused += 1
    const isWaking = wakings
      .get(run)!
      .some(({ fromUs, toUs }) => fromUs <= atUs && atUs <= toUs + WAKING_US)
    if (isExact || !isWaking) {
      faults.push(`${what}: ${run.run} acted with token ${token} after token ${fence} had acted`)
    }
  }
  faults.push(...overlaps(runs, what, wakings))
  return {
    faults,
    counts: {
      [`${what}: holders`]: holders.size,
      [`${what}: acts`]: acts.length,
      [`${what}: refused acts`]: refused,
    },
  }
}

/** Who began while another one ran, neither standing still nor killed. */
function overlaps(
  runs: readonly Run[],
  what: string,
  wakings: ReadonlyMap<Run, readonly Span[]>,
): string[] {
  const holdings: Holding[] = runs.flatMap((run) => {
    const left = new Map(
      linesOf(run, 'left').map((line) => [`${line.what} ${line.token}`, line.atUs]),
    )
    return linesOf(run, 'held')
      .filter((line) => line.what === what)
      .map(({ token, atUs }) => {
        // One that was killed within its node says nothing: its last act is the last sign of it.
        const last = lastAct(run, what, token, atUs)
        return { run, token, atUs, untilUs: left.get(`${what} ${token}`) ?? last }
      })
  })
  holdings.sort((x, y) => x.atUs - y.atUs)
  const faults: string[] = []
  for (const [at, next] of holdings.entries()) {
    for (const before of holdings.slice(Math.max(0, at - 20), at)) {
      const isStill = wakings
        .get(before.run)!
        .some(({ fromUs, toUs }) => fromUs <= next.atUs && next.atUs <= toUs + WAKING_US)
      const isRunning = before.untilUs > next.atUs && before.run.endedUs > next.atUs && !isStill
      if (isRunning) {
        faults.push(
          `${what}: token ${next.token} began at ${next.run.run} while ${before.run.run} ran with ${before.token}`,
        )
      }
    }
  }
  return faults
}

/** Standstills that are long enough for a lease to end meanwhile. */
const wakingsOf = (run: Run): Span[] =>
  standstills(run).filter(({ fromUs, toUs }) => toUs - fromUs >= STALL_US)

function lastAct(run: Run, what: string, token: number, fromUs: number): number {
  return linesOf(run, 'act').reduce(
    (last, line) => (line.what === what && line.token === token ? Math.max(last, line.atUs) : last),
    fromUs,
  )
}
