/**
 * The control socket of a running node: a Unix socket (0600) or named pipe over which commands on
 * the same machine, of the same user, ask the node for something. Not a network service: whoever
 * may open the socket may do what the node may do.
 *
 * Invariants: a socket file that answers is never replaced (`ERR_DATA_DIR_LOCKED`), a stale one is;
 * a file that is no socket is never touched. A connection that breaks the protocol is closed, the
 * node goes on. When `stop` resolves, no connection, request or file is left.
 */
import { lstat, rm } from 'node:fs/promises'
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { silentLogger, type Logger } from '../../../runtime/index.ts'
import { CliError, codeOf, reportOf, systemCodeOf, type ErrorReport } from '../errors.ts'
import { jsonSafe } from '../json-value.ts'
import { filterLog, matchesEvent } from '../operations/member-row.ts'
import { EventStream } from './event-stream.ts'
import { LineDecoder } from './line-decoder.ts'
import {
  CONTROL_LINE_BYTES_MAX,
  parseRequest,
  requestIdOf,
  type ControlRequest,
  type Where,
} from './protocol.ts'
import { prepareSocketPath, type SocketPathOptions } from './socket-path.ts'
import type { ControlTarget, TargetOptions } from './target.ts'

/** Options of {@link openControlServer}. */
export interface ControlServerOptions {
  /** Data directory of the node; the socket is made there. */
  readonly dataDir: string
  /** The node that is asked. */
  readonly target: ControlTarget
  /** Default: silent. */
  readonly logger?: Logger
  /** Longest line. Default 1 MiB. */
  readonly controlLineBytesMax?: number
  /** Connections at once. Default 64; more are told `ERR_CONTROL_BUSY`. */
  readonly controlConnectionsMax?: number
  /** Requests at once on one connection. Default 256; more are answered `ERR_CONTROL_BUSY`. */
  readonly controlRequestsMax?: number
  /**
   * Events of one long request that wait for a client that reads slowly. Default 1,024; at one more
   * the request ends with `ERR_CONTROL_SLOW`. Raising it costs about 500 bytes an event and client.
   */
  readonly controlEventsQueuedMax?: number
  /** Deadline of a request that names none. Default 5,000. */
  readonly requestTimeoutMs?: number
  /** Where the socket is made, for tests. */
  readonly socketPath?: SocketPathOptions
}

/** Counters of a control server. */
export interface ControlStats {
  readonly connections: number
  readonly requests: number
  readonly requestsRefused: number
  /** Long requests that ended because their client read too slowly. */
  readonly streamsCut: number
  readonly connectionsRefused: number
}

/** An open control socket. */
export interface ControlServer {
  readonly path: string
  stats(): ControlStats
  /** Closes every connection and removes the socket. Idempotent. */
  stop(): Promise<void>
}

const DEFAULTS = Object.freeze({
  logger: silentLogger,
  controlLineBytesMax: CONTROL_LINE_BYTES_MAX,
  controlConnectionsMax: 64,
  controlRequestsMax: 256,
  controlEventsQueuedMax: 1024,
  requestTimeoutMs: 5000,
  socketPath: {},
})

/** Opens the control socket of `dataDir`; rejects with `ERR_DATA_DIR_LOCKED` or `ERR_CONTROL_SOCKET`. */
export async function openControlServer(options: ControlServerOptions): Promise<ControlServer> {
  const path = await prepareSocketPath(options.dataDir, options.socketPath)
  await removeStale(path, options.dataDir)
  const control = new Control(path, { ...DEFAULTS, ...options })
  await control.listen()
  return control
}

class Control implements ControlServer {
  readonly path: string
  readonly #options: Required<ControlServerOptions>
  readonly #server: Server
  readonly #connections = new Set<Connection>()
  #stopped: Promise<void> | undefined
  #requests = 0
  #requestsRefused = 0
  #connectionsRefused = 0
  #streamsCut = 0

  constructor(path: string, options: Required<ControlServerOptions>) {
    this.path = path
    this.#options = options
    this.#server = createServer((socket) => this.#accept(socket))
  }

