/**
 * A program of a test that runs as an operating-system process, takes JSON lines as commands and says JSON
 * lines as events. Waits have deadlines, nothing sleeps; whoever starts children ends them with
 * {@link Children.end}.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { EventLog } from '../../dist/cli/demo/event-log.ts'
import { createRealClock } from '../../runtime/index.ts'

/** What a child said or is told. */
export type Fields = Readonly<Record<string, unknown>>

/** One child process. */
export class JsonChild {
  readonly process: ChildProcess
  readonly log = new EventLog(createRealClock())
  /** Resolves when the process is gone. */
  readonly ended: Promise<void>
  /** From its `ready` event. */
  id = ''
  stderr = ''
  readonly #waitMs: number
  #commands = 0
  #rest = ''

  constructor(program: string, args: readonly string[], waitMs: number) {
    this.#waitMs = waitMs
    this.process = spawn(process.execPath, [program, ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
    this.process.stdout!.setEncoding('utf8').on('data', (text: string) => this.#read(text))
    this.process
      .stderr!.setEncoding('utf8')
      .on('data', (text: string) => void (this.stderr += text))
    this.ended = new Promise((resolve) => {
      this.process.once('close', () => {
        this.log.end(new Error(`the child ended: ${this.stderr}`))
        resolve()
      })
    })
  }

  /** The first event that matches, now or later. */
  event(event: string, fields: Fields = {}, timeoutMs = this.#waitMs): Promise<Fields> {
    const wanted = Object.entries({ event, ...fields })
    const match = (said: Fields): boolean => wanted.every(([key, value]) => said[key] === value)
    return this.log.wait(match, { timeoutMs, what: JSON.stringify({ event, ...fields }) })
  }

  /** Runs a command of the child and gives its value; rejects with its error. */
  async run(command: string, input: Fields = {}): Promise<unknown> {
    const id = ++this.#commands
    this.process.stdin!.write(`${JSON.stringify({ ...input, id, command })}\n`)
    const { value, error } = await this.event('done', { id })
    if (error !== undefined) throw Object.assign(new Error(String(error)), { reason: error })
    return value
  }

  /** Everything said so far that matches. */
  said(event: string, fields: Fields = {}): Fields[] {
    const wanted = Object.entries({ event, ...fields })
    return this.log.events.filter((line) =>
      wanted.every(([key, value]) => (line as Fields)[key] === value),
    ) as unknown as Fields[]
  }

  count(event: string, fields: Fields = {}): number {
    return this.said(event, fields).length
  }

  #read(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.log.push(JSON.parse(line) as never)
  }
}

/** The children of one test file. */
export class Children {
  readonly #program: string
  readonly #waitMs: number
  readonly #all: JsonChild[] = []

  constructor(program: string, waitMs: number) {
    this.#program = program
    this.#waitMs = waitMs
  }

  /** Starts one; it has said nothing yet. */
  launch(args: readonly string[]): JsonChild {
    const child = new JsonChild(this.#program, args, this.#waitMs)
    this.#all.push(child)
    return child
  }

  /** Starts one and waits until it is ready. */
  async start(args: readonly string[]): Promise<JsonChild> {
    const child = this.launch(args)
    child.id = String((await child.event('ready'))['id'])
    return child
  }

  /** Kills every child; resolves when all are gone. A stopped one is killed as well. */
  async end(): Promise<void> {
    for (const child of this.#all) child.process.kill('SIGKILL')
    await Promise.all(this.#all.map((child) => child.ended))
    this.#all.length = 0
  }
}
