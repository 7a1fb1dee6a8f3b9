import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { expect, it, vi } from 'vitest'
import {
  createRealClock,
  createSimClock,
  createSystem,
  inspectChannels,
} from '../../runtime/index.ts'
import type {
  Call,
  Message,
  Process,
  SimClock,
  System,
  SystemOptions,
} from '../../runtime/index.ts'

interface Line {
  readonly fields: Readonly<Record<string, unknown>>
  readonly message: string
}

/** A system that keeps its warnings. */
function made(options: Partial<SystemOptions>): { system: System; warnings: Line[] } {
  const warnings: Line[] = []
  const ignore = (): void => {}
  const warn = (fields: Line['fields'], message: string): void => {
    warnings.push({ fields, message })
  }
  const logger = { debug: ignore, info: ignore, warn, error: ignore }
  return { system: createSystem({ logger, ...options }), warnings }
}

/** Starts a process whose items are promises it waits for. */
function waiter(system: System): Process {
  return system.start({
    label: 'waiter',
    handle: (_process, item: Message | Call) => (item as Message).value as Promise<void>,
  })
}

const later = (clock: SimClock, ms: number): Promise<void> =>
  new Promise((resolve) => clock.setTimer(ms, () => resolve()))

it('reports a synchronous handler that took longHandlerMs, and none that took less', async () => {
  const clock = createRealClock()
  const { system, warnings } = made({ longHandlerMs: 20, reportLongHandlers: true })
  const { pid } = system.start({
    label: 'spinner',
    handle: (_process, item) => {
      const endMs = clock.now() + (item.name === 'long' ? 25 : 0)
      while (clock.now() < endMs);
    },
  })
  system.cast(pid, 'short', 1)
  system.cast(pid, 'long', 1)
  await new Promise<void>((resolve) => clock.nextTurn(resolve))
  expect(warnings).toEqual([
    {
      fields: {
        pid: pid.toString(),
        label: 'spinner',
        kind: 'cast',
        message: 'long',
        tookMs: expect.any(Number),
        inFlight: false,
      },
      message: 'handler took long',
    },
  ])
  expect(warnings[0]?.fields['tookMs']).toBeGreaterThanOrEqual(20)
  expect(system.stats().handlersLong).toBe(1)
  await system.stop()
})

it('reports an asynchronous handler once, while it is in flight', async () => {
  const clock = createSimClock()
  const { system, warnings } = made({ clock, reportLongHandlers: true })
  const { pid } = waiter(system)
  system.cast(pid, 'short', later(clock, 49))
  system.cast(pid, 'long', later(clock, 500))
  await clock.advance(98)
  expect(warnings).toEqual([])
  await clock.advance(1)
  expect(warnings).toEqual([
    {
      fields: {
        pid: pid.toString(),
        label: 'waiter',
        kind: 'cast',
        message: 'long',
        tookMs: 50,
        inFlight: true,
      },
      message: 'handler takes long',
    },
  ])
  await clock.advance(1000)
  expect(system.stats().handlersLong).toBe(1)
  expect(clock.timerCount).toBe(0)
})

it('forgets a handler in flight when its process ends or its system stops', async () => {
  const clock = createSimClock()
  const { system } = made({ clock, reportLongHandlers: true, stopTimeoutMs: 10 })
  const a = waiter(system)
  const b = waiter(system)
  system.cast(a.pid, 'x', new Promise(() => {}))
  await clock.advance(20)
  system.cast(b.pid, 'x', new Promise(() => {}))
  await clock.settle()
  system.exit(a.pid, 'kill')
  await clock.advance(40)
  expect(system.stats().handlersLong).toBe(0)
  const stopped = system.stop()
  await clock.advance(10)
  await stopped
  expect(system.stats().handlersLong).toBe(1) // at 50 ms of b, before the stop killed it
  expect(clock.timerCount).toBe(0)
})

it('measures for a subscriber too, without a line in the log', async () => {
  const clock = createSimClock()
  const { system, warnings } = made({ clock })
  const { pid } = waiter(system)
  const seen: unknown[] = []
  const onMessage = (message: unknown): void => void seen.push(message)
  subscribe(inspectChannels.handlerLong, onMessage)
  system.cast(pid, 'long', later(clock, 500))
  await clock.advance(500)
  unsubscribe(inspectChannels.handlerLong, onMessage)
  expect(seen).toEqual([
    { pid, label: 'waiter', kind: 'cast', name: 'long', tookMs: 50, inFlight: true },
  ])
  expect(warnings).toEqual([])
  system.cast(pid, 'long', later(clock, 500))
  await clock.advance(500)
  expect(seen).toHaveLength(1)
})

it('says what kind of item takes long when it has no name', async () => {
  const clock = createSimClock()
  const { system, warnings } = made({ clock, reportLongHandlers: true })
  const { pid } = waiter(system)
  system.send(pid, later(clock, 100))
  await clock.advance(100)
  expect(warnings).toMatchObject([{ fields: { kind: 'info', message: undefined } }])
})

it('measures nothing when no handler can be long', async () => {
  const readings: number[] = []
  for (const reportLongHandlers of [false, true]) {
    const clock = createSimClock()
    const { system } = made({ clock, reportLongHandlers, longHandlerMs: Infinity })
    const { pid } = waiter(system)
    await clock.settle()
    const now = vi.spyOn(clock, 'now')
    for (let i = 0; i < 10; i++) system.cast(pid, 'x', undefined)
    await clock.settle()
    readings.push(now.mock.calls.length)
  }
  expect(readings[1]).toBe(readings[0])
})

it('arms no timer while nobody wants to know', async () => {
  const clock = createSimClock()
  const { system } = made({ clock })
  const { pid } = waiter(system)
  system.cast(pid, 'long', new Promise(() => {}))
  await clock.settle()
  expect(clock.timerCount).toBe(0)
})
