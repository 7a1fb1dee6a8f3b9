import { expect, it } from 'vitest'
import { silentLogger, withFields } from '../../runtime/index.ts'

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
