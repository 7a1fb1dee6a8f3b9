import { describe, expect, it } from 'vitest'
import { checkContacts, isReachable } from '../../../../mesh/routing/kademlia/contacts.ts'
import type { Contact } from '../../../../mesh/routing/kademlia/message.ts'
import { contactOf, keyOf } from './keys.ts'

const SELF = contactOf(keyOf(1n), '10.0.0.1')
const TELLER = contactOf(keyOf(2n), '10.0.0.2')
const contact = (n: number, host = '10.0.0.3', port = 1): Contact =>
  contactOf(keyOf(BigInt(n)), host, port)

function check(
  contacts: readonly Contact[],
  tellerHost = TELLER.host,
  { contactsMax = 4, isBounded = true } = {},
) {
  const refused: string[] = []
  const offences: string[] = []
  const checked = checkContacts(contacts, {
    selfId: SELF.id,
    tellerId: TELLER.id,
    tellerHost,
    contactsMax,
    isBounded,
    refused: (code, excused) => {
      refused.push(code)
      if (!excused) offences.push(code)
    },
  })
  return { checked, refused, offences }
}

describe('checkContacts', () => {
  it('ML9 leaves a good answer as it is', () => {
    const contacts = [contact(3), contact(4)]
    const { checked, refused } = check(contacts)
    expect(checked).toBe(contacts)
    expect(refused).toEqual([])
  })

  it.each([
    ['this node', [SELF]],
    ['who tells it', [TELLER]],
    ['one twice', [contact(3), contact(3, '10.0.0.9')]],
  ])('6.2#11 drops %s', (_, contacts) => {
    const { checked, refused } = check([...contacts, contact(5)])
    expect(checked.map(({ id }) => id)).toEqual(
      [...contacts.slice(0, contacts.length - 1), contact(5)].map(({ id }) => id),
    )
    expect(refused).toEqual(['ERR_DHT_CONTACT_REPEATED'])
  })

  it.each([
    ['', 1],
    ['0.0.0.0', 1],
    ['::', 1],
    ['127.0.0.1', 1],
    ['127.9.9.9', 1],
    ['::1', 1],
    ['::ffff:127.0.0.1', 1],
    ['localhost', 1],
    ['10.0.0.3', 0],
    ['10.0.0.3', -1],
    ['10.0.0.3', 65_536],
    ['10.0.0.3', 1.5],
  ])('6.2#20 drops an address nobody can be at: %s %d', (host, port) => {
    const { checked, refused } = check([contact(3), contact(4, host, port), contact(5)])
    expect(checked).toEqual([contact(3), contact(5)])
    expect(refused).toEqual(['ERR_DHT_CONTACT_ADDRESS'])
  })

  it('6.2#20 takes loopback from a node on this machine', () => {
    const contacts = [contact(3, '127.0.0.1'), contact(4, '::1')]
    expect(check(contacts, '127.0.0.1').refused).toEqual([])
    expect(check(contacts, '::1').checked).toBe(contacts)
  })

  it('K18 cuts an answer at its limit', () => {
    const contacts = [3, 4, 5, 6, 7].map((n) => contact(n))
    expect(check(contacts.slice(0, 4)).refused).toEqual([])
    const { checked, refused } = check(contacts)
    expect(checked).toEqual(contacts.slice(0, 4))
    expect(refused).toEqual(['ERR_DHT_CONTACTS_MAX'])
    expect(check(contacts).offences).toEqual(['ERR_DHT_CONTACTS_MAX'])
    // Who was not told how many has other settings.
    expect(check(contacts, TELLER.host, { isBounded: false }).offences).toEqual([])
  })

  it('K18 what is dropped does not make room for what is beyond the limit', () => {
    const { checked } = check([SELF, contact(3), contact(4), contact(5), contact(6)])
    expect(checked).toEqual([contact(3), contact(4), contact(5)])
  })
})

describe('isReachable', () => {
  it('6.2#20 takes ports 1 to 65535', () => {
    expect([0, 1, 65_535, 65_536].map((port) => isReachable('10.0.0.1', port))).toEqual([
      false,
      true,
      true,
      false,
    ])
  })
})
