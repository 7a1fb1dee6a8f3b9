import { availableParallelism } from 'node:os'
import { describe, expect, it } from 'vitest'
import { inheritedOptions } from '../../../dist/workers/inherited-options.ts'
import { resolveWorkersOptions, WORKERS_MAX } from '../../../dist/workers/options.ts'
import {
  createThreadLogger,
  LOG_LINES_PER_SECOND_MAX,
} from '../../../dist/workers/thread-logger.ts'
import { failureOf, readThreadMessage } from '../../../dist/workers/thread-protocol.ts'
import { createSimClock } from '../../../runtime/index.ts'

const module = 'file:///worker.js'

describe('options of workers', () => {
  it('leave one processor to the main thread', () => {
    const { count, startTimeoutMs, stopTimeoutMs, intensity, periodMs } = resolveWorkersOptions({
      module,
    })
    expect(count).toBe(Math.max(1, Math.min(WORKERS_MAX, availableParallelism() - 1)))
    expect([startTimeoutMs, stopTimeoutMs, intensity, periodMs]).toEqual([30_000, 5_000, 3, 5_000])
  })

  it('take a URL in both forms', () => {
    expect(resolveWorkersOptions({ module: new URL(module) }).module).toBe(module)
  })

  it.each([
    ['count', 1, 0],
    ['count', WORKERS_MAX, WORKERS_MAX + 1],
    ['intensity', 0, -1],
    ['startTimeoutMs', 1, 0],
    ['module', module, './worker.js'],
    ['module', module, undefined],
    ['options', {}, 'many'],
    ['execArgv', [], '--flag'],
  ])('%s may be %s and not %s', (name, right, wrong) => {
    expect(() => resolveWorkersOptions({ module, [name]: right })).not.toThrow()
    expect(() => resolveWorkersOptions({ module, [name]: wrong })).toThrowError(
      expect.objectContaining({ option: name }) as Error,
    )
  })

  it('come from the node as far as they are about the mesh and can pass to a thread', () => {
    const given = {
      ...{ realm: {}, name: 'a', host: '::', port: 1, seeds: [], dataDir: 'd', logger: {} },
      ...{ keepaliveIntervalMs: 200, valueBytesMax: 5_000, cluster: undefined },
      ...{ membership: { preset: 'local', probe: { intervalMs: 7 } }, dht: { select: () => 1 } },
      metadata: new Map(),
    }
    expect(inheritedOptions(given)).toEqual({
      ...{ keepaliveIntervalMs: 200, valueBytesMax: 5_000 },
      membership: { preset: 'local', probe: { intervalMs: 7 } },
    })
  })
})

describe('what a thread says', () => {
  it.each([
    ['text', 'ready'],
    ['nothing', undefined],
    ['an id that is none', { type: 'ready', id: 'w1', keyHex: 'ab'.repeat(32) }],
    ['a key that is none', { type: 'ready', id: 'w1@h:1', keyHex: 'ab' }],
    ['another code', { type: 'failed', code: 'ERR_OTHER' }],
    ['another level', { type: 'log', level: 'fatal', fields: {}, text: '' }],
  ])('is not believed when it is %s', (_what, message) => {
    expect(readThreadMessage(message)).toBeUndefined()
  })

  it('that it failed is believed with whatever words come', () => {
    const said = { type: 'failed', code: 'ERR_WORKER_START', failure: 7 }
    expect(readThreadMessage(said)).toMatchObject({
      failure: { name: 'Error', message: 'it did not say why', code: undefined },
    })
    const log = { type: 'log', level: 'info', fields: 'text', text: 5 }
    expect(readThreadMessage(log)).toEqual({ ...log, fields: {}, text: '5' })
  })

  it('keeps the words of errors, whatever was thrown', () => {
    const error = Object.assign(new RangeError('far'), { code: 'ERR_FAR' })
    expect(failureOf(error)).toMatchObject({ name: 'RangeError', message: 'far', code: 'ERR_FAR' })
    expect(failureOf('text')).toMatchObject({ name: 'Error', message: 'text', code: undefined })
  })

  it('200 lines within a second and not one more; the next tells how many were dropped', async () => {
    const clock = createSimClock()
    const said: unknown[] = []
    const logger = createThreadLogger((message) => void said.push(message), clock)
    logger.debug({}, 'not passed on')
    for (let i = 0; i < LOG_LINES_PER_SECOND_MAX + 3; i++) logger.info({ i }, 'line')
    expect(said).toHaveLength(LOG_LINES_PER_SECOND_MAX)
    await clock.advance(1_000)
    const cause = new Error('why')
    logger.error({ cause, fn: () => 1, list: [1] }, 'after')
    expect(said.at(-1)).toEqual({
      ...{ type: 'log', level: 'error', text: 'after' },
      fields: { cause: cause.stack, fn: '() => 1', list: '1', linesDropped: 3 },
    })
  })
})
