/**
 * Program of a child process in the tests of the QUIC transport.
 *
 * `listen [idle timeout]`: opens an endpoint, sends its address, echoes every stream until it is killed.
 * `visit <host> <port>`: dials, sends a stream, waits for the echo, closes everything, and must then
 * end by itself: nothing here calls `process.exit`.
 */
import process from 'node:process'
import { checkCertificate, createCertificate } from '../../mesh/identity/certificate.ts'
import { generateNodeKeys } from '../../mesh/identity/keys.ts'
import { createQuicTransport } from '../../mesh/transport/quic/index.ts'
import type { Endpoint, TransportConnection } from '../../mesh/transport/transport.ts'
import { createRealClock } from '../../runtime/index.ts'

const [mode, first = '', second = ''] = process.argv.slice(2)
const wallNowMs = createRealClock().wallNow()

async function open(
  onConnection: (connection: TransportConnection) => void,
  idleTimeoutMs = 2_000,
): Promise<Endpoint> {
  const keys = generateNodeKeys()
  const { pem } = await createCertificate(keys, { wallNowMs })
  return await createQuicTransport({ idleTimeoutMs }).open({
    host: '127.0.0.1',
    port: 0,
    security: {
      certificatePem: pem,
      privateKeyPem: keys.privateKeyPem,
      alpn: 'fovea/1:kit',
      verifyPeer: (chain) => checkCertificate(chain, wallNowMs),
    },
    onConnection,
  })
}

async function listen(): Promise<void> {
  const echo = (connection: TransportConnection): void =>
    connection.handle({
      onStream: (stream) =>
        stream.handle({
          onData: (bytes) => void stream.write(Buffer.from(bytes)),
          onEnd: () => stream.end(),
        }),
      onClosed: () => {},
    })
  const endpoint = await open(echo, first === '' ? undefined : Number(first))
  process.send!(endpoint.address)
}

async function visit(): Promise<void> {
  const endpoint = await open(() => {})
  const connection = await endpoint.dial({ host: first, port: Number(second) })
  const closed = new Promise<void>((resolve) => connection.handle({ onClosed: () => resolve() }))
  const stream = connection.openStream()
  const echoed = new Promise<void>((resolve) =>
    stream.handle({ onData: () => {}, onEnd: () => resolve() }),
  )
  stream.write(Buffer.alloc(100_000))
  stream.end()
  await echoed
  connection.close(0, 'thank you')
  await closed
  await endpoint.close()
  process.send!('done')
  process.disconnect()
}

await (mode === 'listen' ? listen() : visit())
