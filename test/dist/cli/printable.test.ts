import { describe, expect, test } from 'vitest'
import { reportOf } from '../../../dist/cli/errors.ts'
import { formatValueRow } from '../../../dist/cli/operations/dht-rows.ts'
import { formatPresence, formatPresenceChange } from '../../../dist/cli/operations/presence-rows.ts'
import {
  formatMessage,
  formatRpcCall,
  formatServed,
  formatServices,
} from '../../../dist/cli/operations/service-rows.ts'
import { printable } from '../../../dist/cli/printable.ts'

/** Red, another title, and a line that looks like one of ours. */
const HOSTILE = '\u001b[31m\u001b]0;x\u0007\r\nroot joined'
const SHOWN = '\\u001b[31m\\u001b]0;x\\u0007\\r\\nroot joined'

const plain = { tone: (_tone: string, text: string): string => text }

describe('texts of others', () => {
  test.each([
    ['plain, Grüße, 日本, 🙂', 'plain, Grüße, 日本, 🙂'],
    [HOSTILE, SHOWN],
    ['a\tb', 'a\\tb'],
    ['\u009b2J\u007f', '\\u009b2J\\u007f'],
    ['a\u2028b', 'a\\u2028b'],
    ['exe.\u202egpj', 'exe.\\u202egpj'],
  ])('are shown without what a terminal obeys: %j', (text, shown) => {
    expect(printable(text)).toBe(shown)
  })

  test('are so wherever commands print them', () => {
    const at = { topic: 't', nodeKey: 'f'.repeat(64), key: HOSTILE, meta: HOSTILE }
    const by = { publisherKey: '', sequence: 1, retained: false, headers: {} }
    const times = { expiresAt: '', sequence: 1, agreed: 1, requests: 1, elapsedMs: 1 }
    const value = { key: '', value: '', text: HOSTILE, kind: 'mutable', name: HOSTILE }
    const lines = [
      formatMessage({ type: 'message', topic: 't', payload: HOSTILE, ...by }, plain),
      formatMessage({ type: 'message', topic: 't', payload: { a: ['\u202e'] }, ...by }, plain),
      formatRpcCall({ value: HOSTILE, elapsedMs: 1 }),
      formatServed({ type: 'served', procedure: 'p', input: HOSTILE, callerKey: '' }),
      ...formatServices(
        [{ procedure: 'p', key: '', kinds: [], metadata: { k: HOSTILE }, ageMs: 1 }],
        undefined,
      ).split('\n'),
      ...formatPresence('t', [at], true).split('\n'),
      formatPresenceChange({ type: 'joined', ...at }, plain),
      ...formatValueRow({ ...value, publisher: '', ...times }, plain).split('\n'),
      ...Object.values(reportOf(Object.assign(new Error(HOSTILE), { code: `ERR_${HOSTILE}` }))),
    ]
    // A head, and one line of each of the two tables; a value has two.
    expect(lines).toHaveLength(4 + 2 + 2 + 1 + 2 + 2)
    for (const line of lines) expect(printable(line)).toBe(line)
  })
})
