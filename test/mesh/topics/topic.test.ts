import { describe, expect, it } from 'vitest'
import { FilterMap } from '../../../mesh/topics/filter-map.ts'
import {
  checkFilter,
  checkTopic,
  isFilter,
  isTopic,
  isWildcard,
  literalPrefix,
  matchesFilter,
  normalizeTopic,
  prefixesOf,
  TOPIC_LIMITS,
} from '../../../mesh/topics/topic.ts'
import { codeOf } from '../wire/bytes.ts'

const { topicBytesMax, segmentsMax, deepWildcardsMax } = TOPIC_LIMITS
const deep = (segments: number, segment = 'a') => Array(segments).fill(segment).join('.')

/** Filter, topic, whether it matches. */
const TABLE: readonly (readonly [string, string, boolean])[] = [
  // Without wildcards.
  ['a', 'a', true],
  ['a', 'b', false],
  ['a', 'A', false],
  ['a.b', 'a.b', true],
  ['a.b', 'a', false],
  ['a', 'a.b', false],
  ['a.b', 'b.a', false],
  ['a/b', 'a/b', true],
  ['a>b.+', 'a>b.+', true],
  // One segment.
  ['*', 'a', true],
  ['*', 'a.b', false],
  ['a.*', 'a.b', true],
  ['a.*', 'a', false],
  ['a.*', 'a.b.c', false],
  ['*.b', 'a.b', true],
  ['*.b', 'b', false],
  ['a.*.c', 'a.b.c', true],
  ['a.*.c', 'a.c', false],
  ['a.*.c', 'a.b.b.c', false],
  ['*.*', 'a.b', true],
  ['*.*', 'a', false],
  ['*.b.*', 'a.b.c', true],
  // None or more at the end.
  ['**', 'a', true],
  ['**', 'a.b.c', true],
  ['a.**', 'a', true],
  ['a.**', 'a.b', true],
  ['a.**', 'a.b.c', true],
  ['a.**', 'b.a', false],
  ['a.**', 'ab', false],
  ['a.*.**', 'a', false],
  ['a.*.**', 'a.b', true],
  ['a.*.**', 'a.b.c.d', true],
  // At the beginning and in the middle.
  ['**.z', 'z', true],
  ['**.z', 'a.b.z', true],
  ['**.z', 'a.z.b', false],
  ['a.**.z', 'a.z', true],
  ['a.**.z', 'a.b.c.z', true],
  ['a.**.z', 'a.z.z', true],
  ['a.**.z', 'a', false],
  ['a.**.z', 'a.z.b', false],
  ['**.b.**', 'b', true],
  ['**.b.**', 'a.b.c', true],
  ['**.b.**', 'a.c', false],
  ['a.**.b.**.c', 'a.b.c', true],
  ['a.**.b.**.c', 'a.x.b.y.b.c', true],
  ['a.**.b.**.c', 'a.c.b', false],
  ['**.*', 'a', true],
  ['*.**.*', 'a', false],
  ['*.**.*', 'a.b', true],
  // The other spelling.
  ['#', 'a.b', true],
  ['a.#', 'a', true],
  ['a.#.z', 'a.b.z', true],
  ['#.#', 'a', true],
  // Reserved.
  ['**', '$node', false],
  ['*', '$node', false],
  ['*.up', '$node.up', false],
  ['**.up', '$node.up', false],
  ['**.$node', '$node', false],
  ['$node', '$node', true],
  ['$node.*', '$node.up', true],
  ['$node.**', '$node', true],
  ['$other.**', '$node.up', false],
  ['a.*', 'a.$b', true],
  ['**.$b', 'a.$b', true],
  // Names of what objects have, and what is not ASCII.
  ['__proto__', '__proto__', true],
  ['__proto__.*', '__proto__.constructor', true],
  ['*', '__proto__', true],
  ['constructor.**', 'constructor.toString', true],
  ['toString', 'constructor', false],
  ['größe.*', 'größe.東京', true],
  ['*.😀', 'a.😀', true],
  ['*.😀', 'a.😁', false],
  // One character or two that look the same.
  ['\u00e9', 'e\u0301', false],
  // Deep.
  [deep(segmentsMax), deep(segmentsMax), true],
  ['a.**', deep(segmentsMax), true],
  [`**.b`, `${deep(segmentsMax - 1)}.b`, true],
  [deep(segmentsMax, '*'), deep(segmentsMax), true],
  [deep(segmentsMax, '*'), deep(segmentsMax - 1), false],
]

