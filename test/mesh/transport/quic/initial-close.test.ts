import { describe, expect, it } from 'vitest'
import { createCertificate } from '../../../../mesh/identity/certificate.ts'
import { generateNodeKeys } from '../../../../mesh/identity/keys.ts'
import { initialClose } from '../../../../mesh/transport/quic/initial-close.ts'
import { loadNative } from '../../../../mesh/transport/quic/native.ts'
import { readLongHeader } from '../../../../mesh/transport/quic/packet.ts'

describe('initialClose', () => {
  it.each(['', 'ERR_TRANSPORT_CONNECTION_LIMIT', 'x'.repeat(63), 'y'.repeat(200)])(
    'is understood by a real dialler, with the reason %j',
    async (reason) => {
      const native = await loadNative()
      const keys = generateNodeKeys()
      const { pem } = await createCertificate(keys, { wallNowMs: 1_800_000_000_000 })
      const config = native.config({
        alpn: 'fovea/1',
        certificatePem: pem,
        privateKeyPem: keys.privateKeyPem,
        idleTimeoutMs: 1_000,
        udpPayloadBytes: 1_350,
        streamWindowBytes: 65_536,
        streamsMax: 8,
        datagramQueueMax: 8,
      })
      const local = { host: '127.0.0.1', port: 1_111 }
      const remote = { host: '127.0.0.1', port: 2_222 }
      const dialler = native.connect(Buffer.alloc(8, 5), local, remote, config)
      const out = Buffer.alloc(1_350)
      const { destinationId, sourceId } = readLongHeader(out.subarray(0, dialler.send(out)))!
      const newSourceId = Buffer.alloc(8, 6)
      const packet = initialClose({ destinationId, sourceId, newSourceId, code: 2, reason })
      expect(packet.length).toBeLessThan(200)
      expect(dialler.recv(packet, { from: remote, to: local })).toBe(true)
      expect(dialler.isOver()).toBe(true)
      const error = dialler.peerError()!
      expect(error).toMatchObject({ isApp: false, errorCode: 2 })
      expect(Buffer.from(error.reason).toString()).toBe(reason.slice(0, 63))
    },
  )
})
