/**
 * Three operating-system processes form a mesh over QUIC, run supervised actors on each other, call
 * them, lose one of them and recover: the whole of the first slice, through the command line.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { MemberRow } from '../../dist/cli/operations/member-row.ts'
import { Bench, type RunningNode } from './cli-process.ts'

let bench: Bench
beforeEach(async () => {
  bench = await Bench.open()
})
afterEach(async () => {
  await bench.close()
})

const membersOf = async (node: RunningNode): Promise<readonly MemberRow[]> =>
  (await bench.ask(['members', '--data-dir', node.dataDir])) as readonly MemberRow[]

const statesOf = async (node: RunningNode): Promise<Record<string, string>> =>
  Object.fromEntries((await membersOf(node)).map((row) => [row.node.split('@')[0], row.state]))

async function threeNodes(): Promise<readonly [RunningNode, RunningNode, RunningNode]> {
  const realm = await bench.realm()
  const a = await bench.node('a', realm)
  const b = await bench.node('b', realm, ['--seed', a.id])
  const c = await bench.node('c', realm, ['--seed', b.id])
  for (const here of [a, b, c]) {
    for (const there of [a, b, c]) {
      if (here !== there) await here.process.event('node_up', { node: there.id })
    }
  }
  return [a, b, c]
}

describe('a mesh of three processes', () => {
  test('join, members, spawn, call, crash and restart, kill -9, monitors, calls, leave', async () => {
    const [a, b, c] = await threeNodes()

    // c was told of b only.
    expect(await statesOf(a)).toEqual({ a: 'self', b: 'up', c: 'up' })
    expect(await statesOf(c)).toEqual({ a: 'up', b: 'up', c: 'self' })
    const pinged = await bench.ask(['ping', 'c', '--data-dir', a.dataDir])
    expect(pinged).toMatchObject({ node: c.id, rttMs: expect.any(Number) as number })

    const spawn = ['spawn', 'counter', '--node', 'c', '--name', 'hits', '--arg', '10']
    const spawned = await bench.ask([...spawn, '--supervised', '--data-dir', a.dataDir])
    expect(spawned).toMatchObject({ node: c.id, name: 'hits', supervised: true })

    const on = (node: RunningNode, ...words: string[]): string[] => {
      return ['ref', 'call', 'hits', ...words, '--node', 'c', '--data-dir', node.dataDir]
    }
    expect(await bench.ask(on(a, 'add', '5'))).toEqual({ value: 15 })
    expect(await bench.ask(on(b, 'add', '-3'))).toEqual({ value: 12 })
    expect(await bench.ask(['ref', 'call', 'hits', 'get', '--data-dir', c.dataDir])).toEqual({
      value: 12,
    })

    const crash = await bench.run(on(b, 'crash'))
    expect(crash).toMatchObject({ code: 1, stdout: '' })
    expect(crash.stderr).toMatch(/^ERR_CALL_EXIT: .*told to crash/)
    await c.process.event('started', { name: 'hits', restarts: 1 })
    expect(await bench.ask(on(a, 'get'))).toEqual({ value: 10 })

    const watch = (node: RunningNode) =>
      bench.start(['ref', 'monitor', 'hits', '--node', 'c', '--data-dir', node.dataDir, '--json'])
    const monitors = [watch(a), watch(b)]
    for (const monitor of monitors) await monitor.event('monitoring')
    // Calls in a row with a deadline of ten minutes: one is in flight when the node is lost.
    const calling = bench.start([...on(a, 'get'), '--repeat', '100000', '--timeout-ms', '600000'])
    expect(await bench.ask(on(b, 'get'))).toEqual({ value: 10 })
    c.process.kill('SIGKILL')
    for (const monitor of monitors) {
      expect(await monitor.event('down')).toMatchObject({ reason: 'noconnection' })
      expect(await monitor.ended).toMatchObject({ code: 0 })
      const downs = monitor.log.events.filter((event) => event.event === 'down')
      expect(downs).toHaveLength(1)
    }
    expect((await calling.ended).stderr).toMatch(/^ERR_CALL_EXIT: .*noconnection/)
    await a.process.event('node_down', { node: c.id })
    await b.process.event('node_down', { node: c.id })
    expect(await statesOf(a)).toMatchObject({ a: 'self', b: 'up' })
    // The end of a link is known at once; members ask the node, and others, before they suspect it.
    let states = await statesOf(a)
    while (states['c'] === 'up') states = await statesOf(a)
    expect(['suspect', 'down']).toContain(states['c'])
    expect((await bench.run(on(a, 'get'))).stderr).toMatch(/^ERR_/)

    b.process.kill('SIGTERM')
    expect(await b.process.ended).toMatchObject({ code: 0, stderr: '' })
    await a.process.event('node_down', { node: b.id, reason: 'graceful_shutdown' })
    expect((await statesOf(a))['b']).toBe('left')

    a.process.kill('SIGINT')
    expect(await a.process.ended).toMatchObject({ code: 0 })
  }, 40_000)

  test('a node started before its seed joins when the seed comes', async () => {
    const realm = await bench.realm()
    const first = await bench.node('a', realm)
    const port = String(first.ready['port'])
    first.process.kill('SIGTERM')
    await first.process.ended
    const early = await bench.node('b', realm, ['--seed', first.id])
    const late = bench.start([
      'start',
      '--name',
      'a',
      '--port',
      port,
      '--data-dir',
      first.dataDir,
      '--realm',
      realm,
      '--json',
    ])
    await late.event('ready')
    expect(await early.process.event('node_up')).toMatchObject({ node: first.id })
    expect(await late.event('node_up')).toMatchObject({ node: early.id })
  }, 30_000)

  test('a node that was killed comes back with its key and a new incarnation', async () => {
    const realm = await bench.realm()
    const a = await bench.node('a', realm)
    const b = await bench.node('b', realm, ['--seed', a.id])
    await a.process.event('node_up', { node: b.id })
    b.process.kill('SIGKILL')
    await b.process.ended
    const again = bench.start([
      'start',
      '--name',
      'b',
      '--port',
      String(b.ready['port']),
      '--data-dir',
      b.dataDir,
      '--realm',
      realm,
      '--seed',
      a.id,
      '--json',
    ])
    const ready = await again.event('ready')
    expect(ready['key']).toBe(b.ready['key'])
    await again.event('node_up', { node: a.id })
    expect(await bench.ask(['ping', 'b', '--data-dir', a.dataDir])).toMatchObject({ node: b.id })
  }, 30_000)

  test('a second Ctrl-C ends a node at once', async () => {
    const a = await bench.node('a', await bench.realm())
    a.process.kill('SIGINT')
    a.process.kill('SIGTERM')
    const ended = await a.process.ended
    expect([0, 130, 143]).toContain(ended.code)
  })
})