describe('PS1 the algebra of filters', () => {
  it('has a table of more than sixty cases', () => {
    expect(TABLE.length).toBeGreaterThan(60)
  })

  it.each(TABLE)('PS1 %.30s and %.30s: %s', (filter, topic, expected) => {
    const canonical = checkFilter(filter)
    expect(matchesFilter(canonical, checkTopic(topic))).toBe(expected)
    const map = new FilterMap<string>()
    map.add(canonical, 'it')
    for (const other of ['x.y', 'x.*', 'x.**.y']) map.add(other, 'another')
    const visited: string[] = []
    map.match(topic, (value, by) => visited.push(value, by))
    expect(visited).toEqual(expected ? ['it', canonical] : [])
    expect(map.isMatched(topic)).toBe(expected)
  })

  it.each([
    ['#', '**'],
    ['a.#', 'a.**'],
    ['a.#.**.#.b', 'a.**.b'],
    ['**.**', '**'],
    ['**.*.**', '**.*.**'],
    ['a.*.b', 'a.*.b'],
  ])('PS1 %s is %s in canonical form', (filter, canonical) => {
    expect(checkFilter(filter)).toBe(canonical)
    expect(checkFilter(canonical)).toBe(canonical)
    expect(isFilter(canonical)).toBe(true)
    expect(isFilter(filter)).toBe(filter === canonical)
  })

  it.each([
    ['a.b', 'a.b', ['', 'a', 'a.b']],
    ['a.*', 'a', ['', 'a']],
    ['a.b.*.c', 'a.b', ['', 'a', 'a.b']],
    ['a.b.**', 'a.b', ['', 'a', 'a.b']],
    ['**', '', ['']],
    ['*.b', '', ['']],
  ])('PS1 the literal prefix of %s is %s', (filter, prefix, prefixes) => {
    expect(literalPrefix(filter)).toBe(prefix)
    expect(isWildcard(filter)).toBe(filter.includes('*'))
    expect(prefix === '' ? [''] : prefixesOf(prefix)).toEqual(prefixes)
  })

  it('PS1 the literal prefix of every filter is among those of the topics that it matches', () => {
    const missing = TABLE.filter(([, , expected]) => expected).filter(
      ([filter, topic]) => !prefixesOf(topic).includes(literalPrefix(checkFilter(filter))),
    )
    expect(missing).toEqual([])
    expect(prefixesOf('$node.up')).toEqual(['$node', '$node.up'])
  })

  it('PS1 names are made lenient only for who asks for it', () => {
    expect(normalizeTopic('  Sensors..Kitchen...Temperature ')).toBe('sensors.kitchen.temperature')
    expect(checkTopic('Sensors')).toBe('Sensors')
  })
})

