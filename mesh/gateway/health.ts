/**
 * The process `health`: what an orchestrator and a scraper ask a gateway by HTTP. On 127.0.0.1 unless told otherwise, and
 * anywhere else only with a token.
 *
 * | path | gives |
 * | --- | --- |
 * | `/live` | 200 while the process answers |
 * | `/ready` | 200 when edge peers are let in, else 503 |
 * | `/health` | how every part does, JSON; 200, or 503 while a part is being restarted |
 * | `/metrics` | numbers, in the text format of Prometheus |
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import { contract, implement } from '../../behaviours/index.ts'
import type { Contract, Server } from '../../behaviours/index.ts'
import { formatNodeId } from '../link/peer-info.ts'
import type { GatewayContext } from './context.ts'
import { GatewayError } from './errors.ts'
import { GatewayFunctions } from './gateway.ts'
import { listenHttp } from './http-server.ts'
import type { HttpAnswer, HttpListener, HttpRequest } from './http-server.ts'
import { createMetrics } from './metrics.ts'
import type { MetricsText } from './metrics.ts'
import type { ResolvedHealthOptions } from './options.ts'
import { isLoopback } from './options.ts'
import type { PassiveApi } from './quic-server.ts'

const HealthContract: Contract<PassiveApi> = contract('fovea.gateway.health/1', {
  call: {},
  cast: {},
})

/** Starts and serves it; start it with `trapExit`, so that its port is free when it has ended. */
export const HealthServer: Server<PassiveApi, GatewayContext> = implement<
  PassiveApi,
  GatewayContext,
  HttpListener | undefined
>(HealthContract, {
  init: async (context, { signal }): Promise<HttpListener | undefined> => {
    const { health, memory } = context
    if (health === undefined) return undefined
    const listener = await listen(context, health)
    // Killed meanwhile: nobody would close it.
    if (signal.aborted) {
      await listener.close()
      return undefined
    }
    memory.healthPort = listener.port
    signal.addEventListener('abort', () => {
      memory.healthPort = undefined
      // Killed, it cannot wait for it.
      void listener.close()
    })
    memory.runs('health', signal)
    return listener
  },
  call: {},
  cast: {},
  terminate: (_reason, listener) => listener?.close(),
})

async function listen(
  context: GatewayContext,
  health: ResolvedHealthOptions,
): Promise<HttpListener> {
  const { host, requestsMax } = health
  const metrics = await createMetrics(context)
  const { refusals } = context.core
  const port = context.memory.healthPortTaken ?? health.port
  try {
    const listener = await listenHttp({
      ...{ host, port, requestsMax },
      answer: (request) => answerOf(context, health, metrics, request),
      onError: (error) => refusals.count('ERR_GATEWAY_HANDLER', { err: error }),
    })
    context.memory.healthPortTaken = listener.port
    return listener
  } catch (cause) {
    const text = `the health server cannot listen on ${host}:${port}`
    throw new GatewayError('ERR_GATEWAY_HEALTH_BIND', text, { cause })
  }
}

function answerOf(
  context: GatewayContext,
  health: ResolvedHealthOptions,
  metrics: MetricsText,
  request: HttpRequest,
): HttpAnswer | Promise<HttpAnswer> {
  const { method, path } = request
  const refusal = refusalOf(health, request)
  if (refusal !== undefined) {
    context.core.refusals.count('ERR_GATEWAY_HEALTH_REFUSED', { status: refusal.status, method })
    return refusal
  }
  const gateway = new GatewayFunctions(context)
  switch (path) {
    case '/live':
      return text(200, 'live')
    case '/ready':
      return isReady(gateway) ? text(200, 'ready') : text(503, 'not ready')
    case '/health':
      return json(gateway.health().status === 'ok' ? 200 : 503, healthOf(context, gateway))
    default:
      return metrics.text().then((body) => ({
        ...{ status: 200, body },
        contentType: metrics.contentType,
      }))
  }
}

const PATHS: ReadonlySet<string> = new Set(['/live', '/ready', '/health', '/metrics'])

const GUARDED: ReadonlySet<string> = new Set(['/health', '/metrics'])

function refusalOf(
  { token }: ResolvedHealthOptions,
  { method, path, host, authorization }: HttpRequest,
): HttpAnswer | undefined {
  if (method !== 'GET' && method !== 'HEAD') {
    return { ...text(405, 'only GET and HEAD'), headers: { allow: 'GET, HEAD' } }
  }
  // Pages of other origins can make a browser ask here under a name of theirs; then it sends that name.
  if (token === undefined && !isOwnName(host)) return text(403, 'not for this host')
  if (!PATHS.has(path)) return text(404, 'not found')
  if (token === undefined || !GUARDED.has(path) || isToken(token, authorization)) return undefined
  return { ...text(401, 'a token is needed'), headers: { 'www-authenticate': 'Bearer' } }
}

/** An address, or a name that means this machine. */
function isOwnName(host: string | undefined): boolean {
  if (host === undefined) return true
  const name = host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
  return isIP(name) !== 0 || isLoopback(name)
}

/** Compared in a time that says nothing of where they differ. */
function isToken(token: string, authorization: string | undefined): boolean {
  const given = /^Bearer (\S{1,4096})$/i.exec(authorization ?? '')?.[1]
  if (given === undefined) return false
  const digest = (value: string): Buffer => createHash('sha256').update(value).digest()
  return timingSafeEqual(digest(token), digest(given))
}

function isReady(gateway: GatewayFunctions): boolean {
  const { parts } = gateway.health()
  return parts.quic_server && parts.gateway && parts.clients
}

function healthOf({ core, edges, settings }: GatewayContext, gateway: GatewayFunctions): object {
  const { options, realm } = core.parts
  return {
    ...gateway.health(),
    node: formatNodeId(options.name, core.address),
    realm: realm.name,
    clients: edges.pool.linkCount,
    clientsMax: settings.clientsMax,
    links: core.pool.linkCount,
    members: core.view.members().length,
  }
}

function text(status: number, body: string): HttpAnswer {
  return { status, contentType: 'text/plain; charset=utf-8', body: `${body}\n` }
}

function json(status: number, value: object): HttpAnswer {
  return { status, contentType: 'application/json', body: `${JSON.stringify(value)}\n` }
}
