/**
 * One node of the demo: a child process of this program that speaks JSON lines, its data directory
 * and its control socket. Ends with this program even if that is killed: the child watches the IPC
 * channel.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Clock } from '../../../runtime/index.ts'
import { connectControl, type ControlClient } from '../control/client.ts'
import { LineDecoder } from '../control/line-decoder.ts'
import { CONTROL_LINE_BYTES_MAX } from '../control/protocol.ts'
import { CliError } from '../errors.ts'
import type { OutputEvent } from '../output.ts'
import { EventLog } from './event-log.ts'

/** How long a node may take to leave before it is killed. */
const LEAVE_MS_MAX = 5000
const STDERR_CHARACTERS_MAX = 20_000

/** How to start a node. */
export interface NodeProcessOptions {
  /** Name of the node and of its data directory. */
  readonly name: string
  /** Where data directories are. */
  readonly directory: string
  /** The realm, with its authority key. */
  readonly realmFile: string
  /** Node ids to join. */
  readonly seeds: readonly string[]
  /** For deadlines. */
  readonly clock: Clock
}

/** How a process ended. */
export interface ProcessEnd {
  readonly code: number | null
  readonly signal: string | null
}

/** A node in its own operating-system process. */
export class NodeProcess {
  readonly name: string
  readonly log: EventLog
  readonly exited: Promise<ProcessEnd>
  readonly #dataDir: string
  readonly #clock: Clock
  readonly #child: ChildProcess
  #control: Promise<ControlClient> | undefined
  #end: ProcessEnd | undefined
  #killed = false
  #stderr = ''

  constructor(options: NodeProcessOptions) {
    this.name = options.name
    this.log = new EventLog(options.clock)
    this.#clock = options.clock
    this.#dataDir = join(options.directory, options.name)
    const main = fileURLToPath(new URL('../main.js', import.meta.url))
    const flags = ['--name', options.name, '--host', '127.0.0.1', '--port', '0']
    flags.push('--data-dir', this.#dataDir, '--realm', options.realmFile, '--json')
    for (const seed of options.seeds) flags.push('--seed', seed)
    this.#child = spawn(process.execPath, [main, 'start', ...flags], {
      // The last one is our own standard error: whoever reads that to its end waits for the nodes too.
      stdio: ['ignore', 'pipe', 'pipe', 'ipc', 2],
    })
    this.exited = this.#watch()
  }

  get alive(): boolean {
    return this.#end === undefined
  }

  get osPid(): number {
    return this.#child.pid ?? 0
  }

  /** What it wrote to standard error, for the report of a failure. */
  get stderr(): string {
    return this.#stderr
  }

  /** The connection to its control socket, made at first use. */
  control(): Promise<ControlClient> {
    this.#control ??= connectControl({ dataDir: this.#dataDir, clock: this.#clock })
    return this.#control
  }

  /** Kills it as `kill -9` does. */
  kill(): void {
    if (!this.alive) return
    this.#killed = true
    this.#child.kill('SIGKILL')
  }

  /** How it ended, if nobody here made it end so. */
  get surprise(): string | undefined {
    const end = this.#end
    return end === undefined || end.code === 0 || this.#killed ? undefined : this.#describeEnd(end)
  }

  /** Ends it, gracefully if it can. Resolves when the process is gone. */
  async stop(): Promise<ProcessEnd> {
    // Windows knows no SIGTERM: there the end of the IPC channel asks for the same.
    if (this.alive && process.platform === 'win32') this.#child.disconnect()
    else if (this.alive) this.#child.kill('SIGTERM')
    const timer = this.#clock.setTimer(LEAVE_MS_MAX, () => this.kill())
    try {
      return await this.exited
    } finally {
      timer.cancel()
    }
  }

  #watch(): Promise<ProcessEnd> {
    const decoder = new LineDecoder({ bytesMax: CONTROL_LINE_BYTES_MAX })
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      decoder.push(chunk, (line) => this.log.push(parseEvent(line)))
    })
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString('utf8')).slice(-STDERR_CHARACTERS_MAX)
    })
    return new Promise((resolve) => {
      const finish = (end: ProcessEnd): void => {
        this.#end ??= end
        this.log.end(new CliError('ERR_CONTROL_CLOSED', this.#describeEnd(this.#end)))
        void this.#control?.then(
          (client) => client.close(),
          () => {},
        )
        resolve(this.#end)
      }
      this.#child.on('error', () => finish({ code: null, signal: null }))
      this.#child.on('close', (code, signal) => finish({ code, signal }))
    })
  }

  #describeEnd(end: ProcessEnd): string {
    const how = end.signal === null ? `code ${String(end.code)}` : `signal ${end.signal}`
    const said = this.#stderr.trim().split('\n')[0] ?? ''
    return `node ${this.name} ended with ${how}${said === '' ? '' : `: ${said}`}`
  }
}

function parseEvent(line: string): OutputEvent {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value === 'object' && value !== null && 'event' in value) return value as OutputEvent
  } catch {
    // Something else wrote to standard output, a loaded module for example.
  }
  return { event: 'text', text: line }
}
