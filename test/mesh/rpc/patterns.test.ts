import { describe, expect, it } from 'vitest'
import { comparePatterns, PatternMap, patternKind } from '../../../mesh/rpc/patterns.ts'

/** The example of the WAMP specification, in our dialect: a prefix is `**`, an empty component `*`. */
const REGISTRATIONS = [
  'a1.b2.c3.d4.e55',
  'a1.b2.c3.**',
  'a1.b2.c3.d4.**',
  'a1.b2.*.d4.e5',
  'a1.b2.c33.*.e5',
  'a1.b2.*.d4.e5.*.g7',
  'a1.b2.*.d4.*.f6.g7',
]

describe('patterns of procedures', () => {
  it.each([
    ['a1.b2.c3.d4.e55', 1],
    ['a1.b2.c3.d98.e74', 2],
    ['a1.b2.c3.d4.e325', 3],
    ['a1.b2.c55.d4.e5', 4],
    ['a1.b2.c33.d4.e5', 5],
    ['a1.b2.c88.d4.e5.f6.g7', 6],
    ['a2.b2.c2.d2.e2', 0],
  ])('R16 %s is served by registration %i of the WAMP table', (name, number) => {
    const map = new PatternMap<number>()
    REGISTRATIONS.forEach((pattern, at) => map.add(pattern, at + 1))
    expect(map.match(name)?.value ?? 0).toBe(number)
  })

  it.each([
    ['a.b', 'exact'],
    ['**', 'prefix'],
    ['a.**', 'prefix'],
    ['a.*', 'wildcard'],
    ['*.**', 'wildcard'],
    ['a.**.b', 'wildcard'],
    ['a.*.**', 'wildcard'],
  ])('%s is of the kind %s', (pattern, kind) => {
    expect(patternKind(pattern)).toBe(kind)
  })

  it('a prefix covers its own name and nothing that only begins with the same letters', () => {
    const map = new PatternMap<string>()
    map.add('a.b.**', 'prefix')
    expect(map.match('a.b')?.value).toBe('prefix')
    expect(map.match('a.b.c.d')?.value).toBe('prefix')
    expect(map.match('a.bc')).toBeUndefined()
  })

  it('one segment goes before many where the rest is equal', () => {
    expect(comparePatterns('a.*.c', 'a.**.c')).toBeLessThan(0)
    expect(comparePatterns('a.**.c', 'a.*.c')).toBeGreaterThan(0)
    expect(comparePatterns('a.*', 'a.*')).toBe(0)
  })

  it('everything does not cover what the system says to itself', () => {
    const map = new PatternMap<string>()
    map.add('**', 'all')
    expect(map.match('x')?.value).toBe('all')
    expect(map.match('$sys.x')).toBeUndefined()
  })

  it('a pattern stands once, and is gone when it is deleted', () => {
    const map = new PatternMap<number>()
    expect(map.add('a.*', 1)).toBe(true)
    expect(map.add('a.*', 2)).toBe(false)
    expect(map.get('a.*')).toBe(1)
    expect(map.delete('a.*')).toBe(true)
    expect(map.delete('a.*')).toBe(false)
    expect(map.match('a.x')).toBeUndefined()
    expect(map.size).toBe(0)
  })
})
