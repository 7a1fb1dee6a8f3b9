/**
 * Nothing is left of what has ended. Cycles of everything that a process can hold: servers that crash, stop,
 * are killed and restarted, calls with deadlines and signals, links, monitors, timers, names, aborted starts.
 * Judged by what the system counts, by Node's handles and listeners, and by the heap after a collection, in a process that no
 * other test shares: what those left to the compiler moves the heap by megabytes.
 */
import { getEventListeners } from 'node:events'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import {
  createRealClock,
  createSystem,
  type Pid,
  type System,
  type SystemOptions,
} from '../../runtime/index.ts'
import {
  defineServer,
  noreply,
  reply,
  stop,
  stopProcess,
  Supervisor,
} from '../../behaviours/index.ts'

const CYCLES = Number(process.env['FOVEA_LEAK_CYCLES'] ?? 100_000)
const WARM_UP = 2000
const BATCH = 500
/**
 * What the heap may have grown by: 40 bytes per life at the full count, less than the smallest object that could
 * be left. What the compiler keeps is below 3 MB and does not grow with the count.
 */
const GROWTH_BYTES_MAX = 4_000_000

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

const nextTurn = (): Promise<void> => new Promise((resolve) => createRealClock().nextTurn(resolve))

const Victim = defineServer({
  init: (mode: string) => {
    if (mode === 'init') throw new Error('no start')
    return mode
  },
  call: {
    echo: (mode: string, text: string) => reply(text, mode),
    slow: async (mode: string, text: string) => {
      await Promise.resolve()
      return reply(text, mode)
    },
    never: (mode: string) => noreply(mode),
    crash: (): never => {
      throw new Error('boom')
    },
    end: (mode: string) => stop('normal', mode, { reply: 'bye' }),
  },
  cast: {},
  info: (mode: string) => noreply(mode),
})

interface Bench {
  readonly system: System
  readonly watcher: Pid
  readonly signal: AbortSignal
}

/** One life: it starts, holds what can be held, and ends in the way of its number. */
async function cycle({ system, watcher, signal }: Bench, i: number): Promise<void> {
  if (i % 50 === 0) {
    await Victim.start('init', { system, signal }).catch(() => {})
    return
  }
  const name = i % 3 === 0 ? `n${i}` : undefined
  const ref = await Victim.start('', { system, signal, name, monitor: watcher })
  system.link(watcher, ref.pid)
  system.sendAfter(60_000, ref.pid, 'never')
  const kept = system.sendAfter(60_000, watcher, 'never')
  const unwatch = system.watch(ref.pid, () => {})
  const own = new AbortController()
  const given = ref.call.never({ signal: own.signal } as never).catch(() => {})
  await ref.call.echo('x', { signal })
  await ref.call.slow('x', { signal: own.signal, timeoutMs: 1000 })
  const pending = ref.call.never(undefined as never, { signal, timeoutMs: 60_000 }).catch(() => {})
  if (i % 7 === 0) own.abort()
  if (i % 4 === 0) await ref.call.crash(undefined as never).catch(() => {})
  else if (i % 4 === 1) await ref.call.end(undefined as never)
  else if (i % 4 === 2) await stopProcess(ref, 'shutdown', { signal, timeoutMs: 1000 })
  else system.exit(ref.pid, 'kill')
  unwatch()
  system.cancelTimer(kept)
  await Promise.all([given, pending])
}

async function cycles(bench: Bench, count: number): Promise<void> {
  for (let done = 0; done < count; done += BATCH) {
    await Promise.all(Array.from({ length: BATCH }, (_, i) => cycle(bench, done + i)))
  }
}

async function heapBytes(): Promise<number> {
  for (let i = 0; i < 4; i++) {
    gc()
    await nextTurn() // finalizers and the compiler have their turns
  }
  return process.memoryUsage().heapUsed
}

/** Everything that is counted as being there now. */
function held(system: System): Readonly<Record<string, number>> {
  const { processes, callsPending, timers, names, monitors, runQueue, tables } = system.stats()
  return { processes, callsPending, timers, names, monitors, runQueue, tables }
}

it.each<[string, number, Partial<SystemOptions>]>([
  ['plain', CYCLES, {}],
  ['with asyncContext and reports', CYCLES / 10, { asyncContext: true, reportLongHandlers: true }],
])(
  'a system %s holds nothing after %i lives',
  { timeout: 120_000 },
  async (_text, count, options) => {
    const system = createSystem(options)
    const sink = { label: 'watcher', handle: (): void => {} }
    const watcher = system.start(sink, { trapExit: true }).pid
    const { signal } = new AbortController()
    const bench: Bench = { system, watcher, signal }
    await cycles(bench, WARM_UP)
    await system.call(watcher, 'x', 1, { timeoutMs: 0 }).catch(() => {})
    const before = {
      held: held(system),
      bytes: await heapBytes(),
      handles: process.getActiveResourcesInfo(),
    }
    expect(before.held).toEqual({
      processes: 1,
      callsPending: 0,
      timers: 0,
      names: 0,
      monitors: 0,
      runQueue: 0,
      tables: 0,
    })
    await cycles(bench, count)
    await system.call(watcher, 'x', 1, { timeoutMs: 0 }).catch(() => {})
    const grownBytes = (await heapBytes()) - before.bytes
    expect(held(system)).toEqual(before.held)
    expect(getEventListeners(signal, 'abort')).toEqual([])
    expect(grownBytes).toBeLessThan(GROWTH_BYTES_MAX)
    await system.stop()
    expect(held(system)).toEqual({ ...before.held, processes: 0 })
    const left = process.getActiveResourcesInfo().filter((kind) => kind === 'Immediate')
    expect(left).toEqual([])
  },
)

it('a supervisor holds nothing of the children it has restarted', { timeout: 60_000 }, async () => {
  const restarts = CYCLES / 10
  const system = createSystem()
  const sup = await Supervisor.start({
    system,
    intensity: restarts + WARM_UP + 1,
    periodMs: 3_600_000,
    children: [Victim.child('', { id: 'a', options: { name: 'a' } })],
  })
  const crash = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      await system.call('a', 'crash', undefined).catch(() => {})
      for (let turn = 0; turn < 1000 && system.whereis('a') === undefined; turn++) await nextTurn()
    }
  }
  await crash(WARM_UP)
  const before = await heapBytes()
  await crash(restarts)
  expect((await heapBytes()) - before).toBeLessThan(GROWTH_BYTES_MAX)
  expect(held(system)).toMatchObject({
    processes: 2,
    callsPending: 0,
    timers: 0,
    monitors: 0,
    names: 1,
  })
  await stopProcess(sup, 'shutdown')
  expect(system.stats().processes).toBe(0)
  await system.stop()
})
