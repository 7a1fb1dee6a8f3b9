/** One start of a process of the soak as its accounting sees it: what became of it, and everything that it wrote down. */
import type { Entry, Line } from './journal.ts'

/** Microseconds from and to. */
export interface Span {
  readonly fromUs: number
  readonly toUs: number
}

/** One start of a process, and what became of it. */
export interface Run {
  readonly run: string
  /** Of its node, hex. */
  readonly key: string
  readonly startedUs: number
  /** `killed` ends anywhere, `stopped` ends what it has begun, and so does `rested`, which was there to the end. */
  readonly fate: 'killed' | 'stopped' | 'rested'
  /** When its end began; a killed one may have written a little later. */
  readonly endedUs: number
  /** Times in which it was stopped by a signal. */
  readonly pauses: readonly Span[]
  readonly lines: readonly Line[]
}

/** What a check found. */
export interface Findings {
  readonly faults: readonly string[]
  readonly counts: Readonly<Record<string, number>>
}

type Of<K extends Entry['kind']> = Extract<Line, { readonly kind: K }>

export function linesOf<K extends Entry['kind']>({ lines }: Run, kind: K): Of<K>[] {
  return lines.filter((line): line is Of<K> => line.kind === kind)
}
