import { describeTransport } from '../../conformance/transport.ts'
import { quicWorld } from '../../support/transport-quic.ts'

// What the kernel knows of a dead peer on this machine comes before any timeout: see `quic/port-watch.test.ts`.
describeTransport('quic', () => quicWorld('127.0.0.1', { loopbackPortCheck: false }))
// Other packet sizes and windows change what shares a packet, not who may connect.
describeTransport(
  'quic with packets as on other paths',
  () => quicWorld('127.0.0.1', { loopbackPayloadBytes: 1_350 }),
  ['streams'],
)
describeTransport('quic over IPv6', () => quicWorld('::1'), ['streams'])
