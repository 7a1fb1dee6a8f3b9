import { expect, it } from 'vitest'
import { silentLogger, withFields } from '../../runtime/index.ts'
import { createWorld } from './world.ts'

it('withFields adds its fields to every line, the line wins', () => {
  const lines: unknown[] = []
  const write =
    (level: string) =>
    (fields: Readonly<Record<string, unknown>>, message: string): void =>
      void lines.push([level, fields, message])
  const logger = withFields(
    { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
    { node: 'a', part: 'x' },
  )
  logger.debug({}, 'one')
  logger.info({ part: 'y' }, 'two')
  logger.warn({}, 'three')
  logger.error({ error: 1 }, 'four')
  expect(lines).toEqual([
    ['debug', { node: 'a', part: 'x' }, 'one'],
    ['info', { node: 'a', part: 'y' }, 'two'],
    ['warn', { node: 'a', part: 'x' }, 'three'],
    ['error', { node: 'a', part: 'x', error: 1 }, 'four'],
  ])
})

it('the silent logger takes everything', () => {
  expect(() => silentLogger.error({ a: 1 }, 'x')).not.toThrow()
})

it.each(['debug', 'info', 'warn', 'error'] as const)(
  "a logger whose %s throws does not reach those who log through the system's",
  (method) => {
    const fail = (): never => {
      throw new Error('the disk is full')
    }
    const logger = { debug: fail, info: fail, warn: fail, error: fail }
    const { system } = createWorld({ logger })
    expect(() => system.logger[method]({ a: 1 }, 'x')).not.toThrow()
  },
)

it('the logger of a system keeps its `this`', () => {
  class Lines {
    readonly lines: string[] = []
    debug(_fields: unknown, message: string): void {
      this.lines.push(message)
    }
    info = this.debug
    warn = this.debug
    error = this.debug
  }
  const logger = new Lines()
  createWorld({ logger }).system.logger.debug({}, 'hello')
  expect(logger.lines).toEqual(['hello'])
})
