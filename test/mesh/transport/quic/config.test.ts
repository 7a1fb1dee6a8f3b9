import { describe, expect, it } from 'vitest'
import { QUIC_DEFAULTS, resolveQuicOptions } from '../../../../mesh/transport/quic/config.ts'
import type { QuicOptions } from '../../../../mesh/transport/quic/config.ts'
import { codeThrownBy } from '../../../conformance/transport-world.ts'

const BOUNDS: readonly (readonly [keyof QuicOptions, number, number])[] = [
  ['idleTimeoutMs', 100, 2 ** 31 - 1],
  ['udpPayloadBytes', 1_200, 16_383],
  ['loopbackPayloadBytes', 1_200, 16_383],
  ['connectionsMax', 1, 1_000_000],
  ['connectionsPerAddressMax', 1, 1_000_000],
  ['acceptsPerSecondMax', 1, 1_000_000],
  ['streamsMax', 1, 1_000_000],
  ['streamWindowBytes', 1_024, 2 ** 30],
  ['loopbackWindowBytes', 1_024, 2 ** 30],
  ['datagramQueueMax', 1, 65_536],
  ['handshakeTimeoutMs', 1, 2 ** 31 - 1],
  ['dialTimeoutMs', 1, 2 ** 31 - 1],
  ['retryAboveHandshakes', 0, 1_000_000],
  ['socketBufferBytes', 4_096, 2 ** 30],
]

describe('options of the QUIC transport', () => {
  it('have defaults, the keepalive at a third of the idle timeout', () => {
    const options = resolveQuicOptions(undefined)
    expect(options).toMatchObject({
      idleTimeoutMs: 10_000,
      keepaliveIntervalMs: 3_333,
      udpPayloadBytes: 1_350,
      loopbackPayloadBytes: process.platform === 'linux' ? 16_383 : 8_192,
    })
    expect(Object.isFrozen(options)).toBe(true)
    expect(Object.isFrozen(QUIC_DEFAULTS)).toBe(true)
    expect(resolveQuicOptions({ idleTimeoutMs: 900 }).keepaliveIntervalMs).toBe(300)
    expect(resolveQuicOptions({ keepaliveIntervalMs: Infinity }).keepaliveIntervalMs).toBe(Infinity)
  })

  it.each(BOUNDS)('%s goes from %i to %i and no further', (name, min, max) => {
    for (const value of [min, max]) {
      expect(resolveQuicOptions({ [name]: value })[name]).toBe(value)
    }
    for (const value of [min - 1, max + 1, min + 0.5, Number.NaN, '5', null]) {
      const code = codeThrownBy(() => resolveQuicOptions({ [name]: value } as never))
      expect([name, value, code]).toEqual([name, value, 'ERR_OPTION_INVALID'])
    }
  })

  it.each([
    { keepaliveIntervalMs: 10_000 },
    { idleTimeoutMs: 1_000, keepaliveIntervalMs: 1_000 },
    { streamHighWaterBytes: 1_001, streamQueueBytesMax: 1_000 },
  ])('refuse the contradiction %o', (options) => {
    expect(codeThrownBy(() => resolveQuicOptions(options))).toBe('ERR_OPTION_INVALID')
  })

  it('give peers on this machine a window of their own, unless one is given for all', () => {
    const windows = (given?: QuicOptions): unknown => {
      const { streamWindowBytes, loopbackWindowBytes } = resolveQuicOptions(given)
      return [streamWindowBytes, loopbackWindowBytes]
    }
    expect(windows()).toEqual([524_288, 1_048_576])
    expect(windows({ streamWindowBytes: 16_384 })).toEqual([16_384, 16_384])
    expect(windows({ loopbackWindowBytes: 65_536 })).toEqual([524_288, 65_536])
  })

  it('refuse names that they do not know', () => {
    const options = { idleTimeout: 5 } as never
    expect(codeThrownBy(() => resolveQuicOptions(options))).toBe('ERR_OPTION_UNKNOWN')
  })
})
