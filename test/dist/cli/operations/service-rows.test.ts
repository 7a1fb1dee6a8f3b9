import { describe, expect, test } from 'vitest'
import {
  formatMessage,
  formatPublish,
  formatRpcCall,
  formatServed,
  formatServices,
  formatTopics,
  type MessageRow,
} from '../../../../dist/cli/operations/service-rows.ts'

const plain = { tone: (_tone: string, text: string) => text }
const sent = { topic: 'a.b', qos: 0, sequence: 1, local: 0, nodes: 0, dropped: 0 } as const

describe('rows of topics', () => {
  test('a publish says where it went, also nowhere', () => {
    expect(formatPublish(sent, plain)).toBe('nobody subscribes to a.b')
    expect(formatPublish({ ...sent, nodes: 1, local: 2 }, plain)).toBe(
      'sent to 1 other node, 2 subscriptions here',
    )
    expect(formatPublish({ ...sent, qos: 1, nodes: 2 }, plain)).toBe(
      'acknowledged by 2 other nodes, 0 subscriptions here',
    )
    expect(formatPublish({ ...sent, dropped: 1 }, plain)).toContain('dropped for 1 node')
  })

  test('a message is its topic and what it says', () => {
    const row: MessageRow = {
      ...{ type: 'message', topic: 'a.b', payload: { n: 1 }, publisherKey: 'k', sequence: 1 },
      ...{ retained: false, headers: {} },
    }
    expect(formatMessage(row, plain)).toBe('a.b  { n: 1 }')
  })

  test('filters are a table, with groups and the other nodes', () => {
    expect(formatTopics([])).toBe('this node subscribes to nothing')
    const rows = [{ filter: 'a.*', plain: 1, groups: { g: 2 }, nodes: ['b@h:2'] }]
    expect(formatTopics(rows)).toBe(
      'FILTER  SUBSCRIPTIONS  GROUPS  OTHER NODES\na.*     1              g 2     b@h:2',
    )
  })
})

describe('rows of procedures', () => {
  test('a result is its value alone, a served call says who called', () => {
    expect(formatRpcCall({ value: 'tea', elapsedMs: 1 })).toBe('tea')
    const served = { type: 'served', procedure: 'p', input: 1, callerKey: 'c'.repeat(64) } as const
    expect(formatServed({ ...served, caller: 'b@h:2' })).toBe('p 1 from b@h:2')
    expect(formatServed(served)).toBe(`p 1 from ${'c'.repeat(16)}`)
  })

  test('services are a table, and nobody is said so', () => {
    expect(formatServices([], undefined)).toBe('nobody offers anything')
    expect(formatServices([], 'a.b')).toBe('nobody offers a.b')
    const row = { procedure: 'a.b', key: 'k'.repeat(64), kinds: ['call'], ageMs: 6000 }
    const text = formatServices([{ ...row, metadata: { color: 'red', size: 2 } }], undefined)
    expect(text.split('\n')).toEqual([
      'PROCEDURE  NODE  KEY               KINDS  KNOWN FOR  METADATA',
      'a.b        -     kkkkkkkkkkkkkkkk  call   6 s        color=red size=2',
    ])
  })
})
