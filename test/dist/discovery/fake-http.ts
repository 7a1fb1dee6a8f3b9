/** An HTTP server for tests that keeps requests open until it is told what to answer. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { SimClock } from '../../../runtime/index.ts'

/** A request that waits for its answer. */
export interface FakeRequest {
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  /** Resolves when the client is gone. */
  readonly closed: Promise<void>
  /** Ends the answer with a value as JSON, or a text as it is. */
  answer(status: number, body: unknown, headers?: Readonly<Record<string, string>>): void
  /** Sends a line of an answer that goes on. */
  line(value: unknown): void
  end(): void
}

/** A running server. */
export interface FakeHttp {
  readonly url: string
  /** All requests until now. */
  readonly count: number
  /** The next request that was not taken yet. */
  next(): Promise<FakeRequest>
  close(): Promise<void>
}

/** Listens on a free port. */
export async function fakeHttp(): Promise<FakeHttp> {
  const waiting: ((request: FakeRequest) => void)[] = []
  const come: FakeRequest[] = []
  let count = 0
  const server = createServer((message, response) => {
    count += 1
    const request = requestOf(message, response)
    const taker = waiting.shift()
    if (taker === undefined) come.push(request)
    else taker(request)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    get count() {
      return count
    },
    next: () =>
      new Promise((resolve) => {
        const request = come.shift()
        if (request === undefined) waiting.push(resolve)
        else resolve(request)
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** Pauses of strategies are shorter than that, and their deadlines longer. */
const PAUSE_MS = 5_000

/**
 * The next request of a client on virtual time. Time moves to the end of its pause once it pauses: while it waits for
 * the network only its deadline is set.
 */
export async function nextRequest(server: FakeHttp, clock: SimClock): Promise<FakeRequest> {
  let taken = false
  const next = server.next().finally(() => (taken = true))
  while (!taken) {
    const waitMs = clock.nextTimerMs - clock.now()
    if (waitMs <= PAUSE_MS) await clock.advance(Math.max(0, waitMs))
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
  return next
}

function requestOf(message: IncomingMessage, response: ServerResponse): FakeRequest {
  const { pathname, searchParams } = new URL(message.url ?? '/', 'http://x')
  return {
    path: pathname,
    query: searchParams,
    headers: message.headers,
    closed: new Promise((resolve) => response.on('close', resolve)),
    answer: (status, body, headers = {}) => {
      response.writeHead(status, { 'content-type': 'application/json', ...headers })
      response.end(typeof body === 'string' ? body : JSON.stringify(body))
    },
    line: (value) => {
      if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/json' })
      response.write(`${JSON.stringify(value)}\n`)
    },
    end: () => {
      if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/json' })
      response.end()
    },
  }
}
