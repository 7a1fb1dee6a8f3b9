/**
 * What a message costs that others pass on: four programs in a row on loopback QUIC, `a - b - c - d`, of which each has a
 * way only to those beside it. Calls and messages go from `a` to `d`, sealed, in envelopes of `b` and `c`. Against the same
 * work between two nodes with a link, and against the floor: the same row of bare TCP sockets. What is compared is the
 * processor time of all programs. The route is read on the wire, before anything is measured.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { formatRealm } from 'fovea/mesh'
import { median } from '../harness.ts'
import { Targets } from '../local/targets.ts'
import { publish, round, type Row } from '../sim/table.ts'
import type { HopOrder, HopReply } from './hop.ts'
import { newRealm } from './lanes-side.ts'
import { Program } from './program.ts'

const PROGRAM = fileURLToPath(new URL('./hops-program.js', import.meta.url))
const ROUNDS = 3
/** Messages between two answers of the last program. */
const BURST = 1_000
const SIZES_BYTES = [128, 1_024]
const HOPS = 3

interface Work {
  readonly name: string
  readonly count: number
  /** Undefined for messages. */
  readonly inFlight: number | undefined
}

const WORKS: readonly Work[] = [
  { name: 'call, 1 in flight', count: 500, inFlight: 1 },
  { name: 'call, 256 in flight', count: 5_000, inFlight: 256 },
  { name: 'publish', count: 10_000, inFlight: undefined },
]

type HopProgram = Program<HopOrder, HopReply>

/** Programs in a row; work goes from the first to the last. */
interface Chain {
  readonly name: string
  readonly programs: readonly HopProgram[]
}

interface Figures {
  readonly perSecond: number
  /** Processor time of each program, per message. */
  readonly microseconds: readonly number[]
  readonly p50: number | undefined
  readonly p99: number | undefined
}

interface Node {
  readonly program: HopProgram
  readonly key: string
  readonly nodeId: string
  readonly address: string
}

interface MeshChain {
  readonly chain: Chain
  readonly nodes: readonly Node[]
}

async function ask(program: HopProgram, order: HopOrder): Promise<HopReply> {
  const reply = await program.ask(order)
  if (reply.error !== undefined) throw new Error(`${order.type}: ${reply.error}`)
  return reply
}

async function startNode(realmFile: string, isTraced: boolean): Promise<Node> {
  const program: HopProgram = new Program(PROGRAM, [
    ...['mesh', realmFile],
    ...(isTraced ? ['trace'] : []),
  ])
  const { key, nodeId, address } = await program.answer()
  return { program, key: key!, nodeId: nodeId!, address: address! }
}

/** Nodes that know each other and have links only with those beside them; the first one reaches the last. */
async function linked(name: string, nodes: readonly Node[]): Promise<Chain> {
  for (const [at, { program }] of nodes.entries()) {
    const apart = nodes.filter((_, other) => Math.abs(other - at) > 1)
    await ask(program, { type: 'block', nodes: apart })
  }
  for (const [at, { program }] of nodes.entries()) {
    if (at > 0) await ask(program, { type: 'seed', seed: nodes[at - 1]!.nodeId })
  }
  const last = nodes.at(-1)!
  await ask(last.program, { type: 'serve' })
  await ask(nodes[0]!.program, { type: 'reach', key: last.key })
  return { name, programs: nodes.map(({ program }) => program) }
}

/** A row of nodes, whatever their keys are. */
async function meshChain(realmFile: string, isTraced: boolean): Promise<MeshChain> {
  const starting = Array.from({ length: HOPS + 1 }, () => startNode(realmFile, isTraced))
  const nodes = await Promise.all(starting)
  return { nodes, chain: await linked('three hops', nodes) }
}

async function tcpChain(name: string): Promise<Chain> {
  const programs: HopProgram[] = []
  let address: string | undefined
  for (const role of ['last', ...Array<string>(HOPS - 1).fill('between'), 'first']) {
    const ports = address === undefined ? [] : [address]
    const program: HopProgram = new Program(PROGRAM, ['tcp', role, ...ports])
    programs.unshift(program)
    address = (await program.answer()).address
  }
  await ask(programs.at(-1)!, { type: 'serve' })
  return { name, programs }
}

/** What `a` sent passed `b` and `c` in envelopes, and nobody could read it there; throws when it was otherwise. */
async function proveRoute(realmFile: string): Promise<string> {
  const { nodes } = await meshChain(realmFile, true)
  try {
    const mark = 'x'.repeat(64)
    for (const { program } of nodes) await ask(program, { type: 'watch', mark })
    await ask(nodes[0]!.program, { type: 'call', calls: 20, bytes: 64, inFlight: 1 })
    const lines: string[] = []
    for (const [at, { program }] of nodes.entries()) {
      const { frames = {} } = await ask(program, { type: 'trace' })
      for (const [line, count] of Object.entries(frames)) {
        const [way, type, key] = line.split(' ')
        const other = nodes.findIndex((node) => node.key === key)
        const isBeside = Math.abs(other - at) === 1
        if (way === 'clear' || !isBeside || type === 'call' || type === 'reply') {
          throw new Error(`node ${at} of the row: ${count} times ${line}`)
        }
        if (way === 'out' && type === 'rpcRoute') lines.push(`${'abcd'[at]}>${'abcd'[other]}`)
      }
    }
    const route = lines.sort().join(' ')
    if (route !== 'a>b b>a b>c c>b c>d d>c') throw new Error(`envelopes went ${route}`)
    return route
  } finally {
    for (const { program } of nodes) program.stop()
  }
}

