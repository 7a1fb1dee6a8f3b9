/** One measured scenario: printed, written as JSON, and drawn. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { saveResults } from '../harness.ts'
import type { Targets } from '../local/targets.ts'
import { drawChart, type Chart, type Series } from './plot.ts'

/** A row of figures by column; texts name things. */
export type Row = Readonly<Record<string, number | string>>

/** What a scenario found. */
export interface Found {
  readonly title: string
  /** How it was measured, in a sentence or two. */
  readonly how: string
  readonly rows: readonly Row[]
  readonly chart: Chart
}

/** A scenario by name, and what it should come to. */
export interface Scenario {
  readonly name: string
  run(targets: Targets): Found
}

/** How long a call waits beside other work, one line per `beside` of the rows. */
export function waitsChart(title: string, rows: readonly Row[]): Chart {
  const series = rows.map((row): Series => ({
    name: `beside ${String(row['beside'])}`,
    points: [
      [50, Number(row['p50 ms'])],
      [99, Number(row['p99 ms'])],
    ],
  }))
  return { title, x: 'percentile', y: 'milliseconds', series }
}

/** Prints a result and writes `bench/results/<name>.json` and `.svg`. */
export function publish(name: string, found: Found): void {
  printTable(found)
  const { title, how, rows } = found
  saveResults(name, { title, how, rows })
  const folder = join(process.cwd(), 'bench', 'results')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, `${name}.svg`), drawChart(found.chart))
}

function printTable({ title, how, rows }: Found): void {
  console.log(`\n${title}\n  ${how}`)
  const columns = Object.keys(rows[0] ?? {})
  const cells = rows.map((row) => columns.map((column) => cellText(row[column])))
  const widths = columns.map((column, i) =>
    Math.max(column.length, ...cells.map((row) => row[i]!.length)),
  )
  const show = (row: readonly string[]): string =>
    `  ${row.map((cell, i) => cell.padStart(widths[i]!)).join('  ')}`
  console.log(show(columns))
  for (const row of cells) console.log(show(row))
}

function cellText(value: number | string | undefined): string {
  if (typeof value !== 'number') return value ?? ''
  if (Number.isInteger(value)) return value.toLocaleString('en')
  return value.toLocaleString('en', { maximumFractionDigits: value < 10 ? 3 : 1 })
}

/** Figures to so many digits behind the point, for files that can be compared. */
export function round(value: number, digits = 3): number {
  return Number(value.toFixed(digits))
}
