/** What the local figures should be, judged within one run, and said either way. Never a gate. */

/** One target and how it came out. */
export interface Verdict {
  readonly target: string
  readonly met: boolean
  readonly figure: string
}

/** The verdicts of one run. */
export class Targets {
  readonly verdicts: Verdict[] = []

  /** `figure` should be at most `limit`. */
  atMost(target: string, figure: number | undefined, limit: number, unit: string): void {
    this.#add(target, figure, (value) => value <= limit, unit)
  }

  /** `figure` should be at least `limit`. */
  atLeast(target: string, figure: number | undefined, limit: number, unit: string): void {
    this.#add(target, figure, (value) => value >= limit, unit)
  }

  #add(
    target: string,
    figure: number | undefined,
    holds: (value: number) => boolean,
    unit: string,
  ): void {
    if (figure === undefined || Number.isNaN(figure)) {
      this.verdicts.push({ target, met: false, figure: 'not measured' })
    } else {
      this.verdicts.push({
        target,
        met: holds(figure),
        figure: `${precise(figure)} ${unit}`.trim(),
      })
    }
  }

  print(): void {
    console.log('\nTargets')
    for (const { target, met, figure } of this.verdicts) {
      console.log(`  ${met ? 'met    ' : 'NOT MET'}  ${target.padEnd(66)} ${figure}`)
    }
  }
}

/** Three digits that mean something. */
export function precise(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString('en')
  return value.toPrecision(3)
}

/** `a / b`; undefined if one of them is missing. */
export function ratio(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a / b
}
