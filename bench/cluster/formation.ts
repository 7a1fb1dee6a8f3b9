/**
 * A cluster of five programs on loopback, preset `local`: how long until each knows all others once the last is ready, until
 * a monitor fires after kill -9, until one that is stopped (SIGSTOP) is seen to be gone, and who is wrongly declared gone when
 * all of them block their event loops for a second at once. noex took 20 s to converge and 14.5 s to see a stopped node.
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
import type { FormationOrder, FormationWord } from './formation-program.ts'

const PROGRAM = fileURLToPath(new URL('./formation-program.js', import.meta.url))
const NODES = 5
const ROUNDS = 5
const STALL_MS = 1_000
const AFTER_STALL_MS = 3_000
const WAIT_MS = 30_000

type Told = Extract<FormationWord, { readonly node: string }>

/** One node. */
class Member {
  readonly #child: ChildProcess
  readonly words: FormationWord[] = []
  readonly #waiting = new Set<() => void>()

  constructor(args: readonly string[]) {
    this.#child = fork(PROGRAM, args)
    this.#child.on('message', (word) => {
      this.words.push(word as FormationWord)
      for (const look of [...this.#waiting]) look()
    })
  }

  /** Resolves with what `find` gives once it gives something. */
  until<T>(find: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('nothing within 30 s')), WAIT_MS)
      const look = (): void => {
        const found = find()
        if (found === undefined) return
        clearTimeout(late)
        this.#waiting.delete(look)
        resolve(found)
      }
      this.#waiting.add(look)
      look()
    })
  }

  ready(): Promise<{ readonly id: string; readonly atMs: number }> {
    return this.until(() =>
      this.words.find((word): word is Extract<FormationWord, { type: 'ready' }> => {
        return word.type === 'ready'
      }),
    )
  }

  /** When it was said of that node. */
  async told(type: Told['type'], node: string): Promise<number> {
    const word = await this.until(() =>
      this.words.find((each): each is Told => each.type === type && each.node === node),
    )
    return word.atMs
  }

  async order(order: FormationOrder): Promise<void> {
    const before = this.words.filter(({ type }) => type === 'done').length
    this.#child.send(order)
    await this.until(() => {
      const done = this.words.filter(({ type }) => type === 'done').length
      return done > before ? true : undefined
    })
  }

  signal(signal: 'SIGKILL' | 'SIGSTOP'): number {
    this.#child.kill(signal)
    return performance.timeOrigin + performance.now()
  }
}

interface Figures {
  readonly convergedMs: number
  readonly killedMs: number
  readonly stoppedMs: number
  readonly falseDowns: number
}

async function oneRound(realmFile: string): Promise<Figures> {
  const first = new Member([realmFile, 'n0'])
  const seed = (await first.ready()).id
  const rest = Array.from(
    { length: NODES - 1 },
    (_, i) => new Member([realmFile, `n${i + 1}`, seed]),
  )
  const members = [first, ...rest]
  try {
    const ready = await Promise.all(members.map((member) => member.ready()))
    const ids = ready.map(({ id }) => id)
    const others = (i: number): string[] => ids.filter((_, at) => at !== i)
    const ups = await Promise.all(
      members.flatMap((member, i) => others(i).map((id) => member.told('up', id))),
    )
    const convergedMs = Math.max(...ups) - Math.max(...ready.map(({ atMs }) => atMs))
    await Promise.all(members.map((member) => member.order({ type: 'stall', ms: STALL_MS })))
    await new Promise((resolve) => setTimeout(resolve, AFTER_STALL_MS))
    const falseDowns = members.flatMap(({ words }) => words).filter(({ type }) => type === 'down')
    const [killed, stopped, ...left] = [...members].reverse()
    const [killedId, stoppedId] = [ids.at(-1)!, ids.at(-2)!]
    for (const member of left) await member.order({ type: 'monitor', nodes: [killedId, stoppedId] })
    const gone = async (
      which: Member,
      id: string,
      signal: 'SIGKILL' | 'SIGSTOP',
    ): Promise<number> => {
      const atMs = which.signal(signal)
      return Math.max(...(await Promise.all(left.map((member) => member.told('fired', id))))) - atMs
    }
    const killedMs = await gone(killed!, killedId, 'SIGKILL')
    const stoppedMs = await gone(stopped!, stoppedId, 'SIGSTOP')
    return { convergedMs, killedMs, stoppedMs, falseDowns: falseDowns.length }
  } finally {
    for (const member of members) member.signal('SIGKILL')
  }
}

/** Writes bench/results/cluster.json and its plot. */
export async function benchFormation(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'fovea-bench-'))
  const realmFile = join(folder, 'realm.json')
  writeFileSync(realmFile, formatRealm(newRealm()), { mode: 0o600 })
  const rounds: Figures[] = []
  try {
    for (let i = 0; i < ROUNDS; i++) rounds.push(await oneRound(realmFile))
  } finally {
    rmSync(folder, { recursive: true })
  }
  const measures: readonly [string, (figures: Figures) => number][] = [
    ['all know all after the last is ready, ms', (f) => f.convergedMs],
    ['monitors fire after kill -9, ms', (f) => f.killedMs],
    ['monitors fire after SIGSTOP, ms', (f) => f.stoppedMs],
    ['wrongly declared gone after a stall of all', (f) => f.falseDowns],
  ]
  const rows = measures.map(([measure, of]): Row => ({
    measure,
    median: round(median(rounds.map(of)), 0),
    most: round(Math.max(...rounds.map(of)), 0),
  }))
  publish('cluster', {
    title: `A cluster of ${NODES} programs`,
    how: `Loopback, preset local, ${ROUNDS} clusters one after the other. A stall blocks the event loops of all for ${STALL_MS} ms at once.`,
    rows,
    chart: {
      title: 'Until all survivors know',
      x: 'round',
      y: 'milliseconds',
      series: measures.slice(0, 3).map(([name, of]) => ({
        name,
        points: rounds.map((figures, i): [number, number] => [i + 1, of(figures)]),
      })),
    },
  })
  const targets = new Targets()
  const most = (of: (figures: Figures) => number): number => Math.max(...rounds.map(of))
  targets.atMost(
    '5 nodes converge',
    most((f) => f.convergedMs),
    1_000,
    'ms',
  )
  targets.atMost(
    'kill -9 is seen',
    most((f) => f.killedMs),
    2_000,
    'ms',
  )
  targets.atMost(
    'SIGSTOP is seen (noex 14,500)',
    most((f) => f.stoppedMs),
    14_500,
    'ms',
  )
  targets.atMost(
    'false downs after a stall of 1 s',
    most((f) => f.falseDowns),
    0,
    '',
  )
  targets.print()
}
