/**
 * Pub/sub and procedures of nodes as operating-system processes on loopback QUIC. Every process writes down what passes
 * on its wire, so the way that a message took is read there and not believed. Needs `npm run build`.
 */
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createRealm, formatRealm } from '../../mesh/index.ts'
import { createRealClock } from '../../runtime/index.ts'
import { Children, type Fields, type JsonChild } from '../support/json-child.ts'

const CHILD = fileURLToPath(new URL('fixtures/services-child.mjs', import.meta.url))
const BUILT = fileURLToPath(new URL('../../build/mesh/index.js', import.meta.url))
/** Of one command or event, the start of a program among them: this is no measure, only an end. */
const WAIT_MS = 60_000
const POLL_MS = 50
const TEST_MS = 180_000

const clock = createRealClock()
const children = new Children(CHILD, WAIT_MS)
let directory = ''

/** One process. */
interface Node {
  readonly name: string
  readonly child: JsonChild
  readonly id: string
  readonly key: string
  /** `host:port`. */
  readonly address: string
}

/** A frame as the wire of one process had it. */
interface Seen {
  /** Key of the node at the other end of the connection. */
  readonly peer: string
  readonly way: 'in' | 'out'
  readonly lane: string
  readonly type: string
  readonly marked: boolean
}

async function start(name: string, more: object = {}): Promise<Node> {
  const options = {
    ...{ name, seeds: [], host: '127.0.0.1', port: 0, membership: 'local' },
    realm: join(directory, 'realm.json'),
    ...more,
  }
  const child = children.launch([JSON.stringify(options)])
  const { id, key, address } = await child.event('ready')
  child.id = String(id)
  return { name, child, id: String(id), key: String(key), address: String(address) }
}

const run = <T>(node: Node, command: string, input: Fields = {}): Promise<T> =>
  node.child.run(command, input) as Promise<T>

/** Asks again and again until the answer is as wanted. */
async function until<T>(what: string, ask: () => Promise<T>, isWanted: (answer: T) => boolean) {
  const endMs = clock.now() + WAIT_MS
  for (;;) {
    const answer = await ask()
    if (isWanted(answer)) return answer
    if (clock.now() > endMs) throw new Error(`${what}: ${JSON.stringify(answer)}`)
    await new Promise<void>((resolve) => void clock.setTimer(POLL_MS, resolve))
  }
}

/** Nodes that know each other; those without a way to each other are named in pairs. */
async function startAll(names: readonly string[], apart: (a: number, b: number) => boolean) {
  const nodes = await Promise.all(names.map((name) => start(name)))
  for (const [n, node] of nodes.entries()) {
    await run(node, 'block', { nodes: nodes.filter((_, other) => apart(n, other)) })
  }
  for (const [n, node] of nodes.entries()) {
    if (n > 0) await run(node, 'seed', { seed: nodes[n - 1]!.id })
  }
  for (const node of nodes) {
    const all = (members: readonly string[]) => members.length >= nodes.length - 1
    await until(`members of ${node.name}`, () => run<string[]>(node, 'members'), all)
  }
  return nodes
}

/** Publishes until so many nodes got it: interest takes its time to be known. */
const heard = (from: Node, topic: string, nodes: number): Promise<unknown> =>
  until(
    `${nodes} nodes want ${topic}`,
    () => run<{ nodes: number }>(from, 'publish', { topic, payload: 'probe' }),
    (result) => result.nodes === nodes,
  )

/** Waits until a node knows that `procedure` is offered. */
const offered = (to: Node, procedure: string): Promise<unknown> =>
  until(
    `${to.name} knows ${procedure}`,
    () => run<string[]>(to, 'providers', { procedure }),
    (providers) => providers.length > 0,
  )

/** What the wire of a node had, as `out pubsub publish b`. */
async function traceOf(node: Node, nodes: readonly Node[]): Promise<(Seen & { line: string })[]> {
  const nameOf = new Map(nodes.map(({ key, name }) => [key, name]))
  const frames = await run<Seen[]>(node, 'trace')
  return frames.map((seen) => {
    const line = `${seen.way} ${seen.lane} ${seen.type} ${nameOf.get(seen.peer) ?? 'nobody'}`
    return { ...seen, line }
  })
}

beforeAll(async () => {
  if (!existsSync(BUILT)) throw new Error('npm run build first')
  directory = await mkdtemp(join(tmpdir(), 'fovea-services-'))
  await writeFile(join(directory, 'realm.json'), formatRealm(createRealm('com.example.services')), {
    mode: 0o600,
  })
})
afterEach(() => children.end())
afterAll(() => rm(directory, { recursive: true, force: true }))

