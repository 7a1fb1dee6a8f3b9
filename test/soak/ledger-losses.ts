/** That a connection is lost only for a cause, and that there was one. */
import { standstills } from './ledger-time.ts'
import { linesOf, type Findings, type Run, type Span } from './run.ts'

/** After a fault is over, links and dials may fail for so long. */
export const AFTERMATH_US = 30_000_000
/** What is shorter takes no link. */
const STALL_US = 1_000_000

/** When its node was there: before that a process writes only how it stands. */
function readyUs({ lines }: Run): number | undefined {
  return lines.find(({ kind }) => kind !== 'stall' && kind !== 'unstarted')?.atUs
}

/** Times in which a node was stopped, away, starting, or without the time of a processor. */
function troublesOf(runs: readonly Run[], key: string): Span[] {
  const own = runs.filter((run) => run.key === key).sort((x, y) => x.startedUs - y.startedUs)
  return own.flatMap((run, at) => {
    const { startedUs, endedUs } = run
    const next = own[at + 1]
    const backUs = (next === undefined ? undefined : readyUs(next)) ?? endedUs
    return [
      { fromUs: startedUs, toUs: readyUs(run) ?? startedUs },
      { fromUs: endedUs, toUs: Math.max(endedUs, backUs) },
      ...run.pauses,
      ...standstills(run).filter(({ fromUs, toUs }) => toUs - fromUs > STALL_US),
    ]
  })
}

/** A lost connection has a cause: one of the two was killed, stopped or restarted, had just begun, or got no time. */
export function checkLosses(runs: readonly Run[], aftermathUs: number = AFTERMATH_US): Findings {
  const faults: string[] = []
  const troubles = new Map(runs.map(({ key }) => [key, troublesOf(runs, key)]))
  let losses = 0
  for (const run of runs) {
    for (const { key, reason, atUs } of linesOf(run, 'down')) {
      if (reason !== 'noconnection') continue
      losses += 1
      const hasCause = [...troubles.get(run.key)!, ...(troubles.get(key) ?? [])].some(
        ({ fromUs, toUs }) => fromUs <= atUs && atUs <= toUs + aftermathUs,
      )
      if (!hasCause) faults.push(`${run.run} lost ${key} at ${atUs} without a cause`)
    }
  }
  return { faults, counts: { losses } }
}
