/**
 * Runs contenders side by side and compares them. Absolute figures of a shared machine mean little,
 * so contenders take turns within every round and what is reported is the median over rounds and the
 * ratio to the floor measured in the same run.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'

/** One thing to measure: runs `operations` operations and resolves when all are done. */
export interface Contender {
  readonly name: string
  readonly run: (operations: number) => void | Promise<void>
}

/** Medians of one contender. */
export interface Measured {
  readonly name: string
  readonly microsecondsPerOperation: number
  readonly ratioToFloor: number
}

/** How long and how often to measure. */
export interface CompareOptions {
  readonly rounds?: number
  readonly operations: number
  readonly warmupRounds?: number
}

/** The middle value. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

/** The value below which `share` of the values lie. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** The largest value; of any number, which arguments of a function may not be. */
export function mostOf(values: readonly number[]): number {
  return percentile(values, 1)
}

/** Times all contenders in turns; the first one is the floor. */
export async function compare(
  contenders: readonly Contender[],
  { rounds = 9, operations, warmupRounds = 2 }: CompareOptions,
): Promise<Measured[]> {
  const times = contenders.map((): number[] => [])
  for (let round = -warmupRounds; round < rounds; round++) {
    for (const [i, contender] of contenders.entries()) {
      const startedAt = performance.now()
      await contender.run(operations)
      const microseconds = ((performance.now() - startedAt) * 1000) / operations
      if (round >= 0) times[i]?.push(microseconds)
    }
  }
  const medians = times.map(median)
  const floor = medians[0] ?? Number.NaN
  return contenders.map(({ name }, i) => {
    const microsecondsPerOperation = medians[i] ?? Number.NaN
    return { name, microsecondsPerOperation, ratioToFloor: microsecondsPerOperation / floor }
  })
}

/** Prints one comparison. */
export function printComparison(title: string, rows: readonly Measured[]): void {
  console.log(`\n${title}`)
  for (const row of rows) {
    const time = row.microsecondsPerOperation.toFixed(3).padStart(10)
    console.log(
      `  ${row.name.padEnd(34)}${time} us  ${row.ratioToFloor.toFixed(2).padStart(7)}x the floor`,
    )
  }
}

/** Writes `results` to `bench/results/<name>.json` with what is needed to read them later. */
export function saveResults(name: string, results: unknown): void {
  const folder = join(process.cwd(), 'bench', 'results')
  mkdirSync(folder, { recursive: true })
  const record = {
    commit: currentCommit(),
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    results,
  }
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(record, null, 2)}\n`)
}

function currentCommit(): string {
  try {
    const git = (...args: string[]): string =>
      execFileSync('git', args, { encoding: 'utf8' }).trim()
    const dirty = git('status', '--porcelain', '--', '.', ':!bench/results') === '' ? '' : '-dirty'
    return git('rev-parse', '--short', 'HEAD') + dirty
  } catch (error) {
    return `unknown (${error instanceof Error ? error.message.split('\n')[0] : 'no git'})`
  }
}
