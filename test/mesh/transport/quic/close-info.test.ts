import { describe, expect, it } from 'vitest'
import type { BindingCloseError } from '../../../../mesh/transport/quic/binding.ts'
import {
  closeInfoOf,
  dialErrorOf,
  refusalCodeOf,
} from '../../../../mesh/transport/quic/close-info.ts'
import type { NativeConnection } from '../../../../mesh/transport/quic/native-connection.ts'

const remote = { host: '192.0.2.1', port: 4_433 }

function ended(parts: {
  timedOut?: boolean
  peer?: [isApp: boolean, code: number, reason?: string]
  local?: [isApp: boolean, code: number, reason?: string]
}): NativeConnection {
  const error = (given?: [boolean, number, string?]): BindingCloseError | null =>
    given === undefined
      ? null
      : { isApp: given[0], errorCode: given[1], reason: Buffer.from(given[2] ?? '') }
  return {
    isTimedOut: () => parts.timedOut ?? false,
    peerError: () => error(parts.peer),
    localError: () => error(parts.local),
  } as NativeConnection
}

describe('the end of a connection', () => {
  it.each([
    [{ timedOut: true }, { by: 'idle_timeout', code: 0, reason: '' }],
    [{ peer: [true, 7, 'bye'] }, { by: 'peer', code: 7, reason: 'bye' }],
    [{ peer: [false, 298, 'ERR_X'] }, { by: 'error', code: 298, reason: 'ERR_X' }],
    [{ local: [false, 10] }, { by: 'error', code: 10, reason: '' }],
    [{}, { by: 'error', code: 0, reason: '' }],
  ] as const)('%o is %o', (parts, info) => {
    expect(closeInfoOf(ended(parts as never))).toEqual(info)
  })

  it.each([
    [{ timedOut: true }, 'ERR_TRANSPORT_TIMEOUT'],
    [{ peer: [false, 376] }, 'ERR_TRANSPORT_PROTOCOL'],
    [{ local: [false, 376] }, 'ERR_TRANSPORT_PROTOCOL'],
    [{ peer: [true, 376] }, 'ERR_TRANSPORT_REFUSED'],
    [{ peer: [false, 2, 'ERR_TRANSPORT_ADDRESS_LIMIT'] }, 'ERR_TRANSPORT_REFUSED'],
    [{}, 'ERR_TRANSPORT_PROTOCOL'],
  ] as const)('tells a dialler of %o with %s', (parts, code) => {
    const error = dialErrorOf(ended(parts as never), remote)
    expect(error).toMatchObject({ code, remote })
    expect(error.message).toContain('192.0.2.1:4433')
  })

  it('keeps what a peer said when it refused', () => {
    const error = dialErrorOf(ended({ peer: [false, 2, 'ERR_TRANSPORT_ADDRESS_LIMIT'] }), remote)
    expect(error).toMatchObject({
      transportCode: 2,
      peerReason: 'ERR_TRANSPORT_ADDRESS_LIMIT',
    })
  })

  it.each([
    [{ local: [false, 376] }, 'ERR_TRANSPORT_PROTOCOL'],
    [{ local: [false, 372] }, 'ERR_TRANSPORT_PEER_KEY'],
    [{ local: [false, 10] }, 'ERR_TRANSPORT_GARBAGE'],
    [{}, 'ERR_TRANSPORT_GARBAGE'],
    [{ peer: [false, 0] }, undefined], // the dialler itself went away
  ] as const)('reports a refusal of %o as %s', (parts, code) => {
    expect(refusalCodeOf(ended(parts as never))).toBe(code)
  })
})
