import { describe, expect, it } from 'vitest'
import { keyFromHex } from '../../../mesh/routing/kademlia/id.ts'
import { recordOfNodeId } from '../../../mesh/routing/found-node.ts'
import { makeRecord } from './records/records-network.ts'

const nodeId = 'db@10.0.0.1:4433'
const key = keyFromHex('cc'.repeat(32))
const nobody = new Set<string>()

/** Says that the id is its own. */
const claim = (publisher: string, sequence: number, name = nodeId) =>
  makeRecord(key, { kind: 'address', publisher, sequence, name })

describe('the node with an id', () => {
  const node = claim('aa'.repeat(32), 1_000)
  const usurper = claim('bb'.repeat(32), 2_000)

  it('is whom the members know under it, whoever says something newer', () => {
    const listed = new Set([node.publisher])
    const claims = { nodeId, listed, latestMs: 5_000 }
    expect(recordOfNodeId([usurper, node], claims)).toBe(node)
    expect(recordOfNodeId([usurper], claims)).toBeUndefined()
  })

  it('is who said so last when no member is known under it', () => {
    const claims = { nodeId, listed: nobody, latestMs: 2_000 }
    expect(recordOfNodeId([node, usurper], claims)).toBe(usurper)
    expect(recordOfNodeId([], claims)).toBeUndefined()
  })

  it('is nobody who speaks from the future, up to a clock that differs', () => {
    const forever = claim('bb'.repeat(32), Number.MAX_SAFE_INTEGER)
    const claims = { nodeId, listed: nobody, latestMs: 1_999 }
    expect(recordOfNodeId([forever, usurper, node], claims)).toBe(node)
    expect(recordOfNodeId([usurper], { ...claims, latestMs: 2_000 })).toBe(usurper)
  })

  it('is none with another id, and none who only provides something', () => {
    const other = claim('dd'.repeat(32), 1_500, 'web@10.0.0.1:4433')
    const provider = makeRecord(key, { kind: 'provider', name: nodeId, sequence: 1_500 })
    const claims = { nodeId, listed: nobody, latestMs: 5_000 }
    expect(recordOfNodeId([other, provider, node], claims)).toBe(node)
  })
})
