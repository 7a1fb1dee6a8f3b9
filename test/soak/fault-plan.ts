/** Which process is killed, stopped or restarted when: drawn from a seed, so that a failing run names its plan. */
import { createSeededEntropy } from '../../runtime/index.ts'

/** One fault, and the end of it. */
export interface PlannedFault {
  readonly kind: 'kill' | 'pause' | 'restart'
  readonly process: number
  readonly atMs: number
  /** From then on it is started again, or goes on. */
  readonly untilMs: number
}

/** Longer than the time in which links and leases of the soak are lost, now and then. */
const PAUSES_MS = [300, 1_500, 4_000, 9_000] as const
const ABSENCES_MS = [0, 500, 3_000, 8_000] as const
const GAP_MS = { least: 500, spread: 3_500 } as const
/** In one of so many cases the majority is taken away. */
const MAJORITY_LOST_IN = 8

/** Faults of `processes` within `durationMs`; a process has one at a time. */
export function planFaults(seed: number, processes: number, durationMs: number): PlannedFault[] {
  const entropy = createSeededEntropy(seed)
  const pick = (n: number): number => Math.floor(entropy.random() * n)
  const freeAtMs = new Array<number>(processes).fill(0)
  const plan: PlannedFault[] = []
  const spare = Math.floor((processes - 1) / 2)
  for (let atMs = 1_000; atMs < durationMs; atMs += GAP_MS.least + pick(GAP_MS.spread)) {
    const free = freeAtMs.flatMap((untilMs, at) => (untilMs <= atMs ? [at] : []))
    const allowed = pick(MAJORITY_LOST_IN) === 0 ? processes - 1 : spare
    if (processes - free.length >= allowed) continue
    const chosen = free[pick(free.length)]!
    const kind = (['kill', 'kill', 'pause', 'pause', 'restart'] as const)[pick(5)]!
    const lengths = kind === 'pause' ? PAUSES_MS : ABSENCES_MS
    const untilMs = atMs + lengths[pick(lengths.length)]!
    // What it was before it is again only when it has started and found the others.
    freeAtMs[chosen] = untilMs + 2_000 + pick(6_000)
    plan.push({ kind, process: chosen, atMs, untilMs })
  }
  return plan
}
