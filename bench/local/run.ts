/**
 * `npm run bench:local`: Fovea within one program against a hand-made mailbox, a bare promise and four
 * libraries from npm, then what only Fovea promises. Prints figures, ratios and targets, and writes them to
 * bench/results/local.json (Node 20) or local-node<major>.json. README.md says what each figure means.
 */
import { fileURLToPath } from 'node:url'
import { saveResults } from '../harness.ts'
import { installPeers, type Peers } from './peers.ts'
import { inTurns, type Contender, type Row, type TurnOptions } from './turns.ts'
import { precise, ratio, Targets } from './targets.ts'

const OLDEST_NODE = 20

const CALLS = 200_000
const CASTS = 1_000_000
const PEER_OPERATIONS = 50_000
const SPAWNS = 10_000
const IDLE = 100_000
const PEER_IDLE = 5_000
const MANY = 1_000_000

const ONCE: TurnOptions = { rounds: 3, warmupRounds: 0, generations: 1 }

const sidePath = (name: string): string => fileURLToPath(new URL(`./${name}.js`, import.meta.url))
const FLOOR = sidePath('floor')
const FOVEA = sidePath('fovea')

const of = (name: string, path: string, measure: string, size: number): Contender => ({
  name,
  path,
  measure,
  size,
})

/** One printed table. */
interface Table {
  readonly title: string
  readonly unit: string
  readonly rows: readonly Row[]
}

/** Runs everything. */
export async function benchLocal(): Promise<void> {
  const peers = installPeers()
  for (const { name, why } of peers.missing) console.log(`missing: ${name} (${why})`)
  const run = new LocalRun(peers)
  await run.messages()
  await run.processes()
  await run.behaviours()
  await run.queues()
  await run.supervision()
  await run.timers()
  run.targets.print()
  const major = Number(process.versions.node.split('.')[0])
  saveResults(major === OLDEST_NODE ? 'local' : `local-node${major}`, run.results())
}

class LocalRun {
  readonly targets = new Targets()
  readonly #peers: Peers
  readonly #tables: Record<string, Table> = {}

  constructor(peers: Peers) {
    this.#peers = peers
  }

