/** Callers' signals and long deadlines of starts and stops. */
import { getEventListeners } from 'node:events'
import { expect, it } from 'vitest'
import { createSystem } from '../../../runtime/index.ts'
import { GenServer, noreply, stopProcess } from '../../../behaviours/index.ts'
import { FakeTimeouts } from '../../support/fake-timeouts.ts'
import { outcome, scripted, world } from '../world.ts'

const never = (): Promise<never> => new Promise(() => {})

it('any number of starts and stops share one listener of a signal, and leave none', async () => {
  const { clock, system } = world()
  const warnings: unknown[] = []
  const onWarning = (warning: unknown): void => void warnings.push(warning)
  process.on('warning', onWarning)
  const abort = new AbortController()
  const { signal } = abort
  const slow = scripted({ init: never, terminate: never })
  const done = scripted()
  const starts = Array.from({ length: 20 }, () =>
    outcome(slow.start(undefined, { system, signal, initTimeoutMs: Infinity })),
  )
  const refs = await Promise.all(
    Array.from({ length: 20 }, () => done.start(undefined, { system, signal })),
  )
  const held = await scripted({ terminate: never }).start(undefined, { system })
  const stops = Array.from({ length: 20 }, () => outcome(stopProcess(held, 'normal', { signal })))
  expect(getEventListeners(signal, 'abort')).toHaveLength(1)
  await Promise.all(refs.map((ref) => stopProcess(ref, 'normal', { signal })))
  abort.abort('enough')
  await clock.settle()
  expect(starts.map(({ error }) => (error as { code: string }).code)).toEqual(
    starts.map(() => 'ERR_START_ABORTED'),
  )
  expect(stops.map(({ error }) => (error as { code: string }).code)).toEqual(
    stops.map(() => 'ERR_STOP_ABORTED'),
  )
  expect(getEventListeners(signal, 'abort')).toEqual([])
  process.off('warning', onWarning)
  expect(warnings).toEqual([])
})

it('a stop with a deadline of more than 24.8 days does not give up early', async () => {
  const system = createSystem()
  const hangs = {
    init: () => 0,
    handleCall: (_message: string, n: number) => noreply(n),
    terminate: never,
  }
  const ref = await GenServer.start(hangs, { system })
  const dayMs = 86_400_000
  {
    using timeouts = new FakeTimeouts()
    const stopped = outcome(GenServer.stop(ref, 'normal', { timeoutMs: 30 * dayMs }))
    timeouts.advance(30 * dayMs - 1)
    await Promise.resolve()
    expect(stopped.settled).toBe(false)
    timeouts.advance(1)
    await Promise.resolve()
    expect(stopped.error).toMatchObject({ code: 'ERR_STOP_TIMEOUT', timeoutMs: 30 * dayMs })
  }
  await system.stop({ signal: AbortSignal.abort() })
})
