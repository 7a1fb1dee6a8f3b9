import { get } from 'node:http'
import { describe, expect, it } from 'vitest'
import type { GatewayContext } from '../../../mesh/gateway/context.ts'
import { HealthServer } from '../../../mesh/gateway/health.ts'
import { GatewayMemory } from '../../../mesh/gateway/memory.ts'
import { resolveGateway } from '../../../mesh/gateway/options.ts'
import type { Mesh } from '../../../mesh/mesh.ts'
import { Refusals } from '../../../mesh/refusals.ts'
import { createSimClock, createSystem, silentLogger } from '../../../runtime/index.ts'
import { codeOf } from '../cluster.ts'
import { EdgeCluster, killPart, supervisorOf } from './edge-cluster.ts'

interface Answer {
  readonly status: number
  readonly body: string
  readonly type: string | undefined
}

const TOKEN = 'a-token-of-20-letters'

/** Looks at every turn of the program whether that holds. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 1_000; turn++) {
    if (await holds()) return
    await new Promise((resolve) => setImmediate(resolve))
  }
  throw new Error('it did not come to hold')
}

/** Asks the health server of a gateway. */
function ask(
  mesh: Mesh,
  path: string,
  { method = 'GET', headers = {} }: { method?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const port = mesh.gateway!.healthPort!
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port, path, method, headers }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (text: string) => (body += text))
      response.on('end', () =>
        resolve({ status: response.statusCode!, body, type: response.headers['content-type'] }),
      )
    })
    request.on('error', reject)
  })
}

