import { describe, expect, test } from 'vitest'
import { createRealClock, createSystemEntropy } from '../../../runtime/index.ts'
import type { CliIo } from '../../../dist/cli/io.ts'
import { jsonSafe } from '../../../dist/cli/json-value.ts'
import { createOutput, formatMs, formatValue } from '../../../dist/cli/output.ts'
import { formatTable } from '../../../dist/cli/table.ts'

function terminal(options: { terminal: boolean; env?: Record<string, string> }): {
  io: CliIo
  lines: string[]
} {
  const lines: string[] = []
  const io: CliIo = {
    clock: createRealClock(),
    entropy: createSystemEntropy(),
    env: options.env ?? {},
    terminal: options.terminal,
    out: (line) => void lines.push(line),
    err: () => {},
    onStop: () => () => {},
    onOutputGone: () => () => {},
    terminalRows: () => Infinity,
    exitNow: () => {},
  }
  return { io, lines }
}

describe('colours', () => {
  test.each([
    ['on a terminal', { terminal: true }, false, true],
    ['into a pipe', { terminal: false }, false, false],
    ['with NO_COLOR', { terminal: true, env: { NO_COLOR: '1' } }, false, false],
    ['with an empty NO_COLOR', { terminal: true, env: { NO_COLOR: '' } }, false, true],
    ['with --json', { terminal: true }, true, false],
  ])('%s', (_name, where, json, coloured) => {
    const out = createOutput(terminal(where).io, { json })
    expect(out.tone('good', 'x') !== 'x').toBe(coloured)
    expect(out.tone('plain', 'x')).toBe('x')
  })
})

describe('--json', () => {
  test('events are one object per line with their time; people see the text', () => {
    const program = terminal({ terminal: false })
    createOutput(program.io, { json: true }).event({ event: 'x', n: 1n }, 'text')
    expect(program.lines).toHaveLength(1)
    expect(JSON.parse(program.lines[0] ?? '')).toEqual({
      event: 'x',
      n: '1',
      at: expect.stringMatching(/^\d{4}-.*Z$/) as string,
    })
    const person = terminal({ terminal: false })
    const out = createOutput(person.io, { json: false })
    out.event({ event: 'x' }, 'text')
    out.event({ event: 'silent' })
    out.result({ a: 1 }, 'answer')
    expect(person.lines).toEqual(['text', 'answer'])
  })

  test('values beyond JSON have one documented form', () => {
    const bytes = new Uint8Array([1, 2, 3])
    const error = Object.assign(new TypeError('bad'), { code: 'ERR_X' })
    expect(
      jsonSafe({
        nothing: undefined,
        big: 2n ** 64n,
        nan: NaN,
        infinite: -Infinity,
        date: new Date(0),
        badDate: new Date(NaN),
        map: new Map([['k', new Set([1])]]),
        bytes,
        error,
        list: [undefined],
      }),
    ).toEqual({
      nothing: null,
      big: '18446744073709551616',
      nan: 'NaN',
      infinite: '-Infinity',
      date: '1970-01-01T00:00:00.000Z',
      badDate: null,
      map: [['k', [1]]],
      bytes: 'AQID',
      error: { name: 'TypeError', code: 'ERR_X', message: 'bad' },
      list: [null],
    })
  })

  test('a cycle ends at the depth limit instead of never', () => {
    const cycle: Record<string, unknown> = {}
    cycle['self'] = cycle
    expect(JSON.stringify(jsonSafe(cycle))).toContain('[too deep]')
  })
})

describe('text', () => {
  test('columns are aligned and lines have no trailing blanks', () => {
    expect(
      formatTable(
        ['A', 'LONG'],
        [
          ['value', 'x'],
          ['v', 'yy'],
        ],
      ),
    ).toBe('A      LONG\nvalue  x\nv      yy')
  })

  test('numbers get the digits that mean something, values stay on one line', () => {
    expect([0.1234, 12.3, 4321].map(formatMs)).toEqual(['0.12 ms', '12 ms', '4.3 s'])
    expect(formatValue('plain')).toBe('plain')
    expect(formatValue({ a: ['x'.repeat(90), 'y'] })).not.toContain('\n')
  })
})
