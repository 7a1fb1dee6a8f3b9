/**
 * Processor time of a node with gossip while somebody floods its multicast group (D10): 100,000 datagrams a second of
 * garbage, and as many heartbeats of a cluster with another secret, which look right until their key is compared. Idle and
 * flooded take turns. The flood is real multicast on loopback; what the kernel does for it is the sender's time.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { formatRealm } from 'fovea/mesh'
import { median } from '../harness.ts'
import { Targets } from '../local/targets.ts'
import { newRealm } from '../services/lanes-side.ts'
import { publish, round, type Row } from '../sim/table.ts'
import type { GarbageOrder, GarbageReply, PouredReply } from './garbage-program.ts'

const PROGRAM = fileURLToPath(new URL('./garbage-program.js', import.meta.url))
const ROUNDS = 3
const PHASE_MS = 5_000
const SETTLE_MS = 1_500
const PER_SECOND = 100_000

const ORDERS: readonly (GarbageOrder & { readonly name: string })[] = [
  { name: 'nothing', perSecond: 0, kind: 'random' },
  { name: 'garbage', perSecond: PER_SECOND, kind: 'random' },
  { name: 'heartbeats of another secret', perSecond: PER_SECOND, kind: 'foreign' },
]

/** Of one phase, per second. */
interface Phase {
  readonly cpuPercent: number
  readonly poured: number
  readonly read: number
  readonly closed: number
}

function answer<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null): void => reject(new Error(`a program ended: ${code}`))
    child.once('exit', ended)
    child.once('message', (message) => {
      child.off('exit', ended)
      resolve(message as T)
    })
  })
}

function ask<T>(child: ChildProcess, message: object): Promise<T> {
  const told = answer<T>(child)
  child.send(message)
  return told
}

const pause = (delayMs: number): Promise<void> =>
  new Promise((done) => void setTimeout(done, delayMs))

async function phase(
  listener: ChildProcess,
  pourer: ChildProcess,
  order: GarbageOrder,
): Promise<Phase> {
  await ask<PouredReply>(pourer, order)
  await pause(SETTLE_MS)
  await ask<GarbageReply>(listener, {})
  await ask<PouredReply>(pourer, order)
  const startedMs = performance.now()
  await pause(PHASE_MS)
  const { microseconds, read, closed } = await ask<GarbageReply>(listener, {})
  const seconds = (performance.now() - startedMs) / 1_000
  const { poured } = await ask<PouredReply>(pourer, { perSecond: 0, kind: order.kind })
  return {
    cpuPercent: microseconds / 10_000 / seconds,
    poured: poured / seconds,
    read: read / seconds,
    closed: closed / seconds,
  }
}

/** Writes bench/results/cluster-garbage.json and its plot. */
export async function benchGarbage(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'fovea-bench-'))
  const realm = join(folder, 'realm.json')
  writeFileSync(realm, formatRealm(newRealm()), { mode: 0o600 })
  const port = String(20_000 + Math.floor(Math.random() * 20_000))
  const children = ['listen', 'pour'].map((role) => fork(PROGRAM, [role, realm, port]))
  const [listener, pourer] = children as [ChildProcess, ChildProcess]
  try {
    await Promise.all(children.map((child) => answer(child)))
    const phases = ORDERS.map((): Phase[] => [])
    for (let i = 0; i < ROUNDS; i++) {
      for (const [o, order] of ORDERS.entries()) {
        phases[o]!.push(await phase(listener, pourer, order))
      }
    }
    const rows = ORDERS.map(({ name }, o): Row => {
      const of = (pick: (each: Phase) => number): number => median(phases[o]!.map(pick))
      return {
        flood: name,
        'datagrams / s': round(
          of(({ poured }) => poured),
          0,
        ),
        'read / s': round(
          of(({ read }) => read),
          0,
        ),
        'socket closed / s': round(of(({ closed }) => closed)),
        'CPU %': round(of(({ cpuPercent }) => cpuPercent)),
        'CPU %, most': round(Math.max(...phases[o]!.map(({ cpuPercent }) => cpuPercent))),
      }
    })
    publish('cluster-garbage', {
      title: 'A node with gossip whose multicast group is flooded',
      how: `Two programs on loopback multicast, median of ${ROUNDS} rounds of ${PHASE_MS / 1_000} s in turns. Processor time of the whole listening node, of one processor.`,
      rows,
      chart: {
        title: 'Processor time of a node whose multicast group is flooded',
        x: 'datagrams per second',
        y: 'percent of a processor',
        series: rows.map((row) => ({
          name: String(row['flood']),
          points: [[Number(row['datagrams / s']), Number(row['CPU %'])]],
        })),
      },
    })
    const targets = new Targets()
    for (const row of rows.slice(1)) {
      targets.atLeast(
        `D10 ${String(row['flood'])}`,
        Number(row['datagrams / s']),
        PER_SECOND * 0.95,
        '/ s',
      )
      targets.atMost(`D10 ${String(row['flood'])}, CPU`, Number(row['CPU %']), 10, '%')
    }
    targets.print()
  } finally {
    for (const child of children) child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
}
