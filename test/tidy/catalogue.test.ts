import { describe, expect, it } from 'vitest'
import { cataloguesOf, checkCodes, checkOptions, codeUses, optionFields } from './catalogue.ts'
import { readSource } from './source.ts'

const errors = readSource(
  'mesh/wire/errors.ts',
  [
    'export const WIRE_ERRORS = {',
    "  ERR_FRAME_TYPE: { when: 'see ERR_OTHER: x', action: 'none' },",
    '  ERR_FRAME_UNUSED: { when: "never" },',
    '}',
    "throw new FrameError('ERR_FRAME_TYPE', 'x')",
  ].join('\n'),
)
const readmes = new Map([
  ['mesh', 'The code `ERR_FRAME_TYPE` says ..., ERR_FRAME_UNUSED_2 does not'],
])

describe('codes', () => {
  it('are read from catalogues and from strings', () => {
    expect([...cataloguesOf([errors])]).toEqual([
      ['ERR_FRAME_TYPE', ['mesh/wire/errors.ts']],
      ['ERR_FRAME_UNUSED', ['mesh/wire/errors.ts']],
    ])
    expect(codeUses([errors])).toEqual([
      { code: 'ERR_FRAME_TYPE', path: 'mesh/wire/errors.ts', line: 5 },
    ])
  })
  it('must be raised, explained, listed, and listed once', () => {
    const other = readSource('dist/errors.ts', '  ERR_FRAME_TYPE: {},\n')
    const stray = readSource(
      'dist/a.ts',
      "throw new E(x ? 'ERR_STRAY' : y)\ninvariant(x, 'ERR_INVARIANT_X')\n",
    )
    const uses = codeUses([errors, stray])
    expect(checkCodes(uses, cataloguesOf([errors, other]), readmes)).toEqual([
      'dist/a.ts:1 ERR_STRAY is in no catalogue (an errors.ts of its layer)',
      'ERR_FRAME_TYPE is in several catalogues: mesh/wire/errors.ts, dist/errors.ts',
      'mesh/wire/errors.ts: ERR_FRAME_UNUSED is raised nowhere',
      'mesh/README.md does not explain ERR_FRAME_UNUSED',
    ])
  })
})

describe('options', () => {
  const source = readSource(
    'mesh/options.ts',
    [
      'export interface MeshOptions extends Other {',
      '  /** How long. */',
      '  readonly timeoutMs: number',
      '  readonly sizeMax?: number',
      '  // no summary',
      '  readonly nested: {',
      '    inner: string',
      '  }',
      '  handler(a: string): void',
      '}',
      'export interface Plain { x: number }',
      'export interface InnerOptions { x: number }',
      'export interface MeshErrorOptions { cause: unknown }',
    ].join('\n'),
  )
  const owners = new Set(['MeshOptions', 'MeshErrorOptions', 'Plain'])
  it('are the fields of ...Options interfaces that users can reach, not what is nested in them', () => {
    expect(
      optionFields([source], owners).map(({ owner, name, line }) => `${owner}.${name}:${line}`),
    ).toEqual([
      'MeshOptions.timeoutMs:3',
      'MeshOptions.sizeMax:4',
      'MeshOptions.nested:6',
      'MeshOptions.handler:9',
    ])
  })
  it('are explained by a comment or in the README of their layer', () => {
    const papers = new Map([['mesh', '| `sizeMax` | entries |']])
    expect(checkOptions(optionFields([source], owners), papers)).toEqual([
      'mesh/options.ts:6 MeshOptions.nested is not explained',
      'mesh/options.ts:9 MeshOptions.handler is not explained',
    ])
  })
})
