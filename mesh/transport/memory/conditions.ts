/** What one direction between two endpoints is like, and how long its messages travel. */
import { ArgumentError, numberOption, oneOfOption } from '../../../runtime/index.ts'
import type { OptionCheck } from '../../../runtime/index.ts'

/**
 * How the time above `latencyMs` is spread, from a draw u in [0, 1) and the scale `jitterMs`:
 * - `uniform`: evenly from 0 to the scale.
 * - `normal`: around the scale with a third of it as deviation, never below 0.
 * - `exponential`: with the scale as mean.
 * - `heavy_tail`: half of it below the scale's 0.4, one in a hundred above 9 times it (Pareto, alpha 2).
 */
export type JitterKind = 'uniform' | 'normal' | 'exponential' | 'heavy_tail'

/** See the file header. */
export interface LinkConditions {
  /** Time a packet travels at least. Milliseconds, default 1. */
  readonly latencyMs: number
  /** Scale of what comes on top, drawn per packet. Milliseconds, default 0. */
  readonly jitterMs: number
  /** How that is spread. Default `'uniform'`. */
  readonly jitterKind: JitterKind
  /** Share of packets lost, 0 to 1, default 0: datagrams vanish, stream bytes come later. */
  readonly lossRatio: number
  /** Share of datagrams that arrive twice, 0 to 1, default 0. */
  readonly duplicateRatio: number
  /** Share of datagrams that are held back by `reorderMs`, so that later ones overtake. Default 0. */
  readonly reorderRatio: number
  /** How long those are held back. Milliseconds, default 10. */
  readonly reorderMs: number
  /** Bytes that pass per second. Default Infinity. Datagrams pass before the bytes of streams. */
  readonly bytesPerSecond: number
  /** Datagrams are lost when this many bytes of them wait for `bytesPerSecond`. Default 262,144. */
  readonly queueBytesMax: number
}

/** A perfect local network. */
export const LINK_CONDITIONS: LinkConditions = Object.freeze({
  latencyMs: 1,
  jitterMs: 0,
  jitterKind: 'uniform',
  lossRatio: 0,
  duplicateRatio: 0,
  reorderRatio: 0,
  reorderMs: 10,
  bytesPerSecond: Infinity,
  queueBytesMax: 262_144,
})

const ratio: OptionCheck = numberOption(0, 1, true)
const milliseconds: OptionCheck = numberOption(0, 2 ** 31 - 1, true)

/** Checks of {@link LinkConditions}. */
export const CONDITION_CHECKS: { readonly [K in keyof LinkConditions]: OptionCheck } = {
  latencyMs: milliseconds,
  jitterMs: milliseconds,
  jitterKind: oneOfOption('uniform', 'normal', 'exponential', 'heavy_tail'),
  lossRatio: ratio,
  duplicateRatio: ratio,
  reorderRatio: ratio,
  reorderMs: milliseconds,
  bytesPerSecond: numberOption(1, Infinity, true),
  queueBytesMax: numberOption(1, 2 ** 40),
}

/** Throws for conditions that are given while the network runs and make no sense. */
export function checkConditions(given: Partial<LinkConditions>): void {
  for (const [name, value] of Object.entries(given)) {
    const check = Object.hasOwn(CONDITION_CHECKS, name)
      ? CONDITION_CHECKS[name as keyof LinkConditions]
      : undefined
    if (check === undefined) throw new ArgumentError('conditions', 'known link conditions', name)
    if (!check.test(value)) throw new ArgumentError(name, check.expected, value)
  }
}

/** How long a message travels, for the draw `u` in [0, 1). */
export function travelMs(conditions: LinkConditions, u: number): number {
  const { latencyMs, jitterMs, jitterKind } = conditions
  if (jitterMs === 0) return latencyMs
  switch (jitterKind) {
    case 'uniform':
      return latencyMs + jitterMs * u
    case 'normal':
      return latencyMs + Math.max(0, jitterMs * (1 + normal(u) / 3))
    case 'exponential':
      return latencyMs - jitterMs * Math.log(1 - u)
    case 'heavy_tail':
      return latencyMs + jitterMs * (1 / Math.sqrt(1 - u) - 1)
  }
}

/** About the inverse of the normal distribution: the logistic one of the same deviation. */
function normal(u: number): number {
  const p = Math.min(Math.max(u, 1e-9), 1 - 1e-9)
  return Math.log(p / (1 - p)) / 1.702
}
