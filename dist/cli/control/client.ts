/**
 * The command's side of the control socket. Every way it can fail has a code: no node there, not
 * ours, gone before the answer, no answer in time.
 */
import { stat } from 'node:fs/promises'
import { createConnection, type Socket } from 'node:net'
import type { Clock, ClockTimer } from '../../../runtime/index.ts'
import { CliError, systemCodeOf } from '../errors.ts'
import { LineDecoder } from './line-decoder.ts'
import { CONTROL_LINE_BYTES_MAX, parseResponse, type ControlMethod } from './protocol.ts'
import { findSocketPath, type SocketPathOptions } from './socket-path.ts'

/** Options of {@link connectControl}. */
export interface ControlClientOptions {
  /** Data directory of the running node. */
  readonly dataDir: string
  /** Ends requests that wait too long. */
  readonly clock: Clock
  /** Where the socket is, for tests. */
  readonly socketPath?: SocketPathOptions
}

/** Options of {@link ControlClient.request}. */
export interface ControlRequestOptions {
  /** Infinity waits as long as the node lives. */
  readonly timeoutMs: number
  /** Whether the time is over once something came: what follows may go on as long as the node lives. */
  readonly goesOn?: boolean
  /** Called for what a long request says before its result. */
  readonly onEvent?: (event: unknown) => void
}

/** A connection to the control socket of a running node. */
export interface ControlClient {
  /** The result as sent; rejects with the node's error, or `ERR_CONTROL_*`. */
  request(
    method: ControlMethod,
    params: Readonly<Record<string, unknown>>,
    options: ControlRequestOptions,
  ): Promise<unknown>
  /** What waits for an answer gets none. */
  close(): void
  /** Where closing takes time: resolves when nothing is left. */
  readonly ended?: Promise<void>
}

/** Connects to the node that runs in `dataDir`; rejects with `ERR_NODE_NOT_RUNNING`. */
export async function connectControl(options: ControlClientOptions): Promise<ControlClient> {
  const { dataDir } = options
  let path: string
  try {
    if (!(await stat(dataDir)).isDirectory()) throw notRunning(dataDir, 'it is not a directory')
    path = await findSocketPath(dataDir, options.socketPath)
  } catch (error) {
    throw connectError(dataDir, error)
  }
  const socket = await new Promise<Socket>((resolve, reject) => {
    const opening = createConnection(path)
    opening.once('connect', () => resolve(opening))
    opening.once('error', (error) => reject(connectError(dataDir, error)))
  })
  return new Client(socket, options.clock)
}

interface Pending {
  readonly resolve: (result: unknown) => void
  readonly reject: (error: Error) => void
  readonly onEvent: ((event: unknown) => void) | undefined
  readonly timer: ClockTimer | undefined
  readonly goesOn: boolean
}

class Client implements ControlClient {
  readonly #socket: Socket
  readonly #clock: Clock
  readonly #decoder = new LineDecoder({ bytesMax: CONTROL_LINE_BYTES_MAX })
  readonly #pending = new Map<number, Pending>()
  #nextId = 1
  #ended: CliError | undefined

  constructor(socket: Socket, clock: Clock) {
    this.#socket = socket
    this.#clock = clock
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('error', () => {})
    socket.on('close', () => this.#fail(closed()))
  }

  request(
    method: ControlMethod,
    params: Readonly<Record<string, unknown>>,
    options: ControlRequestOptions,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#ended)
      const id = this.#nextId++
      const line = `${JSON.stringify({ id, method, params })}\n`
      if (Buffer.byteLength(line) - 1 > CONTROL_LINE_BYTES_MAX) {
        return reject(
          new CliError(
            'ERR_CONTROL_LINE_TOO_LONG',
            `the request is longer than ${CONTROL_LINE_BYTES_MAX} bytes`,
          ),
        )
      }
      const timer = Number.isFinite(options.timeoutMs)
        ? this.#clock.setTimer(options.timeoutMs, () => this.#expire(id, options.timeoutMs))
        : undefined
      const { onEvent, goesOn = false } = options
      this.#pending.set(id, { resolve, reject, onEvent, timer, goesOn })
      this.#socket.write(line)
    })
  }

  close(): void {
    this.#fail(closed())
    this.#socket.destroy()
  }

  #read(chunk: Buffer): void {
    try {
      this.#decoder.push(chunk, (line) => this.#take(line))
    } catch (error) {
      this.#fail(error instanceof CliError ? error : closed())
      this.#socket.destroy()
    }
  }

  #take(line: string): void {
    const response = parseResponse(line)
    // Id 0 answers no request: the node refuses the connection as a whole.
    if (response.id === 0 && response.type === 'error') {
      const { code, message, hint } = response.error
      throw new CliError(code, message, { hint })
    }
    const pending = this.#pending.get(response.id)
    if (pending === undefined) return
    if (response.type === 'event') {
      if (pending.goesOn) pending.timer?.cancel()
      pending.onEvent?.(response.event)
      return
    }
    this.#pending.delete(response.id)
    pending.timer?.cancel()
    if (response.type === 'result') pending.resolve(response.result)
    else {
      const { code, message, hint } = response.error
      pending.reject(new CliError(code, message, { hint }))
    }
  }

  #expire(id: number, timeoutMs: number): void {
    const pending = this.#pending.get(id)
    if (pending === undefined) return
    this.#pending.delete(id)
    pending.reject(
      new CliError('ERR_CONTROL_TIMEOUT', `the node did not answer within ${timeoutMs} ms`),
    )
  }

  #fail(error: CliError): void {
    this.#ended ??= error
    for (const pending of this.#pending.values()) {
      pending.timer?.cancel()
      pending.reject(error)
    }
    this.#pending.clear()
  }
}

function closed(): CliError {
  return new CliError('ERR_CONTROL_CLOSED', 'the node closed the control socket before it answered')
}

function notRunning(dataDir: string, why: string): CliError {
  return new CliError('ERR_NODE_NOT_RUNNING', `no node is running in ${dataDir}: ${why}`, {
    hint: `start one with: fovea start --name NAME --data-dir ${dataDir} --realm FILE`,
  })
}

/** What a failed connection to the node in `dataDir` means. */
export function connectError(dataDir: string, error: unknown): CliError {
  if (error instanceof CliError) return error
  const code = systemCodeOf(error)
  if (code === 'EACCES' || code === 'EPERM') {
    return new CliError('ERR_CONTROL_ACCESS', `the node in ${dataDir} belongs to another user`, {
      cause: error,
    })
  }
  const why = code === 'ECONNREFUSED' ? 'its last node has ended' : 'it has no control socket'
  return notRunning(dataDir, why)
}
