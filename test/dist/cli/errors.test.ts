import { describe, expect, test } from 'vitest'
import { FoveaError } from '../../../runtime/index.ts'
import {
  CliError,
  cliErrors,
  codeOf,
  InterruptedError,
  reportOf,
} from '../../../dist/cli/errors.ts'

describe('reports of errors', () => {
  test('a code, one line and what to do: its own hint, or that of its code', () => {
    expect(reportOf(new CliError('ERR_X', 'no', { hint: 'do' }))).toEqual({
      code: 'ERR_X',
      message: 'no',
      hint: 'do',
    })
    expect(reportOf(new CliError('ERR_FILE_EXISTS', 'no')).hint).toBe(
      cliErrors.ERR_FILE_EXISTS?.action,
    )
    expect(reportOf(new FoveaError('ERR_REALM_REQUIRED', 'no')).hint).toContain('realm create')
    expect(reportOf(new FoveaError('ERR_SOMETHING', 'no'))).not.toHaveProperty('hint')
  })

  test('what has no code of ours is an internal error', () => {
    const system = Object.assign(new Error('EIO: bad disk'), { code: 'EIO' })
    expect(reportOf(system)).toMatchObject({ code: 'ERR_CLI_INTERNAL', message: 'EIO: bad disk' })
    expect(reportOf('text')).toMatchObject({ code: 'ERR_CLI_INTERNAL', message: 'text' })
    expect(reportOf(new TypeError(''))).toMatchObject({ message: 'TypeError' })
    expect(codeOf(undefined)).toBeUndefined()
  })

  test('messages are one line, without stacks of errors inside them', () => {
    const inner = `reason: TypeError: no\n    at f (file:///x.js:1:1)\n    at g (file:///y.js:2:2) {\n  code: 1 }`
    expect(reportOf(new Error(`a\n  b\n${inner}`)).message).toBe(
      'a b reason: TypeError: no { code: 1 }',
    )
  })

  test('an interruption has the exit code of a shell', () => {
    expect(new InterruptedError()).toMatchObject({ code: 'ERR_CLI_INTERRUPTED', exitCode: 130 })
  })
})
