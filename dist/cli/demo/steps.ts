/**
 * What the demo shows, one function per step, in order. A step returns what a person reads and what
 * a program reads, or throws. Each waits for events with a deadline, none sleeps.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../../runtime/index.ts'
import type { CallResult, DownResult, PingResult, SpawnResult } from '../control/target.ts'
import type { MemberRow } from '../operations/member-row.ts'
import { CliError, codeOf } from '../errors.ts'
import type { OutputEvent } from '../output.ts'
import { formatMs } from '../output.ts'
import { NodeProcess } from './node-process.ts'

/** What the steps share. */
export interface DemoWorld {
  readonly directory: string
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly nodes: Map<string, NodeProcess>
  /** Node ids as the nodes themselves announced them. */
  readonly ids: Map<string, string>
  /** The table for people. */
  formatMembers(rows: readonly MemberRow[]): string
}

/** What a step showed. */
export interface Shown {
  readonly text: string
  /** More lines below, indented. */
  readonly details?: string
  readonly facts: Readonly<Record<string, unknown>>
}

/** A named step. */
export interface Step {
  readonly name: string
  run(world: DemoWorld): Promise<Shown>
}

const WAIT_MS = 15_000
const CALLS = 300
const START_AT = 10
const NAME = 'hits'

/** The steps of the demo. */
export const STEPS: readonly Step[] = [
  { name: 'start', run: startNodes },
  { name: 'join', run: join3 },
  { name: 'members', run: showMembers },
  { name: 'spawn', run: spawnCounter },
  { name: 'call', run: callCounter },
  { name: 'crash', run: crashCounter },
  { name: 'kill', run: killNode },
  { name: 'leave', run: leaveNode },
  { name: 'stop', run: stopNodes },
]

async function startNodes(world: DemoWorld): Promise<Shown> {
  // c is told of b only and must learn of a: the mesh is made by its members, not by its seeds.
  await startNode(world, 'a', [])
  await startNode(world, 'b', [idOf(world, 'a')])
  await startNode(world, 'c', [idOf(world, 'b')])
  const started = [...world.nodes.values()].map((n) => `${idOf(world, n.name)} (pid ${n.osPid})`)
  return {
    text: started.join(', '),
    facts: {
      nodes: [...world.ids.values()],
      osPids: [...world.nodes.values()].map((n) => n.osPid),
    },
  }
}

async function startNode(world: DemoWorld, name: string, seeds: readonly string[]): Promise<void> {
  await mkdir(join(world.directory, name), { mode: 0o700 })
  const node = new NodeProcess({
    name,
    directory: world.directory,
    realmFile: join(world.directory, 'realm.json'),
    seeds,
    clock: world.clock,
  })
  world.nodes.set(name, node)
  const ready = await waitFor(world, name, 'it being ready', (event) => event.event === 'ready')
  world.ids.set(name, String(ready['node']))
}

async function join3(world: DemoWorld): Promise<Shown> {
  const startedAt = world.clock.now()
  for (const here of ['a', 'b', 'c']) {
    for (const there of ['a', 'b', 'c']) {
      if (here === there) continue
      await waitFor(world, here, `${there} joining`, isAbout('node_up', idOf(world, there)))
    }
  }
  const tookMs = world.clock.now() - startedAt
  return { text: `each node is linked to the two others; c was told of b only`, facts: { tookMs } }
}

async function showMembers(world: DemoWorld): Promise<Shown> {
  const rows = await membersOf(world, 'a')
  const up = rows.filter((row) => row.state === 'up' || row.state === 'self')
  if (up.length !== 3) throw problem(`a knows ${up.length} members that are up, expected 3`)
  const pinged = (await ask(world, 'a', 'ping', { node: idOf(world, 'c') })) as PingResult
  return {
    text: `as a sees them; ping a to c ${formatMs(pinged.rttMs)}`,
    details: world.formatMembers(rows),
    facts: { members: rows, pingMs: pinged.rttMs },
  }
}

async function spawnCounter(world: DemoWorld): Promise<Shown> {
  const spawned = (await ask(world, 'a', 'spawn', {
    behaviour: 'counter',
    node: idOf(world, 'c'),
    name: NAME,
    arg: START_AT,
    supervised: true,
  })) as SpawnResult
  return {
    text: `a started a supervised counter on c, registered as '${NAME}': ${spawned.pid}`,
    facts: { ...spawned },
  }
}

async function callCounter(world: DemoWorld): Promise<Shown> {
  const added = await call(world, 'a', 'add', { input: 5 })
  expect('add(5)', added.value, START_AT + 5)
  const timed = await call(world, 'a', 'get', { repeat: CALLS })
  expect('get()', timed.value, START_AT + 5)
  const times = `p50 ${formatMs(timed.p50Ms)}, p99 ${formatMs(timed.p99Ms)}`
  return {
    text: `add(5) = ${String(added.value)}; ${CALLS} calls from a to c: ${times}`,
    facts: { added: added.value, calls: timed.calls, p50Ms: timed.p50Ms, p99Ms: timed.p99Ms },
  }
}

