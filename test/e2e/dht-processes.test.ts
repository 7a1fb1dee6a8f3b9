/**
 * The DHT of nodes as operating-system processes on loopback QUIC, each with its database: bootstrap, values,
 * SIGKILL, restart, ghosts, SIGSTOP. `FOVEA_DHT_PROCESSES` says how many; 30 is the size that is promised
 * (`npm run test:processes`), the run of every change uses fewer. Needs `npm run build`.
 *
 * All tests share one mesh, in the order in which they stand: starting the processes costs more than any of
 * them.
 */
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createRealm, formatRealm } from '../../mesh/index.ts'
import { createRealClock } from '../../runtime/index.ts'
import { Children, type JsonChild } from '../support/json-child.ts'

const CHILD = fileURLToPath(new URL('fixtures/dht-child.mjs', import.meta.url))
const BUILT = fileURLToPath(new URL('../../build/mesh/index.js', import.meta.url))
const PROMISED = process.env['FOVEA_DHT_PROCESSES']
const SIZE = Number(PROMISED ?? 6)
/** A third of all dies at once. */
const KILLED = Math.floor(SIZE / 3)
/** One holder more than die: each value has a holder that lives, and far buckets cannot hold everybody. */
const K = KILLED + 1
const REQUEST_TIMEOUT_MS = 2_000
/**
 * Until everybody finds what is there, or nothing of what is gone. Each asks about all the others, on two cores,
 * so it is the machine that takes the time.
 */
const SETTLED_MS = 10_000 + 2_000 * SIZE
/** Of one command, the start of a program among them: this is no measure, only an end. */
const WAIT_MS = 120_000
const LAUNCHED_AT_ONCE = 4
const GHOST_TTL_MS = SIZE >= 20 ? 6_000 : 3_000
const GHOST_SERVICE = 'service of the ghost'
/** Of each kind, while one hangs. */
const ASKED_FOR = 4
/** What honest nodes never say to each other. */
const BAD =
  /^ERR_DHT_(RECORD_(SIGNATURE|MEMBERSHIP|REALM|KEY|EXPIRY|TOO_LARGE|INVALID)|STORE_|PEER_QUOTA|PEER_SHUNNED|CONTACTS_MAX|CONTACT_ADDRESS|DIVERSITY|REQUESTS_MAX)/

const clock = createRealClock()
const children = new Children(CHILD, WAIT_MS)
let directory = ''

interface Node {
  readonly name: string
  readonly child: JsonChild
  readonly id: string
  readonly key: string
  readonly generation: number
}

/** An answer of a child to one question of a list; what else is in it depends on the command. */
interface Answer {
  readonly error?: string
  /** When it was asked, wall time, and how long it took. */
  readonly atMs: number
  readonly elapsedMs: number
  readonly key?: string
  readonly nodeId?: string
  readonly value?: string
  readonly publisher?: string
  readonly expiresAtMs?: number
  readonly holders?: readonly string[]
  readonly closest?: readonly string[]
  readonly failed?: readonly string[]
  readonly providers?: readonly string[]
}

/** A value that was put: by whom, and who acknowledged it. */
interface Value {
  readonly key: string
  readonly value: string
  readonly publisher: string
  readonly holders: readonly string[]
}

async function start(name: string, seeds: readonly string[], dht: object = {}): Promise<Node> {
  const options = {
    ...{ name, seeds, host: '127.0.0.1', port: 0, membership: 'local' },
    realm: join(directory, 'realm.json'),
    dataDir: join(directory, name),
    // All speak with all, on two cores: neither handshakes nor pings of idle links are what is tested.
    ...{ linksIdleMax: 2 * SIZE, keepaliveIntervalMs: 5_000 },
    dht: { k: K, requestTimeoutMs: REQUEST_TIMEOUT_MS, ...dht },
  }
  const child = children.launch([JSON.stringify(options)])
  const { id, key, generation } = await child.event('ready')
  child.id = String(id)
  return { name, child, id: String(id), key: String(key), generation: Number(generation) }
}

/** One that lives less long than the others, and so does what it says. */
const startGhost = (seed: string): Promise<Node> =>
  start('ghost', [seed], {
    providerTtlMs: GHOST_TTL_MS,
    reprovideIntervalMs: GHOST_TTL_MS / 3,
  })

