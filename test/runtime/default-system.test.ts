import { afterEach, expect, it } from 'vitest'
import { defaultSystem, isSilent, silentLogger } from '../../runtime/index.ts'
import type { Logger } from '../../runtime/index.ts'

afterEach(() => defaultSystem({ logger: silentLogger }).stop())

it('is made once, and anew after it was stopped', async () => {
  const first = defaultSystem()
  expect(defaultSystem()).toBe(first)
  await first.stop()
  expect(defaultSystem()).not.toBe(first)
})

it('is silent until it is given a logger; then crashes are told there, by its successors too', async () => {
  const lines: unknown[] = []
  const logger: Logger = { ...silentLogger, error: ({ reason }) => void lines.push(reason) }
  const crash = async (reason: string): Promise<void> => {
    const system = defaultSystem()
    const pid = system.spawn((ctx) => ctx.exit(reason))
    await new Promise((resolve) => system.watch(pid, resolve))
  }
  await crash('unheard')
  expect(isSilent(defaultSystem().options.logger)).toBe(true)
  expect(defaultSystem({ logger })).toBe(defaultSystem())
  expect(isSilent(defaultSystem().options.logger)).toBe(false)
  await crash('one')
  await defaultSystem().stop()
  defaultSystem({ logger: undefined }) // leaves it as it is
  await crash('two')
  expect(lines).toEqual(['one', 'two'])
})

it.each([
  [{ logger: { error: () => {} } }, /'logger' must be a logger with debug, info, warn, error/],
  [{ node: 'a' }, /unknown option 'node'; known are logger/],
])('refuses %o', (options, message) => {
  expect(() => defaultSystem(options as never)).toThrow(message)
})
