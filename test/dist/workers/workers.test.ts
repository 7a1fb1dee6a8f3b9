/**
 * Worker nodes in real threads, as the package has them. Needs `npm run build`: Node 20 runs no TypeScript in a thread.
 * Waits for events, never for time.
 */
import { spawn as spawnChild } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { contract, type Contract, type Ref } from '../../../behaviours/index.ts'
import { startNode } from '../../../dist/index.ts'
import type { FoveaNode, NodeOptions, WorkerError } from '../../../dist/index.ts'
import { createNodeWorkers } from '../../../dist/workers/host.ts'
import type { WorkersOptions } from '../../../dist/workers/options.ts'
import type { NodeWorkers, Workers } from '../../../dist/workers/workers.ts'
import * as mesh from '../../../mesh/index.ts'
import { createRealClock, silentLogger, type Logger } from '../../../runtime/index.ts'

interface ProbeApi {
  call: {
    thread(): number
    echo(value: unknown): unknown
    count(): number
    relay(to: { readonly ref: Ref<ProbeApi>; readonly value: unknown }): number
    hang(): never
    asked(): unknown
    exit(): never
  }
  cast: { add(by: number): void; throwOutside(): void }
}

const ProbeContract: Contract<ProbeApi> = contract('probe/1', {
  call: {
    ...{ thread: true, echo: true, count: true, relay: true, hang: true, exit: true, asked: true },
  },
  cast: { add: true, throwOutside: true },
})

/** What runs in a thread; the package has it beside its own files. */
const ENTRY = new URL('../../../build/dist/workers/thread-main.js', import.meta.url)
const MODULE = new URL('fixtures/worker-module.mjs', import.meta.url)
const MAIN = fileURLToPath(new URL('fixtures/main.mjs', import.meta.url))

/** Loading the library in a thread takes a second of processor time, and others run beside it. */
const WAIT_MS = 60_000

/** Nodes to stop after a test. */
const running: { stop(): Promise<void> }[] = []

/** A node whose workers run the compiled library. */
interface Main {
  readonly node: FoveaNode
  startWorkers(options: WorkersOptions): Promise<Workers>
  stop(): Promise<void>
}

async function start(name: string, options: Partial<NodeOptions> = {}): Promise<Main> {
  const logger = options.logger ?? silentLogger
  const door = mesh.createNodeDoor({ logger })
  const realm = options.realm ?? mesh.createRealm('com.example.workers')
  const given = { name, host: '127.0.0.1', port: 0, realm, ...options }
  const node = await startNode({ ...given, transport: door })
  const { mesh: own, cluster } = node
  const workers: NodeWorkers = createNodeWorkers({ mesh: own, cluster, logger, door }, given, ENTRY)
  const stop = async (): Promise<void> => {
    await workers.close()
    await node.stop()
  }
  return { node, stop, startWorkers: (given) => workers.start(given) }
}

const spawn = (from: FoveaNode, on: { readonly key: FoveaNode['key'] }): Promise<Ref<ProbeApi>> =>
  from.remoteSpawn.spawn(ProbeContract, on.key)

const failing = (promise: Promise<unknown>): Promise<WorkerError & { reason?: unknown }> =>
  promise.then(
    () => expect.fail('it did not fail'),
    (error: WorkerError) => error,
  )

/** Handles that threads and ports leave when they are forgotten. */
const handles = (): number =>
  process.getActiveResourcesInfo().filter((name) => /MessagePort|Worker/.test(name)).length

beforeAll(() => {
  if (!existsSync(ENTRY)) throw new Error('run `npm run build` first')
})

