/**
 * A side is one library doing the measured work in its own idiom. Every side runs in a child process of its
 * own, so that no polyfill, type feedback or heap of one can touch another; the parent gives them turns.
 *
 * The tools here are what sides share, so that "a burst" or "a pipeline" means the same work for all.
 */

/** What the parent asks for: `(size) => figure`. The unit belongs to the measure. */
export type Measure = (size: number) => number | Promise<number>

/** The measures that a side can do, by name. */
export type Measures = Readonly<Record<string, Measure>>

/** Calls in flight at a time when pipelined. */
export const PIPELINE = 1_000
/** Casts between two waits. */
export const BURST = 1_000
/** The timer under load, ms. */
export const TIMER_MS = 50
/** Messages that a measure of a drain handles at least. */
const DRAINED_MIN = 300_000
/** How long a storm of messages lasts, ms: a side that starves its timers shows this and not for ever. */
export const STORM_MS = 1_000

/**
 * Microseconds of processor time per operation of `run`, which does `operations` of them. Not of the wall
 * clock: on a machine that does other things, a short run often escapes and a long one never does, which
 * looks like a difference between the two. What the collector does in threads of its own counts.
 */
export async function timed(
  operations: number,
  run: (operations: number) => void | Promise<void>,
): Promise<number> {
  const before = process.cpuUsage()
  await run(operations)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / operations
}

/**
 * Microseconds of processor time per message to drain what `fill` has queued; queueing itself is not
 * counted. Repeated until it is warm and its time can be measured.
 */
export async function drained(
  queued: number,
  fill: (queued: number) => void,
  drain: () => Promise<unknown>,
): Promise<number> {
  const times = Math.ceil(DRAINED_MIN / queued)
  let took = 0
  for (let i = 0; i < times; i++) {
    fill(queued)
    const before = process.cpuUsage()
    await drain()
    const { user, system } = process.cpuUsage(before)
    took += user + system
  }
  return took / (times * queued)
}

/** One call after the other. */
export function sequential(call: () => Promise<unknown>): Measure {
  return (operations) =>
    timed(operations, async (n) => {
      for (let i = 0; i < n; i++) await call()
    })
}

/** Calls in batches that are awaited together. */
export function pipelined(call: () => Promise<unknown>): Measure {
  return (operations) =>
    timed(operations, async (n) => {
      const batch: Promise<unknown>[] = []
      for (let done = 0; done < n; done += PIPELINE) {
        for (let i = 0; i < PIPELINE; i++) batch.push(call())
        await Promise.all(batch)
        batch.length = 0
      }
    })
}

/** Casts in bursts, each followed by a call, so that the queue stays as short as in real life. */
export function bursts(cast: () => unknown, settle: () => Promise<unknown>): Measure {
  return (operations) =>
    timed(operations, async (n) => {
      for (let done = 0; done < n; done += BURST) {
        for (let i = 0; i < BURST; i++) cast()
        await settle()
      }
    })
}

/** The heap after two collections, bytes. */
export function heapBytes(): number {
  const collect = (globalThis as { gc?: () => void }).gc
  if (collect === undefined) throw new Error('run with --expose-gc')
  collect()
  collect()
  return process.memoryUsage().heapUsed
}

/** Bytes of heap per object that `make` makes; `drop` frees them. */
export async function bytesPer(
  count: number,
  make: (count: number) => Promise<readonly unknown[]> | readonly unknown[],
  drop: (made: readonly unknown[]) => void | Promise<void>,
): Promise<number> {
  const before = heapBytes()
  const made = await make(count)
  const bytes = (heapBytes() - before) / count
  if (made.length !== count) throw new Error(`${made.length} of ${count} were made`)
  await drop(made)
  return bytes
}

/**
 * Milliseconds until a timer of {@link TIMER_MS} fires while messages go back and forth. `play` makes the
 * players and gives what sends the first balls; whoever gets one passes it on while `goesOn()`.
 */
export async function underStorm(
  play: (goesOn: () => boolean) => (() => void) | Promise<() => void>,
  timer: (fire: () => void) => unknown = (fire) => setTimeout(fire, TIMER_MS),
): Promise<number> {
  let messages = 0
  let endsAt = 0
  const begin = await play(() => (++messages & 63) !== 0 || performance.now() < endsAt)
  const startedAt = performance.now()
  endsAt = startedAt + STORM_MS
  const fired = new Promise<number>((resolve) => {
    timer(() => resolve(performance.now() - startedAt))
  })
  begin()
  const firedAfterMs = await fired
  await new Promise<void>((resolve) => {
    setTimeout(resolve, Math.max(0, endsAt - performance.now()) + 20)
  })
  if (messages === 0) throw new Error('nobody played')
  return firedAfterMs
}

/** Given to the sides that are peers from npm, which are plain JavaScript outside of this compilation. */
export interface Tools {
  readonly timed: typeof timed
  readonly sequential: typeof sequential
  readonly pipelined: typeof pipelined
  readonly bursts: typeof bursts
  readonly bytesPer: typeof bytesPer
  readonly underStorm: typeof underStorm
  readonly TIMER_MS: number
  readonly PIPELINE: number
  readonly BURST: number
}

export const tools: Tools = {
  timed,
  sequential,
  pipelined,
  bursts,
  bytesPer,
  underStorm,
  TIMER_MS,
  PIPELINE,
  BURST,
}
