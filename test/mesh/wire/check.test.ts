import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { generateNodeKeys } from '../../../mesh/identity/keys.ts'
import {
  helloFields,
  parseAccepted,
  parseConnect,
  parseDisconnect,
  parseError,
  parsePing,
  parsePong,
  parseRejected,
} from '../../../mesh/wire/check.ts'
import type { HelloMessage } from '../../../mesh/wire/check.ts'
import { Codec } from '../../../mesh/wire/codec.ts'
import { MessageError } from '../../../mesh/wire/errors.ts'
import { codeOf } from './bytes.ts'

const codec = new Codec()
const { nodeKey } = generateNodeKeys()

const hello: HelloMessage = {
  versionMin: 1,
  versionMax: 1,
  nodeKey,
  kind: 'member',
  name: 'a',
  host: '192.0.2.1',
  port: 4433,
  incarnation: 7,
  dials: 0,
  realmId: new Uint8Array(32).fill(1),
  cluster: 'main',
  membership: { anything: true },
  capabilities: ['dist/1'],
  frameBytesMax: 1_048_576,
  states: [3, 0, 1, 2],
}

const guards: readonly (readonly [string, (value: unknown) => unknown, object])[] = [
  ['connect', parseConnect, helloFields(hello)],
  ['accepted', parseAccepted, helloFields(hello)],
  ['rejected', parseRejected, { reason: 'self', message: '' }],
  ['disconnect', parseDisconnect, { reason: 'left', message: 'bye', streams: 3 }],
  ['ping', parsePing, { sequence: 0 }],
  ['pong', parsePong, { sequence: 4_294_967_295 }],
  ['error', parseError, { code: 'ERR_X', message: '' }],
]

/** The field that a guard complains about. */
function fieldOf(parse: (value: unknown) => unknown, value: unknown): string {
  try {
    parse(value)
  } catch (error) {
    if (error instanceof MessageError) return error.field
    throw error
  }
  return 'none'
}

describe('mesh messages', () => {
  it('a hello survives the codec', () => {
    const parsed = parseConnect(codec.decode(codec.encode(helloFields(hello))))
    expect({ ...parsed, nodeKey: parsed.nodeKey.hex }).toEqual({ ...hello, nodeKey: nodeKey.hex })
  })

  it.each(guards)('%s takes its message, and ignores fields it does not know', (_, parse, good) => {
    const parsed = parse({ ...good, later: 1 }) as object
    expect(Object.keys(parsed).sort()).toEqual(Object.keys(good).sort())
  })

  it.each(guards)('%s names each field that is missing or of another type', (_, parse, good) => {
    for (const field of Object.keys(good)) {
      if (field === 'membership') continue
      const { [field]: removed, ...rest } = good as Record<string, unknown>
      expect(removed).toBeDefined()
      expect(fieldOf(parse, rest)).toBe(field)
      for (const wrong of [null, {}, true, -1, 1.5, Number.NaN, 2n ** 60n, [{}]]) {
        expect(fieldOf(parse, { ...good, [field]: wrong })).toContain(field)
      }
    }
  })

  it.each(guards)('%s refuses what is not a map', (name, parse) => {
    for (const wrong of [undefined, null, 1, 'x', [], new Map(), new Date(), new Uint8Array(3)]) {
      expect(codeOf(() => parse(wrong))).toBe('ERR_MESSAGE_INVALID')
    }
    expect(() => parse(0)).toThrow(`a ${name} message must be a map`)
  })

  it.each(guards)('H25 %s reads own fields only', (_, parse) => {
    expect(codeOf(() => parse(codec.decode(codec.encode({ constructor: 1, valueOf: 2 }))))).toMatch(
      /^(ERR_MESSAGE_INVALID)$/,
    )
    for (const field of ['toString', 'valueOf', '__defineGetter__']) {
      expect(fieldOf(parse, { [field]: 1 })).not.toBe('none')
    }
  })

  it.each([
    ['port', 0, 1, 65_535, 65_536],
    ['incarnation', -1, 0, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER + 1],
    ['versionMin', 0, 1, 1, 2],
    ['frameBytesMax', 1023, 1024, 16_777_216, 16_777_217],
  ])('H37 %s has its bounds', (field, below, least, most, above) => {
    const good = helloFields(hello)
    for (const value of [least, most]) {
      expect(fieldOf(parseConnect, { ...good, [field]: value })).toBe('none')
    }
    for (const value of [below, above]) {
      const complaint = fieldOf(parseConnect, { ...good, [field]: value })
      expect([field, 'versionMax']).toContain(complaint)
    }
  })

  it('names of 255 characters pass, of 256 do not, nor do control characters', () => {
    const named = (name: string) => fieldOf(parseConnect, { ...helloFields(hello), name })
    expect(named('n'.repeat(255))).toBe('none')
    expect(named('n'.repeat(256))).toBe('name')
    expect(named('')).toBe('name')
    expect(named('a\nb')).toBe('name')
    expect(named('\u001b[31m')).toBe('name')
  })

  it('texts of 1,024 characters pass, of 1,025 do not', () => {
    const texted = (message: string) => fieldOf(parseRejected, { reason: 'x', message })
    expect(texted('m'.repeat(1024))).toBe('none')
    expect(texted('m'.repeat(1025))).toBe('message')
    expect(parseError({ code: 'ERR_X', message: 'a\u001b[2Jb\n' }).message).toBe('a [2Jb ')
  })

  it('64 capabilities pass, 65 do not; a bad one is named', () => {
    const able = (capabilities: unknown[]) =>
      fieldOf(parseConnect, { ...helloFields(hello), capabilities })
    expect(able(Array.from({ length: 64 }, () => 'c'))).toBe('none')
    expect(able(Array.from({ length: 65 }, () => 'c'))).toBe('capabilities')
    expect(able(['a', 'b', 3])).toBe('capabilities[2]')
  })

  it('never throws anything but a MessageError', () => {
    const field = fc.constantFrom(...guards.flatMap(([, , good]) => Object.keys(good)))
    const anyMap = fc.dictionary(field, fc.anything({ withBigInt: true, withDate: true }))
    fc.assert(
      fc.property(fc.oneof(fc.anything(), anyMap), fc.constantFrom(...guards), (value, guard) => {
        expect(codeOf(() => guard[1](value))).toMatch(/^(nothing|ERR_MESSAGE_INVALID)$/)
      }),
      { numRuns: 2000 },
    )
  })
})
