import { describe, expect, it } from 'vitest'
import { closing, lineAt, matches, readSource } from './source.ts'

const code = (text: string): string => readSource('x.ts', text).code
const plain = (text: string): string => readSource('x.ts', text).plain

describe('readSource', () => {
  it.each([
    ['a // b', 'a     ', 'a     '],
    ['a /* b */ c', 'a         c', 'a         c'],
    ['\'a\' + "b"', '\' \' + " "', '\'a\' + "b"'],
    ["'it\\'s' b", "'     ' b", "'it\\'s' b"],
    ["'// no comment'", "'             '", "'// no comment'"],
    ['`a ${b} c`', '`  ${b}  `', '`a ${b} c`'],
    ['`${`x ${y}`}` z', '`${`  ${y}`}` z', '`${`x ${y}`}` z'],
    ['`${{ a: 1 }.a} b` c', '`${{ a: 1 }.a}  ` c', '`${{ a: 1 }.a} b` c'],
    ["/'/.test(a) // b", '/ /.test(a)     ', "/'/.test(a)     "],
    ['return /[/"]/g', 'return /    /g', 'return /[/"]/g'],
    ['a / b / c', 'a / b / c', 'a / b / c'],
    ['f(1) / 2 // x', 'f(1) / 2     ', 'f(1) / 2     '],
    ['#!/usr/bin/env node', ' '.repeat(19), ' '.repeat(19)],
  ])('reads %s', (text, expectedCode, expectedPlain) => {
    expect(code(text)).toBe(expectedCode)
    expect(plain(text)).toBe(expectedPlain)
  })

  it('keeps indexes and line breaks, whatever the text', () => {
    const text = "/* a\nb */ 'x\n' `c\nd${e}` // 😀\n\\"
    expect(code(text)).toHaveLength(text.length)
    expect(code(text).split('\n')).toHaveLength(text.split('\n').length)
    expect(plain(text)).toHaveLength(text.length)
  })
})

describe('places', () => {
  it('counts lines from 1', () => {
    const source = readSource('x.ts', 'a\nb\nc')
    expect([0, 1, 2, 4].map((index) => lineAt(source, index))).toEqual([1, 1, 2, 3])
  })
  it('finds a pattern in code and not in comments or strings', () => {
    const source = readSource('x.ts', "// foo\n'foo'\nfoo()\n")
    expect(matches(source, /foo/, 'found $&')).toEqual(['x.ts:3 found foo'])
  })
  it('finds the bracket that closes', () => {
    expect(closing('a({[x]}) b', 1)).toBe(7)
    expect(closing('a(', 1)).toBe(2)
  })
})
