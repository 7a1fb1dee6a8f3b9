/** For tours of examples: another process of the same program, that is typed into and whose screen is read. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { createInterface } from 'node:readline'

/** A line may take so long to come. */
const LINE_MS_MAX = 20_000

/** One process. */
export class TypedProgram {
  readonly name: string
  readonly #child: ChildProcess
  readonly #lines: string[] = []
  readonly #looks = new Set<() => void>()

  constructor(name: string, args: readonly string[], show: (line: string) => void) {
    this.name = name
    const program = [process.argv[1] ?? '', ...args]
    this.#child = spawn(process.execPath, program, { stdio: ['pipe', 'pipe', 'inherit'] })
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      show(line)
      this.#lines.push(line)
      for (const look of this.#looks) look()
    })
    this.#child.once('close', () => {
      for (const look of this.#looks) look()
    })
  }

  type(line: string): void {
    this.#child.stdin!.write(`${line}\n`)
  }

  /** Resolves with the first line that has one of `texts` in it, whether it came before or comes now. */
  sees(...texts: readonly string[]): Promise<string> {
    const late = AbortSignal.timeout(LINE_MS_MAX)
    return new Promise((resolve, reject) => {
      const fail = (): void =>
        over(() => reject(new Error(`${this.name} never showed: ${texts.join(', or: ')}`)))
      const look = (): void => {
        const line = this.#lines.find((one) => texts.some((text) => one.includes(text)))
        if (line !== undefined) over(() => resolve(line))
        else if (this.#hasEnded()) fail()
      }
      const over = (settle: () => void): void => {
        this.#looks.delete(look)
        late.removeEventListener('abort', fail)
        settle()
      }
      this.#looks.add(look)
      late.addEventListener('abort', fail)
      look()
    })
  }

  /** What the first group of `pattern` is in the last line that it matches, of those that came. */
  newest(pattern: RegExp): string | undefined {
    return this.#lines.flatMap((line) => pattern.exec(line)?.slice(1, 2) ?? []).at(-1)
  }

  /** As the power fails. */
  kill(): Promise<unknown> {
    return this.#end(() => this.#child.kill('SIGKILL'))
  }

  /** As with Ctrl-D. */
  quit(): Promise<unknown> {
    return this.#end(() => this.#child.stdin!.end())
  }

  async #end(how: () => void): Promise<void> {
    if (this.#hasEnded()) return
    const closed = once(this.#child, 'close')
    how()
    await closed
  }

  #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }
}
