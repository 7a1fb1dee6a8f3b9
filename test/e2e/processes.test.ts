/**
 * Nodes as operating-system processes on loopback QUIC: join, SIGKILL, SIGSTOP, rolling restart, islands.
 * `FOVEA_PROCESSES` says how many; 20 is the size that is promised (`npm run test:processes`), the run of
 * every change uses fewer, because other tests share its two cores. Needs `npm run build`.
 *
 * All tests of a file share one mesh, in the order in which they stand: starting twenty processes costs
 * more than any of them.
 */
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createRealm, formatRealm } from '../../mesh/index.ts'
import { Children, type Fields, type JsonChild } from '../support/json-child.ts'

const CHILD = fileURLToPath(new URL('fixtures/member-child.mjs', import.meta.url))
const BUILT = fileURLToPath(new URL('../../build/mesh/index.js', import.meta.url))
const SIZE = Number(process.env['FOVEA_PROCESSES'] ?? 6)
/** Of twenty, five are killed at once. */
const KILLED = Math.max(1, Math.floor(SIZE / 4))
const JOIN_MS = 2_000
const LAUNCHED_AT_ONCE = 4
const STOPPED_MS = SIZE >= 20 ? 20_000 : 12_000
/**
 * Preset `local` at this size: the last of the first probes (five periods cover 99 % of seeds), its
 * period, the longest suspicion, and a second for the news to be everywhere.
 */
const PERIOD_MS = 1_000
const SUSPICION_MS = 3 * Math.max(1, Math.log10(SIZE)) * PERIOD_MS * 6
const DETECT_MS = 5 * PERIOD_MS + PERIOD_MS + SUSPICION_MS + 1_000
const WAIT_MS = DETECT_MS + 10_000

const children = new Children(CHILD, WAIT_MS)
let directory = ''

interface Node {
  readonly name: string
  child: JsonChild
  readonly port: number
  readonly key: string
}

const optionsOf = (name: string, port: number, seeds: readonly string[]): string =>
  JSON.stringify({
    name,
    port,
    seeds,
    host: '127.0.0.1',
    realm: join(directory, 'realm.json'),
    dataDir: join(directory, name),
    membership: 'local',
  })

async function ready(name: string, child: JsonChild): Promise<Node> {
  const { id, key, port } = await child.event('ready')
  child.id = String(id)
  return { name, child, key: String(key), port: Number(port) }
}

/** Starts one node; a port of 0 is the system's choice. */
function start(name: string, port: number, seeds: readonly string[]): Promise<Node> {
  return ready(name, children.launch([optionsOf(name, port, seeds)]))
}

/** Every event of `type` about `about` at each of `observers`; all of them have come. */
function seen(observers: readonly Node[], about: readonly Node[], type: string): Promise<Fields[]> {
  return Promise.all(
    observers.flatMap((here) =>
      about
        .filter((there) => there !== here)
        .map((there) => here.child.event('member', { type, key: there.key })),
    ),
  )
}

const latest = (events: readonly Fields[]): number =>
  Math.max(...events.map((event) => Number(event['atMs'])))

const statesAt = async (node: Node): Promise<string[]> => {
  const members = (await node.child.run('members')) as { nodeId: string; state: string }[]
  return members.map(({ nodeId, state }) => `${nodeId.split('@')[0]} ${state}`).sort()
}

beforeAll(async () => {
  if (!existsSync(BUILT)) throw new Error('run `npm run build` first')
  directory = await mkdtemp(join(tmpdir(), 'fovea-processes-'))
  const realm = formatRealm(createRealm('com.example.processes'))
  await writeFile(join(directory, 'realm.json'), realm, { mode: 0o600 })
})

afterAll(async () => {
  await children.end()
  await rm(directory, { recursive: true, force: true })
})