  results(): unknown {
    return {
      peers: Object.fromEntries(this.#peers.present.map(({ name, version }) => [name, version])),
      missing: this.#peers.missing.map(({ name }) => name),
      targets: this.targets.verdicts,
      tables: this.#tables,
    }
  }

  async messages(): Promise<void> {
    const sequential = await this.#measure('callSequential', 'Call, one after the other', [
      of('hand-made mailbox', FLOOR, 'callSequential', CALLS),
      of('bare promise', FLOOR, 'promise', CALLS),
      of('fovea ref.call', FOVEA, 'callSequential', CALLS),
      ...this.#ofPeers('callSequential', PEER_OPERATIONS),
      ...this.#ofPeers('callSynchronous', PEER_OPERATIONS, ['xstate'], ' (synchronous, no hop)'),
    ])
    const pipelined = await this.#measure('callPipelined', 'Call, 1,000 in flight', [
      of('hand-made mailbox', FLOOR, 'callPipelined', CALLS),
      of('fovea ref.call', FOVEA, 'callPipelined', CALLS),
      ...this.#ofPeers('callPipelined', PEER_OPERATIONS),
    ])
    const cast = await this.#measure('cast', 'Cast, bursts of 1,000', [
      of('hand-made mailbox', FLOOR, 'cast', CASTS),
      of('fovea ref.cast', FOVEA, 'cast', CASTS),
      ...this.#ofPeers('cast', PEER_OPERATIONS),
    ])
    const { targets } = this
    targets.atMost('call, sequential: <= 1.5x the floor', toFloor(sequential), 1.5, 'x')
    targets.atMost('call, pipelined: <= 2x the floor', toFloor(pipelined), 2, 'x')
    targets.atLeast('call, sequential: faster than every peer', this.#overPeers(sequential), 1, 'x')
    targets.atLeast('call, pipelined: faster than every peer', this.#overPeers(pipelined), 1, 'x')
    targets.atLeast('cast: >= 0.5x the speed of the floor', inverse(toFloor(cast)), 0.5, 'x')
    targets.atLeast('cast: >= 2.5x the best peer', this.#overPeers(cast), 2.5, 'x')
  }

  async processes(): Promise<void> {
    const spawn = await this.#measure('spawn', 'Spawn and stop', [
      of('a hand-made mailbox object', FLOOR, 'spawn', SPAWNS),
      of('fovea gen_server, init acknowledged', FOVEA, 'startServers', SPAWNS),
      of('fovea plain process that receives', FOVEA, 'spawn', SPAWNS),
      of('fovea plain process that returns', FOVEA, 'spawnAndRun', SPAWNS),
      ...this.#ofPeers('spawn', SPAWNS),
    ])
    const idle = await this.#measure(
      'idleBytes',
      'Heap per idle process',
      [
        of('a hand-made mailbox object', FLOOR, 'idleBytes', IDLE),
        of('fovea gen_server with pid, ref and link', FOVEA, 'idleBytes', IDLE),
        ...this.#ofPeers('idleBytes', PEER_IDLE),
      ],
      'bytes',
      ONCE,
    )
    const million = await this.#measure(
      'stopAll',
      'Stop of 1,000,000 idle gen_servers',
      [of('fovea system.stop', FOVEA, 'stopAll', MANY)],
      'ms',
      { ...ONCE, rounds: 1 },
    )
    const { targets } = this
    targets.atLeast('spawn: >= 5x the best peer', this.#overPeers(spawn), 5, 'x')
    targets.atMost('idle gen_server: <= 400 bytes', figureOf(idle, 'fovea'), 400, 'bytes')
    targets.atMost('1,000,000 idle processes stop in < 5 s', figureOf(million, 'fovea'), 5000, 'ms')
  }

  /** Without targets of their own: what the behaviours above gen_server add to it. */
  async behaviours(): Promise<void> {
    await this.#measure('call', 'A call, by behaviour', [
      of('hand-made mailbox', FLOOR, 'callSequential', CALLS),
      of('fovea gen_server', FOVEA, 'callSequential', CALLS),
      of('fovea gen_statem', FOVEA, 'statemCall', CALLS),
      of('fovea Agent.get', FOVEA, 'agentGet', CALLS),
      of('fovea Agent.update', FOVEA, 'agentUpdate', CALLS),
    ])
    await this.#measure('transition', 'A cast that changes the state of a machine', [
      of('hand-made mailbox (no machine)', FLOOR, 'cast', CASTS),
      of('fovea gen_statem', FOVEA, 'statemCast', CALLS),
      ...this.#ofPeers('statemCast', PEER_OPERATIONS, ['xstate']),
    ])
    await this.#measure('start', 'Something new, started and ended', [
      of('a hand-made mailbox object', FLOOR, 'spawn', SPAWNS),
      of('fovea Task.async and await', FOVEA, 'tasks', SPAWNS),
      of('fovea DynamicSupervisor child', FOVEA, 'dynamicChildren', SPAWNS),
    ])
  }

  async queues(): Promise<void> {
    const rows = await this.#measure(
      'drain',
      'Drain of what was queued, per message',
      [
        ...[1_000, 30_000, MANY].flatMap((queued) => [
          of('hand-made mailbox', FLOOR, 'drain', queued),
          of('fovea', FOVEA, 'drain', queued),
        ]),
        // A million on an array with shift() would take minutes: the cliff shows before.
        ...[1_000, 30_000, 100_000].map((queued) =>
          of('array with shift()', FLOOR, 'drainShift', queued),
        ),
      ],
      'us',
      { rounds: 3, warmupRounds: 1, generations: 1 },
    )
    const at = (queued: number): number | undefined =>
      rows.find(({ name, size }) => name === 'fovea' && size === queued)?.figure
    this.targets.atMost(
      'drain: 1,000,000 queued cost <= 2x of 30,000, per message',
      ratio(at(MANY), at(30_000)),
      2,
      'x',
    )
  }

  async supervision(): Promise<void> {
    const restart = await this.#measure(
      'restart',
      'Crash to the init of the successor, by children of the supervisor',
      [10, 1_000, 10_000].map((children) => of('fovea', FOVEA, 'restart', children)),
      'us',
      ONCE,
    )
    const sizes = [1_000, 10_000, 100_000]
    const start = await this.#measure(
      'startChildren',
      'Start of a supervisor, per child',
      sizes.map((children) => of('fovea', FOVEA, 'startChildren', children)),
      'us',
      ONCE,
    )
    const stop = await this.#measure(
      'stopChildren',
      'Stop of a supervisor, per child',
      sizes.map((children) => of('fovea', FOVEA, 'stopChildren', children)),
      'us',
      ONCE,
    )
    const { targets } = this
    targets.atMost('restart at 1,000 children: < 100 us', restart[1]?.figure, 100, 'us')
    for (const [what, rows] of [
      ['start', start],
      ['stop', stop],
    ] as const) {
      const growth = ratio(rows[1]?.figure, rows[0]?.figure)
      targets.atMost(
        `${what} of 10,000 children is linear: <= 2x of 1,000 per child`,
        growth,
        2,
        'x',
      )
    }
  }

  async timers(): Promise<void> {
    const sizes = [2, 100, 1_000, 10_000]
    const rows = await this.#measure(
      'timer',
      'A 50 ms timer fires after, under full ping-pong, by live processes',
      [
        ...sizes.map((size) => of('fovea', FOVEA, 'timer', size)),
        ...[2, 1_000].flatMap((size) => [
          of('hand-made mailbox', FLOOR, 'timer', size),
          ...this.#ofPeers('timer', size),
        ]),
      ],
      'ms',
      ONCE,
    )
    for (const { name, size, figure } of rows) {
      if (name !== 'fovea') continue
      const processes = `${size.toLocaleString('en')} processes`
      this.targets.atMost(`50 ms timer under load of ${processes}: <= 60 ms`, figure, 60, 'ms')
    }
  }

  async #measure(
    key: string,
    title: string,
    contenders: readonly Contender[],
    unit = 'us',
    options: TurnOptions = {},
  ): Promise<readonly Row[]> {
    const rows = await inTurns(contenders, options)
    const table = { title, unit, rows }
    this.#tables[key] = table
    print(table)
    return rows
  }

  #ofPeers(measure: string, size: number, only?: readonly string[], suffix = ''): Contender[] {
    return this.#peers.present
      .filter(({ name }) => only === undefined || only.includes(name))
      .map(({ name, version, path }) => of(`${name} ${version}${suffix}`, path, measure, size))
  }

  /** How many times as fast as the fastest peer the first row of Fovea is. */
  #overPeers(rows: readonly Row[]): number | undefined {
    const peers = this.#peers.present.map(({ name, version }) => `${name} ${version}`)
    const figures = rows
      .filter(({ name }) => peers.includes(name))
      .map(({ figure }) => figure ?? Infinity)
    if (figures.length === 0) return undefined
    return ratio(Math.min(...figures), figureOf(rows, 'fovea'))
  }
}

function print({ title, unit, rows }: Table): void {
  console.log(`\n${title}`)
  const floor = rows[0]?.name.includes('hand-made') === true ? rows[0].figure : undefined
  const sized = new Set(rows.map(({ name }) => name)).size < rows.length
  for (const { name, size, figure, error } of rows) {
    const label = sized ? `${name}, ${size.toLocaleString('en')}` : name
    const value = figure === undefined ? `failed: ${error}` : precise(figure)
    const compared = floor === undefined || sized ? undefined : ratio(figure, floor)
    const suffix = compared === undefined ? '' : `${compared.toFixed(2).padStart(9)}x the floor`
    console.log(`  ${label.padEnd(46)}${value.padStart(10)} ${unit.padEnd(6)}${suffix}`)
  }
}

const figureOf = (rows: readonly Row[], start: string): number | undefined =>
  rows.find(({ name }) => name.startsWith(start))?.figure

const toFloor = (rows: readonly Row[]): number | undefined =>
  ratio(figureOf(rows, 'fovea'), rows[0]?.figure)

const inverse = (value: number | undefined): number | undefined =>
  value === undefined ? undefined : 1 / value
