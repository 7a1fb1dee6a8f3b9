import { beforeAll, describe, expect, it } from 'vitest'
import { createCertificate } from '../../../../mesh/identity/certificate.ts'
import { generateNodeKeys } from '../../../../mesh/identity/keys.ts'
import { loadNative } from '../../../../mesh/transport/quic/native.ts'
import type {
  Native,
  NativeConfig,
  NativeSettings,
} from '../../../../mesh/transport/quic/native.ts'
import type { NativeConnection } from '../../../../mesh/transport/quic/native-connection.ts'
import { codeThrownBy } from '../../../conformance/transport-world.ts'

/** Values that end the program, or may, when they reach the binding. */
const NASTY: readonly unknown[] = [
  -1,
  -0.5,
  0.5,
  Number.NaN,
  Infinity,
  -Infinity,
  2 ** 53,
  2 ** 62,
  2 ** 63,
  2 ** 64,
  -(2 ** 63),
  1e308,
  '',
  '1',
  null,
  undefined,
  true,
  [],
  {},
  new Uint8Array(0),
  new Uint8Array(21),
  new ArrayBuffer(8),
  10n,
  Symbol('x'),
]

/** Our own error, never one of the binding, and never an abort (then this test would not end). */
const OURS = ['ERR_TRANSPORT_ARGUMENT', 'ERR_TRANSPORT_SECURITY']

const LOCAL = { host: '127.0.0.1', port: 1_111 }
const REMOTE = { host: '127.0.0.1', port: 2_222 }

let native: Native
let settings: NativeSettings
let config: NativeConfig

beforeAll(async () => {
  native = await loadNative()
  const keys = generateNodeKeys()
  const { pem } = await createCertificate(keys, { wallNowMs: 1_800_000_000_000 })
  settings = {
    alpn: 'fovea/1',
    certificatePem: pem,
    privateKeyPem: keys.privateKeyPem,
    idleTimeoutMs: 1_000,
    udpPayloadBytes: 1_350,
    streamWindowBytes: 65_536,
    streamsMax: 8,
    datagramQueueMax: 8,
  }
  config = native.config(settings)
})

function connection(): NativeConnection {
  return native.connect(Buffer.alloc(8, 1), LOCAL, REMOTE, config)
}

describe('loadNative', () => {
  it('names the platform when there is no binary for it', async () => {
    const cause = new Error('Cannot find module')
    await expect(loadNative(() => Promise.reject(cause))).rejects.toMatchObject({
      code: 'ERR_TRANSPORT_UNAVAILABLE',
      message: expect.stringContaining(`${process.platform}-${process.arch}`) as string,
      cause,
    })
  })
})

