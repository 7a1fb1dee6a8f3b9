import { describe, expect, it } from 'vitest'
import { Conduct } from '../../../../mesh/routing/kademlia/conduct.ts'
import type { Contact, LookupReply } from '../../../../mesh/routing/kademlia/message.ts'
import {
  routingSettings,
  type RoutingSettings,
} from '../../../../mesh/routing/kademlia/settings.ts'
import { contactOf, keyOf } from './keys.ts'

const SELF = contactOf(keyOf(1n), '10.0.0.1')
const TELLER = contactOf(keyOf(2n), '10.0.0.2')
const contact = (n: number, host = '10.0.0.3'): Contact => contactOf(keyOf(BigInt(n)), host)

function scene(given: Partial<RoutingSettings> = {}) {
  const refused: string[] = []
  const shunned: string[] = []
  const conduct = new Conduct(SELF.id, routingSettings(given), {
    refused: (code) => void refused.push(code),
    shunned: (id) => void shunned.push(id),
  })
  const believed = (
    contacts: readonly Contact[],
    type: LookupReply['type'] = 'find_node_reply',
  ): readonly Contact[] => {
    const { host, port } = TELLER
    const sender = { host, port, mode: 'server' } as const
    const reply = { type, key: SELF.key, sender, contacts, record: undefined, records: [] }
    return conduct.believed(reply as LookupReply, TELLER.id, host, 0)
  }
  return { conduct, refused, shunned, believed }
}

describe('the conduct of peers', () => {
  it('K48 does not hold against a peer that too many others ask', () => {
    const { conduct, refused } = scene({ shunScore: 1 })
    for (const nowMs of [0, 1_000, 2_000]) {
      for (let n = 0; n < 16_384; n++) conduct.mayAsk(`${n}`, nowMs)
      expect(conduct.mayAsk(TELLER.id, nowMs)).toBe(false)
    }
    expect(refused).toEqual(Array(3).fill('ERR_DHT_REQUESTS_MAX'))
    expect(conduct.stats(2_000)).toEqual({ offences: 0, shuns: 0, shunned: 0 })
  })

  it('counts each kind of lie once per answer, however often it is told in it', () => {
    const { conduct, refused, believed } = scene()
    const lies = [contact(3, '0.0.0.0'), contact(4, '::'), SELF, TELLER, contact(5)]
    expect(believed(lies)).toEqual([contact(5)])
    expect(refused).toHaveLength(4)
    expect(conduct.stats(0).offences).toBe(2)
  })

  it('takes answerFactor * k contacts, rounded up, and one more is an offence of whoever was told', () => {
    const { conduct, believed } = scene({ k: 3, answerFactor: 1.5 })
    const contacts = [10, 11, 12, 13, 14].map((n) => contact(n))
    expect(believed(contacts)).toEqual(contacts)
    expect(conduct.stats(0).offences).toBe(0)
    expect(believed([...contacts, contact(15)], 'find_value_reply')).toEqual(contacts)
    expect(conduct.stats(0).offences).toBe(0)
    expect(believed([...contacts, contact(15)])).toEqual(contacts)
    expect(conduct.stats(0).offences).toBe(1)
  })

  it('tells once that a peer is shunned, and leaves it out of what others tell', () => {
    const { conduct, refused, shunned, believed } = scene({ shunScore: 20 })
    const { id } = contact(3)
    for (let n = 0; n < 3; n++) conduct.offend(id, 'ERR_DHT_RECORD_KEY', 0)
    expect([shunned, refused]).toEqual([[id], ['ERR_DHT_PEER_SHUNNED']])
    expect(believed([contact(3), contact(4)])).toEqual([contact(4)])
    // Naming it is no lie.
    expect(conduct.stats(0)).toEqual({ offences: 3, shuns: 1, shunned: 1 })
  })

  it('never shuns this node itself', () => {
    const { conduct } = scene({ shunScore: 1 })
    conduct.offend(SELF.id, 'ERR_DHT_RECORD_KEY', 0)
    expect(conduct.isShunned(SELF.id, 0)).toBe(false)
  })
})
