import { describeTransport } from '../../conformance/transport.ts'
import { quicWorld } from '../../support/transport-quic.ts'

describeTransport('quic', () => quicWorld())
describeTransport('quic with large packets', () =>
  quicWorld('127.0.0.1', { loopbackPayloadBytes: 16_383 }),
)
