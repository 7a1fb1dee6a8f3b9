/** Threads without a node: how they begin and end. */
import { MessageChannel } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import type { WorkerError } from '../../../dist/workers/errors.ts'
import { Thread } from '../../../dist/workers/thread.ts'
import { createSimClock } from '../../../runtime/index.ts'
import type { Logger, SimClock } from '../../../runtime/index.ts'

const ENTRY = new URL('fixtures/small-thread.mjs', import.meta.url)
const READY = { type: 'ready', id: 'w1@127.0.0.1:5', keyHex: 'ab'.repeat(32) }

interface Watched {
  readonly thread: Thread
  readonly clock: SimClock
  readonly lines: unknown[]
  /** Why it ended by itself. */
  readonly ended: Promise<WorkerError>
}

function started(data: object): Watched {
  const clock = createSimClock()
  const lines: unknown[] = []
  const note =
    (level: string): Logger['info'] =>
    (fields, text) =>
      void lines.push([level, fields, text])
  const logger = {
    ...{ debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') },
  }
  let thread!: Thread
  const ended = new Promise<WorkerError>((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.unref()
    const names = { name: 'w1', module: '', seed: '', insideHost: '', options: {}, realm: {} }
    const start = {
      ...names,
      data,
      line: port2,
      outside: undefined,
      dataDir: undefined,
      takesOver: false,
    }
    const parts = { entry: ENTRY, execArgv: undefined, startTimeoutMs: 1_000, clock, logger, start }
    thread = new Thread({ ...parts, onEnded: resolve })
  })
  return { thread, clock, lines, ended }
}

const failing = (promise: Promise<unknown>): Promise<WorkerError> =>
  promise.then(
    () => expect.fail('it did not fail'),
    (error: WorkerError) => error,
  )

describe('a thread', () => {
  it('is ready when it says so, passes on its log, and ends without a word when it is stopped', async () => {
    const log = { type: 'log', level: 'warn', fields: { code: 'ERR_X' }, text: 'a line' }
    const { thread, lines, ended } = started({ say: [log, { any: 'thing' }, READY], obeys: true })
    expect(await thread.ready).toMatchObject({ id: READY.id, keyHex: READY.keyHex })
    await thread.stop(1_000)
    await thread.stop(1_000) // idempotent
    expect(lines).toEqual([
      ['warn', { code: 'ERR_X', worker: 'w1' }, 'a line'],
      ['warn', { worker: 'w1' }, 'a worker posted a message that nobody expects'],
    ])
    const marker = Symbol('still')
    expect(await Promise.race([ended, Promise.resolve(marker)])).toBe(marker)
  })

  it('is ended from outside when it does not stop within stopTimeoutMs, and not before', async () => {
    const { thread, clock } = started({ say: [READY] })
    await thread.ready
    let over = false
    const stopped = thread.stop(500).then(() => (over = true))
    await clock.advance(499)
    expect(over).toBe(false)
    await clock.advance(1)
    await stopped
  })

  it('is ended when it is not ready within startTimeoutMs, and not before', async () => {
    const { thread, clock, ended } = started({})
    let over = false
    void ended.then(() => (over = true))
    await clock.advance(999)
    expect(over).toBe(false)
    await clock.advance(1)
    const error = await failing(thread.ready)
    expect([error.code, error.workerName]).toEqual(['ERR_WORKER_START_TIMEOUT', 'w1'])
    expect(await ended).toBe(error)
  })

  it.each<[string, object, object]>([
    ['exits', { exit: 7 }, { code: 'ERR_WORKER_EXIT', message: 'worker w1 ended with code 7' }],
    [
      'throws',
      { throw: 'a bug' },
      { code: 'ERR_WORKER_EXIT', message: 'worker w1 died: a bug', cause: { message: 'a bug' } },
    ],
    [
      'says that it failed',
      {
        say: [
          {
            ...{ type: 'failed', code: 'ERR_WORKER_START' },
            failure: { name: 'RealmError', message: 'no', code: 'ERR_NO', stack: 'there' },
          },
        ],
        exit: 1,
      },
      {
        code: 'ERR_WORKER_START',
        message: 'worker w1 did not start: no',
        cause: { name: 'RealmError', message: 'no', code: 'ERR_NO', stack: 'there' },
      },
    ],
  ])('that %s tells why, once', async (_what, data, expected) => {
    const { thread, ended, clock } = started(data)
    const error = await failing(thread.ready)
    expect(error).toMatchObject(expected)
    expect(await ended).toBe(error)
    await thread.stop(1_000)
    await clock.advance(10_000) // no timer is left to fire
  })
})
