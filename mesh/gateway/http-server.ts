/**
 * A small HTTP server for operators: a few paths, GET and HEAD only, no bodies, one answer a connection. Whoever asks can
 * neither hold connections nor memory.
 */
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request, as far as anything depends on it. */
export interface HttpRequest {
  readonly method: string
  /** Without its query. */
  readonly path: string
  readonly host: string | undefined
  readonly authorization: string | undefined
}

/** What is answered. */
export interface HttpAnswer {
  readonly status: number
  readonly contentType: string
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

/** How to listen. */
export interface HttpListenOptions {
  readonly host: string
  readonly port: number
  readonly requestsMax: number
  /** Time to send a request; default 5,000 ms. Whoever takes longer is let go of within a fifth more. */
  readonly requestMs?: number
  readonly answer: (request: HttpRequest) => HttpAnswer | Promise<HttpAnswer>
  /** The handler threw; 500 was answered. */
  readonly onError: (error: unknown) => void
}

/** A server that listens. */
export interface HttpListener {
  readonly port: number
  /** Ends all connections; resolves when the port is free. Idempotent. */
  close(): Promise<void>
}

/** Time to send a request. */
const REQUEST_MS = 5_000

/** Bytes of the headers of a request. */
const HEADER_BYTES_MAX = 8_192

/** Listens; rejects when the address is not free or not ours. */
export function listenHttp(options: HttpListenOptions): Promise<HttpListener> {
  let busy = 0
  const { requestMs = REQUEST_MS } = options
  const limits = {
    maxHeaderSize: HEADER_BYTES_MAX,
    headersTimeout: requestMs,
    requestTimeout: requestMs,
    // Else it looks once in 30 s only, and so long all connections could be held by whoever says nothing.
    connectionsCheckingInterval: requestMs / 5,
  }
  const server = createServer(limits, (request, response) => {
    busy += 1
    response.once('close', () => (busy -= 1))
    if (busy > options.requestsMax) return send(request, response, BUSY)
    void serve(options, request, response)
  })
  server.maxConnections = 2 * options.requestsMax
  server.maxHeadersCount = 64
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: options.host, port: options.port }, () => {
      server.removeListener('error', reject)
      server.on('error', options.onError)
      const { port } = server.address() as AddressInfo
      let closed: Promise<void> | undefined
      resolve({ port, close: () => (closed ??= close(server)) })
    })
  })
}

const BUSY: HttpAnswer = { status: 503, contentType: 'text/plain', body: 'busy\n' }

const FAILED: HttpAnswer = { status: 500, contentType: 'text/plain', body: 'failed\n' }

async function serve(
  { answer, onError }: HttpListenOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method = 'GET', url = '/', headers } = request
  try {
    const { host, authorization } = headers
    const path = url.split('?', 1)[0] ?? '/'
    send(request, response, await answer({ method, path, host, authorization }))
  } catch (error) {
    onError(error)
    send(request, response, FAILED)
  }
}

function send(request: IncomingMessage, response: ServerResponse, answer: HttpAnswer): void {
  if (response.writableEnded || response.destroyed) return
  response.writeHead(answer.status, {
    'content-type': answer.contentType,
    'content-length': Buffer.byteLength(answer.body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    connection: 'close',
    ...answer.headers,
  })
  response.end(request.method === 'HEAD' ? undefined : answer.body)
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
