import { describe, expect, it } from 'vitest'
import { RetryTokens } from '../../../../mesh/transport/quic/retry-token.ts'
import type { TokenBinding } from '../../../../mesh/transport/quic/retry-token.ts'

const tokens = new RetryTokens(Buffer.alloc(32, 1))
const originalId = Buffer.from('original')
const binding: TokenBinding = {
  host: '192.0.2.1',
  port: 4_433,
  newId: Buffer.from('new id 1'),
  nowMs: 50_000,
}

describe('RetryTokens', () => {
  it('gives back the id inside its own token', () => {
    expect(tokens.check(binding, tokens.make(binding, originalId))).toEqual(originalId)
  })

  it.each([
    ['another address', { host: '192.0.2.2' }],
    ['another port', { port: 4_434 }],
    ['another new id', { newId: Buffer.from('new id 2') }],
    ['a time after its life', { nowMs: 61_000 }],
    ['a time before it was made', { nowMs: 49_000 }],
  ])('does not take a token at %s', (_, change) => {
    const token = tokens.make(binding, originalId)
    expect(tokens.check({ ...binding, ...change }, token)).toBeUndefined()
  })

  it('lives for ten seconds', () => {
    const token = tokens.make(binding, originalId)
    expect(tokens.check({ ...binding, nowMs: 60_999 }, token)).toEqual(originalId)
  })

  it('does not take a token in which any byte was changed, cut or added', () => {
    const token = tokens.make(binding, originalId)
    for (let at = 0; at < token.length; at++) {
      const changed = Buffer.from(token)
      changed[at]! ^= 1
      expect(tokens.check(binding, changed)).toBeUndefined()
      expect(tokens.check(binding, token.subarray(0, at))).toBeUndefined()
    }
    expect(tokens.check(binding, Buffer.concat([token, Buffer.from('x')]))).toBeUndefined()
  })

  it('does not take a token made with another secret', () => {
    const other = new RetryTokens(Buffer.alloc(32, 2))
    expect(tokens.check(binding, other.make(binding, originalId))).toBeUndefined()
  })
})
