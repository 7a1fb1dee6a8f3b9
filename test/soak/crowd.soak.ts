/**
 * Peers at one gateway, on real QUIC: as many as `clientsMax` says, each with a socket of its own, and one more is told by
 * the gateway that there is no room, and not by the transport, whose limit follows from `clientsMax`. A few processes hold
 * all peers, at many addresses of this machine, as one address may have 512 connections. `FOVEA_SOAK_CROWD` says how many:
 * above 4,096 it is more than an endpoint has when nobody says more (`connections.soak.ts` shows that without peers).
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CONNECTIONS_MIN } from '../../mesh/connections-max.ts'
import { createRealm, formatRealm } from '../../mesh/index.ts'
import { createRealClock } from '../../runtime/index.ts'
import { Compiled } from '../support/compiled.ts'
import { Children, type Fields, type JsonChild } from '../support/json-child.ts'
import type { CrowdGatewayOptions } from './crowd-gateway.ts'
import type { CrowdPeersOptions } from './crowd-peers.ts'
import { IDLE_MS } from './crowd-transport.ts'

const PEERS = Number(process.env['FOVEA_SOAK_CROWD'] ?? 60)
const PROCESSES = 4
const PER_ADDRESS_MAX = 500
const WAIT_MS = 1_800_000
const HOOK_MS = 120_000
/** Pings of links are not what this is about. */
const KEEPALIVE_MS = 30_000
const GATEWAY = 'test/soak/crowd-gateway.ts'
const CLIENTS = 'test/soak/crowd-peers.ts'

const compiled = new Compiled([GATEWAY, CLIENTS])
const gateways = new Children(compiled.file(GATEWAY), WAIT_MS)
const crowds = new Children(compiled.file(CLIENTS), WAIT_MS)
const clock = createRealClock()
const mib = (bytes: unknown): string => `${(Number(bytes) / 1_048_576).toFixed(1)} MiB`
const say = (text: string): void => void process.stdout.write(`${text}\n`)
let folder = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-crowd-'))
  await writeFile(join(folder, 'realm.json'), formatRealm(createRealm('com.example.crowd')), {
    mode: 0o600,
  })
}, HOOK_MS)

afterAll(async () => {
  await Promise.all([crowds.end(), gateways.end()])
  compiled.close()
  await rm(folder, { recursive: true, force: true })
}, HOOK_MS)

const view = (child: JsonChild): Promise<Fields> => child.run('view') as Promise<Fields>
const weigh = (child: JsonChild): Promise<Fields> => child.run('weigh') as Promise<Fields>

/** All peers of one process, address after address. */
async function come(child: JsonChild, at: number, peers: number): Promise<void> {
  for (let from = 0; from < peers; from += PER_ADDRESS_MAX) {
    const host = `127.${at + 1}.${from / PER_ADDRESS_MAX}.1`
    await child.run('come', { host, peers: Math.min(PER_ADDRESS_MAX, peers - from) })
  }
}

const takes = (full: Fields, empty: Fields, what: string): string =>
  `${((Number(full[what]) - Number(empty[what])) / PEERS / 1_024).toFixed(1)} KiB`

describe(`a gateway on QUIC with room for ${PEERS} peers`, () => {
  it(
    'ML6 has them all at once, serves each, tells one more that it is full, and keeps nothing of them',
    async () => {
      const common = { realm: join(folder, 'realm.json'), keepaliveIntervalMs: KEEPALIVE_MS }
      const options: CrowdGatewayOptions = { ...common, clientsMax: PEERS }
      const gateway = gateways.launch([JSON.stringify(options)])
      const { port } = await gateway.event('ready')
      const given: CrowdPeersOptions = { ...common, gateway: `fovea://127.0.0.1:${String(port)}` }
      const children = Array.from({ length: PROCESSES }, () =>
        crowds.launch([JSON.stringify(given)]),
      )
      await Promise.all(children.map((child) => child.event('ready')))
      const empty = await weigh(gateway)
      const startedMs = clock.now()
      const sizes = children.map((_, at) => Math.floor((PEERS + at) / PROCESSES))
      await Promise.all(children.map((child, at) => come(child, at, sizes[at]!)))
      const cameMs = clock.now() - startedMs
      const full = await weigh(gateway)
      say(
        `${PEERS} peers came in ${Math.round(cameMs / 1_000)} s, ${(Number(full['cpuMs']) / PEERS).toFixed(1)} ms of a processor ` +
          `each at the gateway; ${String(full['connections'])} connections; of its memory each takes ${takes(full, empty, 'rss')} ` +
          `resident, ${takes(full, empty, 'heapUsed')} of heap; ${mib(empty['rss'])} -> ${mib(full['rss'])}`,
      )
      expect(full).toMatchObject({ clients: PEERS, refusedFull: 0 })
      expect(full['connections']).toBeGreaterThanOrEqual(PEERS)
      if (PEERS > CONNECTIONS_MIN) expect(full['connections']).toBeGreaterThan(CONNECTIONS_MIN)

      await gateway.run('tell')
      const heard = async (): Promise<number> =>
        (await Promise.all(children.map(view))).reduce(
          (sum, each) => sum + Number(each['heard']),
          0,
        )
      await expect.poll(heard, { timeout: 120_000, interval: 1_000 }).toBe(PEERS)

      await children[0]!.run('knock', { host: '127.0.99.1', peers: 1 })
      await expect
        .poll(async () => Number((await view(gateway))['refusedFull']), {
          ...{ timeout: 120_000, interval: 500 },
        })
        .toBeGreaterThan(0)
      expect(await view(children[0]!)).toMatchObject({ last: 'connecting' })
      expect(await view(gateway)).toMatchObject({ clients: PEERS })
      await children[0]!.run('leave')

      await Promise.all(children.map((child) => child.run('stop')))
      await Promise.all(children.map((child) => child.ended))
      await expect
        .poll(async () => (await view(gateway))['connections'], {
          ...{ timeout: 2 * IDLE_MS, interval: 1_000 },
        })
        .toBe(0)
      const gone = await weigh(gateway)
      say(
        `without them: heap ${mib(empty['heapUsed'])} -> ${mib(full['heapUsed'])} -> ${mib(gone['heapUsed'])}, ` +
          `resident ${mib(gone['rss'])}; refused ${JSON.stringify(gone['refused'])}`,
      )
      expect(gone).toMatchObject({ clients: 0 })
      await gateway.run('stop')
      await gateway.ended
      for (const { process: child, stderr } of [gateway, ...children]) {
        expect([child.exitCode, stderr]).toEqual([0, ''])
      }
    },
    2 * WAIT_MS,
  )
})
