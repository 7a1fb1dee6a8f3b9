/** Taps, requests and suspension, as the runtime itself offers them. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  createSimClock,
  createSystem,
  factsOf,
  ItemKind,
  itemKindName,
  Message,
  observeProcess,
  requestOf,
  resumeProcess,
  suspendProcess,
  tapsOf,
  type Logger,
  type Process,
  type ProcessTap,
  type Program,
  type SimClock,
  type System,
} from '../../runtime/index.ts'
import { OBSERVED, SUSPENDED } from '../../runtime/process-flags.ts'
import type { ProcessCell } from '../../runtime/process.ts'

let clock: SimClock
let system: System
let warnings: unknown[]

beforeEach(() => {
  clock = createSimClock()
  warnings = []
  const ignored = (): void => {}
  const logger: Logger = {
    debug: ignored,
    info: ignored,
    warn: (fields) => warnings.push(fields),
    error: ignored,
  }
  system = createSystem({ clock, logger, node: 'test', callsPendingMax: 100 })
})
afterEach(async () => {
  await system.stop()
  const { processes, callsPending, timers } = system.stats()
  assert.deepEqual([processes, callsPending, timers], [0, 0, 0])
})

const seen: unknown[] = []
const collector: Program = {
  label: 'collector',
  handle: (_process, item) => {
    if (item.kind === ItemKind.init) seen.length = 0
    else seen.push(item.kind === ItemKind.call ? item.input : item.value)
    if (item.kind === ItemKind.call) item.reply(item.input)
  },
}
const begin = (program: Program = collector, options = {}): Process =>
  system.start(program, { ...options, initArg: undefined })
const flags = (process: Process): number => (process as ProcessCell).flags

function tap(log: unknown[]): ProcessTap {
  return {
    taken: (item) => log.push(['taken', itemKindName(item.kind)]),
    replied: (_call, value) => log.push(['replied', value]),
    refused: (_call, error) => log.push(['refused', error]),
    handled: (item) => log.push(['handled', itemKindName(item.kind)]),
    ended: (reason) => log.push(['ended', reason]),
  }
}

describe('taps', () => {
  it('are told in the order they were put on, and cost nothing when they are off', async () => {
    const process = begin()
    const [a, b]: unknown[][] = [[], []]
    const offA = observeProcess(process, tap(a as unknown[]))
    const offB = observeProcess(process, tap(b as unknown[]))
    expect(tapsOf(process)).toHaveLength(2)
    system.send(process.pid, 1)
    await clock.settle()
    offA()
    offA()
    expect(flags(process) & OBSERVED).toBe(OBSERVED)
    system.send(process.pid, 2)
    await clock.settle()
    offB()
    expect(flags(process) & OBSERVED).toBe(0)
    expect(tapsOf(process)).toEqual([])
    expect([a?.length, b?.length]).toEqual([4, 6])
  })

  it('that are taken off in the middle of an item hear no more of it', async () => {
    const process = begin()
    await clock.settle()
    const log: unknown[] = []
    const off = observeProcess(process, { ...tap(log), taken: () => off() })
    expect(await system.call(process.pid, 'x', 5)).toBe(5)
    expect(log).toEqual([])
  })

  it('in every position may throw: they are taken off, logged, and the others go on', async () => {
    for (const broken of ['taken', 'replied', 'handled', 'ended'] as const) {
      const process = begin()
      await clock.settle()
      const log: unknown[] = []
      const bad = (): never => {
        throw new Error(broken)
      }
      observeProcess(process, { ...tap([]), [broken]: bad })
      observeProcess(process, tap(log))
      expect(await system.call(process.pid, 'x', broken)).toBe(broken)
      system.exit(process.pid, 'over')
      expect(log).toEqual([
        ['taken', 'call'],
        ['replied', broken],
        ['handled', 'call'],
        ['ended', 'over'],
      ])
    }
    expect(warnings).toMatchObject(
      ['taken', 'replied', 'handled', 'ended'].map((message) => ({ error: { message } })),
    )
  })

  it('on a dead process are nothing', async () => {
    const process = begin()
    system.exit(process.pid, 'kill')
    const log: unknown[] = []
    observeProcess(process, tap(log))()
    expect(log).toEqual([])
  })

  it('a reply after the end of the tap is not told; a second reply never is', async () => {
    const calls: { reply(value: unknown): boolean }[] = []
    const process = begin({
      label: 'keeper',
      handle: (_process, item) => {
        if (item.kind === ItemKind.call) calls.push(item)
      },
    })
    const log: unknown[] = []
    const off = observeProcess(process, tap(log))
    const one = system.call(process.pid, 'x', 1)
    const two = system.call(process.pid, 'x', 2)
    await clock.settle()
    expect([calls[0]?.reply('a'), calls[0]?.reply('b')]).toEqual([true, false])
    off()
    calls[1]?.reply('c')
    expect(await Promise.all([one, two])).toEqual(['a', 'c'])
    expect(log.filter((entry) => (entry as string[])[0] === 'replied')).toEqual([['replied', 'a']])
  })
})

describe('requests', () => {
  it('are served in order between messages, for any program, in its name', async () => {
    const process = begin()
    system.send(process.pid, 1)
    const first = requestOf(process, 'look', () => [...seen])
    system.send(process.pid, 2)
    expect(await first).toEqual([1])
    const name = await requestOf(process, 'who', () => factsOf(process).activity)
    expect(name).toBe('running')
  })

  it('that throw fail their caller only', async () => {
    const process = begin()
    const cause = new Error('no')
    const failed = requestOf(process, 'fail', () => {
      throw cause
    })
    await expect(failed).rejects.toBe(cause)
    expect(process.alive).toBe(true)
  })

  it('count as pending calls and are refused at the limit', async () => {
    const process = begin({ label: 'busy', handle: () => new Promise<void>(() => {}) })
    await clock.settle()
    const waiting = Array.from({ length: 100 }, () =>
      requestOf(process, 'x', () => 1).catch((error: unknown) => error),
    )
    await expect(requestOf(process, 'x', () => 1)).rejects.toMatchObject({ code: 'ERR_CALLS_MAX' })
    system.exit(process.pid, 'kill')
    expect(await Promise.all(waiting)).toMatchObject(waiting.map(() => ({ reason: 'killed' })))
  })

  it('of a dead process, with a dead signal or a nonsensical deadline fail at once', async () => {
    const process = begin()
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(requestOf(process, 'x', () => 1, { signal })).rejects.toMatchObject({
      code: 'ERR_CALL_ABORTED',
    })
    await expect(requestOf(process, 'x', () => 1, { timeoutMs: NaN })).rejects.toMatchObject({
      code: 'ERR_ARGUMENT',
    })
    system.exit(process.pid, 'kill')
    await expect(requestOf(process, 'x', () => 1)).rejects.toMatchObject({ reason: 'noproc' })
  })
})

describe('suspension', () => {
  it('takes what is admitted past what is not, within the budget of a turn', async () => {
    const process = begin(collector, { parent: system.spawn((ctx) => ctx.receive()) })
    await suspendProcess(process)
    expect(flags(process) & SUSPENDED).toBe(SUSPENDED)
    for (let i = 0; i < 10; i++) system.send(process.pid, i)
    process.post(new Message(ItemKind.down, undefined, 'down'))
    process.post(new Message(ItemKind.timeout, undefined, 'timeout'))
    const looks = Array.from({ length: 60 }, (_, i) => requestOf(process, 'x', () => i))
    expect(await Promise.all(looks)).toEqual(looks.map((_, i) => i))
    expect(seen).toEqual([])
    await resumeProcess(process)
    await clock.settle()
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 'down', 'timeout'])
  })

  it.each([30, 31, 32, 63])(
    'begins at the end of a slice too: after %i messages',
    async (count) => {
      const process = begin()
      await clock.settle()
      for (let i = 0; i < count; i++) system.send(process.pid, i)
      const suspended = suspendProcess(process)
      system.send(process.pid, 'after')
      const resumed = resumeProcess(process)
      await Promise.all([suspended, resumed])
      await clock.settle()
      expect(seen).toHaveLength(count + 1)
    },
  )

  it.each([true, false])('an EXIT of the parent is admitted: %s', async (fromParent) => {
    const parent = system.spawn((ctx) => ctx.receive())
    const process = begin(collector, { parent, trapExit: true })
    await suspendProcess(process)
    const other = system.spawn((ctx) => ctx.receive())
    system.send(process.pid, 'before')
    system.exit(process.pid, 'x', fromParent ? parent : other)
    await clock.settle()
    expect(seen).toEqual(fromParent ? ['x'] : [])
    await resumeProcess(process)
    await clock.settle()
    expect(seen).toHaveLength(2)
  })

  it('is not fooled when the last item it looked at is taken by somebody else', async () => {
    const process = begin(collector, { mailboxMessagesMax: 2, mailboxPolicy: 'drop_oldest' })
    await suspendProcess(process)
    system.send(process.pid, 'a')
    expect(await requestOf(process, 'x', () => 1)).toBe(1)
    for (const message of ['b', 'c', 'd']) system.send(process.pid, message)
    expect(await requestOf(process, 'x', () => 2)).toBe(2)
    await resumeProcess(process)
    await clock.settle()
    expect(seen).toEqual(['c', 'd'])
  })

  it('an asynchronous stop of a suspended process ends it', async () => {
    let done: () => void = () => {}
    const process = begin({
      label: 'slow end',
      handle: (_process, item) =>
        item.kind === ItemKind.stop ? new Promise<void>((resolve) => (done = resolve)) : undefined,
    })
    await suspendProcess(process)
    system.send(process.pid, 'never')
    process.post(new Message(ItemKind.stop, undefined, { reason: 'shutdown', settle: () => {} }))
    await clock.settle()
    expect(factsOf(process)).toMatchObject({ activity: 'busy', busyWith: { kind: 'stop' } })
    done()
    await clock.settle()
    expect(process.alive).toBe(false)
  })
})
