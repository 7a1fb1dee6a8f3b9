import { describe, expect, test } from 'vitest'
import fc from 'fast-check'
import { LineDecoder } from '../../../../dist/cli/control/line-decoder.ts'

function decode(chunks: readonly Uint8Array[], bytesMax = 1000): string[] {
  const lines: string[] = []
  const decoder = new LineDecoder({ bytesMax })
  for (const chunk of chunks) decoder.push(chunk, (line) => lines.push(line))
  return lines
}

describe('LineDecoder', () => {
  test('any split and any coalescing of the bytes give the same lines', () => {
    const line = fc.string({ unit: 'grapheme', maxLength: 20 }).map((s) => s.replace(/\s/g, '_'))
    fc.assert(
      fc.property(fc.array(line), fc.array(fc.nat(40)), (lines, cuts) => {
        const bytes = Buffer.from(lines.map((l) => `${l}\n`).join(''))
        const chunks: Uint8Array[] = []
        let at = 0
        for (const cut of cuts) {
          chunks.push(bytes.subarray(at, at + cut))
          at += cut
        }
        chunks.push(bytes.subarray(at))
        expect(decode(chunks)).toEqual(lines.filter((l) => l !== ''))
      }),
    )
  })

  test('a line of the limit passes, one byte more is refused', () => {
    expect(decode([Buffer.from(`${'x'.repeat(10)}\n`)], 10)).toEqual(['x'.repeat(10)])
    expect(() => decode([Buffer.from(`${'x'.repeat(11)}\n`)], 10)).toThrow(
      expect.objectContaining({ code: 'ERR_CONTROL_LINE_TOO_LONG' }),
    )
  })

  test('a line without an end is refused at the limit, before more is kept', () => {
    const chunk = Buffer.from('xxxxx')
    expect(decode([chunk, chunk], 10)).toEqual([])
    expect(() => decode([chunk, chunk, Buffer.from('x')], 10)).toThrow(/longer than 10 bytes/)
  })

  test('carriage returns and empty lines are skipped', () => {
    expect(decode([Buffer.from('a\r\n\r\n\nb\n')])).toEqual(['a', 'b'])
  })
})
