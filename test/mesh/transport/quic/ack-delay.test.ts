import { describe, expect, it } from 'vitest'
import { AckDelay } from '../../../../mesh/transport/quic/ack-delay.ts'

type Step = 'packet' | 'half' | 'more' | 'acknowledgement' | 'news' | 'sent'

const BYTES = { packet: 65, half: 600, more: 601, acknowledgement: 64 } as const

describe('an acknowledgement', () => {
  it.each<readonly [string, readonly Step[], boolean]>([
    ['before anything was said', [], false],
    ['to a handshake, with which something else is to be sent', ['packet'], false],
    ['when nothing came', ['sent'], false],
    ['for one packet', ['sent', 'packet'], true],
    ['for one that is half full', ['sent', 'half'], true],
    ['for one that is fuller, one of many', ['sent', 'more'], false],
    ['for two', ['sent', 'packet', 'packet'], false],
    ['for none: what only acknowledges is owed nothing', ['sent', 'acknowledgement'], false],
    ['when room was made', ['sent', 'packet', 'acknowledgement'], false],
    ['with something that was written before', ['sent', 'news', 'packet'], false],
    ['with something that was written after', ['sent', 'packet', 'news'], false],
    [
      'for the first packet after it was sent',
      ['sent', 'packet', 'packet', 'sent', 'packet'],
      true,
    ],
  ])('%s: %j waits: %s', (_when, steps, waits) => {
    const delay = new AckDelay(1_200)
    for (const step of steps) {
      if (step === 'news') delay.news()
      else if (step === 'sent') delay.sent()
      else delay.heard(BYTES[step])
    }
    expect(delay.mayWait).toBe(waits)
  })
})
