/** The same mesh over real QUIC on 127.0.0.1: waits for events with a deadline, never for time. */
import { afterEach, describe, expect, it } from 'vitest'
import { checkCertificate, createCertificate } from '../../mesh/identity/certificate.ts'
import { generateNodeKeys } from '../../mesh/identity/keys.ts'
import { createRealm } from '../../mesh/identity/realm.ts'
import { startMesh } from '../../mesh/mesh.ts'
import type { Mesh } from '../../mesh/mesh.ts'
import type { MeshOptions } from '../../mesh/options.ts'
import { createQuicTransport } from '../../mesh/transport/quic/index.ts'
import { encodeFrame } from '../../mesh/wire/frame.ts'
import { createRealClock } from '../../runtime/index.ts'
import { linkTo, peersOf } from './cluster.ts'

const DEADLINE_MS = 10_000
const clock = createRealClock()
const realm = createRealm('com.example.quic')
const running = new Set<Mesh>()

const start = async (name: string, more: MeshOptions = {}): Promise<Mesh> => {
  const mesh = await startMesh({ realm, name, host: '127.0.0.1', port: 0, dht: false, ...more })
  running.add(mesh)
  return mesh
}

afterEach(async () => {
  await Promise.all(Array.from(running, (mesh) => mesh.stop()))
  running.clear()
})

/** Resolves when `done` holds, looked at after every event of `meshes`. */
function until(meshes: readonly Mesh[], done: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const offs: (() => void)[] = []
    const timer = clock.setTimer(DEADLINE_MS, () => finish(new Error('deadline passed')))
    const finish = (error?: Error) => {
      timer.cancel()
      for (const off of offs) off()
      if (error === undefined) resolve()
      else reject(error)
    }
    const look = () => {
      if (done()) finish()
    }
    for (const mesh of meshes) {
      offs.push(mesh.onLink(look), mesh.membership.subscribe(look))
    }
    look()
  })
}

describe('a mesh over QUIC', () => {
  it('ML11 C knows only B and reaches A, ports from the system', async () => {
    const a = await start('a')
    const b = await start('b', { seeds: [a.nodeId] })
    const c = await start('c', { seeds: [b.nodeId] })
    const all = [a, b, c]
    await until(all, () => all.every((mesh) => mesh.links().length === 2))
    expect(all.map(peersOf)).toEqual(['b c', 'a c', 'a b'])
    expect(new Set(all.map((mesh) => mesh.address.port)).size).toBe(3)
    // A and C may dial each other at once: the connection that loses is refused, and nothing else is.
    for (const mesh of all) {
      const { ERR_LINK_REFUSED: racesLost = 0, ...others } = mesh.stats().refused
      expect([others, racesLost <= 1]).toEqual([{}, true])
    }
  })

  it('frames of 1 MiB and backpressure: every byte arrives in order', async () => {
    const a = await start('a')
    const b = await start('b', { seeds: [a.nodeId] })
    await until([a, b], () => peersOf(a) === 'b' && peersOf(b) === 'a')
    const frames = 40
    let next = 0
    const arrived = new Promise<void>((resolve) => {
      a.handleFrames(0xa0, 0xa0, (_link, _type, payload) => {
        expect(payload.length).toBe(1_048_576)
        expect(payload[1_000_000]).toBe(next)
        next += 1
        if (next === frames) resolve()
      })
    })
    const link = linkTo(b, 'a')
    let refusals = 0
    for (let n = 0; n < frames;) {
      try {
        link.send('dist', encodeFrame(0xa0, new Uint8Array(1_048_576).fill(n)))
        n += 1
      } catch (error) {
        expect(error).toMatchObject({ code: 'ERR_LINK_QUEUE_FULL' })
        refusals += 1
        await new Promise<void>((resolve) => {
          const off = link.onDrain(() => {
            off()
            resolve()
          })
        })
      }
    }
    await arrived
    expect(refusals).toBeGreaterThan(0)
    expect(peersOf(a)).toBe('b')
  })

  it('a goodbye is graceful_shutdown at the peer, and the port is free afterwards', async () => {
    const a = await start('a')
    const b = await start('b', { seeds: [a.nodeId] })
    await until([a, b], () => peersOf(a) === 'b' && peersOf(b) === 'a')
    const { port } = b.address
    const reasons: string[] = []
    a.onLink((event) => void (event.type === 'down' && reasons.push(event.reason)))
    await Promise.all([until([a], () => a.links().length === 0), b.stop()])
    expect(reasons).toEqual(['graceful_shutdown'])
    const again = await start('b', { port, seeds: [a.nodeId] })
    await until([a, again], () => peersOf(a) === 'b')
    expect(again.address.port).toBe(port)
  })

  it('a killed endpoint binds the same port again and its links come back', async () => {
    const a = await start('a')
    const b = await start('b', { seeds: [a.nodeId] })
    await until([a, b], () => peersOf(a) === 'b')
    const { port } = a.address
    const endpoint = [...a.system.processes()].find(({ label }) => label.includes('endpoint'))
    const down = until([a], () => a.links().length === 0)
    a.system.exit(endpoint!.pid, 'kill')
    await down
    await until([a, b], () => peersOf(a) === 'b' && peersOf(b) === 'a')
    expect(a.address.port).toBe(port)
  })

  it('H16 a peer may open the six streams of a dialler, not one more', async () => {
    const a = await start('a')
    const keys = generateNodeKeys()
    const { pem } = await createCertificate(keys, { wallNowMs: clock.wallNow() })
    const endpoint = await createQuicTransport().open({
      host: '127.0.0.1',
      port: 0,
      security: {
        certificatePem: pem,
        privateKeyPem: keys.privateKeyPem,
        alpn: realm.alpn,
        verifyPeer: (chain) => checkCertificate(chain, clock.wallNow()),
      },
      onConnection: () => {},
    })
    try {
      const connection = await endpoint.dial(a.address)
      for (let n = 0; n < 6; n++) connection.openStream()
      expect(() => connection.openStream()).toThrow(
        expect.objectContaining({ code: 'ERR_TRANSPORT_STREAM_LIMIT' }) as Error,
      )
    } finally {
      await endpoint.close()
    }
  })

  it('H4 a node of another realm is told so', async () => {
    const a = await start('a')
    const other = await start('x', { realm: createRealm('com.example.quic') })
    await expect(other.connect({ host: '127.0.0.1', port: a.address.port })).rejects.toMatchObject({
      code: 'ERR_LINK_REALM_MISMATCH',
      reason: 'realm_mismatch',
    })
    expect(a.links()).toEqual([])
  })
})