  async listen(): Promise<void> {
    const server = this.#server
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => reject(socketError(this.path, error)))
      server.once('listening', resolve)
      withUmask(0o177, () => server.listen(this.path))
    })
    server.on('error', (error) => {
      this.#options.logger.warn({ error: error.message }, 'control socket failed')
    })
  }

  stats(): ControlStats {
    return {
      connections: this.#connections.size,
      requests: this.#requests,
      requestsRefused: this.#requestsRefused,
      connectionsRefused: this.#connectionsRefused,
      streamsCut: this.#streamsCut,
    }
  }

  stop(): Promise<void> {
    this.#stopped ??= new Promise((resolve) => {
      // Closing a Unix server also removes its file.
      this.#server.close(() => resolve())
      for (const connection of this.#connections) connection.close()
    })
    return this.#stopped
  }

  #accept(socket: Socket): void {
    if (this.#connections.size >= this.#options.controlConnectionsMax) {
      this.#connectionsRefused++
      socket.on('error', () => {})
      socket.end(responseLine(0, { error: reportOf(busy('connections')) }), () => socket.destroy())
      return
    }
    const connection = new Connection(socket, this.#options, {
      onRequest: () => void this.#requests++,
      onRefused: () => void this.#requestsRefused++,
      onStreamCut: () => void this.#streamsCut++,
      onClosed: () => void this.#connections.delete(connection),
    })
    this.#connections.add(connection)
  }
}

interface ConnectionEvents {
  onRequest(): void
  onRefused(): void
  onStreamCut(): void
  onClosed(): void
}

class Connection {
  readonly #socket: Socket
  readonly #options: Required<ControlServerOptions>
  readonly #events: ConnectionEvents
  readonly #decoder: LineDecoder
  readonly #abort = new AbortController()
  readonly #streams = new Set<EventStream>()
  #running = 0

  constructor(socket: Socket, options: Required<ControlServerOptions>, events: ConnectionEvents) {
    this.#socket = socket
    this.#options = options
    this.#events = events
    this.#decoder = new LineDecoder({ bytesMax: options.controlLineBytesMax })
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('drain', () => {
      socket.resume()
      for (const stream of this.#streams) stream.drained()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#endRequests()
      events.onClosed()
    })
  }

  close(): void {
    this.#endRequests()
    this.#socket.destroy()
  }

  /** Idempotent. */
  #endRequests(): void {
    this.#abort.abort()
    for (const stream of this.#streams) stream.end(gone())
  }

  #read(chunk: Buffer): void {
    try {
      this.#decoder.push(chunk, (line) => this.#take(line))
    } catch (error) {
      this.#refuse(0, error)
      this.#socket.removeAllListeners('data')
      this.#socket.end(() => this.#socket.destroy())
    }
  }

  #take(line: string): void {
    let request: ControlRequest
    try {
      request = parseRequest(line)
    } catch (error) {
      this.#refuse(requestIdOf(line), error)
      return
    }
    if (this.#running >= this.#options.controlRequestsMax) {
      this.#refuse(request.id, busy('requests'))
      return
    }
    this.#events.onRequest()
    this.#running++
    void this.#answer(request)
  }

  async #answer(request: ControlRequest): Promise<void> {
    try {
      this.#write(request.id, { result: (await this.#perform(request)) ?? null })
    } catch (error) {
      this.#write(request.id, { error: reportOf(error) })
    } finally {
      this.#running--
    }
  }

  async #perform(request: ControlRequest): Promise<unknown> {
    const { target } = this.#options
    switch (request.method) {
      case 'info':
        return target.info()
      case 'members':
        return target.members()
      case 'ping':
        return await target.ping(this.#where(request.where))
      case 'spawn':
        return await target.spawn(request.spawn, this.#where(request.where))
      case 'call':
        return await target.call(request.call, this.#where(request.where))
      case 'monitor':
        return await target.monitor(
          request.name,
          (node) => this.#write(request.id, { event: { node } }),
          this.#where(request.where),
        )
      case 'join':
        return await target.join(request.address, this.#where(request.where))
      case 'topology':
        return await target.topology({
          ...this.#where(request.where),
          nodesMax: request.nodesMax,
        })
      case 'stats':
        return target.stats()
      case 'dht':
        return await target.dht(
          request.question,
          (hop) => this.#write(request.id, { event: hop }),
          this.#where(request.where),
        )
      case 'services':
        return await target.services(request.question, this.#where(request.where))
      case 'subscribe':
        return await this.#stream(request.id, true, (push, end) =>
          target.subscribe(request, { push, end }),
        )
      case 'advertise':
        return await this.#stream(request.id, true, (push) => target.advertise(request.offer, push))
      case 'presence':
        return await this.#stream(request.id, request.follow, (push) =>
          target.presence(request.question, push),
        )
      case 'watch_members':
        return await this.#stream(request.id, request.follow, (push) => {
          for (const members of batches(target.members())) push({ type: 'snapshot', members })
          return target.watchMembers(push)
        })
      case 'events':
        return await this.#stream(request.id, request.follow, (push) => {
          const { filter } = request
          for (const events of batches(filterLog(target.memberLog(), filter))) {
            push({ type: 'log', events })
          }
          return target.watchMembers((event) => {
            if (matchesEvent(event, filter)) push(event)
          })
        })
    }
  }

  /** What is known now, then with `follow` every change until the client goes away or falls behind. */
  async #stream(
    id: number,
    follow: boolean,
    begin: (
      push: (event: unknown) => void,
      end: (problem: Error) => void,
    ) => (() => void) | Promise<() => void>,
  ): Promise<unknown> {
    const stream = new EventStream({
      eventsQueuedMax: this.#options.controlEventsQueuedMax,
      write: (event) => this.#write(id, { event }),
    })
    this.#streams.add(stream)
    let stop = (): void => {}
    try {
      stop = await begin(
        (event) => stream.push(event),
        (problem) => stream.end(problem),
      )
      if (!follow) {
        stop()
        await stream.flushed()
        return null
      }
      stream.push({ type: 'following' })
      return await stream.ended()
    } catch (error) {
      if (codeOf(error) === 'ERR_CONTROL_SLOW') this.#events.onStreamCut()
      throw error
    } finally {
      stop()
      this.#streams.delete(stream)
    }
  }

  #where(where: Where): TargetOptions {
    return {
      node: where.node,
      timeoutMs: where.timeoutMs ?? this.#options.requestTimeoutMs,
      signal: this.#abort.signal,
    }
  }

  #refuse(id: number, error: unknown): void {
    this.#events.onRefused()
    this.#write(id, { error: reportOf(error) })
  }

  /** False when the socket holds enough: a client that does not read is not asked for more. */
  #write(id: number, body: ResponseBody): boolean {
    if (!this.#socket.writable) return true
    const goOn = this.#socket.write(responseLine(id, body))
    if (!goOn) this.#socket.pause()
    return goOn
  }
}

