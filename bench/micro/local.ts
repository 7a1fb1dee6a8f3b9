/**
 * Local messages: a call, a cast and a spawn of Fovea against a hand-made mailbox and a bare promise.
 * Run by `npm run bench`; writes bench/results/local.json.
 */
import {
  contract,
  createSystem,
  implement,
  noreply,
  reply,
  type Contract,
  type Server,
} from 'fovea'
import { compare, printComparison, saveResults, type Contender, type Measured } from '../harness.ts'
import { FloorMailbox } from './floor.ts'

interface SumApi {
  call: { add(by: number): number; total(): number }
  cast: { put(by: number): void }
}

const SumContract: Contract<SumApi> = contract('bench-sum/1', {
  call: { add: true, total: true },
  cast: { put: true },
})

const Sum: Server<SumApi, number> = implement(SumContract, {
  init: (start: number) => start,
  call: { add: (n, by) => reply(n + by, n + by), total: (n) => reply(n, n) },
  cast: { put: (n, by) => noreply(n + by) },
})

const CALLS = 200_000
const SPAWNS = 50_000
const PIPELINE = 1_000
const BURST = 1_000
const IDLE_PROCESSES = 200_000

async function promiseFloor(operations: number): Promise<void> {
  let sum = 0
  for (let i = 0; i < operations; i++) sum += await Promise.resolve(1)
  if (sum !== operations) throw new Error('the bare promise lost a value')
}

async function sequential(): Promise<Measured[]> {
  const floor = new FloorMailbox()
  await using system = createSystem()
  const sum = await Sum.start(0, { system })
  return await compare(
    [
      {
        name: 'hand-made mailbox',
        run: async (n) => {
          for (let i = 0; i < n; i++) await floor.call(1)
        },
      },
      { name: 'bare promise', run: promiseFloor },
      {
        name: 'fovea ref.call',
        run: async (n) => {
          for (let i = 0; i < n; i++) await sum.call.add(1)
        },
      },
    ],
    { operations: CALLS },
  )
}

/** Calls in batches that are awaited together. */
async function inBatches(n: number, call: () => Promise<number>): Promise<void> {
  const batch: Promise<number>[] = []
  for (let done = 0; done < n; done += PIPELINE) {
    for (let i = 0; i < PIPELINE; i++) batch.push(call())
    await Promise.all(batch)
    batch.length = 0
  }
}

async function pipelined(): Promise<Measured[]> {
  const floor = new FloorMailbox()
  await using system = createSystem()
  const sum = await Sum.start(0, { system })
  const contenders: Contender[] = [
    { name: 'hand-made mailbox', run: (n) => inBatches(n, () => floor.call(1)) },
    { name: 'fovea ref.call', run: (n) => inBatches(n, () => sum.call.add(1)) },
  ]
  return await compare(contenders, { operations: CALLS })
}

/** Casts in bursts, each followed by a call, so that the queue stays as short as in real life. */
async function inBursts(
  n: number,
  cast: () => unknown,
  settle: () => Promise<number>,
): Promise<void> {
  for (let done = 0; done < n; done += BURST) {
    for (let i = 0; i < BURST; i++) cast()
    await settle()
  }
}

async function casts(): Promise<Measured[]> {
  const floor = new FloorMailbox()
  await using system = createSystem()
  const sum = await Sum.start(0, { system })
  return await compare(
    [
      {
        name: 'hand-made mailbox',
        run: (n) =>
          inBursts(
            n,
            () => floor.cast(1),
            () => floor.call(0),
          ),
      },
      {
        name: 'fovea ref.cast',
        run: (n) =>
          inBursts(
            n,
            () => sum.cast.put(1),
            () => sum.call.total(),
          ),
      },
    ],
    { operations: CALLS },
  )
}

async function spawns(): Promise<Measured[]> {
  const kept: unknown[] = []
  return await compare(
    [
      {
        name: 'a hand-made mailbox object',
        run: (n) => {
          kept.length = 0
          for (let i = 0; i < n; i++) kept.push(new FloorMailbox())
        },
      },
      {
        name: 'fovea system.spawn',
        run: async (n) => {
          const system = createSystem()
          for (let i = 0; i < n; i++) system.spawn(() => {})
          await system.stop()
        },
      },
      {
        name: 'fovea Server.start (with init)',
        run: async (n) => {
          const system = createSystem()
          const started: Promise<unknown>[] = []
          for (let i = 0; i < n; i++) started.push(Sum.start(0, { system }))
          await Promise.all(started)
          await system.stop()
        },
      },
    ],
    { operations: SPAWNS, rounds: 5 },
  )
}

function heapBytes(): number {
  const collect = (globalThis as { gc?: () => void }).gc
  if (collect === undefined) throw new Error('run with --expose-gc')
  collect()
  collect()
  return process.memoryUsage().heapUsed
}

/** Heap per idle gen_server, with its pid and ref held and its supervisor's link in place. */
async function idleBytes(): Promise<number> {
  const system = createSystem()
  const parent = system.spawn((ctx) => {
    ctx.trapExit(true)
    return ctx.receive(() => false)
  })
  const refs: unknown[] = new Array(IDLE_PROCESSES)
  const before = heapBytes()
  for (let i = 0; i < IDLE_PROCESSES; i++) {
    refs[i] = await Sum.start(0, { system, parent, link: true })
  }
  const bytes = (heapBytes() - before) / IDLE_PROCESSES
  if (refs.length !== IDLE_PROCESSES) throw new Error('refs were lost')
  await system.stop()
  return bytes
}

export async function benchLocal(): Promise<void> {
  const results = {
    callSequential: await sequential(),
    callPipelined: await pipelined(),
    cast: await casts(),
    spawn: await spawns(),
    idleProcessBytes: await idleBytes(),
  }
  printComparison('Local call, one after the other', results.callSequential)
  printComparison(`Local call, ${PIPELINE} in flight`, results.callPipelined)
  printComparison('Local cast', results.cast)
  printComparison('Spawn and end', results.spawn)
  console.log(
    `\nHeap per idle gen_server with pid, ref and link: ${results.idleProcessBytes.toFixed(0)} bytes`,
  )
  saveResults('local', results)
}