describe('H30 what is no topic or filter', () => {
  const code = (check: (text: string) => string, text: unknown) =>
    codeOf(() => check(text as string))

  it.each([
    ['', /empty/],
    ['.', /empty segment/],
    ['.a', /empty segment/],
    ['a.', /empty segment/],
    ['a..b', /empty segment/],
    ['a b', /white space/],
    [' a', /white space/],
    ['a\n', /white space/],
    ['a.\u00a0', /white space/],
    ['a\u0000', /control/],
    ['a\u007f', /control/],
    ['\ud800', /surrogate/],
  ])('H30 %j is neither', (text, why) => {
    expect(code(checkTopic, text)).toBe('ERR_TOPIC_INVALID')
    expect(code(checkFilter, text)).toBe('ERR_FILTER_INVALID')
    expect(() => checkTopic(text)).toThrow(why)
    expect(() => checkFilter(text)).toThrow(why)
    expect(isTopic(text)).toBe(false)
    expect(isFilter(text)).toBe(false)
  })

  it.each(['*', '**', '#', 'a.*', 'a.**.b', 'a*', 'a#'])(
    'H30 no topic has a wildcard: %s',
    (text) => {
      expect(code(checkTopic, text)).toBe('ERR_TOPIC_INVALID')
      expect(() => checkTopic(text)).toThrow(/wildcard/)
      expect(isTopic(text)).toBe(false)
    },
  )

  it.each(['a*', '*a', '***', 'a.b**', '##', 'a#', '*#'])('H30 %s has half a wildcard', (text) => {
    expect(code(checkFilter, text)).toBe('ERR_FILTER_INVALID')
    expect(() => checkFilter(text)).toThrow(/whole segment/)
    expect(isFilter(text)).toBe(false)
  })

  it.each([undefined, null, 1, {}, ['a'], Symbol('a'), new String('a')])(
    'H30 what is no text is neither: %s',
    (value) => {
      expect(code(checkTopic, value)).toBe('ERR_TOPIC_INVALID')
      expect(code(checkFilter, value)).toBe('ERR_FILTER_INVALID')
      expect(isTopic(value)).toBe(false)
      expect(isFilter(value)).toBe(false)
    },
  )

  it('H30 as many bytes as may be are accepted, and no more', () => {
    const longest = 'a'.repeat(topicBytesMax)
    const wide = 'é'.repeat(topicBytesMax / 2)
    for (const text of [longest, wide]) {
      expect(checkTopic(text)).toBe(text)
      expect(checkFilter(text)).toBe(text)
      expect(isTopic(`${text}a`)).toBe(false)
      expect(code(checkTopic, `${text}a`)).toBe('ERR_TOPIC_TOO_LONG')
      expect(code(checkFilter, `${text}a`)).toBe('ERR_TOPIC_TOO_LONG')
    }
    // The other spelling is shorter than what it stands for.
    const spelled = `${'a'.repeat(topicBytesMax - 2)}.#`
    expect(spelled.length).toBe(topicBytesMax)
    expect(code(checkFilter, spelled)).toBe('ERR_TOPIC_TOO_LONG')
    expect(checkTopic('abc', { topicBytesMax: 3 })).toBe('abc')
    expect(codeOf(() => checkTopic('abcd', { topicBytesMax: 3 }))).toBe('ERR_TOPIC_TOO_LONG')
  })

  it('H30 as many segments as may be are accepted, and no more', () => {
    expect(checkTopic(deep(segmentsMax))).toBe(deep(segmentsMax))
    expect(checkFilter(deep(segmentsMax, '*'))).toBe(deep(segmentsMax, '*'))
    expect(code(checkTopic, deep(segmentsMax + 1))).toBe('ERR_TOPIC_TOO_LONG')
    expect(code(checkFilter, deep(segmentsMax + 1, '*'))).toBe('ERR_TOPIC_TOO_LONG')
    expect(isTopic(deep(segmentsMax + 1))).toBe(false)
    expect(codeOf(() => checkTopic('a.b.c', { segmentsMax: 2 }))).toBe('ERR_TOPIC_TOO_LONG')
  })

  it('H30 as many deep wildcards as may be are accepted, and no more', () => {
    const filter = Array(deepWildcardsMax).fill('**.a').join('.')
    expect(checkFilter(filter)).toBe(filter)
    expect(isFilter(filter)).toBe(true)
    expect(code(checkFilter, `${filter}.**`)).toBe('ERR_FILTER_WILDCARDS_MAX')
    expect(isFilter(`${filter}.**`)).toBe(false)
    expect(checkFilter('**.a.**', { deepWildcardsMax: 2 })).toBe('**.a.**')
    expect(codeOf(() => checkFilter('**.a.**', { deepWildcardsMax: 1 }))).toBe(
      'ERR_FILTER_WILDCARDS_MAX',
    )
  })

  it('H30 64 KiB of name, 10^5 levels and 10^4 wildcards are refused without looking at them', () => {
    for (const text of [
      'a'.repeat(65_536),
      deep(100_000),
      deep(10_000, '**'),
      '.'.repeat(65_536),
    ]) {
      expect(code(checkTopic, text)).toBe('ERR_TOPIC_TOO_LONG')
      expect(code(checkFilter, text)).toBe('ERR_TOPIC_TOO_LONG')
      expect(isTopic(text)).toBe(false)
      expect(isFilter(text)).toBe(false)
    }
  })

  it('H30 an error quotes no more than a line of what is wrong', () => {
    expect(() => checkTopic('a'.repeat(65_536))).toThrow(/^.{1,160}$/)
  })
})
