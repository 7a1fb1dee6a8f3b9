/**
 * Names that are published to and called, and filters over them.
 *
 * A topic is one or more segments joined by `.`; a segment has at least one character, none of `.`, `*`, `#`, white
 * space, control characters and halves of surrogate pairs. In a filter the segment `*` stands for exactly one segment and
 * `**`, of which `#` is another spelling, for none or more, anywhere in it. A topic whose first segment begins with `$` is
 * matched only by filters that begin with the same segment, so that whoever subscribes to everything does not get what the
 * system says to itself.
 *
 * The model is that of NATS (`*`, `>`) with dots, with the `**` of Zenoh, and the `$` rule of MQTT 5 (4.7.2).
 */
import { TopicError } from './errors.ts'

/** Limits of topics and filters. */
export interface TopicLimits {
  /** Bytes of a topic or filter in UTF-8, canonical form. Default 1,024. */
  readonly topicBytesMax?: number
  /** Segments of a topic or filter. Default 256. */
  readonly segmentsMax?: number
  /** Segments `**` of a filter: each of them multiplies the ways in which a topic may match. Default 8. */
  readonly deepWildcardsMax?: number
}

/** What applies where nothing else is said. */
export const TOPIC_LIMITS: Required<Readonly<TopicLimits>> = Object.freeze({
  topicBytesMax: 1_024,
  segmentsMax: 256,
  deepWildcardsMax: 8,
})

/** The segment of a filter that stands for one segment. */
export const ONE = '*'
/** The segment of a filter that stands for none or more. */
export const ANY = '**'

const SEGMENT = String.raw`[^\s\p{Cc}\p{Cs}.*#]+`
const TOPIC = new RegExp(String.raw`^${SEGMENT}(?:\.${SEGMENT})*$`, 'u')
const FILTER_SEGMENT = String.raw`(?:${SEGMENT}|\*\*?|#)`
const FILTER = new RegExp(String.raw`^${FILTER_SEGMENT}(?:\.${FILTER_SEGMENT})*$`, 'u')

/** The longest that a text can be quoted in a message. */
const QUOTED_LENGTH_MAX = 80
const DOT = 0x2e
const DOLLAR = 0x24

/** The topic, if `text` is one. Throws `ERR_TOPIC_INVALID`, `ERR_TOPIC_TOO_LONG`. */
export function checkTopic(text: string, limits: TopicLimits = TOPIC_LIMITS): string {
  if (typeof text !== 'string') throw new TopicError('ERR_TOPIC_INVALID', 'a topic is a text')
  checkSize(text, limits)
  if (TOPIC.test(text)) return text
  throw new TopicError(
    'ERR_TOPIC_INVALID',
    `the topic ${quoted(text)} ${flawOf(text, TOPIC_FLAWS)}`,
  )
}

/**
 * The filter in its canonical form (`#` is written `**`, and `**.**` is `**`), if `text` is one.
 * Throws `ERR_FILTER_INVALID`, `ERR_TOPIC_TOO_LONG`, `ERR_FILTER_WILDCARDS_MAX`.
 */
export function checkFilter(text: string, limits: TopicLimits = TOPIC_LIMITS): string {
  if (typeof text !== 'string') throw new TopicError('ERR_FILTER_INVALID', 'a filter is a text')
  checkSize(text, limits)
  if (!FILTER.test(text)) {
    throw new TopicError(
      'ERR_FILTER_INVALID',
      `the filter ${quoted(text)} ${flawOf(text, FILTER_FLAWS)}`,
    )
  }
  if (!text.includes('#') && !text.includes(ANY)) return text
  const segments = text.split('.').map((segment) => (segment === '#' ? ANY : segment))
  const kept = segments.filter((segment, i) => segment !== ANY || segments[i - 1] !== ANY)
  const { deepWildcardsMax = TOPIC_LIMITS.deepWildcardsMax } = limits
  const deep = kept.filter((segment) => segment === ANY).length
  if (deep > deepWildcardsMax) {
    throw new TopicError(
      'ERR_FILTER_WILDCARDS_MAX',
      `the filter ${quoted(text)} has ${deep} segments '**', at most ${deepWildcardsMax} may be`,
    )
  }
  const canonical = kept.join('.')
  if (canonical.length > text.length) checkSize(canonical, limits)
  return canonical
}

/** Whether a value, of a peer for instance, is a topic. */
export function isTopic(value: unknown, limits: TopicLimits = TOPIC_LIMITS): value is string {
  return typeof value === 'string' && sizeFlaw(value, limits) === undefined && TOPIC.test(value)
}

/** Whether a value, of a peer for instance, is a filter in canonical form. */
export function isFilter(value: unknown, limits: TopicLimits = TOPIC_LIMITS): value is string {
  if (typeof value !== 'string' || sizeFlaw(value, limits) !== undefined) return false
  if (!FILTER.test(value) || value.includes('#')) return false
  if (!value.includes(ANY)) return true
  const { deepWildcardsMax = TOPIC_LIMITS.deepWildcardsMax } = limits
  const segments = value.split('.')
  const deep = segments.filter((segment) => segment === ANY).length
  return (
    deep <= deepWildcardsMax && segments.every((each, i) => each !== ANY || segments[i - 1] !== ANY)
  )
}

