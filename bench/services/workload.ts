/**
 * Subscriptions and topics for the matching benchmark: five segments, 70 % of the subscriptions exact, 20 % with one
 * `*`, 8 % `site.**`, 2 % with two `*`; half of the topics hit an exact subscription. The same numbers give the same
 * names in every process.
 */

const SITES = 1_600
const LINES = 50
const MACHINES = 40
const SENSORS = 20
const METRICS = ['temperature', 'pressure', 'humidity', 'vibration', 'current']

/** A sequence of numbers from 0 to below 1 that a seed decides (mulberry32). */
export function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function segments(next: () => number): string[] {
  const below = (limit: number): number => Math.floor(next() * limit)
  return [
    `site${below(SITES)}`,
    `line${below(LINES)}`,
    `machine${below(MACHINES)}`,
    `sensor${below(SENSORS)}`,
    METRICS[below(METRICS.length)]!,
  ]
}

/** The filter of each of `count` subscriptions, in turn; made one by one, so that only who keeps them pays for them. */
export function* filters(count: number, wildcard: { one: string; any: string }): Generator<string> {
  const next = numbers(1)
  for (let i = 0; i < count; i++) {
    const names = segments(next)
    const kind = next()
    const at = Math.floor(next() * names.length)
    if (kind < 0.7) yield names.join('.')
    else if (kind < 0.9) yield names.with(at, wildcard.one).join('.')
    else if (kind < 0.98) yield `${names[0]}.${wildcard.any}`
    else {
      const other = (at + 1 + Math.floor(next() * (names.length - 1))) % names.length
      yield names.with(at, wildcard.one).with(other, wildcard.one).join('.')
    }
  }
}

/** Topics that are published to. */
export function topics(count: number, subscriptions: number): string[] {
  const exact: string[] = []
  for (const filter of filters(subscriptions, { one: '*', any: '**' })) {
    if (!filter.includes('*')) exact.push(filter)
  }
  const next = numbers(2)
  return Array.from({ length: count }, () =>
    next() < 0.5 ? exact[Math.floor(next() * exact.length)]! : segments(next).join('.'),
  )
}
