import { describe, expect, test } from 'vitest'
import {
  formatDhtTable,
  formatHop,
  formatLookup,
  formatProviders,
  formatPut,
  formatValueRow,
  formatWithdraw,
} from '../../../../dist/cli/operations/dht-rows.ts'

const plain = { tone: (_tone: unknown, text: string): string => text }
const a = { node: 'a@10.0.0.1:4433', key: 'a'.repeat(64), host: '10.0.0.1', port: 4433 }
const b = { key: 'b'.repeat(64), host: '::1', port: 1 }
const KEY = '0f'.repeat(32)

describe('what the DHT answers, for people', () => {
  test('a put says where it is kept and who refused', () => {
    const row = {
      ...{ key: KEY, sequence: 1, holders: [a], requests: 3, elapsedMs: 12 },
      refusals: [{ ...b, code: 'ERR_DHT_STORE_FULL' }],
    }
    expect(formatPut(row, 'put', true, plain)).toBe(
      [
        KEY,
        'put; 1 node keeps it, 3 requests, 12 ms',
        `ERR_DHT_STORE_FULL ${'b'.repeat(16)}  [::1]:1`,
      ].join('\n'),
    )
    const alone = { ...row, holders: [], refusals: [] }
    expect(formatPut(alone, "put 'n'", true, plain)).toContain("put 'n'; this node alone keeps it,")
    expect(formatPut(alone, 'put', false, plain)).toContain('put; no other node keeps it,')
  })

  test('a withdrawal says whether there was anything, and how a name is withdrawn', () => {
    const none = `this node has put or provided nothing under ${KEY}`
    expect(formatWithdraw({ key: KEY, withdrawn: true }, true)).toBe(
      `${KEY} is not repeated any more`,
    )
    expect(formatWithdraw({ key: KEY, withdrawn: false }, false)).toBe(none)
    expect(formatWithdraw({ key: KEY, withdrawn: false }, true)).toBe(
      `${none}; a value that was put with a name is withdrawn with --name`,
    )
  })

  test('a value is printed as text, or in base64', () => {
    const row = {
      ...{ key: KEY, value: 'aGk=', text: 'hi', kind: 'immutable', publisher: a.key, name: '' },
      ...{ sequence: 1, expiresAt: '2026-01-01T00:00:00.000Z', agreed: 1, requests: 2 },
      elapsedMs: 3,
    }
    expect(formatValueRow(row, plain)).toBe(
      'hi\nimmutable, sequence 1, until 2026-01-01T00:00:00.000Z; 1 agreed, 2 requests, 3.00 ms',
    )
    const { text: _text, ...noText } = row
    const named = { ...noText, kind: 'mutable', name: 'port' }
    expect(formatValueRow(named, plain)).toMatch(/^aGk= \(base64\)\n'port' of a{16}, /)
  })

  test('providers have a line each, and nobody is said in words', () => {
    expect(formatProviders([])).toBe('nobody provides it')
    const rest = { sequence: 1, expiresAt: '2026-01-01T00:00:00.000Z' }
    const lines = formatProviders([
      { ...a, ...rest, metadata: 'aGk=', text: 'hi' },
      { ...b, ...rest, metadata: '/wA=' },
    ]).split('\n')
    expect(lines).toHaveLength(3)
    expect(lines[1]).toMatch(/^a@10\.0\.0\.1:4433 +a{16} +10\.0\.0\.1:4433 +2026\S+ +hi$/)
    expect(lines[2]).toMatch(/^- +b{16} +\[::1\]:1 +2026\S+ +\/wA= \(base64\)$/)
  })

  test('the table begins with the far half of all keys', () => {
    expect(formatDhtTable([], plain)).toBe('the routing table is empty')
    const lines = formatDhtTable(
      [
        { ...b, bucket: 250, state: 'failed', answeredMs: 61_000 },
        { ...a, bucket: 255, state: 'good', rttMs: 1.5, answeredMs: 900 },
      ],
      plain,
    ).split('\n')
    expect(lines[1]).toMatch(/^255 +a@10\S+ +a{16} +10\S+ +good +1\.50 ms +0 s ago$/)
    expect(lines[2]).toMatch(/^250 +- +b{16} +\[::1\]:1 +failed +- +1 min 1 s ago$/)
    expect(lines.at(-1)).toBe('2 nodes in 2 buckets')
  })

  test('a lookup is its hops and the nearest nodes', () => {
    const hop = { depth: 2, path: 0, rttMs: 12, learned: 3, prefixBits: 9 }
    expect(formatHop({ ...a, ...hop, outcome: 'answered' }, plain)).toBe(
      `hop 2  path 0  answered     12 ms    9 bits  +3   ${'a'.repeat(16)}  a@10.0.0.1:4433`,
    )
    const row = {
      ...{ key: KEY, closest: [a, b], reason: 'converged', requests: 4, failures: 1 },
      ...{ depth: 2, elapsedMs: 35 },
    }
    expect(formatLookup(row).split('\n')).toEqual([
      `${KEY}: converged after 35 ms, 4 requests, 1 failed, 2 hops deep`,
      `  1  ${'a'.repeat(16)}  a@10.0.0.1:4433`,
      `  2  ${'b'.repeat(16)}  [::1]:1`,
    ])
  })
})
