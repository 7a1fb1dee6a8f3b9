/**
 * More connections at one QUIC endpoint than it has when nobody says more (4,096), each with a stream in use: as many as it
 * was told, not one more, and as many from one address as it takes. Two processes dial from addresses of their own of
 * this machine. `FOVEA_SOAK_CONNECTIONS` says how many; prints what one costs.
 */
import process from 'node:process'
import { afterAll, describe, expect, it } from 'vitest'
import { createRealClock } from '../../runtime/index.ts'
import { Compiled } from '../support/compiled.ts'
import { Children, type Fields, type JsonChild } from '../support/json-child.ts'

const CONNECTIONS = Number(process.env['FOVEA_SOAK_CONNECTIONS'] ?? 4_100)
const PER_ADDRESS_MAX = 512
const HOST = '127.0.0.1'
const WAIT_MS = 1_200_000
const HOOK_MS = 60_000
const PROGRAM = 'test/soak/connections-program.ts'

const compiled = new Compiled([PROGRAM])
const children = new Children(compiled.file(PROGRAM), WAIT_MS)
const clock = createRealClock()

afterAll(async () => {
  await children.end()
  compiled.close()
}, HOOK_MS)

const view = (child: JsonChild): Promise<Fields> => child.run('view') as Promise<Fields>

/** Where connections come from: each address with as many as it may have, in turn by two processes. */
function plan(): { readonly at: number; readonly from: string; readonly connections: number }[] {
  const addresses = Math.ceil(CONNECTIONS / PER_ADDRESS_MAX)
  return Array.from({ length: addresses }, (_, n) => ({
    ...{ at: n % 2, from: `127.1.${n}.1` },
    connections: Math.min(PER_ADDRESS_MAX, CONNECTIONS - n * PER_ADDRESS_MAX),
  }))
}

function print(empty: Fields, full: Fields, tookMs: number): void {
  const each = (what: string): number => (Number(full[what]) - Number(empty[what])) / CONNECTIONS
  const kib = (what: string): string => `${(each(what) / 1_024).toFixed(1)} KiB`
  process.stdout.write(
    `${String(full['connections'])} connections in ${Math.round(tookMs / 1_000)} s: each takes ${kib('rss')} of resident memory ` +
      `and ${kib('heapUsed')} of heap, and took ${each('cpuMs').toFixed(2)} ms of a processor at the endpoint\n`,
  )
}

describe(`a QUIC endpoint with room for ${CONNECTIONS} connections`, () => {
  it(
    'has them all in use at once and refuses one more, of one address and of all',
    async () => {
      const [server, ...diallers] = await Promise.all(
        [CONNECTIONS, 100_000, 100_000].map((most) => children.start([`${most}`])),
      )
      const { port } = (await server!.run('listen', { from: HOST })) as Fields
      const to = { host: HOST, port }
      const empty = await view(server!)
      const startedMs = clock.now()
      const sources = plan()
      await Promise.all(
        diallers.map(async (dialler, own) => {
          for (const { at, ...source } of sources) {
            if (at === own) await dialler.run('dial', { ...to, ...source })
          }
        }),
      )
      const talked = await Promise.all(diallers.map((dialler) => dialler.run('talk')))
      const tookMs = clock.now() - startedMs
      expect(talked.reduce((sum: number, n) => sum + Number(n), 0)).toBe(CONNECTIONS)
      const full = await view(server!)
      print(empty, full, tookMs)
      expect(full).toMatchObject({ connections: CONNECTIONS, closed: 0, refused: [] })
      if (CONNECTIONS > PER_ADDRESS_MAX) expect(sources[0]!.connections).toBe(PER_ADDRESS_MAX)

      const knock = (from: string): Promise<unknown> => diallers[0]!.run('knock', { ...to, from })
      expect(await knock('127.2.0.1')).toBe('ERR_TRANSPORT_REFUSED')
      const { connections, refused } = await view(server!)
      // A first packet that was answered late was sent again, and refused again.
      expect([connections, new Set(refused as string[])]).toEqual([
        CONNECTIONS,
        new Set(['ERR_TRANSPORT_CONNECTION_LIMIT']),
      ])
      expect(await Promise.all(diallers.map((dialler) => dialler.run('talk')))).toEqual(talked)

      // With the second one gone there is room, but not for the first address.
      await diallers[1]!.run('stop')
      await diallers[1]!.ended
      const kept = sources.reduce(
        (sum, { at, connections }) => sum + (at === 0 ? connections : 0),
        0,
      )
      await expect
        .poll(async () => (await view(server!))['connections'], { timeout: WAIT_MS, interval: 500 })
        .toBe(kept)
      if (CONNECTIONS >= PER_ADDRESS_MAX) {
        expect(await knock(sources[0]!.from)).toBe('ERR_TRANSPORT_REFUSED')
        expect((await view(server!))['refused']).toContain('ERR_TRANSPORT_ADDRESS_LIMIT')
      }
      expect(await knock('127.2.0.1')).toBe('connected')

      await diallers[0]!.run('stop')
      await expect
        .poll(async () => (await view(server!))['connections'], { timeout: WAIT_MS, interval: 500 })
        .toBe(0)
      await server!.run('stop')
      await Promise.all([server!, ...diallers].map((child) => child.ended))
      for (const child of [server!, ...diallers]) {
        expect([child.process.exitCode, child.stderr]).toEqual([0, ''])
      }
    },
    2 * WAIT_MS,
  )
})
