/** Starting, ending and keeping processes. */
import { createSystem, type Pid, type Ref } from 'fovea'
import { bytesPer, timed, type Measures } from './side.ts'
import { Sum, type SumApi } from './sum.ts'

/**
 * Processes that wait for messages, all of them, and their end by a signal: what spawn and stop mean to the
 * peers.
 */
async function spawn(operations: number): Promise<number> {
  await using system = createSystem()
  return await timed(operations, async (n) => {
    const pids: Pid[] = []
    for (let i = 0; i < n; i++) pids.push(system.spawn((ctx) => ctx.receive()))
    await new Promise<void>((resolve) => {
      system.spawn(() => resolve()) // runs after all that were spawned before it
    })
    for (const pid of pids) system.exit(pid, 'kill')
  })
}

/** Also run and let end: the body returns at once. */
async function spawnAndRun(operations: number): Promise<number> {
  const system = createSystem()
  return await timed(operations, async (n) => {
    for (let i = 0; i < n; i++) system.spawn(() => {})
    await system.stop()
  })
}

/** gen_servers, their start acknowledged after `init`, ended one by one. */
async function startServers(operations: number): Promise<number> {
  await using system = createSystem()
  return await timed(operations, async (n) => {
    const starting: Promise<Ref<SumApi>>[] = []
    for (let i = 0; i < n; i++) starting.push(Sum.start(0, { system }))
    for (const { pid } of await Promise.all(starting)) system.exit(pid, 'kill')
  })
}

/** Heap per idle gen_server, with its pid and ref held and its supervisor's link in place. */
async function idleBytes(count: number): Promise<number> {
  await using system = createSystem()
  const parent = system.spawn((ctx) => {
    ctx.trapExit(true)
    return ctx.receive(() => false)
  })
  return await bytesPer(
    count,
    async (n) => {
      const refs: Ref<SumApi>[] = new Array<Ref<SumApi>>(n)
      for (let i = 0; i < n; i++) refs[i] = await Sum.start(0, { system, parent, link: true })
      return refs
    },
    () => system.stop(),
  )
}

/** Milliseconds to stop `count` idle gen_servers with their system. */
async function stopAll(count: number): Promise<number> {
  const system = createSystem({ stopTimeoutMs: 120_000 })
  for (let done = 0; done < count; done += 10_000) {
    const starting: Promise<unknown>[] = []
    for (let i = 0; i < 10_000; i++) starting.push(Sum.start(0, { system }))
    await Promise.all(starting)
  }
  if (system.stats().processes !== count) throw new Error('not all are alive')
  const startedAt = performance.now()
  await system.stop()
  const tookMs = performance.now() - startedAt
  if (system.stats().processes !== 0) throw new Error('not all have ended')
  return tookMs
}

export const processes: Measures = {
  spawn,
  spawnAndRun,
  startServers,
  idleBytes,
  stopAll,
}
