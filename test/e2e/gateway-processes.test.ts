/**
 * A gateway and peers at its edge as operating-system processes on loopback QUIC: the gateway is killed and started again,
 * and spoken to by strangers. Needs `npm run build`.
 */
import { createSocket } from 'node:dgram'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect as connectTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createRealm, formatRealm } from '../../mesh/identity/realm.ts'
import { createRealClock, createSeededEntropy } from '../../runtime/index.ts'
import { Children, type Fields, type JsonChild } from '../support/json-child.ts'

const CHILD = fileURLToPath(new URL('fixtures/services-child.mjs', import.meta.url))
const BUILT = fileURLToPath(new URL('../../build/mesh/index.js', import.meta.url))
/** Of one command or event, the start of a program among them: this is no measure, only an end. */
const WAIT_MS = 60_000
const POLL_MS = 50
const TEST_MS = 120_000

const clock = createRealClock()
const children = new Children(CHILD, WAIT_MS)
let directory = ''

/** Starts a process; gives it and what it said when it was ready. */
async function start(name: string, more: object): Promise<{ child: JsonChild; ready: Fields }> {
  const options = {
    ...{ name, host: '127.0.0.1', port: 0, realm: join(directory, 'realm.json') },
    dataDir: join(directory, name),
    ...more,
  }
  const child = children.launch([JSON.stringify(options)])
  return { child, ready: await child.event('ready') }
}

const startGateway = (port = 0): ReturnType<typeof start> =>
  start('gateway', {
    ...{ port, membership: 'local', seeds: [] },
    gateway: { health: { port: 0 } },
  })

const portOf = ({ address }: Fields): number => Number(String(address).split(':').at(-1))

/** A peer that knows the gateway at that port, and that it has taken in. */
async function startPeer(name: string, port: number): Promise<{ child: JsonChild; key: string }> {
  const dials = {
    ...{ reconnectBaseMs: 100, reconnectMaxMs: 500, keepaliveIntervalMs: 200 },
    // A first packet that finds nobody is sent again after 1 s, 3 s and 7 s: a new dial is sooner.
    connectTimeoutMs: 1_000,
  }
  const { child, ready } = await start(name, { targets: [`fovea://127.0.0.1:${port}`], ...dials })
  await child.run('connected', { timeoutMs: WAIT_MS })
  return { child, key: String(ready['key']) }
}

/** Asks again and again until the answer is as wanted. */
async function until<T>(what: string, ask: () => Promise<T>, isWanted: (answer: T) => boolean) {
  const endMs = clock.now() + WAIT_MS
  for (;;) {
    const answer = await ask()
    if (isWanted(answer)) return answer
    if (clock.now() > endMs) throw new Error(`${what}: ${JSON.stringify(answer)}`)
    await new Promise<void>((resolve) => void clock.setTimer(POLL_MS, resolve))
  }
}

const ECHO = { procedure: 'till.echo', timeoutMs: WAIT_MS }

/** A gateway, `a` and `b` at its edge: `b` wants `orders.*` and serves `till.echo`, and `a` knows. */
async function world() {
  const gateway = await startGateway()
  const port = portOf(gateway.ready)
  const [a, b] = await Promise.all([startPeer('a', port), startPeer('b', port)])
  await b.child.run('subscribe', { filter: 'orders.*', name: 'orders' })
  await b.child.run('advertise', { procedure: 'till.echo', handler: 'echo' })
  await heard(a)
  expect(await a.child.run('call', { ...ECHO, input: 1 })).toBe(1)
  return { gateway, port, a, b }
}

/** Publishes until `b` gets it: interest takes its time to be known. */
const heard = ({ child }: { child: JsonChild }): Promise<Fields> =>
  until(
    'b is heard of',
    () => child.run('publish', { topic: 'orders.probe', payload: 'probe' }) as Promise<Fields>,
    ({ nodes }) => nodes === 1,
  )

/** Payloads of `orders` that `b` got, in order, without the probes. */
const gotBy = ({ child }: { child: JsonChild }): unknown[] =>
  child
    .said('message', { name: 'orders' })
    .map(({ payload }) => payload)
    .filter((payload) => payload !== 'probe')

