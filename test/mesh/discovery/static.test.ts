import { describe, expect, it } from 'vitest'
import { parseSeed, staticDiscovery } from '../../../mesh/discovery/static.ts'
import type { Candidate } from '../../../mesh/discovery/discovery.ts'

describe('parseSeed', () => {
  it.each<[string, Candidate]>([
    ['10.0.0.7:4433', { host: '10.0.0.7', port: 4433 }],
    ['shop@10.0.0.7:9', { name: 'shop', host: '10.0.0.7', port: 9 }],
    ['seed.example', { host: 'seed.example', port: 4433 }],
    ['[2001:db8::1]:65535', { host: '2001:db8::1', port: 65_535 }],
    ['a@[::1]:1', { name: 'a', host: '::1', port: 1 }],
  ])('reads %s', (text, expected) => {
    expect(parseSeed(text)).toEqual(expected)
  })

  it.each([
    null,
    5,
    '',
    ':4433',
    'a:0',
    'a:65536',
    'a:b',
    '::1:4433',
    'a b:1',
    'x@y@z:1',
    'a'.repeat(254),
  ])('refuses %j', (text) => {
    expect(() => parseSeed(text as string)).toThrow(
      expect.objectContaining({ code: 'ERR_SEED_INVALID' }),
    )
  })
})

describe('staticDiscovery', () => {
  it('names every seed once, at the start', () => {
    const seen: Candidate[] = []
    const source = staticDiscovery(['a@h:1', { host: 'i', port: 2 }])
    const fail = () => expect.unreachable()
    void source.start(
      { seen: (c) => seen.push(...c), gone: fail, failed: fail },
      { signal: new AbortController().signal },
    )
    expect(seen).toEqual([
      { name: 'a', host: 'h', port: 1 },
      { host: 'i', port: 2 },
    ])
  })
})
