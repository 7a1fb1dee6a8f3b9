/**
 * `runApplication` in a program of its own, with signals of the operating system.
 */
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Compiled, type CompiledChild } from '../support/compiled.ts'

const PROGRAM = 'test/e2e/application-program.ts'
let compiled: Compiled

beforeAll(() => {
  compiled = new Compiled([PROGRAM])
})
afterAll(() => {
  compiled.close()
})

interface Said {
  readonly event: string
  readonly [field: string]: unknown
}

/** What the program said so far, line by line. */
function said(child: CompiledChild): Said[] {
  const lines = child.output.split('\n').slice(0, -1)
  return lines.map((line) => JSON.parse(line) as Said)
}

/** Resolves when the program has said `event`. */
async function until(child: CompiledChild, event: string): Promise<void> {
  const { stdout } = child.process
  while (!said(child).some((line) => line.event === event)) {
    await Promise.race([
      once(stdout as NonNullable<typeof stdout>, 'data'),
      once(child.process, 'close').then(() => {
        throw new Error(`ended without '${event}': ${child.output}`)
      }),
    ])
  }
}

async function ended(
  child: CompiledChild,
): Promise<{ code: number | null; signal: string | null }> {
  if (child.exit === undefined) await once(child.process, 'close')
  return child.exit as NonNullable<CompiledChild['exit']>
}

const events = (child: CompiledChild): string[] => said(child).map(({ event }) => event)

describe('a program that runs an application', () => {
  it('finishes the calls in hand on SIGTERM, leaves nothing, and ends with 0', async () => {
    const child = compiled.run(PROGRAM, ['drain'])
    await until(child, 'ready')
    child.process.kill('SIGTERM')
    expect(await ended(child)).toEqual({ code: 0, signal: null })
    expect(events(child)).toEqual([
      'ready',
      'prep_stop',
      'results',
      'terminate',
      'stop',
      'exit',
      'end',
    ])
    expect(said(child)[2]).toEqual({ event: 'results', done: [1, 2, 3] })
    expect(said(child).slice(-2)).toMatchObject([
      { status: { exitCode: 0, cause: 'signal', signal: 'SIGTERM', forced: false } },
      { exitCode: 0, listeners: 0 },
    ])
  })

  it('ends by force at the deadline when its tree refuses to stop', async () => {
    const child = compiled.run(PROGRAM, ['stuck', '700'])
    await until(child, 'ready')
    child.process.kill('SIGTERM')
    expect(await ended(child)).toEqual({ code: 1, signal: null })
    expect(said(child).at(-1)).toMatchObject({
      event: 'exit',
      status: { exitCode: 1, forced: 'deadline', signal: 'SIGTERM' },
    })
  })

  it('ends by force with a second SIGTERM', async () => {
    const child = compiled.run(PROGRAM, ['stuck', '60000'])
    await until(child, 'ready')
    child.process.kill('SIGTERM')
    await until(child, 'terminate')
    child.process.kill('SIGTERM')
    expect(await ended(child)).toEqual({ code: 143, signal: null })
    expect(said(child).at(-1)).toMatchObject({
      event: 'exit',
      status: { exitCode: 143, forced: 'second_signal' },
    })
  })
})
