import { describe, expect, it } from 'vitest'
import {
  isNodeIdText,
  isRecordName,
  NAME_BYTES_MAX,
  NODE_ID_BYTES_MAX,
  normalNodeId,
} from '../../../../mesh/routing/records/names.ts'

describe('names of mutable records', () => {
  it.each(['', 'a', 'prices/today', 'Größe', '日本', '\u{1f600}', 'f'.repeat(64), ' '])(
    '%j is one',
    (name) => {
      expect(isRecordName(name)).toBe(true)
    },
  )

  it.each([
    ['a control character', 'a\nb'],
    ['an escape', '\u001b[31m'],
    ['a C1 control', '\u0085'],
    ['a lone surrogate', '\ud800'],
    ['a byte order mark in front', '\ufeffa'],
    ['a number', 7],
    ['nothing', undefined],
  ])('ML2 %s is none', (_claim, name) => {
    expect(isRecordName(name)).toBe(false)
  })

  it('have 255 bytes at most, not characters', () => {
    expect(isRecordName('n'.repeat(NAME_BYTES_MAX))).toBe(true)
    expect(isRecordName('n'.repeat(NAME_BYTES_MAX + 1))).toBe(false)
    expect(isRecordName('ß'.repeat(127))).toBe(true)
    expect(isRecordName('ß'.repeat(128))).toBe(false)
  })
})

describe('node ids', () => {
  it.each([
    ['db@10.0.0.1:4433', 'db@10.0.0.1:4433'],
    ['Db@DB.Example:1', 'Db@db.example:1'],
    ['db@[2001:DB8:0:0::1]:65535', 'db@[2001:db8::1]:65535'],
    ['db@[0:0:0:0:0:0:0:1]:80', 'db@[::1]:80'],
    ['db@[::ffff:10.0.0.1]:80', 'db@10.0.0.1:80'],
    ['db@[::ffff:a00:1]:80', 'db@10.0.0.1:80'],
  ])('%s is written %s', (text, normal) => {
    expect(normalNodeId(text)).toBe(normal)
    expect(normalNodeId(normal)).toBe(normal)
    expect(isNodeIdText(normal)).toBe(true)
    expect(isNodeIdText(text)).toBe(text === normal)
  })

  it.each([
    '',
    'db',
    'db@',
    'db@h',
    'db@h:',
    '@h:1',
    'db@:1',
    'db@h:0',
    'db@h:01',
    'db@h:65536',
    'db@h:1x',
    'db@::1:80',
    'db@[::1:80',
    'db@[10.0.0.1]:80',
    'db@[fe80::1%eth0]:80',
    '1b@h:80',
    'd b@h:80',
    'db@h h:80',
    'db@@h:80',
    ' db@h:80',
    'db@h:80\n',
    `${'n'.repeat(65)}@h:80`,
    `db@${'h'.repeat(254)}:80`,
  ])('%j is none', (text) => {
    expect(normalNodeId(text)).toBeUndefined()
    expect(isNodeIdText(text)).toBe(false)
  })

  it('are as long as the longest name and host', () => {
    const host = `${'h.'.repeat(126)}h`
    const longest = `${'n'.repeat(64)}@${host}:65535`
    expect(normalNodeId(longest)).toBe(longest)
    expect(longest.length).toBeLessThanOrEqual(NODE_ID_BYTES_MAX)
    expect(normalNodeId('n'.repeat(NODE_ID_BYTES_MAX + 1))).toBeUndefined()
    expect(isNodeIdText(7)).toBe(false)
  })
})
