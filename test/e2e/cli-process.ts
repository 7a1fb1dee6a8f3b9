/**
 * The `fovea` program as a child process, for tests: what it says, how it ends, and the promise that
 * it is gone after the test. Nothing here sleeps; every wait has a deadline.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { EventLog } from '../../dist/cli/demo/event-log.ts'
import type { OutputEvent } from '../../dist/cli/output.ts'
import { createRealm, formatRealm } from '../../mesh/index.ts'
import { createRealClock } from '../../runtime/index.ts'

/** The root of the repository. */
export const ROOT: string = fileURLToPath(new URL('../..', import.meta.url))
const MAIN = join(ROOT, 'build/dist/cli/main.js')
const WAIT_MS = 12_000

/** How a program ended and what it said. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** A running program. */
export class CliProcess {
  readonly child: ChildProcess
  readonly log: EventLog = new EventLog(createRealClock())
  readonly ended: Promise<Ended>
  stdout = ''
  stderr = ''
  #rest = ''

  constructor(command: string, args: readonly string[], options: RunOptions = {}) {
    this.child = spawn(command, args, {
      cwd: options.cwd ?? ROOT,
      env: { ...CLEAN_ENV, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#read(text))
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => void (this.stderr += text))
    this.ended = new Promise((resolve) => {
      this.child.on('close', (code, signal) => {
        this.log.end(new Error(`ended with ${String(code ?? signal)}: ${this.stderr}`))
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr })
      })
    })
  }

  /** The first event that matches, whether it came already or comes in time. */
  event(name: string, fields: Readonly<Record<string, unknown>> = {}): Promise<OutputEvent> {
    const match = (event: OutputEvent): boolean =>
      event.event === name && Object.entries(fields).every(([key, value]) => event[key] === value)
    return this.log.wait(match, {
      timeoutMs: WAIT_MS,
      what: `${name} ${JSON.stringify(fields)}`,
    })
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }

  #read(text: string): void {
    this.stdout += text
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.log.push(eventOf(line))
  }
}

/** Options of {@link Bench.run}. */
export interface RunOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

const CLEAN_ENV = {
  PATH: process.env['PATH'],
  HOME: process.env['HOME'],
  TMPDIR: process.env['TMPDIR'],
}

/** A directory and the programs of one test; `close` leaves neither. */
export class Bench {
  readonly directory: string
  readonly #running = new Set<CliProcess>()

  private constructor(directory: string) {
    this.directory = directory
  }

  static async open(): Promise<Bench> {
    if (!existsSync(MAIN)) throw new Error(`${MAIN} is missing: run npm run build first`)
    return new Bench(await mkdtemp(join(tmpdir(), 'fovea-e2e-')))
  }

  path(name: string): string {
    return join(this.directory, name)
  }

  /** Starts `fovea` with `args`. */
  start(args: readonly string[], options: RunOptions = {}): CliProcess {
    return this.spawn(process.execPath, [MAIN, ...args], options)
  }

  /** Starts any program. */
  spawn(command: string, args: readonly string[], options: RunOptions = {}): CliProcess {
    const running = new CliProcess(command, args, options)
    this.#running.add(running)
    void running.ended.then(() => this.#running.delete(running))
    return running
  }

  /** Runs `fovea` with `args` to its end. */
  run(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
    return this.start(args, options).ended
  }

  /** Runs a command with `--json` that must succeed; gives its answer. */
  async ask(args: readonly string[]): Promise<unknown> {
    const { code, stdout, stderr } = await this.run([...args, '--json'])
    if (code !== 0) throw new Error(`fovea ${args.join(' ')}: ${stderr}`)
    return JSON.parse(stdout)
  }

  /** The file of a new realm; quicker than `fovea realm create`. */
  async realm(name = 'realm.json'): Promise<string> {
    const file = this.path(name)
    await writeFile(file, formatRealm(createRealm('test.fovea')), { mode: 0o600 })
    return file
  }

  /** Starts a node and waits until it is ready. */
  async node(name: string, realm: string, flags: readonly string[] = []): Promise<RunningNode> {
    const args = ['--name', name, '--port', '0', '--data-dir', this.path(name), '--realm', realm]
    const running = this.start(['start', ...args, ...flags, '--json'])
    const ready = await running.event('ready')
    return { process: running, id: String(ready['node']), dataDir: this.path(name), ready }
  }

  async close(): Promise<void> {
    for (const running of this.#running) running.kill('SIGKILL')
    await Promise.all([...this.#running].map((running) => running.ended))
    await rm(this.directory, { recursive: true, force: true })
  }
}

/** A node that said it is ready. */
export interface RunningNode {
  readonly process: CliProcess
  readonly id: string
  readonly dataDir: string
  readonly ready: OutputEvent
}

function eventOf(line: string): OutputEvent {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value === 'object' && value !== null && 'event' in value) return value as OutputEvent
  } catch {
    // Not every program here speaks JSON.
  }
  return { event: 'text', text: line }
}