async function crashCounter(world: DemoWorld): Promise<Shown> {
  const monitor = await monitorFrom(world, 'a')
  const crashedAt = world.clock.now()
  let code = 'none'
  try {
    await call(world, 'a', 'crash', {})
  } catch (error) {
    code = codeOf(error) ?? 'none'
  }
  expect('the code of the call that crashed it', code, 'ERR_CALL_EXIT')
  const down = await monitor.down
  await waitFor(world, 'c', 'a restart', (event) => {
    return event.event === 'started' && event['name'] === NAME && Number(event['restarts']) === 1
  })
  const restartMs = world.clock.now() - crashedAt
  const after = await call(world, 'a', 'get', {})
  expect('get() after the restart', after.value, START_AT)
  return {
    text: `caller got ${code}, monitor on a got '${down.reason}'; restarted after ${formatMs(restartMs)}, counts from ${String(after.value)} again`,
    facts: { code, reason: down.reason, restartMs, value: after.value },
  }
}

async function killNode(world: DemoWorld): Promise<Shown> {
  const victim = required(world, 'c')
  const monitors = await Promise.all([monitorFrom(world, 'a'), monitorFrom(world, 'b')])
  const killedAt = world.clock.now()
  victim.kill()
  const seen = await Promise.all(
    monitors.map(async (monitor) => {
      const down = await monitor.down
      return { reason: down.reason, afterMs: world.clock.now() - killedAt }
    }),
  )
  for (const { reason } of seen) expect('the reason at the monitor', reason, 'noconnection')
  const isDown = isAbout('node_down', idOf(world, 'c'))
  const events = await Promise.all(
    ['a', 'b'].map((name) => waitFor(world, name, 'c being down', isDown)),
  )
  const rows = await membersOf(world, 'a')
  const slowestMs = Math.max(...seen.map((s) => s.afterMs))
  const reason = String(events[0]?.['reason'])
  return {
    text: `kill -9 c: monitors on a and b got 'noconnection' after ${formatMs(slowestMs)} (${reason})`,
    details: world.formatMembers(rows),
    facts: { monitors: seen, reason, detectionMs: slowestMs, members: rows },
  }
}

async function leaveNode(world: DemoWorld): Promise<Shown> {
  const startedAt = world.clock.now()
  const end = await required(world, 'b').stop()
  expect('the exit code of b', end.code, 0)
  const down = await waitFor(world, 'a', 'b leaving', isAbout('node_down', idOf(world, 'b')))
  expect('the reason at a', down['reason'], 'graceful_shutdown')
  const tookMs = world.clock.now() - startedAt
  return {
    text: `b left and ended with code 0; a saw graceful_shutdown, ${formatMs(tookMs)} in all`,
    facts: { reason: down['reason'], code: end.code, tookMs },
  }
}

async function stopNodes(world: DemoWorld): Promise<Shown> {
  const end = await required(world, 'a').stop()
  expect('the exit code of a', end.code, 0)
  const alive = [...world.nodes.values()].filter((node) => node.alive)
  expect('the number of nodes left', alive.length, 0)
  return { text: 'a ended with code 0; no node is left', facts: { code: end.code } }
}

/** A monitor on the counter, set from a node; `down` resolves when it fires. */
async function monitorFrom(
  world: DemoWorld,
  name: string,
): Promise<{ readonly down: Promise<DownResult> }> {
  const client = await required(world, name).control()
  return await new Promise((resolve, reject) => {
    const params = { name: NAME, node: idOf(world, 'c') }
    const down = client.request('monitor', params, {
      timeoutMs: WAIT_MS,
      onEvent: () => resolve({ down: down as Promise<DownResult> }),
    })
    down.catch(reject)
  })
}

async function call(
  world: DemoWorld,
  from: string,
  method: string,
  options: { readonly input?: unknown; readonly repeat?: number },
): Promise<CallResult> {
  const params = { name: NAME, method, node: idOf(world, 'c'), ...options }
  return (await ask(world, from, 'call', params)) as CallResult
}

async function membersOf(world: DemoWorld, name: string): Promise<readonly MemberRow[]> {
  return (await ask(world, name, 'members', {})) as readonly MemberRow[]
}

async function ask(
  world: DemoWorld,
  name: string,
  method: 'members' | 'ping' | 'spawn' | 'call',
  params: Readonly<Record<string, unknown>>,
): Promise<unknown> {
  const client = await required(world, name).control()
  return await client.request(method, params, { timeoutMs: WAIT_MS })
}

function waitFor(
  world: DemoWorld,
  name: string,
  what: string,
  match: (event: OutputEvent) => boolean,
): Promise<OutputEvent> {
  const options = { timeoutMs: WAIT_MS, what: `${what} at ${name}`, signal: world.signal }
  return required(world, name).log.wait(match, options)
}

function isAbout(event: string, node: string): (seen: OutputEvent) => boolean {
  return (seen) => seen.event === event && seen['node'] === node
}

function required(world: DemoWorld, name: string): NodeProcess {
  const node = world.nodes.get(name)
  if (node === undefined) throw problem(`there is no node ${name}`)
  return node
}

function idOf(world: DemoWorld, name: string): string {
  return world.ids.get(name) ?? name
}

function expect(what: string, actual: unknown, expected: unknown): void {
  if (actual !== expected)
    throw problem(`${what} is ${String(actual)}, expected ${String(expected)}`)
}

function problem(message: string): CliError {
  return new CliError('ERR_DEMO_STEP_FAILED', message)
}