describe('three processes that reach each other', () => {
  it(
    'PS7 PS10 a publish goes once to each node that wants it, and to nobody else',
    async () => {
      const nodes = await startAll(['a', 'b', 'c'], () => false)
      const [a, b, c] = nodes as [Node, Node, Node]
      await run(b, 'subscribe', { filter: 'shop.*.orders', name: 'one' })
      await run(b, 'subscribe', { filter: 'shop.**', name: 'all' })
      await run(c, 'subscribe', { filter: 'shop.vienna.*', name: 'vienna' })
      await heard(a, 'shop.vienna.orders', 2)
      await heard(a, 'shop.graz.orders', 1)
      for (const node of nodes) await run(node, 'watch', { mark: 'the words' })

      const both = await run(a, 'publish', { topic: 'shop.vienna.orders', payload: 'the words 1' })
      expect(both).toMatchObject({ local: 0, nodes: 2 })
      const one = await run(a, 'publish', { topic: 'shop.graz.orders', payload: 'the words 2' })
      expect(one).toMatchObject({ nodes: 1 })
      expect(await run(a, 'publishMany', { topic: 'bank.vienna.orders', from: 0, to: 1_000 })).toBe(
        0,
      )
      const request = run(a, 'request', { topic: 'bank.vienna.orders' })
      await expect(request).rejects.toThrow('ERR_PUBSUB_NO_RESPONDERS')
      for (const name of ['one', 'all']) {
        await b.child.event('message', { name, payload: 'the words 1', publisher: a.key })
        await b.child.event('message', { name, payload: 'the words 2' })
      }
      await c.child.event('message', { name: 'vienna', payload: 'the words 1' })

      const isPublish = ({ type }: Seen): boolean => type === 'publish'
      const sent = (await traceOf(a, nodes)).filter(isPublish).map(({ line }) => line)
      expect(sent.sort()).toEqual([
        'out pubsub publish b',
        'out pubsub publish b',
        'out pubsub publish c',
      ])
      // What was published to see whether all know each other may still have been on its way.
      const came = (await traceOf(c, nodes)).filter((seen) => isPublish(seen) && seen.marked)
      expect(came.map(({ line }) => line)).toEqual(['in pubsub publish a'])
      expect(c.child.count('message', { payload: 'the words 2' })).toBe(0)
    },
    TEST_MS,
  )

  it(
    'R1 R5 a call goes straight to its provider and back, and fails with the error of its handler',
    async () => {
      const nodes = await startAll(['a', 'b', 'c'], () => false)
      const [a, b, c] = nodes as [Node, Node, Node]
      await run(b, 'advertise', { procedure: 'math.sum', handler: 'sum' })
      await run(b, 'advertise', { procedure: 'orders.find', handler: 'fail' })
      await run(c, 'advertise', { procedure: 'jobs.*', handler: 'echo' })
      for (const name of ['math.sum', 'orders.find', 'jobs.print']) await offered(a, name)
      const call = { procedure: 'math.sum', input: { a: 1, b: 2 } }
      expect(await run(a, 'call', call)).toBe(3)
      for (const node of nodes) await run(node, 'watch')
      expect(await run(a, 'call', call)).toBe(3)
      const isCall = ({ type }: Seen): boolean => type === 'call' || type === 'reply'
      expect((await traceOf(a, nodes)).filter(isCall).map(({ line }) => line)).toEqual([
        'out rpc call b',
        'in rpc reply b',
      ])
      expect((await traceOf(c, nodes)).filter(isCall)).toEqual([])
      expect(await run(a, 'call', { procedure: 'jobs.print', input: [1, 'x'] })).toEqual([1, 'x'])
      await expect(run(a, 'call', { procedure: 'orders.find' })).rejects.toThrow('ERR_RPC_REMOTE')
      await expect(run(a, 'call', { procedure: 'nobody.there' })).rejects.toThrow(
        'ERR_RPC_NO_PROVIDER',
      )
    },
    TEST_MS,
  )

  it(
    'a call whose provider is killed fails long before its time is over',
    async () => {
      const nodes = await startAll(['a', 'b', 'c'], () => false)
      const [a, , c] = nodes as [Node, Node, Node]
      await run(c, 'advertise', { procedure: 'work.long', handler: 'hang' })
      await offered(a, 'work.long')
      const input = { procedure: 'work.long', input: 7, timeoutMs: 600_000 }
      const call = run(a, 'call', input).catch((error: unknown) => String(error))
      await c.child.event('hanging', { input: 7 })
      c.child.process.kill('SIGKILL')
      expect(await call).toContain('ERR_RPC_UNREACHABLE')
    },
    TEST_MS,
  )

  it(
    'a message at least once waits for a subscriber that hangs, and comes once and in order',
    async () => {
      const nodes = await startAll(['a', 'b', 'c'], () => false)
      const [a, b] = nodes as [Node, Node, Node]
      await run(b, 'subscribe', { filter: 'meter.kitchen', name: 'meter' })
      await heard(a, 'meter.kitchen', 1)
      b.child.process.kill('SIGSTOP')
      const publish = { topic: 'meter.kitchen', from: 0, to: 200, qos: 1 }
      const published = run(a, 'publishMany', publish)
      await run(a, 'members')
      b.child.process.kill('SIGCONT')
      expect(await published).toBe(1)
      const numbers = b.child
        .said('message', { name: 'meter' })
        .map(({ payload }) => payload)
        .filter((payload) => payload !== 'probe')
      expect(numbers).toEqual(Array.from({ length: 200 }, (_, n) => n))
    },
    TEST_MS,
  )
})