describe('worker nodes', { timeout: WAIT_MS }, () => {
  let own: Main
  let main: FoveaNode
  let workers: Workers
  let handlesBefore = 0
  const lines: string[] = []

  beforeAll(async () => {
    handlesBefore = handles()
    const keep = (_fields: object, text: string): void => void lines.push(text)
    const logger: Logger = { debug: () => {}, info: keep, warn: keep, error: keep }
    own = await start('main', { logger })
    main = own.node
    workers = await own.startWorkers({ count: 2, module: MODULE })
  }, WAIT_MS)

  afterAll(() => own.stop())

  afterEach(async () => {
    await Promise.all(running.splice(0).map((node) => node.stop()))
  })

  it('are connected members when startWorkers resolves, with keys and addresses of their own', () => {
    const [first, second] = workers.nodes
    expect(workers.nodes.map(({ name, restarts }) => [name, restarts])).toEqual([
      ['main-w1', 0],
      ['main-w2', 0],
    ])
    expect(new Set([main.key.hex, first!.key.hex, second!.key.hex]).size).toBe(3)
    for (const { id, key } of workers.nodes) {
      expect(main.cluster.isNodeConnected(key)).toBe(true)
      expect(id).toMatch(/^main-w\d@127\.0\.0\.1:\d+$/)
    }
  })

  it('spawn, call, cast in order and carry large values across threads', async () => {
    const refs = await Promise.all(workers.nodes.map((worker) => spawn(main, worker)))
    const threads = await Promise.all(refs.map((ref) => ref.call.thread()))
    expect(new Set([0, ...threads]).size).toBe(3)
    const [ref] = refs as [Ref<ProbeApi>]
    for (let i = 0; i < 1_000; i++) ref.cast.add(1)
    expect(await ref.call.count()).toBe(1_000)
    const big = new Uint8Array(5_000_000).fill(7)
    const back = (await ref.call.echo(big)) as Uint8Array
    expect([back.length, back.every((byte) => byte === 7)]).toEqual([big.length, true])
    expect(big.length).toBe(5_000_000) // the caller's buffer was copied, not moved
  })

  it('talk to each other without the main thread', async () => {
    const [one, other] = await Promise.all(workers.nodes.map((worker) => spawn(main, worker)))
    await one!.call.relay({ ref: other!, value: 'the first makes the link' })
    const before = main.mesh.stats().endpoint!
    const value = new Uint8Array(5_000_000)
    expect(await one!.call.relay({ ref: other!, value: 'x'.repeat(100) })).toBe(100)
    expect(await other!.call.echo(value)).toHaveLength(value.length)
    const there = main.mesh.stats().endpoint!
    expect(there.bytesSent - before.bytesSent).toBeGreaterThan(value.length)
    const text = 'y'.repeat(100_000)
    const between = { ref: other!, value: text }
    for (let i = 0; i < 3; i++) expect(await one!.call.relay(between)).toBe(text.length)
    const after = main.mesh.stats().endpoint!
    // To the first once per call, and nothing of what passes between the two comes back here.
    expect(after.bytesReceived - there.bytesReceived).toBeLessThan(text.length)
  })

  it('are reached by nodes of other processes at their own port', async () => {
    // It has no line to our threads, so all it has is QUIC.
    const options = { realm: main.mesh.realm, seeds: [main.id] }
    const { node: outside, stop } = await start('outside', options)
    running.push({ stop })
    const [worker] = workers.nodes
    await outside.cluster.waitFor(worker!.key)
    const ref = await spawn(outside, worker!)
    expect(await ref.call.thread()).not.toBe(0)
  })

  it('can do without a port; then only this process reaches them', async () => {
    const options = { quic: false, intensity: 0, data: { ask: true } }
    const inside = await own.startWorkers({ count: 1, module: MODULE, ...options })
    const [worker] = inside.nodes
    expect(worker!.name).toBe('main-w3')
    expect(worker!.id).toMatch(/^main-w3@\[100::[0-9a-f:]+\]:\d+$/)
    const [ref, other] = [await spawn(main, worker!), await spawn(main, workers.nodes[0]!)]
    expect(await ref.call.relay({ ref: other, value: 'across' })).toBe(6)
    expect(await ref.call.asked()).toBe('ERR_WORKERS_UNAVAILABLE') // no workers of workers

    // An error that nobody catches ends its thread, here once too often.
    const down = new Promise((resolve) => main.cluster.onNodeDown((id, why) => resolve([id, why])))
    ref.cast.throwOutside()
    expect(await down).toEqual([worker!.id, 'connection_closed'])
    expect(await inside.ended).toBe('shutdown')
    expect(lines).toContain('workers were given up')
    await inside.stop()
  })

  it('a thread that ends is a node that is gone, at once; another one takes its place', async () => {
    const [worker] = workers.nodes
    const ref = await spawn(main, worker!)
    const reasons: unknown[] = []
    main.remoteMonitor.monitor(ref, (_ref, reason) => void reasons.push(reason))
    const down = new Promise((resolve) => main.cluster.onNodeDown((id, why) => resolve([id, why])))
    const up = new Promise<string>((resolve) => main.cluster.onNodeUp((id) => resolve(id)))
    const pending = failing(ref.call.hang())
    expect((await failing(ref.call.exit())).reason).toBe('noconnection')
    expect((await pending).reason).toBe('noconnection')
    expect(await down).toEqual([worker!.id, 'connection_closed'])
    expect(reasons).toEqual(['noconnection'])
    const id = await up
    const [again] = workers.nodes
    expect([again!.name, again!.restarts, again!.id]).toEqual(['main-w1', 1, id])
    expect(again!.key.hex).not.toBe(worker!.key.hex)
    expect(await (await spawn(main, again!)).call.count()).toBe(0)
    expect((await failing(ref.call.count())).reason).toBe('noconnection')
  })

  it('leave no thread, port or address when their node stops', async () => {
    const [worker] = workers.nodes
    const pending = failing((await spawn(main, worker!)).call.hang())
    await own.stop()
    expect((await pending).reason).toBe('noconnection')
    expect(await workers.ended).toBe('normal')
    await workers.stop() // idempotent
    expect(handles()).toBe(handlesBefore)
  })
})