/** A few at a time: starting a program takes a second of a core. */
async function startAll(names: readonly string[], seeds: readonly string[]): Promise<Node[]> {
  const started: Node[] = []
  for (let at = 0; at < names.length; at += LAUNCHED_AT_ONCE) {
    const some = names.slice(at, at + LAUNCHED_AT_ONCE)
    started.push(...(await Promise.all(some.map((name) => start(name, seeds)))))
  }
  return started
}

const ask = (here: Node, command: string, input: Readonly<Record<string, unknown>>) =>
  here.child.run(command, input) as Promise<Answer[]>

const joined = (nodes: readonly Node[]): Promise<unknown> =>
  Promise.all(nodes.map(({ child }) => child.run('joined', { timeoutMs: WAIT_MS })))

/** What one command asks for, and what the answer must be. */
interface Question<W> {
  readonly command: string
  readonly wanted: (here: Node) => readonly W[]
  readonly input: (wanted: readonly W[]) => Readonly<Record<string, unknown>>
  readonly isAnswer: (answer: Answer, wanted: W, here: Node) => boolean
}

/** How it went: until all had all, the slowest single answer, and how many were asked for again. */
interface Course {
  readonly tookMs: number
  readonly slowestMs: number
  readonly again: number
}

/** Everybody asks for everything, and what is not answered as it should be again, until it is. */
async function everywhere<W>(nodes: readonly Node[], question: Question<W>): Promise<Course> {
  const beganMs = clock.now()
  let slowestMs = 0
  let again = 0
  const askAll = async (here: Node): Promise<void> => {
    let left = question.wanted(here)
    for (;;) {
      const answers = await ask(here, question.command, question.input(left))
      slowestMs = Math.max(slowestMs, ...answers.map(({ elapsedMs }) => elapsedMs))
      const isRight = left.map((wanted, i) => question.isAnswer(answers[i]!, wanted, here))
      const wrong = answers.filter((_, i) => !isRight[i])
      left = left.filter((_, i) => !isRight[i])
      if (left.length === 0) return
      if (clock.now() - beganMs > SETTLED_MS) {
        const lines = left.slice(0, 3).map((wanted, i) => inspect([wanted, wrong[i]], { depth: 3 }))
        throw new Error(`${here.name} misses ${left.length}: ${lines.join('\n')}`)
      }
      again += left.length
      await pause()
    }
  }
  await Promise.all(nodes.map(askAll))
  return { tookMs: Math.round(clock.now() - beganMs), slowestMs, again }
}

/** Between two looks at something that takes its time. */
const pause = (): Promise<void> => new Promise((resolve) => clock.setTimer(250, resolve))

/** Each of `there`, by its key and by its id. */
const whereIs = (
  there: readonly Node[],
  by: readonly ('key' | 'id')[] = ['key', 'id'],
): Question<{ readonly by: string; readonly node: Node }> => ({
  command: 'findNodes',
  wanted: (here) =>
    there
      .filter(({ key }) => key !== here.key)
      .flatMap((node) => by.map((name) => ({ by: node[name], node }))),
  input: (wanted) => ({ nodes: wanted.map((one) => one.by) }),
  isAnswer: ({ key, nodeId }, { node }) => key === node.key && nodeId === node.id,
})

const valuesOf = (values: readonly Value[]): Question<Value> => ({
  command: 'get',
  wanted: () => values,
  input: (wanted) => ({ keys: wanted.map(({ key }) => key) }),
  isAnswer: (answer, { value, publisher }) =>
    answer.value === value && answer.publisher === publisher,
})

const providersOf = (service: string, providers: readonly string[]): Question<string> => ({
  command: 'providers',
  wanted: () => [service],
  input: (wanted) => ({ keys: wanted }),
  isAnswer: (answer) => String(answer.providers) === String(providers),
})

/** The nodes nearest to each of these keys: none that is not there, and nobody names one. */
const closestTo = (keys: readonly string[], living: ReadonlySet<string>): Question<string> => ({
  command: 'closest',
  wanted: () => keys,
  input: (wanted) => ({ keys: wanted }),
  isAnswer: ({ closest = [], failed = [] }) =>
    closest.length > 0 && [...closest, ...failed].every((key) => living.has(key)),
})