describe('the checks before the binding', () => {
  it.each([
    'idleTimeoutMs',
    'udpPayloadBytes',
    'streamWindowBytes',
    'streamsMax',
    'datagramQueueMax',
    'alpn',
    'certificatePem',
    'privateKeyPem',
  ] as const)('refuse every nasty %s', (name) => {
    for (const value of NASTY) {
      // Text is good for a protocol name.
      if (name === 'alpn' && value === '1') continue
      const nasty = { ...settings, [name]: value }
      expect(OURS, String(value)).toContain(codeThrownBy(() => native.config(nasty as never)))
    }
  })

  it.each([
    '-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----',
    '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----',
    '-----BEGIN ',
  ])('turn PEM that cannot be read into our error: %j', (pem) => {
    expect(codeThrownBy(() => native.config({ ...settings, privateKeyPem: pem }))).toBe(OURS[1])
    expect(codeThrownBy(() => native.config({ ...settings, certificatePem: pem }))).toBe(OURS[1])
  })

  it('refuse a key that is not that of the certificate', () => {
    const { privateKeyPem } = generateNodeKeys()
    expect(codeThrownBy(() => native.config({ ...settings, privateKeyPem }))).toBe(OURS[1])
  })

  it('refuse nasty ids, addresses and buffers of connections', () => {
    const id = Buffer.alloc(8, 1)
    const request = {
      sourceId: id,
      destinationId: id,
      newSourceId: id,
      token: Buffer.alloc(30),
      version: 1,
    }
    const out = Buffer.alloc(1_200)
    for (const value of NASTY) {
      const nasty = value as never
      const address = { host: nasty, port: 1 }
      const port = { host: '127.0.0.1', port: nasty }
      const calls: (() => unknown)[] = [
        () => native.connect(nasty, LOCAL, REMOTE, config),
        () => native.connect(id, address, REMOTE, config),
        () => native.connect(id, LOCAL, port, config),
        () => native.accept(nasty, id, LOCAL, REMOTE, config),
        () =>
          native.accept(id, value === undefined ? (null as never) : nasty, LOCAL, REMOTE, config),
        () => native.accept(id, id, LOCAL, address, config),
        () => native.versionIsSupported(nasty),
        () => native.negotiateVersion(id, id, nasty),
        () => native.retry({ ...request, newSourceId: nasty }, out),
        () => native.retry({ ...request, token: nasty }, out),
        () => native.retry({ ...request, version: nasty }, out),
        () => native.retry(request, nasty),
      ]
      // 21 bytes are a good token, and no more than that.
      const isToken = value instanceof Uint8Array && value.length === 21
      for (const [i, call] of calls.entries()) {
        if (isToken && i === 9) continue
        expect(codeThrownBy(call), `call ${i} with ${String(value)}`).toBe(OURS[0])
      }
    }
  })

  it.each(['localhost', 'fe80::1%lo', '1.2.3', '1.2.3.4.5'])(
    'let no name reach the binding, which would resolve it: %s',
    (host) => {
      const id = Buffer.alloc(8, 1)
      const connect = (): unknown => native.connect(id, LOCAL, { host, port: 1 }, config)
      expect(codeThrownBy(connect)).toBe('ERR_TRANSPORT_ARGUMENT')
    },
  )

  it('refuse nasty codes, stream ids, urgencies and buffers of a connection', () => {
    const q = connection()
    for (const value of NASTY) {
      const nasty = value as never
      const calls: (() => unknown)[] = [
        () => q.close(true, nasty, new Uint8Array(0)),
        () => q.streamReset(0, nasty),
        () => q.streamStop(0, nasty),
        () => q.streamReset(nasty, 0),
        () => q.streamStop(nasty, 0),
        () => q.streamSend(nasty, Buffer.from('x'), false),
        () => q.streamRecv(nasty, Buffer.alloc(8)),
        () => q.streamReadable(nasty),
        () => q.streamStopped(nasty),
        () => q.streamPriority(nasty, 0),
        () => q.streamPriority(0, nasty),
        () => q.newSourceId(nasty, Buffer.alloc(16)),
      ]
      for (const [i, call] of calls.entries()) {
        expect(codeThrownBy(call), `call ${i} with ${String(value)}`).toBe(OURS[0])
      }
      if (value instanceof Uint8Array) continue
      const buffers: (() => unknown)[] = [
        () => q.close(true, 0, nasty),
        () => q.streamSend(0, nasty, false),
        () => q.streamRecv(0, nasty),
        () => q.datagramSend(nasty),
        () => q.datagramRecv(nasty),
        () => q.send(nasty),
        () => q.newSourceId(Buffer.alloc(8), nasty),
      ]
      for (const [i, call] of buffers.entries()) {
        expect(codeThrownBy(call), `buffer ${i} with ${String(value)}`).toBe(OURS[0])
      }
      expect(q.recv(nasty, { from: REMOTE, to: LOCAL })).toBe(false)
    }
    expect(codeThrownBy(() => q.send(Buffer.alloc(1_199)))).toBe(OURS[0])
    expect(codeThrownBy(() => q.streamRecv(0, Buffer.alloc(0)))).toBe(OURS[0])
  })

  it('let the largest codes through', () => {
    const q = connection()
    expect(() => q.streamReset(0, Number.MAX_SAFE_INTEGER)).not.toThrow()
    expect(() => q.streamStop(0, Number.MAX_SAFE_INTEGER)).not.toThrow()
    expect(() => q.close(true, Number.MAX_SAFE_INTEGER, Buffer.from('bye'))).not.toThrow()
    expect(() => q.close(true, 1, Buffer.from('again'))).not.toThrow()
  })
})

describe('a released connection', () => {
  it('does nothing and says that it is over', () => {
    const q = connection()
    expect(q.send(Buffer.alloc(1_350))).toBeGreaterThanOrEqual(1_200)
    q.release()
    expect(q.released).toBe(true)
    expect([q.isOver(), q.isClosed(), q.isEstablished(), q.isReadable()]).toEqual([
      true,
      true,
      false,
      false,
    ])
    expect(q.send(Buffer.alloc(1_350))).toBe(0)
    expect(q.streamSend(0, Buffer.from('x'), true)).toBe(0)
    expect(q.streamRecv(0, Buffer.alloc(8))).toBe(-1)
    expect(q.timeoutMs()).toBe(Infinity)
    expect(q.peerChain()).toEqual([])
    expect(() => q.close(true, 0, new Uint8Array(0))).not.toThrow()
    expect(() => q.onTimeout()).not.toThrow()
  })
})
