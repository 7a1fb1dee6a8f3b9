import { describe, expect, it } from 'vitest'
import { codeOfThrown, TransportError, TRANSPORT_ERRORS } from '../../../mesh/transport/errors.ts'

describe('transport errors', () => {
  it('are errors with a code, a cause and where it happened', () => {
    const cause = new Error('why')
    const remote = { host: '192.0.2.1', port: 1 }
    const error = new TransportError('ERR_TRANSPORT_REFUSED', 'no', { cause, remote })
    expect(error).toMatchObject({ name: 'TransportError', code: 'ERR_TRANSPORT_REFUSED' })
    expect([error.cause, error.remote, error.peerReason]).toEqual([cause, remote, undefined])
    expect('cause' in new TransportError('ERR_TRANSPORT_CLOSED', 'x')).toBe(false)
  })

  it('each say when, whether to retry and what to do', () => {
    for (const [code, entry] of Object.entries(TRANSPORT_ERRORS)) {
      expect(code).toMatch(/^ERR_TRANSPORT_[A-Z_]+$/)
      const texts = [entry.when, entry.stateChanged, entry.retry, entry.action]
      expect(texts.every((text) => typeof text === 'string' && text.length > 1)).toBe(true)
    }
  })

  it.each([
    [{ code: 'ERR_CERTIFICATE_EXPIRED' }, 'ERR_CERTIFICATE_EXPIRED'],
    [{ code: 'ENOENT' }, 'ERR_TRANSPORT_HANDLER'],
    [{ code: 'ERR_secret words' }, 'ERR_TRANSPORT_HANDLER'],
    [{ code: `ERR_${'X'.repeat(100)}` }, 'ERR_TRANSPORT_HANDLER'],
    [new Error('x'), 'ERR_TRANSPORT_HANDLER'],
    [undefined, 'ERR_TRANSPORT_HANDLER'],
    [null, 'ERR_TRANSPORT_HANDLER'],
  ])('tell a peer nothing but a stable code: %o', (thrown, code) => {
    expect(codeOfThrown(thrown, 'ERR_TRANSPORT_HANDLER')).toBe(code)
  })
})
