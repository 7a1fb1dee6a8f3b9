import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isHost } from '../../../../mesh/host.ts'
import {
  isNodeIdText,
  isRecordName,
  NAME_BYTES_MAX,
  normalNodeId,
} from '../../../../mesh/routing/records/names.ts'

const piece = fc.constantFrom(
  '::',
  ':',
  '0',
  '0001',
  'FFFF',
  'a',
  '1.2.3.4',
  '%eth0',
  '.',
  '[',
  ']',
)
const host = fc.oneof(
  fc.ipV4(),
  fc.ipV6().map((address) => `[${address}]`),
  fc.ipV6().map((address) => `[${address.toUpperCase()}]`),
  fc.domain(),
  fc.array(piece, { maxLength: 12 }).map((list) => `[${list.join('')}]`),
)
const text = fc.oneof(
  fc.tuple(host, fc.nat({ max: 70_000 })).map(([where, port]) => `Db-1@${where}:${port}`),
  fc.string({ unit: 'binary', maxLength: 40 }),
)

describe('ML2 names from anywhere', () => {
  it('a node id has one spelling, which is one', () => {
    fc.assert(
      fc.property(text, (given) => {
        const normal = normalNodeId(given)
        expect(isNodeIdText(given)).toBe(normal === given)
        if (normal === undefined) return
        expect(isNodeIdText(normal)).toBe(true)
        const where = normal.slice(normal.indexOf('@') + 1, normal.lastIndexOf(':'))
        expect(isHost(where.replace(/^\[|\]$/g, ''))).toBe(true)
      }),
      { numRuns: 2_000, seed: 651 },
    )
  })

  it('a record name is what UTF-8 gives back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (name) => {
        if (!isRecordName(name)) return
        const bytes = Buffer.from(name, 'utf8')
        expect(bytes.length).toBeLessThanOrEqual(NAME_BYTES_MAX)
        expect(new TextDecoder('utf-8', { fatal: true }).decode(bytes)).toBe(name)
      }),
      { numRuns: 1_000, seed: 652 },
    )
  })
})