type ResponseBody =
  { readonly result: unknown } | { readonly event: unknown } | { readonly error: ErrorReport }

function responseLine(id: number, body: ResponseBody): string {
  return `${JSON.stringify({ id, ...(jsonSafe(body) as object) })}\n`
}

/** Members or events in one line: far below the bytes that a line may have. */
const BATCH_ROWS_MAX = 500

/** At least one batch, so that an empty list is told too. */
function batches<T>(rows: readonly T[]): (readonly T[])[] {
  const count = Math.max(1, Math.ceil(rows.length / BATCH_ROWS_MAX))
  return Array.from({ length: count }, (_none, i) =>
    rows.slice(i * BATCH_ROWS_MAX, (i + 1) * BATCH_ROWS_MAX),
  )
}

function gone(): CliError {
  return new CliError('ERR_CONTROL_CLOSED', 'the command went away')
}

function busy(what: string): CliError {
  return new CliError('ERR_CONTROL_BUSY', `too many control ${what} at once`)
}

/** Removes a socket file that nobody listens on. The data directory's lock keeps starters apart. */
async function removeStale(path: string, dataDir: string): Promise<void> {
  if (path.startsWith('\\\\.\\pipe\\')) return
  let stat
  try {
    stat = await lstat(path)
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return
    throw socketError(path, error)
  }
  if (!stat.isSocket()) {
    throw new CliError('ERR_CONTROL_SOCKET', `${path} is not a socket`, {
      hint: 'move the file away, or choose another --data-dir',
    })
  }
  if (await answers(path)) throw locked(dataDir)
  await rm(path, { force: true })
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    // EAGAIN: the queue of a listener is full, so there is a listener.
    socket.once('error', (error) => resolve(systemCodeOf(error) === 'EAGAIN'))
  })
}

function locked(dataDir: string): CliError {
  return new CliError('ERR_DATA_DIR_LOCKED', `another node is running in ${dataDir}`)
}

function socketError(path: string, error: unknown): CliError {
  const code = systemCodeOf(error)
  if (code === 'EADDRINUSE') return locked(path)
  return new CliError('ERR_CONTROL_SOCKET', `cannot listen on ${path} (${code ?? 'unknown'})`, {
    cause: error,
  })
}

/** The file must never be open to others, not even between bind and chmod. */
function withUmask(mask: number, fn: () => void): void {
  if (process.platform === 'win32') return fn()
  const before = process.umask(mask)
  try {
    fn()
  } finally {
    process.umask(before)
  }
}
