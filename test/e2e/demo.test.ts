/** `fovea demo` shows every step, and leaves no process and no file behind however it ends. */
import { existsSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Bench, type CliProcess } from './cli-process.ts'

const STEPS = ['start', 'join', 'members', 'spawn', 'call', 'crash', 'kill', 'leave', 'stop']

let bench: Bench
beforeEach(async () => {
  bench = await Bench.open()
})
afterEach(async () => {
  await bench.close()
})

/** The demo, with its temporary files where the bench removes them whatever happens. */
function startDemo(...flags: readonly string[]): CliProcess {
  return bench.start(['demo', ...flags], { env: { TMPDIR: bench.directory } })
}

/** What the running demo has outside itself. */
async function leftovers(demo: CliProcess): Promise<{ pids: number[]; directory: string }> {
  const started = await demo.event('demo_started')
  const step = await demo.event('step', { step: 'start' })
  return { pids: step['osPids'] as number[], directory: String(started['directory']) }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe('fovea demo', () => {
  test('for people: a line per step, in order, and exit code 0', async () => {
    const { code, stdout, stderr } = await startDemo().ended
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const shown = [...stdout.matchAll(/^ *\d+ {2}(\w+)/gm)].map((match) => match[1])
    expect(shown).toEqual(STEPS)
    expect(stdout).toMatch(/p50 [\d.]+ ms/)
    expect(stdout).toMatch(/done in [\d.]+ m?s\n$/)
    expect(stdout.split('\n').length).toBeLessThan(30)
  }, 40_000)

  test('for programs: the same as events with the measured figures; nothing is left', async () => {
    const demo = startDemo('--json')
    const { pids, directory } = await leftovers(demo)
    expect(pids).toHaveLength(3)
    expect(await demo.ended).toMatchObject({ code: 0, stderr: '' })
    const steps = demo.log.events.filter((event) => event.event === 'step')
    expect(steps.map((step) => step['step'])).toEqual(STEPS)
    const facts = Object.fromEntries(steps.map((step) => [String(step['step']), step]))
    expect(facts['call']).toMatchObject({ calls: 300, added: 15 })
    expect(facts['call']?.['p50Ms']).toBeGreaterThan(0)
    expect(facts['crash']).toMatchObject({ code: 'ERR_CALL_EXIT', value: 10 })
    expect(facts['kill']).toMatchObject({
      monitors: [{ reason: 'noconnection' }, { reason: 'noconnection' }],
    })
    expect(facts['kill']?.['detectionMs']).toBeLessThan(5000)
    expect(facts['leave']).toMatchObject({ reason: 'graceful_shutdown', code: 0 })
    expect(pids.filter(alive)).toEqual([])
    expect(existsSync(directory)).toBe(false)
  }, 40_000)

  test('Ctrl-C in the middle cleans up and exits with 130', async () => {
    const demo = startDemo('--json')
    const { pids, directory } = await leftovers(demo)
    demo.kill('SIGINT')
    expect(await demo.ended).toMatchObject({ code: 130 })
    expect(pids.filter(alive)).toEqual([])
    expect(existsSync(directory)).toBe(false)
  }, 30_000)

  test('a node killed behind its back: exit code 1, the step is named, nothing is left', async () => {
    const demo = startDemo('--json')
    const { pids, directory } = await leftovers(demo)
    process.kill(pids[0] ?? 0, 'SIGKILL')
    const ended = await demo.ended
    expect(ended.code).toBe(1)
    expect(JSON.parse(ended.stderr)).toMatchObject({
      error: {
        code: 'ERR_DEMO_STEP_FAILED',
        message: expect.stringMatching(
          /^step '\w+' failed: .*node a ended with signal SIGKILL/,
        ) as string,
      },
    })
    expect(pids.filter(alive)).toEqual([])
    expect(existsSync(directory)).toBe(false)
  }, 40_000)

  test('kill -9 of the demo itself ends its nodes', async () => {
    const demo = startDemo('--json')
    await leftovers(demo)
    demo.kill('SIGKILL')
    // Its nodes hold its standard error open, so `ended` comes when the last of them is gone.
    expect(await demo.ended).toMatchObject({ signal: 'SIGKILL' })
  }, 30_000)
})
