/**
 * What an operator does with a mesh of processes on QUIC: joins nodes by hand, draws the mesh, looks at the
 * counters, watches a node die, and asks afterwards who suspected it, when, on whose word.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { MemberRow } from '../../dist/cli/operations/member-row.ts'
import type { NodeNumbers } from '../../dist/cli/operations/node-numbers.ts'
import type { TopologyReport } from '../../dist/cli/operations/topology.ts'
import { Bench, type CliProcess, type Ended, type RunningNode } from './cli-process.ts'

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
  ...args,
  '--data-dir',
  dataDir,
]

const ask = (at: RunningNode, ...args: string[]): Promise<unknown> => bench.ask(on(at, ...args))

/** A command that goes on until Ctrl-C, once it has begun. */
async function watch(at: RunningNode): Promise<CliProcess> {
  const watching = bench.start(on(at, 'members', '--watch', '--json'))
  await watching.event('snapshot')
  return watching
}

/** Events as `fovea events --json` prints them. */
function eventsOf({ stdout }: Ended): Record<string, unknown>[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

/** The answer of a command that is repeated until it is as wanted; each takes a process, so none spins. */
async function eventually<T>(
  question: () => Promise<T>,
  wanted: (answer: T) => boolean,
): Promise<T> {
  let answer = await question()
  for (let tries = 0; !wanted(answer) && tries < 40; tries++) answer = await question()
  return answer
}

describe('a mesh made by hand', () => {
  test('join, members, topology, stats, kill -9 seen as suspect and down, events', async () => {
    const [a, b, c] = [await node('a'), await node('b'), await node('c')]
    const watching = await watch(a)
    const other = await watch(b)

    expect(await ask(a, 'join', b.id)).toMatchObject({ node: b.id, already: false, membersUp: 2 })
    await watching.event('up', { node: b.id })
    const address = `127.0.0.1:${String(c.ready['port'])}`
    expect(await ask(b, 'join', address)).toMatchObject({ node: c.id, already: false })
    // a was told of b only.
    await watching.event('up', { node: c.id })
    expect(await ask(a, 'join', c.id)).toMatchObject({ node: c.id, already: true, membersUp: 3 })

    const rows = await eventually(
      () => ask(a, 'members') as Promise<MemberRow[]>,
      (found) => found.filter(({ rttMs }) => rttMs !== undefined).length === 2,
    )
    expect(rows.map(({ node: id, state }) => [id, state])).toEqual([
      [a.id, 'self'],
      [b.id, 'up'],
      [c.id, 'up'],
    ])
    for (const row of rows) expect(row.incarnation.generation).toBe(1)

    const report = await eventually(
      () => ask(a, 'topology') as Promise<TopologyReport>,
      ({ edges }) => edges.length === 3 && edges.every(({ mutual }) => mutual),
    )
    expect(report).toMatchObject({ answered: 3, islands: 1, notAsked: 0 })
    expect(report.nodes.map(({ degree }) => degree)).toEqual([2, 2, 2])
    const drawn = await bench.run(on(c, 'topology'))
    expect(drawn.stdout).toMatch(
      /^╭● [abc]@127\.0\.0\.1:\d+ +[0-9a-f]{8} +2 {2}\\■■ {2}[abc] [abc]$/m,
    )
    expect(drawn.stdout).toContain('3 nodes, 3 edges, degree 2 to 2; connected')

    const numbers = (await ask(a, 'stats')) as NodeNumbers
    expect(numbers).toMatchObject({ node: a.id, members: { up: 2 }, detector: { deaths: 0 } })
    expect(numbers.detector?.probes).toBeGreaterThan(0)
    expect(numbers.links).toMatchObject({ open: 2, held: 2, idle: 0 })

    c.process.kill('SIGKILL')
    const witnesses = [a.id, b.id]
    const suspected = await watching.event('suspect', { node: c.id })
    expect(witnesses).toContain(suspected['accuser'])
    const down = await watching.event('down', { node: c.id })
    expect(witnesses).toContain(down['accuser'])
    expect(down['reason']).toBe('heartbeat_timeout')
    await other.event('down', { node: c.id })

    const told = eventsOf(await bench.run(on(a, 'events', '--node', 'c', '--json')))
    expect(told.map(({ event }) => event)).toEqual(['up', 'suspect', 'down'])
    expect(told[1]).toMatchObject({ accuser: suspected['accuser'], key: c.ready['key'] })
    const said = (await bench.run(on(b, 'events', '--type', 'suspect', '--node', 'c'))).stdout
    expect(said).toMatch(
      /^\S+Z suspect +c@127\.0\.0\.1:\d+ \(1\.\d+\) {2}suspected by [ab]@127\.0\.0\.1:\d+, /,
    )
    expect((await bench.run(on(a, 'stats'))).stdout).toMatch(/^members +1 up, 1 down$/m)

    watching.kill('SIGINT')
    expect(await watching.ended).toMatchObject({ code: 0, stderr: '' })
    b.process.kill('SIGKILL')
    expect(await other.ended).toMatchObject({ code: 1 })
    expect(other.stderr).toMatch(/^\{"error":\{"code":"ERR_CONTROL_CLOSED"/)
  }, 60_000)

  test('following the events shows a node that leaves, on its own word', async () => {
    const a = await node('a')
    const b = await node('b', '--seed', a.id)
    const following = bench.start(
      on(a, 'events', '--follow', '--type', 'up', '--type', 'left', '--json'),
    )
    await following.event('up', { node: b.id })
    b.process.kill('SIGTERM')
    await following.event('left', { node: b.id })
    expect((await b.process.ended).code).toBe(0)
    following.kill('SIGTERM')
    expect(await following.ended).toMatchObject({ code: 0, stderr: '' })
  }, 30_000)
})

describe('a join that cannot be', () => {
  test('says why and what to do', async () => {
    const a = await node('a')
    const join = (address: string, ...flags: string[]): Promise<Ended> =>
      bench.run(on(a, 'join', address, ...flags))

    const itself = await join(a.id)
    expect(itself).toMatchObject({ code: 1, stdout: '' })
    expect(itself.stderr).toMatch(/^ERR_JOIN_SELF: .* is this node itself\n {2}hint: /)

    const other = await bench.node('other', await bench.realm('other.json'))
    expect((await join(other.id)).stderr).toMatch(
      /^ERR_JOIN_REALM: .*\n {2}hint: .*same realm file/,
    )

    const blue = await node('blue', '--cluster', 'blue')
    expect((await join(blue.id)).stderr).toMatch(/^ERR_JOIN_CLUSTER: .*\n {2}hint: .*cluster/)

    const nobody = await join('127.0.0.1:9', '--timeout-ms', '600')
    expect(nobody.stderr).toMatch(
      /^ERR_JOIN_NO_ANSWER: nobody answered at 127\.0\.0\.1:9 within 600 ms/,
    )

    expect(await join('nonsense@')).toMatchObject({ code: 2 })
    a.process.kill('SIGKILL')
    await a.process.ended
    expect((await join(other.id)).stderr).toMatch(
      /^ERR_NODE_NOT_RUNNING: .*\n {2}hint: .*fovea start/,
    )
  }, 40_000)
})
