import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createSeededEntropy, createSimClock } from '../../../runtime/index.ts'
import type { CliIo } from '../../../dist/cli/io.ts'
import { runCli } from '../../../dist/cli/run.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'fovea-run-'))
})
afterEach(async () => {
  await rm(directory, { recursive: true, force: true })
})

/** Runs the program in this process; a run that asks for the terminal gets none. */
async function run(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const out: string[] = []
  const err: string[] = []
  const io: CliIo = {
    clock: createSimClock(),
    entropy: createSeededEntropy(1),
    env: {},
    terminal: false,
    out: (line) => void out.push(line),
    err: (line) => void err.push(line),
    onStop: () => () => {},
    onOutputGone: () => () => {},
    terminalRows: () => Infinity,
    exitNow: () => {},
  }
  const code = await runCli(argv, io)
  return { code, out: out.join('\n'), err: err.join('\n') }
}

describe('exit codes', () => {
  test('0 for what was done, with the answer on standard output', async () => {
    const file = join(directory, 'realm.json')
    const { code, out, err } = await run('realm', 'create', 'com.example', '--out', file)
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out).toContain(file)
    expect((await stat(file)).mode & 0o777).toBe(0o600)
  })

  test('1 for what failed: one line with a code, one with what to do', async () => {
    const { code, out, err } = await run('members', '--data-dir', join(directory, 'no'))
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(err.split('\n')).toEqual([
      expect.stringMatching(/^ERR_NODE_NOT_RUNNING: /) as string,
      expect.stringMatching(/^ {2}hint: .*fovea start/) as string,
    ])
  })

  test('2 for what was not understood: message and usage', async () => {
    const { code, out, err } = await run('start', '--name', 'a', '--nonsense')
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err.split('\n')).toEqual([
      "error: unknown option '--nonsense'",
      'Usage: fovea start [options]',
      'See: fovea start --help',
    ])
  })
})

describe('--json', () => {
  test('answers are one object on standard output', async () => {
    const file = join(directory, 'realm.json')
    const { out } = await run('realm', 'create', 'com.example', '--out', file, '--json')
    expect(JSON.parse(out)).toMatchObject({ name: 'com.example', file, publicFile: null })
  })

  test('failures are one object on standard error', async () => {
    const { err } = await run('members', '--data-dir', join(directory, 'no'), '--json')
    expect(JSON.parse(err)).toEqual({
      error: {
        code: 'ERR_NODE_NOT_RUNNING',
        message: expect.any(String) as string,
        hint: expect.any(String) as string,
      },
    })
  })
})

describe('--debug', () => {
  test('is the only way to see a stack trace', async () => {
    const args = ['members', '--data-dir', join(directory, 'no')]
    expect((await run(...args)).err).not.toMatch(/\n\s+at /)
    expect((await run(...args, '--debug')).err).toMatch(/\n\s+at /)
  })
})

describe('realm files', () => {
  test('the public one has no authority key, and a file that is there is never overwritten', async () => {
    const [file, open] = [join(directory, 'secret'), join(directory, 'public')]
    const args = ['realm', 'create', 'com.example', '--out', file, '--public-out', open]
    expect((await run(...args)).code).toBe(0)
    expect(await readFile(file, 'utf8')).toContain('PRIVATE KEY')
    expect(await readFile(open, 'utf8')).not.toContain('PRIVATE KEY')
    const before = await readFile(file, 'utf8')
    expect((await run(...args)).err).toMatch(/^ERR_FILE_EXISTS: /)
    expect(await readFile(file, 'utf8')).toBe(before)
  })

  test('a membership is printed as JSON, or written to a new file', async () => {
    const file = join(directory, 'secret')
    await run('realm', 'create', 'com.example', '--out', file)
    const issue = ['realm', 'issue', 'ab'.repeat(32), '--realm', file, '--valid-days', '2']
    const printed = JSON.parse((await run(...issue)).out) as Record<string, number>
    expect(printed['notAfterMs']).toBe(2 * 86_400_000)
    const out = join(directory, 'membership.json')
    expect((await run(...issue, '--out', out)).out).toContain('1970-01-03T00:00:00.000Z')
    expect(JSON.parse(await readFile(out, 'utf8'))).toEqual(printed)
  })

  test('a realm without its authority key cannot issue', async () => {
    const [file, open] = [join(directory, 'secret'), join(directory, 'public')]
    await run('realm', 'create', 'com.example', '--out', file, '--public-out', open)
    const { code, err } = await run('realm', 'issue', 'ab'.repeat(32), '--realm', open)
    expect(code).toBe(1)
    expect(err).toMatch(/^ERR_REALM_[A-Z_]+: /)
  })
})
