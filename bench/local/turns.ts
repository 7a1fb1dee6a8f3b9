/**
 * Gives sides their turns. Every side has a child process of its own; only one of them works at a time,
 * and within a round each has one turn, so that whatever else the machine does hits all of them alike.
 * Figures are medians over rounds; several generations of processes, because one process may have been
 * lucky with its heap or its compiled code.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { median } from '../harness.ts'

const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url))

/** One who is measured. */
export interface Contender {
  readonly name: string
  /** Module of its side. */
  readonly path: string
  readonly measure: string
  /** Operations, children, processes: what the measure takes. */
  readonly size: number
}

/** What came out. */
export interface Row {
  readonly name: string
  readonly size: number
  /** The median; undefined if it failed. */
  readonly figure: number | undefined
  readonly samples: readonly number[]
  readonly error?: string
}

/** How often. */
export interface TurnOptions {
  readonly rounds?: number
  readonly warmupRounds?: number
  readonly generations?: number
}

/** Measures all contenders in turns. */
export async function inTurns(
  contenders: readonly Contender[],
  { rounds = 7, warmupRounds = 3, generations = 2 }: TurnOptions = {},
): Promise<Row[]> {
  const samples = contenders.map((): number[] => [])
  const errors = contenders.map((): string | undefined => undefined)
  for (let generation = 0; generation < generations; generation++) {
    const sides = await Promise.all(contenders.map(({ path }) => Side.start(path)))
    try {
      for (let round = -warmupRounds; round < rounds; round++) {
        for (const [i, contender] of contenders.entries()) {
          if (errors[i] !== undefined) continue
          try {
            const figure = await sides[i]!.run(contender.measure, contender.size)
            if (round >= 0) samples[i]?.push(figure)
          } catch (error) {
            errors[i] = error instanceof Error ? error.message : String(error)
          }
        }
      }
    } finally {
      for (const side of sides) side.stop()
    }
  }
  return contenders.map(({ name, size }, i) => {
    const error = errors[i]
    const taken = samples[i] ?? []
    const figure = error === undefined ? median(taken) : undefined
    return { name, size, figure, samples: taken, ...(error === undefined ? {} : { error }) }
  })
}

interface Answer {
  readonly figure?: number
  readonly error?: string
  readonly measures?: readonly string[]
}

/** A child process. */
class Side {
  readonly #child: ChildProcess
  #settle: ((answer: Answer) => void) | undefined

  constructor(path: string) {
    this.#child = fork(WORKER, [path], {
      execArgv: ['--expose-gc', '--no-warnings', '--max-old-space-size=8192'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    this.#child.on('message', (answer) => this.#settle?.(answer as Answer))
    this.#child.on('exit', (code) => this.#settle?.({ error: `its process ended with ${code}` }))
  }

  static async start(path: string): Promise<Side> {
    const side = new Side(path)
    await side.#next()
    return side
  }

  async run(measure: string, size: number): Promise<number> {
    if (!this.#child.connected) throw new Error('its process has ended')
    this.#child.send({ measure, size })
    const { figure, error } = await this.#next()
    if (figure === undefined) throw new Error(error ?? 'no figure')
    return figure
  }

  stop(): void {
    this.#child.kill()
  }

  #next(): Promise<Answer> {
    return new Promise((resolve) => {
      this.#settle = resolve
    })
  }
}
