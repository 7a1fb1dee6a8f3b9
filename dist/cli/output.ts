/**
 * How results are written: lines for people, or one JSON object per line for programs. Colours only
 * on a terminal and never with `NO_COLOR` (https://no-color.org).
 */
import { inspect, styleText } from 'node:util'
import type { CliIo } from './io.ts'
import { jsonSafe } from './json-value.ts'
import { printable } from './printable.ts'

/** A fact for programs: `event` says which. */
export interface OutputEvent {
  readonly event: string
  readonly [field: string]: unknown
}

/** Colours that have a meaning here. */
export type Tone = 'plain' | 'good' | 'bad' | 'warning' | 'faint' | 'strong'

const STYLES = {
  good: 'green',
  bad: 'red',
  warning: 'yellow',
  faint: 'dim',
  strong: 'bold',
} as const

/** Writes results of one command in the form its user asked for. */
export interface Output {
  readonly json: boolean
  /** `text` in a colour, where colours are on. */
  tone(tone: Tone, text: string): string
  /** A fact: `text` for people (nothing when undefined), `event` with its time for programs. */
  event(event: OutputEvent, text?: string): void
  /** The answer of a command: `text` for people, the value for programs. */
  result(value: unknown, text: string): void
}

/** The output of one run. */
export function createOutput(io: CliIo, options: { readonly json: boolean }): Output {
  const coloured = io.terminal && !options.json && (io.env['NO_COLOR'] ?? '') === ''
  return {
    json: options.json,
    tone: (tone, text) =>
      coloured && tone !== 'plain'
        ? styleText(STYLES[tone], text, { validateStream: false })
        : text,
    event(event, text) {
      if (options.json) {
        io.out(
          JSON.stringify(jsonSafe({ at: new Date(io.clock.wallNow()).toISOString(), ...event })),
        )
      } else if (text !== undefined) io.out(text)
    },
    result(value, text) {
      io.out(options.json ? JSON.stringify(jsonSafe(value)) : text)
    },
  }
}

/** A value as a person reads it, on one line. */
export function formatValue(value: unknown): string {
  if (typeof value === 'string') return printable(value)
  return printable(inspect(value, { depth: 6, breakLength: Infinity, maxStringLength: 10_000 }))
}

/** The time of day in the log of a node. */
export function formatTime(wallMs: number): string {
  return new Date(wallMs).toISOString().slice(11, 23)
}

/** Milliseconds with as many digits as mean something. */
export function formatMs(ms: number): string {
  if (ms < 10) return `${ms.toFixed(2)} ms`
  if (ms < 1000) return `${ms.toFixed(0)} ms`
  return `${(ms / 1000).toFixed(1)} s`
}

/** How long something lasts already: `3 d 4 h`, `4 h 5 min`, `5 min 6 s`, `6 s`. */
export function formatAge(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  const [days, hours] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3600) % 24]
  const [minutes, rest] = [Math.floor(seconds / 60) % 60, seconds % 60]
  if (days > 0) return `${days} d ${hours} h`
  if (hours > 0) return `${hours} h ${minutes} min`
  return minutes > 0 ? `${minutes} min ${rest} s` : `${rest} s`
}
