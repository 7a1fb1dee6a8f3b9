/** What was said, as far as one remembers it. Everybody keeps a piece; who comes later asks and puts the pieces together. */
import type { Line } from './line.ts'

/** Lines that are remembered. */
export const LINES_MAX = 200

/** Both, in the order of their times and each line once; the oldest are forgotten. */
export function remember(known: readonly Line[], more: readonly Line[]): readonly Line[] {
  const byId = new Map(known.map((line) => [line.id, line]))
  // What is known is known at first hand, so it is not replaced.
  for (const line of more) if (!byId.has(line.id)) byId.set(line.id, line)
  const inOrder = [...byId.values()].sort((a, b) => a.atMs - b.atMs || (a.id < b.id ? -1 : 1))
  return inOrder.slice(-LINES_MAX)
}

/** The last `count` of them. */
export const lastOf = (lines: readonly Line[], count: number): readonly Line[] =>
  lines.slice(Math.max(0, lines.length - count))
