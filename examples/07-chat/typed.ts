/** Somebody at a terminal, for the tour: a process of this program that is typed into and whose screen is read. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { createInterface } from 'node:readline'

/** A line may take so long to come. */
const LINE_MS_MAX = 20_000

/** One person. */
export class Person {
  readonly nick: string
  readonly #child: ChildProcess
  readonly #lines: string[] = []
  #look: () => void = () => {}

  constructor(nick: string, args: readonly string[], show: (line: string) => void) {
    this.nick = nick
    const program = [process.argv[1] ?? '', nick, ...args]
    this.#child = spawn(process.execPath, program, { stdio: ['pipe', 'pipe', 'inherit'] })
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      show(`${nick.padStart(5)} | ${line}`)
      this.#lines.push(line)
      this.#look()
    })
    this.#child.once('close', () => this.#look())
  }

  type(line: string): void {
    this.#child.stdin!.write(`${line}\n`)
  }

  /** Resolves with the first line that has `text` in it, whether it came before or comes now. */
  async sees(text: string): Promise<string> {
    const signal = AbortSignal.timeout(LINE_MS_MAX)
    for (;;) {
      const line = this.#lines.find((one) => one.includes(text))
      if (line !== undefined) return line
      if (this.#child.exitCode !== null) throw new Error(`${this.nick} left before: ${text}`)
      await new Promise<void>((resolve, reject) => {
        this.#look = resolve
        const late = (): void => reject(new Error(`${this.nick} never saw: ${text}`))
        signal.addEventListener('abort', late, { once: true })
      })
    }
  }

  /** As the power fails. */
  kill(): Promise<unknown> {
    return this.#end(() => this.#child.kill('SIGKILL'))
  }

  quit(): Promise<unknown> {
    return this.#end(() => this.type('/quit'))
  }

  async #end(how: () => void): Promise<void> {
    const { exitCode, signalCode } = this.#child
    if (exitCode !== null || signalCode !== null) return
    const closed = once(this.#child, 'close')
    how()
    await closed
  }
}
