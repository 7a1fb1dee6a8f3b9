/**
 * A program that people use at a terminal, driven by a test: it is typed into, and its screen is read line by line. Every
 * wait has a deadline and nothing sleeps; whoever starts programs ends them with {@link Screens.close}.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { createRealClock } from '../../runtime/clock.ts'

/** Of one line, the start of a program among them: this is no measure, only an end. */
const ASK_AGAIN_MS = 50
const WAIT_MS = 30_000

const clock = createRealClock()

/** How it ended. */
export interface ScreenEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

interface Waiter {
  readonly look: () => void
  readonly fail: (why: string) => void
}

/** A running program. */
export class ScreenProcess {
  readonly child: ChildProcess
  /** What it printed so far. */
  readonly lines: string[] = []
  /** Resolves when it is gone. */
  readonly ended: Promise<ScreenEnd>
  readonly #waiters = new Set<Waiter>()
  #end: string | undefined

  constructor(program: string, args: readonly string[]) {
    this.child = spawn(process.execPath, [program, ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
    // One that is killed takes no more keys; that it is gone is told by `ended`.
    this.child.stdin!.on('error', () => this.child.kill('SIGKILL'))
    for (const input of [this.child.stdout!, this.child.stderr!]) {
      createInterface({ input }).on('line', (line) => {
        this.lines.push(line)
        for (const { look } of this.#waiters) look()
      })
    }
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code, signal) => {
        this.#end = `the program ended with ${code ?? signal}`
        for (const { fail } of this.#waiters) fail(this.#end)
        resolve({ code, signal })
      })
    })
  }

  /** The lines with `text` in them. */
  with(text: string): readonly string[] {
    return this.lines.filter((line) => line.includes(text))
  }

  /** Types as given: without a newline at its end nobody has hit return. */
  type(keys: string): void {
    this.child.stdin!.write(keys)
  }

  /** The first line with `text` in it after the first `from`, now or later. */
  sees(text: string, from = 0): Promise<string> {
    const find = (): string | undefined =>
      this.lines.slice(from).find((line) => line.includes(text))
    const found = find()
    if (found !== undefined) return Promise.resolve(found)
    return new Promise((resolve, reject) => {
      const over = (): void => {
        timer.cancel()
        this.#waiters.delete(waiter)
      }
      const fail = (why: string): void => {
        over()
        reject(new Error(`${why} before '${text}' came:\n${this.lines.slice(from).join('\n')}`))
      }
      const look = (): void => {
        const line = find()
        if (line === undefined) return
        over()
        resolve(line)
      }
      const timer = clock.setTimer(WAIT_MS, () => fail(`${WAIT_MS} ms were over`))
      const waiter = { look, fail }
      this.#waiters.add(waiter)
      if (this.#end !== undefined) fail(this.#end)
    })
  }

  /** Types a line and waits for one with `text` in it that comes after that. */
  asks(line: string, text: string): Promise<string> {
    const from = this.lines.length
    this.type(`${line}\n`)
    return this.sees(text, from)
  }

  /** Asks again until the answer, a line that begins with `answer`, has `text` in it: what is asked for is on its way. */
  async asksUntil(line: string, answer: string, text: string): Promise<void> {
    const untilMs = clock.now() + WAIT_MS
    for (;;) {
      const found = await this.asks(line, answer)
      if (found.includes(text)) return
      if (clock.now() > untilMs) throw new Error(`'${found}', and never '${text}'`)
      await new Promise<void>((resolve) => void clock.setTimer(ASK_AGAIN_MS, resolve))
    }
  }
}

/** The programs of one test file. */
export class Screens {
  readonly #program: string
  readonly #all: ScreenProcess[] = []

  constructor(program: string) {
    this.#program = program
  }

  start(args: readonly string[]): ScreenProcess {
    const screen = new ScreenProcess(this.#program, args)
    this.#all.push(screen)
    return screen
  }

  /** Kills those that still run. */
  async close(): Promise<void> {
    for (const { child } of this.#all) child.kill('SIGKILL')
    await Promise.all(this.#all.map(({ ended }) => ended))
  }
}
