/**
 * A QUIC dialler made by hand from the binding, for peers that our own transport would never be: one
 * without a certificate, or with a key of another kind.
 */
import 'reflect-metadata'
import { randomBytes, webcrypto } from 'node:crypto'
import { createSocket } from 'node:dgram'
import * as x509 from '@peculiar/x509'
import type { Binding } from '../../mesh/transport/quic/binding.ts'
import type { TransportAddress } from '../../mesh/transport/transport.ts'

/** What the dialler shows; nothing when empty. */
export interface RawIdentity {
  readonly certificatePem?: string
  readonly privateKeyPem?: string
}

/** A self-signed certificate with a P-256 key. */
export async function p256Identity(): Promise<RawIdentity> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    { name: 'CN=nobody', signingAlgorithm: algorithm, keys: keys as webcrypto.CryptoKeyPair },
    webcrypto as unknown as Parameters<typeof x509.X509CertificateGenerator.createSelfSigned>[1],
  )
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey))
  const body = pkcs8.toString('base64')
  const privateKeyPem = `-----BEGIN PRIVATE KEY-----\n${body}\n-----END PRIVATE KEY-----\n`
  return { certificatePem: `${certificate.toString('pem')}\n`, privateKeyPem }
}

/** How it ended. */
export interface RawEnd {
  readonly isApp: boolean
  readonly errorCode: number
}

/** Dials `address` and gives how the connection ended, by the listener or by our own TLS. */
export async function rawDial(address: TransportAddress, identity: RawIdentity): Promise<RawEnd> {
  const module = await import('@matrixai/quic/native/quiche.js')
  const binding = module.default as unknown as Binding
  const pem = (text: string | undefined): Uint8Array[] =>
    (text === undefined ? null : [Buffer.from(text)]) as Uint8Array[]
  const { certificatePem, privateKeyPem } = identity
  const key = pem(privateKeyPem)
  const any = 'ed25519:ecdsa_secp256r1_sha256'
  const config = binding.Config.withBoringSslCtx(true, true, null, key, pem(certificatePem), any)
  config.setApplicationProtos(['fovea/1:kit'])
  config.setMaxIdleTimeout(5_000)
  config.setInitialMaxData(1_000_000)
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  const local = { host: '127.0.0.1', port: socket.address().port }
  const q = binding.Connection.connect(null, randomBytes(8), local, address, config)
  const flush = (): void => {
    const out = Buffer.alloc(1_350)
    for (let sent = q.send(out); sent !== null; sent = q.send(out)) {
      socket.send(Buffer.from(out.subarray(0, sent[0])), address.port, address.host)
    }
  }
  const end = await new Promise<RawEnd>((resolve) => {
    socket.on('message', (packet) => {
      try {
        q.recv(packet, { from: address, to: local })
      } catch {
        // Then `localError` says why.
      }
      flush()
      const error = q.peerError() ?? q.localError()
      if (error !== null) resolve(error)
    })
    flush()
  })
  socket.close()
  return end
}