describe(`${SIZE} processes on loopback QUIC`, () => {
  let nodes: Node[] = []
  const seed = (): string => nodes[0]!.child.id

  it('S34 are all joined within 2 s after the last is ready', async () => {
    const first = await start('n0', 0, [])
    const names = Array.from({ length: SIZE - 1 }, (_, i) => `n${i + 1}`)
    nodes = [first]
    // A few at a time: starting a program takes a second of a core.
    while (names.length > 0) {
      const started = names.splice(0, LAUNCHED_AT_ONCE)
      nodes.push(...(await Promise.all(started.map((name) => start(name, 0, [seed()])))))
    }
    const readyMs = latest(nodes.map(({ child }) => child.said('ready')[0]!))
    const ups = await seen(nodes, nodes, 'up')
    expect(ups).toHaveLength(SIZE * (SIZE - 1))
    expect(latest(ups) - readyMs).toBeLessThanOrEqual(JOIN_MS)
  }, 120_000)

  it(`S30 all survivors detect ${KILLED} killed at once within the bound of the preset, and nobody else`, async () => {
    const killed = nodes.slice(SIZE - KILLED)
    const rest = nodes.slice(0, SIZE - KILLED)
    const atMs = latest([await rest[0]!.child.event('done', { id: await mark(rest[0]!) })])
    for (const { child } of killed) child.process.kill('SIGKILL')
    const downs = await seen(rest, killed, 'down')
    expect(latest(downs) - atMs).toBeLessThanOrEqual(DETECT_MS)
    for (const here of rest) expect(here.child.count('member', { type: 'down' })).toBe(KILLED)
  }, 120_000)

  it('S36 the killed are up again under their old keys in a new generation', async () => {
    const again = nodes.slice(SIZE - KILLED)
    const rest = nodes.slice(0, SIZE - KILLED)
    await Promise.all(again.map((node) => restart(node, seed())))
    for (const here of rest) {
      for (const { key } of again) await here.child.event('member', { type: 'up', key, life: 2 })
    }
    for (const here of nodes) expect(await statesAt(here)).toEqual(allUpFor(here))
  }, 60_000)

  it('S39 SIGSTOP of one: it alone is declared down, it declares nobody, and it comes back by itself', async () => {
    const [stopped, ...others] = [nodes[1]!, nodes[0]!, ...nodes.slice(2)]
    const before = new Map(
      others.map((here) => [here, here.child.count('member', { type: 'down' })]),
    )
    const own = stopped!.child.count('member', { type: 'down' })
    stopped!.child.process.kill('SIGSTOP')
    const clock = others[0]!.child.run('after', { ms: STOPPED_MS })
    await seen(others, [stopped!], 'down')
    await clock
    const lives = others.map((here) =>
      here.child.count('member', { type: 'up', key: stopped!.key }),
    )
    stopped!.child.process.kill('SIGCONT')
    for (const [i, here] of others.entries()) {
      await here.child.event('member', { type: 'up', key: stopped!.key, life: lives[i]! + 1 })
    }
    expect(stopped!.child.count('member', { type: 'down' })).toBe(own)
    for (const here of others) {
      expect(here.child.count('member', { type: 'down' })).toBe(before.get(here)! + 1)
    }
    for (const here of nodes) expect(await statesAt(here)).toEqual(allUpFor(here))
  }, 120_000)

  it('S35 S36 a rolling restart of all with the same keys is a goodbye and a new life of each, and no death', async () => {
    const downs = nodes.map(({ child }) => child.count('member', { type: 'down' }))
    for (const node of nodes) {
      const others = nodes.filter((other) => other !== node)
      const lives = others.map((here) => here.child.count('member', { type: 'up', key: node.key }))
      await node.child.run('stop')
      node.child.process.stdin!.end()
      await node.child.ended
      await seen(others, [node], 'left')
      await restart(node, others[0]!.child.id)
      downs[nodes.indexOf(node)] = 0
      const known = others.map((here, i) =>
        here.child.event('member', { type: 'up', key: node.key, life: lives[i]! + 1 }),
      )
      const knownMs = latest(await Promise.all(known))
      // Who is told of a node only when that has left says nothing about it.
      expect(latest(await seen([node], others, 'up')) - knownMs).toBeLessThanOrEqual(JOIN_MS)
    }
    for (const [i, { child }] of nodes.entries()) {
      expect(child.count('member', { type: 'down' })).toBe(downs[i])
      expect([child.count('unhandled'), child.stderr]).toEqual([0, ''])
    }
    for (const here of nodes) expect(await statesAt(here)).toEqual(allUpFor(here))
  }, 240_000)

  const allUpFor = (here: Node): string[] =>
    nodes
      .filter((node) => node !== here)
      .map(({ name }) => `${name} up`)
      .sort()
})

describe('two islands of three processes', () => {
  it('S34 S37 become one mesh when one node of one learns one address of the other', async () => {
    const island = async (name: string): Promise<Node[]> => {
      const first = await start(`${name}0`, 0, [])
      const more = [1, 2].map((i) => start(`${name}${i}`, 0, [first.child.id]))
      const nodes = [first, ...(await Promise.all(more))]
      await seen(nodes, nodes, 'up')
      return nodes
    }
    const [a, b] = [await island('a'), await island('b')]
    for (const here of [...a, ...b]) expect(await statesAt(here)).toHaveLength(2)
    await a[2]!.child.run('seed', { seed: b[1]!.child.id })
    await seen([...a, ...b], [...a, ...b], 'up')
    for (const here of [...a, ...b]) expect(await statesAt(here)).toHaveLength(5)
  }, 60_000)
})

/** A command that only marks a moment: gives the id of its `done`. */
async function mark(node: Node): Promise<number> {
  await node.child.run('links')
  return Math.max(...node.child.said('done').map(({ id }) => Number(id)))
}

/** A new process with the directory, the port and so the key of an ended one. */
async function restart(node: Node, seed: string): Promise<void> {
  const { child, key } = await start(node.name, node.port, [seed])
  expect(key).toBe(node.key)
  node.child = child
}