/** Envelopes of that type that those between passed on, perhaps not the same ones there and back; and all frames. */
async function passedBetween(
  nodes: readonly Node[],
  route: string,
): Promise<{ passed: readonly string[]; all: Awaited<ReturnType<typeof traceOf>> }> {
  const traces: Awaited<ReturnType<typeof traceOf>>[] = []
  for (const node of nodes) traces.push(await traceOf(node, nodes))
  const between = traces.slice(1, -1).flat()
  const lines = between.filter(({ type }) => type === route).map(({ line }) => line)
  return { passed: Array.from(new Set(lines)).sort(), all: traces.flat() }
}

describe('processes without a way to each other', () => {
  it.each([3, 5])(
    'MG1 MG2 MG10 ML3 ML25 of %d the first calls and tells the last through one between them, sealed, and is answered',
    async (size) => {
      const names = ['a', 'b', 'c', 'd', 'e'].slice(0, size)
      const nodes = await startAll(names, (x, y) => Math.abs(x - y) === size - 1)
      const [first, last] = [nodes[0]!, nodes.at(-1)!]
      await run(last, 'advertise', { procedure: 'deep.echo', handler: 'echo' })
      const input = 'for your eyes only'
      const call = { procedure: 'deep.echo', input, node: last.key }
      await until(
        'an answer',
        () => run(first, 'call', call).catch((error: unknown) => String(error)),
        (answer) => answer === input,
      )
      for (const node of nodes) await run(node, 'watch', { mark: input })
      expect(await run(first, 'call', call)).toBe(input)

      expect(await run<string[]>(first, 'links')).not.toContain(last.key)
      const called = await passedBetween(nodes, 'rpcRoute')
      expect(called.passed).toEqual([
        'in rpc rpcRoute a',
        `in rpc rpcRoute ${last.name}`,
        'out rpc rpcRoute a',
        `out rpc rpcRoute ${last.name}`,
      ])
      expect(called.all.filter(({ marked }) => marked)).toEqual([])
      expect(called.all.filter(({ type }) => type === 'call' || type === 'reply')).toEqual([])

      await run(last, 'subscribe', { filter: 'deep.*', name: 'deep' })
      await heard(first, 'deep.news', 1)
      for (const node of nodes) await run(node, 'watch', { mark: input })
      const publish = { topic: 'deep.news', payload: input, qos: 1 }
      expect(await run(first, 'publish', publish)).toMatchObject({ nodes: 1 })
      await last.child.event('message', { payload: input, publisher: first.key })

      expect(await run<string[]>(first, 'links')).not.toContain(last.key)
      const { passed, all } = await passedBetween(nodes, 'pubsubRoute')
      expect(passed).toEqual([
        'in pubsub pubsubRoute a',
        `in pubsub pubsubRoute ${last.name}`,
        'out pubsub pubsubRoute a',
        `out pubsub pubsubRoute ${last.name}`,
      ])
      expect(all.filter(({ marked }) => marked)).toEqual([])
      expect(all.filter(({ type }) => type === 'publish' || type === 'puback')).toEqual([])
      expect(last.child.count('message', { payload: input })).toBe(1)
    },
    TEST_MS,
  )
})
