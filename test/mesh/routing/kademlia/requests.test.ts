import { describe, expect, it } from 'vitest'
import type { LookupReply, LookupRequest } from '../../../../mesh/routing/kademlia/message.ts'
import { isAnswer, Requests } from '../../../../mesh/routing/kademlia/requests.ts'
import { contactOf, keyOf } from './keys.ts'

const SENDER = { host: '10.0.0.1', port: 1, mode: 'server' } as const
const PEER = contactOf(keyOf(1n))
const OTHER = contactOf(keyOf(2n))
const KEY = keyOf(3n)
const ASKED: LookupRequest = { type: 'find_node', key: KEY, sender: SENDER, count: 1 }
const ANSWER: LookupReply = { type: 'find_node_reply', key: KEY, sender: SENDER, contacts: [] }

describe('Requests', () => {
  it('MG5 an answer is of who was asked, of the kind asked for, and about the same key', () => {
    const requests = new Requests()
    const pending = requests.get(requests.add('lookup', PEER, ASKED, 5))!
    expect(pending.sentMs).toBe(5)
    expect(isAnswer(pending, PEER.id, ANSWER)).toBe(true)
    expect(isAnswer(pending, OTHER.id, ANSWER)).toBe(false)
    expect(isAnswer(pending, PEER.id, { ...ANSWER, key: keyOf(4n) })).toBe(false)
    const value: LookupReply = { ...ANSWER, type: 'find_value_reply', record: undefined }
    expect(isAnswer(pending, PEER.id, value)).toBe(false)
  })

  it('MG7 whoever answers at an address without id is believed its key, if it is one', () => {
    const requests = new Requests()
    const seed = { id: undefined, host: '10.0.0.1', port: 1 }
    const pending = requests.get(requests.add('seed', seed, ASKED, 0))!
    expect(isAnswer(pending, OTHER.id, ANSWER)).toBe(true)
    expect(isAnswer(pending, 'nobody', ANSWER)).toBe(false)
  })

  it('K11 knows whether a node is being asked at an address', () => {
    const requests = new Requests()
    const requestId = requests.add('lookup', PEER, ASKED, 0)
    const { id, host, port } = PEER
    expect(requests.running(id, host, port)).toBe(requests.get(requestId))
    expect(requests.running(id, host, port + 1)).toBeUndefined()
    expect(requests.running(OTHER.id, host, port)).toBeUndefined()
    requests.delete(requestId)
    expect(requests.running(id, host, port)).toBeUndefined()
  })

  it('K48 forgets what was answered, and keeps what was released', () => {
    const requests = new Requests()
    const [first, second] = [1, 2].map(() => requests.add('lookup', PEER, ASKED, 0))
    requests.delete(first!)
    requests.release(second!)
    requests.release(first!)
    expect([requests.size, requests.get(second!)?.purpose]).toEqual([1, 'late'])
  })
})
