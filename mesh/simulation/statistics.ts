/** Bounds for what was measured: a statistical claim holds when the whole interval does. */

/** Both ends of a confidence interval. */
export interface Interval {
  readonly low: number
  readonly high: number
}

/** Two-sided 99.9 %: one of a thousand true claims would fail with fresh seeds. */
const Z = 3.29

/** Wilson's interval for a share of `successes` in `trials`. */
export function wilson(successes: number, trials: number, z: number = Z): Interval {
  if (trials === 0) return { low: 0, high: 1 }
  const share = successes / trials
  const spread = (z * z) / trials
  const centre = (share + spread / 2) / (1 + spread)
  const reach =
    (z / (1 + spread)) * Math.sqrt((share * (1 - share)) / trials + (z * z) / (4 * trials * trials))
  return { low: Math.max(0, centre - reach), high: Math.min(1, centre + reach) }
}

/** Mean of some values. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Standard deviation of a sample. */
export function deviation(values: readonly number[]): number {
  if (values.length < 2) return 0
  const middle = mean(values)
  const sum = values.reduce((total, value) => total + (value - middle) ** 2, 0)
  return Math.sqrt(sum / (values.length - 1))
}

/** Interval of the mean; for samples of thirty and more. */
export function meanInterval(values: readonly number[], z: number = Z): Interval {
  const middle = mean(values)
  const reach = (z * deviation(values)) / Math.sqrt(values.length)
  return { low: middle - reach, high: middle + reach }
}

/** The value that a share of the values does not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const rank = Math.ceil(share * sorted.length) - 1
  return sorted[Math.min(sorted.length - 1, Math.max(0, rank))] ?? Number.NaN
}

/** Slope of y over x by least squares, with its interval. */
export function slopeInterval(
  points: readonly { readonly x: number; readonly y: number }[],
  z: number = Z,
): Interval {
  const middleX = mean(points.map(({ x }) => x))
  const middleY = mean(points.map(({ y }) => y))
  let xx = 0
  let xy = 0
  for (const { x, y } of points) {
    xx += (x - middleX) ** 2
    xy += (x - middleX) * (y - middleY)
  }
  const slope = xy / xx
  let residual = 0
  for (const { x, y } of points) residual += (y - middleY - slope * (x - middleX)) ** 2
  const reach = z * Math.sqrt(residual / Math.max(1, points.length - 2) / xx)
  return { low: slope - reach, high: slope + reach }
}
