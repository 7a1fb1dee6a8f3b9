/**
 * What an operator does with the DHT of a mesh of processes on QUIC: keeps and finds values and providers, looks
 * at tables and lookups, and loses nothing of it with kill -9.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type {
  DhtLookupRow,
  DhtProviderRow,
  DhtPutRow,
  DhtTableRow,
  DhtValueRow,
} from '../../dist/cli/operations/dht-rows.ts'
import { Bench, type RunningNode } from './cli-process.ts'

let bench: Bench
let realm: string
beforeEach(async () => {
  bench = await Bench.open()
  realm = await bench.realm()
})
afterEach(async () => {
  await bench.close()
})

const node = (name: string, ...flags: string[]): Promise<RunningNode> =>
  bench.node(name, realm, ['--preset', 'local', ...flags])

const on = ({ dataDir }: RunningNode, ...args: string[]): string[] => [
  ...['dht', ...args],
  ...['--data-dir', dataDir],
]

const ask = async <T>(at: RunningNode, ...args: string[]): Promise<T> =>
  (await bench.ask(on(at, ...args))) as T

/** Until that node has so many in its table; each question takes a process, so none spins. */
async function known(at: RunningNode, count: number): Promise<DhtTableRow[]> {
  let rows = await ask<DhtTableRow[]>(at, 'table')
  for (let tries = 0; rows.length < count && tries < 40; tries++) rows = await ask(at, 'table')
  return rows
}

describe('the DHT on the command line', () => {
  test('put, get, provide, providers, table, lookup --trace, and kill -9 of the publisher', async () => {
    const a = await node('a')
    const [b, c] = await Promise.all([node('b', '--seed', a.id), node('c', '--seed', a.id)])
    for (const one of [a, b, c]) expect(await known(one, 2)).toHaveLength(2)

    const { key, holders } = await ask<DhtPutRow>(a, 'put', 'hello', '--quorum', '2')
    expect(holders.map((holder) => holder.node).sort()).toEqual([b.id, c.id])
    expect((await bench.run(on(c, 'get', key))).stdout).toMatch(/^hello\nimmutable, sequence /)
    await ask(a, 'put', '4434', '--name', 'port')
    await ask(c, 'provide', 'printer', '--metadata', 'color')
    expect(await ask<DhtProviderRow[]>(b, 'providers', 'printer')).toMatchObject([
      { node: c.id, text: 'color' },
    ])

    const trace = await bench.run(on(a, 'lookup', 'c', '--trace', '--json'))
    const lines = trace.stdout.trim().split('\n')
    const events = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(events.filter(({ event }) => event === 'hop').length).toBeGreaterThan(0)
    expect(events[0]).toMatchObject({ event: 'hop', outcome: 'answered', depth: 1 })
    expect(events.at(-1)).toMatchObject({ event: 'done', key: c.ready['key'] })
    const found = await ask<DhtLookupRow>(b, 'lookup', c.id)
    expect(found.closest[0]).toMatchObject({ node: c.id })

    // All that keep it die at once, and come back with what was on their disks.
    for (const one of [a, b, c]) one.process.kill('SIGKILL')
    await Promise.all([a, b, c].map((one) => one.process.ended))
    const again = await node('b')
    expect((await ask<DhtValueRow>(again, 'get', key)).text).toBe('hello')
    const publisher = String(a.ready['key'])
    const named = await ask<DhtValueRow>(again, 'get', 'port', '--publisher', publisher)
    expect(named).toMatchObject({ text: '4434', publisher, kind: 'mutable' })

    const missing = await bench.run(on(again, 'get', 'nothing'))
    expect(missing).toMatchObject({ code: 1, stdout: '' })
    expect(missing.stderr).toMatch(/^ERR_DHT_NOT_FOUND: /)
  }, 60_000)
})