/** What was measured, for whoever runs the size that is promised. */
function note(what: string, course: unknown): void {
  if (PROMISED !== undefined) process.stdout.write(`${what}: ${JSON.stringify(course)}\n`)
}

const sums = (all: readonly Readonly<Record<string, number>>[]): Record<string, number> => {
  const names = Object.keys(all[0] ?? {})
  const sum = (name: string): number => all.reduce((total, one) => total + one[name]!, 0)
  return Object.fromEntries(names.map((name) => [name, sum(name)]))
}

beforeAll(async () => {
  if (!existsSync(BUILT)) throw new Error('run `npm run build` first')
  directory = await mkdtemp(join(tmpdir(), 'fovea-dht-processes-'))
  const realm = formatRealm(createRealm('com.example.dht-processes'))
  await writeFile(join(directory, 'realm.json'), realm, { mode: 0o600 })
})

afterAll(async () => {
  await children.end()
  await rm(directory, { recursive: true, force: true })
})

describe(`the DHT of ${SIZE} processes on loopback QUIC`, () => {
  let nodes: Node[] = []
  let ghost: Node
  /** By key. */
  const values = new Map<string, Value>()
  const all = (): Question<Value> => valuesOf([...values.values()])
  const seed = (): string => nodes[0]!.id
  /** What all have cost since their starts, those that were killed left out. */
  const noteCost = async (): Promise<void> => {
    const costs = await Promise.all(nodes.map(({ child }) => child.run('cost')))
    note('cost', sums(costs as Readonly<Record<string, number>>[]))
  }
  const keysOf = (some: readonly Node[]): ReadonlySet<string> => new Set(some.map(({ key }) => key))

  it('all find each other by key and by id through one seed', async () => {
    nodes = [await start('n0', [])]
    const names = Array.from({ length: SIZE - 1 }, (_, i) => `n${i + 1}`)
    nodes.push(...(await startAll(names, [seed()])))
    await joined(nodes)
    const course = await everywhere(nodes, whereIs(nodes))
    note('all find each other', course)
    expect(course.tookMs).toBeLessThan(SETTLED_MS)
    await noteCost()
  }, 300_000)

  it('what each puts, every other gets: values that never change, and named ones', async () => {
    const puts = await everywhere(nodes, {
      command: 'put',
      wanted: ({ name }) => [{ value: `for ever, of ${name}` }, { name: 'n', value: name }],
      input: (wanted) => ({ values: wanted, quorum: K }),
      isAnswer: ({ key, holders }, { value }, { key: publisher }) => {
        if (key === undefined || holders === undefined) return false
        values.set(key, { key, holders, value, publisher })
        return true
      },
    })
    note('all put', puts)
    expect(values.size).toBe(2 * SIZE)
    const gets = await everywhere(nodes, all())
    note('all get everything', gets)
    expect(gets.again).toBe(0)
  }, 300_000)

  it(`after kill -9 of ${KILLED} at once every survivor still gets every value`, async () => {
    const killed = nodes.slice(SIZE - KILLED)
    const rest = nodes.slice(0, SIZE - KILLED)
    for (const { child } of killed) child.process.kill('SIGKILL')
    const course = await everywhere(rest, all())
    note(`all survivors get everything`, course)
    expect(course.again).toBe(0)
    expect(course.slowestMs).toBeLessThan(3 * REQUEST_TIMEOUT_MS)
    await Promise.all(killed.map(({ child }) => child.ended))
  }, 300_000)

  it('the killed come back with all that they acknowledged, and are found at their new addresses', async () => {
    const before = nodes.slice(SIZE - KILLED)
    const rest = nodes.slice(0, SIZE - KILLED)
    // For the next test: it publishes where it is within some seconds, as all others do.
    const starting = startGhost(seed())
    // Alone at first: what they answer then is on their own disks.
    const names = before.map(({ name }) => name)
    const again = await startAll(names, [])
    ghost = await starting
    for (const [i, node] of again.entries()) {
      expect(node.key).toBe(before[i]!.key)
      expect(node.id).not.toBe(before[i]!.id)
      expect(node.generation).toBeGreaterThan(before[i]!.generation)
      const kept = [...values.values()].filter(
        ({ holders, publisher }) => publisher === node.key || holders.includes(node.key),
      )
      expect(kept.length).toBeGreaterThan(2)
      const answers = await ask(node, 'get', { keys: kept.map(({ key }) => key) })
      expect(answers.map(({ value }) => value)).toEqual(kept.map(({ value }) => value))
    }
    for (const { child } of again) await child.run('seed', { seed: seed() })
    nodes = [...rest, ...again]
    await joined(again)
    const gets = await everywhere(again, all())
    note('the restarted get everything', gets)
    const byId = await everywhere(again, whereIs(again, ['id']))
    note('the restarted find each other by id', byId)
    const byKey = await everywhere(nodes, whereIs(again, ['key']))
    note('all find the restarted by key', byKey)
    expect(byKey.tookMs).toBeLessThan(SETTLED_MS)
    await noteCost()
  }, 300_000)

  it('a process that is gone for good is a ghost no longer than its records live', async () => {
    await joined([ghost])
    const provided = await ghost.child.run('provide', { key: GHOST_SERVICE })
    expect(provided).toBeGreaterThan(0)
    await everywhere(nodes, whereIs([ghost]))
    await everywhere(nodes, providersOf(GHOST_SERVICE, [ghost.key]))
    ghost.child.process.kill('SIGKILL')
    const killedMs = clock.wallNow()
    // Each asks until it finds nothing any more, and never finds anything whose time is over.
    const gone = await Promise.all([
      everywhere(nodes, {
        ...whereIs([ghost]),
        isAnswer: ({ key, error, atMs, expiresAtMs = 0 }) => {
          if (key === undefined) return error === undefined
          expect(atMs).toBeLessThanOrEqual(expiresAtMs)
          expect(expiresAtMs).toBeLessThanOrEqual(killedMs + GHOST_TTL_MS)
          return false
        },
      }),
      everywhere(nodes, providersOf(GHOST_SERVICE, [])),
    ])
    note('the ghost is found nowhere', gone)
    const unnamed = await everywhere(nodes, closestTo([ghost.key], keysOf(nodes)))
    note('the ghost is named nowhere', unnamed)
    for (const { child } of nodes) {
      const table = (await child.run('table')) as { key: string; state: string }[]
      const entries = table.filter(({ key }) => key === ghost.key)
      expect(entries.filter(({ state }) => state === 'good')).toEqual([])
    }
  }, 300_000)

  it('ML13 a process that hangs delays no lookup of others beyond the time of one request', async () => {
    const stopped = nodes[1]!
    const others = nodes.filter((node) => node !== stopped)
    const keys = [stopped, ...others.slice(0, ASKED_FOR)].map(({ key }) => key)
    const held = [...values.values()].filter(({ holders }) => holders.includes(stopped.key))
    const look = (): Promise<readonly Course[]> =>
      Promise.all([
        everywhere(others, {
          ...closestTo(keys, keysOf(nodes)),
          isAnswer: ({ closest = [] }) => closest.length > 0,
        }),
        everywhere(others, valuesOf(held.slice(0, ASKED_FOR))),
        everywhere(others, whereIs(others.slice(0, ASKED_FOR), ['key'])),
      ])
    const usual = await look()
    stopped.child.process.kill('SIGSTOP')
    const courses = await look()
    note('closest, get and findNode, usually', usual)
    note('closest, get and findNode, while one hangs', courses)
    for (const [i, { slowestMs, again }] of courses.entries()) {
      expect(again).toBe(0)
      expect(slowestMs).toBeLessThan(REQUEST_TIMEOUT_MS + 2 * usual[i]!.slowestMs + 250)
    }
    stopped.child.process.kill('SIGCONT')
    await everywhere(nodes, whereIs([stopped]))
    await everywhere([stopped], all())
    await noteCost()
  }, 300_000)

  it('honest nodes have refused each other nothing, and none has complained', async () => {
    for (const { child } of nodes) {
      expect([child.count('unhandled'), child.stderr]).toEqual([0, ''])
      const refused = (await child.run('refused')) as Readonly<Record<string, number>>
      note(`refused at ${child.id}`, refused)
      expect(Object.keys(refused).filter((code) => BAD.test(code))).toEqual([])
    }
  })
})