describe('the health server of a gateway', () => {
  it('ML37 says that it lives, is ready and well, and gives numbers', async () => {
    await using cluster = new EdgeCluster()
    const g = await cluster.gateway('g', 1, { health: { port: 0 } })
    await cluster.readyPeer('p', 2, [1])
    expect(await ask(g, '/live')).toMatchObject({ status: 200, body: 'live\n' })
    expect(await ask(g, '/ready?verbose')).toMatchObject({ status: 200, body: 'ready\n' })
    const health = await ask(g, '/health')
    expect(health).toMatchObject({ status: 200, type: 'application/json' })
    expect(JSON.parse(health.body)).toMatchObject({ status: 'ok', clients: 1, clientsMax: 10_000 })
    const metrics = await ask(g, '/metrics')
    expect(metrics.type).toMatch(/^text\/plain; version=0\.0\.4/)
    expect(metrics.body).toMatch(/^fovea_gateway_clients\{node="g"\} 1$/m)
    expect(metrics.body).toMatch(/^fovea_gateway_admitted_total\{node="g"\} 1$/m)
    expect(metrics.body).toMatch(/^# TYPE fovea_gateway_admitted_total counter$/m)
    expect((await ask(g, '/metrics')).body).toMatch(/^fovea_gateway_admitted_total\{node="g"\} 1$/m)
  })

  it('two gateways of one program have numbers of their own', async () => {
    await using cluster = new EdgeCluster()
    const a = await cluster.gateway('a', 1, { health: { port: 0 } })
    const b = await cluster.gateway('b', 2, { health: { port: 0 } })
    await cluster.readyPeer('p', 3, [2])
    expect((await ask(a, '/metrics')).body).toMatch(/^fovea_gateway_clients\{node="a"\} 0$/m)
    expect((await ask(b, '/metrics')).body).toMatch(/^fovea_gateway_clients\{node="b"\} 1$/m)
  })

  it('is not ready while clients are not let in', async () => {
    await using cluster = new EdgeCluster()
    const g = await cluster.gateway('g', 1, { health: { port: 0 } })
    const workers = await cluster.during(supervisorOf(g, 'clients'))
    await cluster.during(workers.call.terminateChild('clients'))
    expect(await ask(g, '/ready')).toMatchObject({ status: 503 })
    const health = await ask(g, '/health')
    expect(health.status).toBe(503)
    expect(JSON.parse(health.body)).toMatchObject({ status: 'degraded', parts: { clients: false } })
    const peer = await cluster.peer('p', 2, [1])
    await cluster.clock.advance(100)
    expect(peer.state).toBe('connecting')
    await cluster.during(workers.call.restartChild('clients'))
    await cluster.during(peer.ready())
    expect(await ask(g, '/ready')).toMatchObject({ status: 200 })
  })

  it('is restarted on the same port', async () => {
    await using cluster = new EdgeCluster()
    const g = await cluster.gateway('g', 1, { health: { port: 0 } })
    const port = g.gateway!.healthPort
    killPart(g, 'gateway.health')
    for (let turn = 0; turn < 1_000 && g.gateway!.healthPort === undefined; turn++) {
      await cluster.clock.settle()
    }
    await cluster.clock.advance(1_000)
    expect(g.gateway!.healthPort).toBe(port)
    expect(await ask(g, '/live')).toMatchObject({ status: 200 })
  })

  it('leaves no listener behind when it is killed while it takes its port', async () => {
    await using cluster = new EdgeCluster()
    const g = await cluster.gateway('g', 1, { health: { port: 0 } })
    const port = g.gateway!.healthPort!
    await cluster.stop(g)
    const system = createSystem()
    const refusals = new Refusals(createSimClock(), silentLogger)
    const memory = new GatewayMemory(refusals)
    const core = { refusals, parts: { options: { name: 'g' } } }
    const health = { host: '127.0.0.1', port, requestsMax: 1, token: undefined }
    const context = { core, health, memory } as unknown as GatewayContext
    const start = (): Promise<unknown> => HealthServer.start(context, { system, trapExit: true })
    const killed = codeOf(start())
    await until(() => [...system.processes()].length > 0)
    for (const { pid } of system.processes()) system.exit(pid, 'kill')
    expect(await killed).not.toBe('resolved')
    await until(async () => (await codeOf(start())) === 'resolved')
    expect([memory.healthPort, memory.isRunning('health')]).toEqual([port, true])
    await system.stop()
    expect([memory.healthPort, memory.isRunning('health')]).toEqual([undefined, false])
  })

  it('frees its port when the mesh stops', async () => {
    await using cluster = new EdgeCluster()
    const g = await cluster.gateway('g', 1, { health: { port: 0 } })
    const port = g.gateway!.healthPort!
    await cluster.stop(g)
    expect(g.gateway!.healthPort).toBeUndefined()
    const again = await cluster.gateway('h', 2, { health: { port } })
    expect(again.gateway!.healthPort).toBe(port)
  })

  it('answers nothing but GET and HEAD, and nothing but its paths', async () => {
    await using cluster = new EdgeCluster()
    const g = await cluster.gateway('g', 1, { health: { port: 0 } })
    expect((await ask(g, '/live', { method: 'DELETE' })).status).toBe(405)
    expect(await ask(g, '/live', { method: 'HEAD' })).toMatchObject({ status: 200, body: '' })
    expect((await ask(g, '/etc/passwd')).status).toBe(404)
    expect(g.stats().refused['ERR_GATEWAY_HEALTH_REFUSED']).toBe(2)
  })

  it('SEC17 refuses a page that asks under a name of its own', async () => {
    await using cluster = new EdgeCluster()
    const g = await cluster.gateway('g', 1, { health: { port: 0 } })
    expect((await ask(g, '/health', { headers: { host: 'evil.example' } })).status).toBe(403)
    expect((await ask(g, '/health', { headers: { host: 'localhost:1' } })).status).toBe(200)
    expect((await ask(g, '/health', { headers: { host: '[::1]:1' } })).status).toBe(200)
  })

  it('SEC17 with a token gives numbers only to whoever has it', async () => {
    await using cluster = new EdgeCluster()
    const g = await cluster.gateway('g', 1, { health: { port: 0, host: '0.0.0.0', token: TOKEN } })
    const sent = (authorization: string) => ask(g, '/metrics', { headers: { authorization } })
    expect((await ask(g, '/metrics')).status).toBe(401)
    expect((await ask(g, '/health')).status).toBe(401)
    expect((await sent(`Bearer ${TOKEN}x`)).status).toBe(401)
    expect((await sent(TOKEN)).status).toBe(401)
    expect((await sent(`Bearer ${TOKEN}`)).status).toBe(200)
    expect((await ask(g, '/ready')).status).toBe(200)
  })

  it.each([
    ['0.0.0.0', undefined, 'ERR_GATEWAY_HEALTH_UNSAFE'],
    ['192.0.2.1', undefined, 'ERR_GATEWAY_HEALTH_UNSAFE'],
    ['gateway.example', undefined, 'ERR_GATEWAY_HEALTH_UNSAFE'],
    ['0.0.0.0', 'short', 'ERR_OPTION_INVALID'],
    ['0.0.0.0', TOKEN, 'none'],
    ['127.0.0.1', undefined, 'none'],
    ['127.9.9.9', undefined, 'none'],
    ['::1', undefined, 'none'],
    ['localhost', undefined, 'none'],
  ])('SEC17 on %s with token %s: %s', (host, token, code) => {
    const resolve = (): string => {
      try {
        resolveGateway({ health: { host, token } })
        return 'none'
      } catch (error) {
        return String((error as { code?: unknown }).code)
      }
    }
    expect(resolve()).toBe(code)
  })

  it('a port that is taken keeps the gateway from starting, and says so', async () => {
    await using cluster = new EdgeCluster()
    const g = await cluster.gateway('g', 1, { health: { port: 0 } })
    const port = g.gateway!.healthPort!
    await expect(cluster.gateway('h', 2, { health: { port } })).rejects.toMatchObject({
      code: 'ERR_GATEWAY_HEALTH_BIND',
    })
  })
})