beforeAll(() => {
  if (!existsSync(BUILT)) throw new Error('npm run build first')
})
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'fovea-gateway-'))
  await writeFile(join(directory, 'realm.json'), formatRealm(createRealm('com.example.edge')), {
    mode: 0o600,
  })
})
afterEach(async () => {
  await children.end()
  await rm(directory, { recursive: true, force: true })
})
describe('a gateway and two peers, a process each', () => {
  it(
    'pass on publishes and calls sealed, and lose none when the gateway is killed and comes back',
    async () => {
      const { gateway, port, a, b } = await world()
      const secret = 'for the till only'
      await gateway.child.run('watch', { mark: secret })
      const publish = { topic: 'orders.new', qos: 1, timeoutMs: WAIT_MS }
      expect(await a.child.run('publish', { ...publish, payload: `${secret} 1` })).toMatchObject({
        nodes: 1,
      })
      expect(await a.child.run('call', { ...ECHO, input: secret })).toBe(secret)
      const seen = (await gateway.child.run('trace')) as { marked: boolean; type: string }[]
      expect(seen.some(({ type }) => type === 'pubsubRoute' || type === 'rpcRoute')).toBe(true)
      expect(seen.filter(({ marked }) => marked)).toEqual([])

      gateway.child.process.kill('SIGKILL')
      await gateway.child.ended
      const meanwhile = a.child.run('publish', { ...publish, payload: `${secret} 2` })
      const again = await startGateway(port)
      expect(portOf(again.ready)).toBe(port)
      expect(again.ready['key']).toBe(gateway.ready['key'])
      expect(await meanwhile).toMatchObject({ nodes: 1 })
      await heard(a)
      expect(await a.child.run('publish', { ...publish, payload: `${secret} 3` })).toMatchObject({
        nodes: 1,
      })
      expect(await a.child.run('call', { ...ECHO, input: 2 })).toBe(2)
      expect(gotBy(b)).toEqual([1, 2, 3].map((n) => `${secret} ${n}`))
      expect(new Set((await again.child.run('clients')) as string[])).toEqual(
        new Set([a.key, b.key]),
      )
    },
    TEST_MS,
  )

  it(
    'go on while strangers send garbage to the ports of the gateway',
    async () => {
      const { gateway, port, a } = await world()
      const healthPort = Number(gateway.ready['healthPort'])
      const call = a.child.run('call', { ...ECHO, input: 'meanwhile' })
      await floodUdp(port)
      const answers = await Promise.all(GARBAGE.map((bytes) => sayTcp(healthPort, bytes)))
      expect(await call).toBe('meanwhile')
      // What is no request is answered with 400, 431 or nothing, and never holds the connection.
      for (const answer of answers) expect(answer).toMatch(/^(?:$|HTTP\/1\.1 4\d\d )/)
      const live = await fetch(`http://127.0.0.1:${healthPort}/live`)
      expect([live.status, await live.text()]).toEqual([200, 'live\n'])
      expect(await a.child.run('call', { ...ECHO, input: 'after' })).toBe('after')
      const refused = (await gateway.child.run('refused')) as Record<string, number>
      expect(refused['ERR_TRANSPORT_GARBAGE']).toBeGreaterThan(0)
      expect((await gateway.child.run('clients')) as string[]).toHaveLength(2)
    },
    TEST_MS,
  )
})

const noise = createSeededEntropy(1)

/** What a stranger may say to an HTTP server. */
const GARBAGE: readonly Uint8Array[] = [
  noise.bytes(65_536),
  Buffer.from('GET / HTTP/9.9\r\n\r\n'),
  Buffer.from(`GET /live HTTP/1.1\r\nhost: 127.0.0.1\r\nx: ${'x'.repeat(65_536)}\r\n\r\n`),
  Buffer.from('POST /live HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 9999999\r\n\r\n'),
  Buffer.from('GET /../../etc/passwd HTTP/1.1\r\nhost: evil.example\r\n\r\n'),
]

/** Datagrams of noise, some of which look like first packets of QUIC. */
async function floodUdp(port: number): Promise<void> {
  const socket = createSocket('udp4')
  for (let i = 0; i < 2_000; i++) {
    const bytes = noise.bytes(1 + (i % 1_400))
    if (i % 3 === 0) bytes.set([0xc3, 0, 0, 0, 1].slice(0, bytes.length))
    await new Promise<unknown>((resolve) => socket.send(bytes, port, '127.0.0.1', resolve))
  }
  socket.close()
}

/** Says that, and gives the answer up to the end of the connection. */
function sayTcp(port: number, bytes: Uint8Array): Promise<string> {
  return new Promise((resolve) => {
    let answer = ''
    const socket = connectTcp(port, '127.0.0.1', () => socket.write(bytes))
    socket.on('data', (data) => (answer += String(data)))
    // Reset while we still write is an end as well.
    socket.on('error', () => {})
    socket.on('close', () => resolve(answer))
  })
}