describe('workers that cannot start', { timeout: WAIT_MS }, () => {
  it('whose module has no setup or whose setup fails leave nothing', async () => {
    const own = await start('main')
    const one = (options: object): Promise<WorkerError> =>
      failing(own.startWorkers({ count: 1, module: MODULE, ...options }))
    const [module, failed] = await Promise.all([
      one({ module: new URL('data:text/javascript,export const other = 1') }),
      one({ data: { fail: true } }),
    ])
    expect(module).toMatchObject({ name: 'WorkerError', code: 'ERR_WORKER_MODULE' })
    expect((module.cause as Error).message).toMatch(/exports no function setup$/)
    expect(failed).toMatchObject({ code: 'ERR_WORKER_START', cause: { code: 'ERR_TOLD' } })
    expect(failed.message).toBe(`worker ${failed.workerName} did not start: told to fail`)
    expect(own.node.cluster.getConnectedNodeCount()).toBe(0)
    await own.stop()
    expect((await one({})).code).toBe('ERR_WORKERS_UNAVAILABLE')
  })

  it('because their node stops meanwhile leave nothing, however far they have come', async () => {
    for (const turns of [0, 1, 4, 50]) {
      const before = handles()
      const own = await start('main')
      const given = { count: 1, module: MODULE, stopTimeoutMs: 50 }
      const starting = failing(own.startWorkers(given))
      for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
      await own.stop()
      expect([turns, (await starting).code]).toEqual([turns, 'ERR_WORKERS_UNAVAILABLE'])
      expect([turns, handles()]).toEqual([turns, before])
    }
  })

  it('because what they are given cannot pass to a thread are refused with the reason', async () => {
    const own = await start('main')
    const error = await failing(own.startWorkers({ count: 2, module: MODULE, data: () => 1 }))
    expect(error.code).toBe('ERR_WORKER_START')
    expect(error.message).toMatch(/could not be cloned/)
    await own.stop()
  })

  it('where only the realm issues, each has a data directory, and says how to become a member', async () => {
    const whole = mesh.createRealm('com.example.guarded')
    const text = mesh.formatRealm(whole, { includePrivateKey: false })
    const realm = await mesh.loadRealm(JSON.parse(text) as object)
    const dataDir = await mkdtemp(join(tmpdir(), 'fovea-workers-'))
    const first = await start('guarded', { realm: whole, dataDir })
    await first.stop()
    const wallNowMs = createRealClock().wallNow()
    const realmMembership = mesh.issueMembership(whole, first.node.key, { wallNowMs })
    const own = await start('guarded', { realm, dataDir, realmMembership })
    const error = await failing(own.startWorkers({ count: 1, module: MODULE }))
    await own.stop()
    const cause = error.cause as Error & { code: string }
    expect([error.code, cause.code]).toEqual(['ERR_WORKER_START', 'ERR_MEMBERSHIP_REQUIRED'])
    expect(cause.message).toContain(join(dataDir, 'workers', '1', 'membership.json'))
    expect(cause.message).toMatch(/fovea realm issue [0-9a-f]{64}/)
    await rm(dataDir, { recursive: true })
  })
})

describe('a program with workers', { timeout: WAIT_MS }, () => {
  it('starts them with Cluster.startWorkers, calls them, and ends by itself when its node is stopped', async () => {
    const child = spawnChild(process.execPath, [MAIN], { stdio: ['ignore', 'pipe', 'pipe'] })
    const output = { stdout: '', stderr: '' }
    child.stdout.setEncoding('utf8').on('data', (text: string) => void (output.stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => void (output.stderr += text))
    const code = await new Promise((resolve) => child.once('close', resolve))
    expect({ code, ...output }).toEqual({
      code: 0,
      stdout: 'main-w1 hello stopped\n',
      stderr: '',
    })
  })
})
