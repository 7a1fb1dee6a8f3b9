/** The example of the guide: a program with a planted bug, found, made small and repeated. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, it } from 'vitest'
import {
  explore,
  simulate,
  SimulationError,
  type ExploreOptions,
} from '../../../dist/simulation/index.ts'
import { readText, ROOT } from '../../tidy/files.ts'

/** The example as users write it, on the sources instead of the package. */
async function loadProgram(): Promise<ExploreOptions> {
  const folder = join(ROOT, 'build', 'simulation-example')
  mkdirSync(folder, { recursive: true })
  const file = join(folder, 'program.ts')
  const text = readText('examples/04-simulation.ts')
  const source = text
    .replaceAll(`'fovea/simulation'`, `'../../dist/simulation/index.ts'`)
    .replaceAll(`'fovea'`, `'../../index.ts'`)
  writeFileSync(file, source)
  return ((await import(pathToFileURL(file).href)) as { readonly program: ExploreOptions }).program
}

it('the bug of the example is found fast, made small, and repeated by its seed', async () => {
  const program = await loadProgram()
  const before = process.cpuUsage()
  const failure: unknown = await explore(program).then(
    () => undefined,
    (error: unknown) => error,
  )
  const { user, system } = process.cpuUsage(before)
  expect(failure).toBeInstanceOf(SimulationError)
  const { seed, faults, commands, cause, message } = failure as SimulationError
  expect(String(cause)).toMatch(/lease \d+ wrote after lease \d+/)
  expect(faults).toEqual([expect.objectContaining({ type: 'pause' })])
  expect(commands).toEqual([])
  expect(message).toContain(`seed: ${seed},\nfaults: [\n  {"type":"pause"`)
  // Measured on a busy machine: 0.8 s of CPU without warming up, 0.5 s after; this only catches a collapse.
  expect((user + system) / 1_000).toBeLessThan(3_000)

  const { seeds: _seeds, plan: _plan, ...same } = program
  const again = simulate({ ...same, seed, faults })
  await expect(again).rejects.toMatchObject({
    code: 'ERR_SIMULATION_FAILED',
    seed,
    traceHash: (failure as SimulationError).traceHash,
    cause: { message: (cause as Error).message },
  })
  await simulate({ ...same, seed, faults: [] }) // without the fault it holds
}, 30_000)
