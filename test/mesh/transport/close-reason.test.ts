import { describe, expect, it } from 'vitest'
import { handlerReason, reasonBytes } from '../../../mesh/transport/close-reason.ts'
import { TransportError } from '../../../mesh/transport/errors.ts'

describe('the text of a close', () => {
  it.each([
    ['', ''],
    ['x'.repeat(256), 'x'.repeat(256)],
    ['x'.repeat(257), 'x'.repeat(256)],
    ['x'.repeat(255) + 'é', 'x'.repeat(255)],
    ['x'.repeat(254) + 'é', 'x'.repeat(254) + 'é'],
    ['😀'.repeat(65), '😀'.repeat(64)],
  ])('is cut to 256 bytes between characters', (reason, kept) => {
    expect(Buffer.from(reasonBytes(reason)).toString()).toBe(kept)
  })

  it('of a handler that threw names the code and what was thrown', () => {
    const error = new TransportError('ERR_TRANSPORT_QUEUE_FULL', 'full')
    expect(handlerReason(error)).toBe('ERR_TRANSPORT_HANDLER: ERR_TRANSPORT_QUEUE_FULL: full')
    expect(handlerReason(new Error('a bug'))).toBe('ERR_TRANSPORT_HANDLER: a bug')
    expect(handlerReason(undefined)).toBe('ERR_TRANSPORT_HANDLER: undefined')
  })
})