async function measure({ programs }: Chain, work: Work, bytes: number): Promise<Figures> {
  const [first, last] = [programs[0]!, programs.at(-1)!]
  await Promise.all(programs.map((program) => ask(program, { type: 'cpu' })))
  const startedMs = performance.now()
  let took: readonly number[] | undefined
  if (work.inFlight === undefined) {
    for (let sent = 0; sent < work.count; sent += BURST) {
      const taken = ask(last, { type: 'expect', messages: BURST })
      await ask(first, { type: 'publish', messages: BURST, bytes })
      await taken
    }
  } else {
    const { inFlight, count } = work
    took = (await ask(first, { type: 'call', calls: count, bytes, inFlight })).tookMs
  }
  const seconds = (performance.now() - startedMs) / 1_000
  const cpus = await Promise.all(programs.map((program) => ask(program, { type: 'cpu' })))
  return {
    perSecond: work.count / seconds,
    microseconds: cpus.map(({ microseconds = 0 }) => microseconds / work.count),
    p50: took?.[0],
    p99: took?.[1],
  }
}

function rowOf({ name }: Chain, work: Work, bytes: number, figures: readonly Figures[]): Row {
  const of = (pick: (each: Figures) => number): number => median(figures.map(pick))
  const sum = (all: readonly number[]): number => all.reduce((total, each) => total + each, 0)
  return {
    way: name,
    work: work.name,
    'payload bytes': bytes,
    '1 / s': round(
      of(({ perSecond }) => perSecond),
      0,
    ),
    '1 / CPU-s': round(1_000_000 / of(({ microseconds }) => sum(microseconds)), 0),
    'p50 ms': work.inFlight === undefined ? '-' : round(of(({ p50 }) => p50!)),
    'p99 ms': work.inFlight === undefined ? '-' : round(of(({ p99 }) => p99!)),
    'CPU us': round(
      of(({ microseconds }) => sum(microseconds)),
      1,
    ),
    'of it between': round(
      of(({ microseconds }) => sum(microseconds.slice(1, -1))),
      1,
    ),
    'busiest us': round(
      of(({ microseconds }) => Math.max(...microseconds)),
      1,
    ),
  }
}

/** All ways in turn within each round. */
async function inTurns(chains: readonly Chain[], work: Work, bytes: number): Promise<Row[]> {
  const figures = chains.map((): Figures[] => [])
  for (let i = -1; i < ROUNDS; i++) {
    for (const [c, chain] of chains.entries()) {
      const found = await measure(chain, work, bytes)
      if (i >= 0) figures[c]!.push(found)
    }
  }
  console.log(`  measured: ${work.name}, ${bytes} B`)
  const rows = chains.map((chain, c) => rowOf(chain, work, bytes, figures[c]!))
  const cost = (row: Row): number => Number(row['CPU us'])
  return rows.map((row) => ({
    ...row,
    'CPU to one hop': round(cost(row) / cost(rows[1]!), 2),
    'CPU to TCP': round(cost(row) / cost(rows[2]!), 2),
  }))
}

function report(chains: readonly Chain[], rows: readonly Row[], route: string): void {
  publish('services-hops', {
    title: 'Calls and messages over three hops',
    how: `Four programs in a row on loopback, links only between neighbours (read on the wire: ${route}, in envelopes, sealed); two with a link; four TCP sockets in a row. Median of ${ROUNDS} rounds in turns, messages in bursts of ${BURST}. A call is a message there and one back. Processor time of all programs, of those between, and of the busiest one, per call or message. Load of the machine at the end: ${round(loadavg()[0]!, 0)}.`,
    rows,
    chart: {
      title: 'Processor time of a message, all programs',
      x: 'payload, bytes',
      y: 'microseconds',
      series: chains.map(({ name }) => ({
        name,
        points: rows
          .filter((row) => row['way'] === name && row['work'] === 'publish')
          .map((row) => [Number(row['payload bytes']), Number(row['CPU us'])]),
      })),
    },
  })
  const targets = new Targets()
  for (const bytes of SIZES_BYTES) {
    const row = rows.find(
      (each) =>
        each['way'] === chains[0]!.name &&
        each['work'] === 'publish' &&
        each['payload bytes'] === bytes,
    )
    for (const column of ['1 / CPU-s', '1 / s']) {
      const what = `messages over three hops, ${bytes} B, ${column}`
      targets.atLeast(what, Number(row?.[column]), 10_000, '')
    }
  }
  targets.print()
}

/** Writes bench/results/services-hops.json and its plot. */
export async function benchHops(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'fovea-bench-'))
  const realmFile = join(folder, 'realm.json')
  writeFileSync(realmFile, formatRealm(newRealm()), { mode: 0o600 })
  const chains: Chain[] = []
  try {
    const route = await proveRoute(realmFile)
    console.log(`  envelopes go ${route}`)
    chains.push((await meshChain(realmFile, false)).chain)
    const pair = await Promise.all([startNode(realmFile, false), startNode(realmFile, false)])
    chains.push(await linked('one hop', pair))
    chains.push(await tcpChain('TCP, three hops'))
    const rows: Row[] = []
    for (const work of WORKS) {
      for (const bytes of SIZES_BYTES) rows.push(...(await inTurns(chains, work, bytes)))
    }
    report(chains, rows, route)
  } finally {
    for (const { programs } of chains) for (const program of programs) program.stop()
    rmSync(folder, { recursive: true })
  }
}