/**
 * For those who want to be lenient with what people type: white space around it goes, letters become small, and
 * runs of dots become one. The result is not checked. Nothing does this by itself: `A` and `a` are two topics.
 */
export function normalizeTopic(text: string): string {
  return text
    .trim()
    .toLowerCase()
    .replace(/\.{2,}/g, '.')
}

/** Whether a filter in canonical form has wildcards; without, it matches the topic that it is and no other. */
export function isWildcard(filter: string): boolean {
  return filter.includes(ONE)
}

/** The segments of a filter before its first wildcard: `a.b` of `a.b.*.c`, all of `a.b`, nothing of `**`. */
export function literalPrefix(filter: string): string {
  const wildcard = filter.indexOf(ONE)
  if (wildcard === -1) return filter
  return wildcard === 0 ? '' : filter.slice(0, wildcard - 1)
}

/**
 * Every {@link literalPrefix} that a filter which matches the topic can have, shortest first: `''`, `a`, `a.b` for
 * `a.b`. No filter without literal prefix matches a topic that begins with `$`.
 */
export function prefixesOf(topic: string): string[] {
  const prefixes = isReserved(topic) ? [] : ['']
  for (let dot = topic.indexOf('.'); dot !== -1; dot = topic.indexOf('.', dot + 1)) {
    prefixes.push(topic.slice(0, dot))
  }
  prefixes.push(topic)
  return prefixes
}

/** Whether a topic is one that wildcards in the first segment do not match. */
export function isReserved(topic: string): boolean {
  return topic.charCodeAt(0) === DOLLAR
}

/**
 * Whether a filter in canonical form matches a topic. Goes back to the last `**` only, which is enough, so it takes at
 * most as many steps as the product of their segments.
 */
export function matchesFilter(filter: string, topic: string): boolean {
  if (!filter.includes(ONE)) return filter === topic
  const wanted = filter.split('.')
  if (isReserved(topic) && filter.charCodeAt(0) === ONE.charCodeAt(0)) return false
  const given = topic.split('.')
  let deep = -1
  let resumed = 0
  let w = 0
  let g = 0
  while (g < given.length) {
    const segment = wanted[w]
    if (segment === ANY) {
      deep = w++
      resumed = g
    } else if (segment === ONE || (segment !== undefined && segment === given[g])) {
      w += 1
      g += 1
    } else if (deep !== -1) {
      w = deep + 1
      g = ++resumed
    } else return false
  }
  while (wanted[w] === ANY) w += 1
  return w === wanted.length
}

function checkSize(text: string, limits: TopicLimits): void {
  const flaw = sizeFlaw(text, limits)
  if (flaw !== undefined) throw new TopicError('ERR_TOPIC_TOO_LONG', `${quoted(text)} ${flaw}`)
}

/** Looks at no more of a text than may be valid. */
function sizeFlaw(text: string, limits: TopicLimits): string | undefined {
  const { topicBytesMax = TOPIC_LIMITS.topicBytesMax, segmentsMax = TOPIC_LIMITS.segmentsMax } =
    limits
  const { length } = text
  if (length > topicBytesMax || (length * 3 > topicBytesMax && bytesOf(text) > topicBytesMax)) {
    return `is longer than ${topicBytesMax} bytes`
  }
  // A text that short cannot have too many of them.
  if (length < segmentsMax * 2) return undefined
  let segments = 1
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) === DOT) segments += 1
  return segments > segmentsMax
    ? `has ${segments} segments, at most ${segmentsMax} may be`
    : undefined
}

function bytesOf(text: string): number {
  return Buffer.byteLength(text)
}

function quoted(text: string): string {
  if (text.length <= QUOTED_LENGTH_MAX) return JSON.stringify(text)
  return `${JSON.stringify(text.slice(0, QUOTED_LENGTH_MAX))}...`
}

type Flaw = readonly [RegExp, string]

const SHARED_FLAWS: readonly Flaw[] = [
  [/^$/, 'is empty'],
  [/^\.|\.\.|\.$/, 'has an empty segment'],
  [/\s/, 'has white space in it'],
  [/\p{Cc}/u, 'has a control character in it'],
  [/\p{Cs}/u, 'has half of a surrogate pair in it'],
]
const TOPIC_FLAWS: readonly Flaw[] = [
  ...SHARED_FLAWS,
  [/[*#]/, 'has a wildcard in it, which only filters may have'],
]
const FILTER_FLAWS: readonly Flaw[] = [
  ...SHARED_FLAWS,
  [/[*#]/, 'has a wildcard that is not a whole segment'],
]

/** Says in words what the grammar does not allow. */
function flawOf(text: string, flaws: readonly Flaw[]): string {
  return flaws.find(([pattern]) => pattern.test(text))?.[1] ?? 'is not one'
}
