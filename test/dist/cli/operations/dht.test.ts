import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { DhtQuestion } from '../../../../dist/cli/control/dht-question.ts'
import { NodeTarget } from '../../../../dist/cli/control/node-target.ts'
import type {
  DhtHopRow,
  DhtLookupRow,
  DhtProviderRow,
  DhtPutRow,
  DhtTableRow,
  DhtValueRow,
} from '../../../../dist/cli/operations/dht-rows.ts'
import type { FoveaNode } from '../../../../dist/index.ts'
import { startSimNodes, type SimNodes } from '../../../../dist/simulation/index.ts'
import { during } from '../../support/world.ts'

let world: SimNodes
let nodes: readonly FoveaNode[]
beforeEach(async () => {
  world = await startSimNodes(4, { network: { latencyMs: 5 } })
  nodes = world.nodes
  await world.clock.advance(10_000)
})
afterEach(async () => {
  await during(world, world.stop())
})

const DIALS = { disjointPaths: undefined, alpha: undefined }
const PUT = { ...DIALS, action: 'put', ttlMs: undefined, quorum: undefined, once: false } as const
const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text))

/** Asks the node at that place. */
async function ask<T>(at: number, question: DhtQuestion, hops: DhtHopRow[] = []): Promise<T> {
  const options = { timeoutMs: 5000, signal: new AbortController().signal }
  const target = new NodeTarget(nodes[at]!)
  return (await during(
    world,
    target.dht(question, (hop) => void hops.push(hop), options),
  )) as T
}

const get = (at: number, key: string, publisher?: string): Promise<DhtValueRow> =>
  ask(at, { ...DIALS, action: 'get', key, publisher, quorum: undefined })

describe('the DHT of a running node', () => {
  test('keeps a text that others find by the key that was printed', async () => {
    const put = await ask<DhtPutRow>(0, { ...PUT, value: bytes('hello'), name: undefined })
    expect(put.holders.map(({ node }) => node).sort()).toEqual(
      nodes
        .slice(1)
        .map(({ id }) => id)
        .sort(),
    )
    expect(put.refusals).toEqual([])
    expect(await get(2, put.key.toUpperCase())).toMatchObject({
      ...{ key: put.key, value: 'aGVsbG8=', text: 'hello', kind: 'immutable', name: '' },
      expiresAt: expect.stringMatching(/^20\d\d-.*Z$/) as string,
    })
  })

  test('finds a named value by its name: its own, and that of a publisher however it is called', async () => {
    const value = Uint8Array.of(0xff, 0)
    await ask(0, { ...PUT, value, name: 'port' })
    const own = await get(0, 'port')
    expect(own).toMatchObject({ name: 'port', kind: 'mutable', value: '/wA=' })
    expect(own).not.toHaveProperty('text')
    const { id, key } = nodes[0]!
    const name = id.slice(0, id.indexOf('@'))
    for (const publisher of [key.hex, id, name]) {
      expect((await get(3, 'port', publisher)).publisher).toBe(key.hex)
    }
    await expect(get(3, 'port', 'nobody')).rejects.toMatchObject({ code: 'ERR_NODE_UNKNOWN' })
    await expect(get(3, 'port')).rejects.toMatchObject({
      ...{ code: 'ERR_DHT_NOT_FOUND', message: "nobody has 'port'" },
      hint: expect.stringContaining('--publisher') as string,
    })
    await expect(get(3, 'gate', id)).rejects.toMatchObject({
      ...{ code: 'ERR_DHT_NOT_FOUND', message: `nobody has 'gate' of '${id}'`, hint: undefined },
    })
  })

  test('withdraws a named value by its name, and says when there is nothing', async () => {
    const { key } = await ask<DhtPutRow>(0, { ...PUT, value: bytes('x'), name: 'port' })
    const words = await ask(0, { action: 'withdraw', key: 'port' })
    expect(words).toEqual({ key: nodes[0]!.mesh.dht.keyOf('port').hex, withdrawn: false })
    const byName = { action: 'withdraw', name: 'port' } as const
    expect(await ask(0, byName)).toEqual({ key, withdrawn: true })
    expect(await ask(0, byName)).toEqual({ key, withdrawn: false })
  })

  test('finds providers by words, until they are withdrawn', async () => {
    const provide = { ...DIALS, action: 'provide', key: 'printer' } as const
    const { key } = await ask<DhtPutRow>(1, { ...provide, metadata: bytes('color') })
    await ask(2, { ...provide, metadata: new Uint8Array(0) })
    const find = (count: number): Promise<DhtProviderRow[]> =>
      ask(0, { ...DIALS, action: 'providers', key: 'printer', count })
    const found = (await find(64)).toSorted((a) => (a.node === nodes[1]!.id ? -1 : 1))
    expect(found).toMatchObject([
      { node: nodes[1]!.id, key: nodes[1]!.key.hex, metadata: 'Y29sb3I=', text: 'color' },
      { node: nodes[2]!.id, metadata: '', sequence: expect.any(Number) as number },
    ])
    expect(found[1]).not.toHaveProperty('text')
    expect(await find(1)).toHaveLength(1)
    const withdraw = { action: 'withdraw', key: 'printer' } as const
    expect(await ask(1, withdraw)).toEqual({ key, withdrawn: true })
  })

  test('shows its table with the names of members', async () => {
    const rows = await ask<DhtTableRow[]>(0, { action: 'table' })
    expect(rows.map(({ node }) => node).sort()).toEqual(
      nodes
        .slice(1)
        .map(({ id }) => id)
        .sort(),
    )
    for (const row of rows) {
      expect(row).toMatchObject({ state: 'good', port: expect.any(Number) as number })
      expect(row.bucket).toBeGreaterThan(200)
      expect(row.answeredMs).toBeGreaterThanOrEqual(0)
    }
  })

  test('looks up a member, with its hops when they are asked for', async () => {
    const { id, key } = nodes[3]!
    const hops: DhtHopRow[] = []
    const lookup = { ...DIALS, action: 'lookup', key: id } as const
    const found = await ask<DhtLookupRow>(0, { ...lookup, trace: true }, hops)
    expect(found.key).toBe(key.hex)
    expect(found.closest[0]).toMatchObject({ node: id, key: key.hex })
    expect(hops).toHaveLength(found.requests)
    expect(hops.find((hop) => hop.key === key.hex)).toMatchObject({
      ...{ node: id, outcome: 'answered', depth: 1, path: 0, prefixBits: 256 },
    })
    const silent: DhtHopRow[] = []
    await ask(0, { ...lookup, trace: false }, silent)
    expect(silent).toEqual([])
    const words = await ask<DhtLookupRow>(0, { ...lookup, key: 'printer', trace: false })
    expect(words.key).toBe(nodes[1]!.mesh.dht.keyOf('printer').hex)
  })
})
