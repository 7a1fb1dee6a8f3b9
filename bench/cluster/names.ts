/**
 * Global names between two operating-system processes on loopback: how long a node that joins takes until it knows all names
 * of another one, what a look-up takes, and what a name costs in memory and on the wire. Run by `npm run bench -- names`;
 * writes bench/results/names.json.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { startNode, type FoveaNode } from 'fovea/dist'
import { createRealm, formatRealm } from 'fovea/mesh'
import { median, saveResults } from '../harness.ts'

const NAMES = 100_000
const ROUNDS = 3
const LOOKUPS = 1_000_000
const REGISTRATIONS = 2_000

interface Holder {
  readonly id: string
  readonly registerMs: number
  readonly registerProcessorMs: number
  readonly heapPerName: number
}

interface Joined {
  readonly connectedMs: number
  /** From the link to the last name. */
  readonly syncMs: number
  /** Processor time of the joiner in that. */
  readonly syncProcessorMs: number
  readonly heapPerName: number
  readonly bytesPerName: number
}

export async function benchNames(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'fovea-bench-'))
  const realm = join(folder, 'realm.json')
  writeFileSync(realm, formatRealm(createRealm('bench.fovea')), { mode: 0o600 })
  const script = fileURLToPath(new URL('./names-holder.js', import.meta.url))
  const server = spawn(process.execPath, ['--expose-gc', script, realm, String(NAMES)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  try {
    const holder = JSON.parse(await firstLine(server)) as Holder
    saveResults('names', await measure(realm, holder))
  } finally {
    server.stdin?.end()
    await new Promise((resolve) => server.once('exit', resolve))
    rmSync(folder, { recursive: true })
  }
}

async function measure(realm: string, holder: Holder): Promise<object> {
  await joinAs(realm, holder.id, async () => {})
  const rounds: Joined[] = []
  for (let round = 0; round < ROUNDS; round++) {
    rounds.push(await joinAs(realm, holder.id, async () => {}))
  }
  let lookup = { lookupNs: Number.NaN, lookupInMapNs: Number.NaN }
  let registerUs = Number.NaN
  await joinAs(realm, holder.id, async (node) => {
    lookup = lookups(node)
    registerUs = await registrations(node)
  })
  const of = (key: keyof Joined): number => median(rounds.map((each) => each[key]))
  const { registerMs, registerProcessorMs, heapPerName } = holder
  const results = {
    ...{ names: NAMES, registerMs, registerProcessorMs, holderHeapBytesPerName: heapPerName },
    ...{ connectedMs: of('connectedMs'), syncMs: of('syncMs') },
    syncProcessorMs: of('syncProcessorMs'),
    ...{ joinerHeapBytesPerName: of('heapPerName'), wireBytesPerName: of('bytesPerName') },
    ...lookup,
    registerAckedUs: registerUs,
  }
  console.log('\nGlobal names, two processes on loopback', results)
  return results
}

/** A node joins, knows all names, and stops; `use` is called in between. */
async function joinAs(
  realm: string,
  holder: string,
  use: (node: FoveaNode) => Promise<void>,
): Promise<Joined> {
  const before = heapBytes()
  const startedAt = performance.now()
  const node = await startNode({
    ...{ nodeName: 'joiner', host: '127.0.0.1', port: 0, realm },
    seeds: [holder],
  })
  await node.cluster.waitFor(holder, { timeoutMs: 30_000 })
  const connectedAt = performance.now()
  const used = process.cpuUsage()
  await node.globalRegistry.sync({ timeoutMs: 60_000 })
  const syncMs = performance.now() - connectedAt
  const syncProcessorMs = processorMs(used)
  if (node.globalRegistry.count() !== NAMES) throw new Error('names are missing')
  const bytes = node.mesh.stats().endpoint?.bytesReceived ?? Number.NaN
  const joined: Joined = {
    ...{ connectedMs: connectedAt - startedAt, syncMs, syncProcessorMs },
    heapPerName: (heapBytes() - before) / NAMES,
    bytesPerName: bytes / NAMES,
  }
  await use(node)
  await node.stop()
  return joined
}

function processorMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since)
  return (user + system) / 1_000
}

/** Processor time of one look-up, of names that are there, in no order; beside that of a bare map, in turns. */
function lookups(node: FoveaNode): { readonly lookupNs: number; readonly lookupInMapNs: number } {
  const map = new Map(NAME_LIST.map((name) => [name, { name }]))
  const timeOf = (find: (name: string) => unknown): number => {
    const used = process.cpuUsage()
    let found = 0
    for (let i = 0; i < LOOKUPS; i++) {
      if (find(NAME_LIST[(i * 7919) % NAMES]!) !== undefined) found += 1
    }
    if (found !== LOOKUPS) throw new Error('a name was not found')
    return (processorMs(used) * 1e6) / LOOKUPS
  }
  const registry: number[] = []
  const bare: number[] = []
  for (let round = 0; round < 7; round++) {
    registry.push(timeOf((name) => node.globalRegistry.whereis(name)))
    bare.push(timeOf((name) => map.get(name)))
  }
  return { lookupNs: median(registry), lookupInMapNs: median(bare) }
}

const NAME_LIST = Array.from({ length: NAMES }, (_, i) => `service.eu.worker-${i}`)

/** Microseconds until a registration is acknowledged by the other node, one after the other. */
async function registrations(node: FoveaNode): Promise<number> {
  const pid = node.system.spawn((ctx) => ctx.receive(undefined, { timeoutMs: Infinity }))
  const times: number[] = []
  for (let i = 0; i < REGISTRATIONS; i++) {
    const startedAt = performance.now()
    await node.globalRegistry.register(`own-${i}`, pid)
    times.push((performance.now() - startedAt) * 1_000)
  }
  return median(times)
}

function heapBytes(): number {
  globalThis.gc?.()
  globalThis.gc?.()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    if (child.stdout === null) throw new Error('no output pipe')
    createInterface({ input: child.stdout }).once('line', resolve)
    child.once('exit', (code) => reject(new Error(`the bench node ended with ${code}`)))
  })
}
