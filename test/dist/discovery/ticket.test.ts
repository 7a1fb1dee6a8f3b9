import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTicket, parseTicket, ticketNodes } from '../../../dist/discovery/ticket.ts'
import { createRealm, openIdentity, type Identity } from '../../../mesh/index.ts'
import { createRealClock, createSeededEntropy } from '../../../runtime/index.ts'
import { running } from './context.ts'

const realm = createRealm('com.example.shop')
const NOW_MS = 1_800_000_000_000
let identity: Identity

beforeAll(async () => {
  const clock = { ...createRealClock(), wallNow: () => NOW_MS }
  identity = await openIdentity({ realm, clock, entropy: createSeededEntropy(1) })
})
afterAll(() => identity.close())

const write = (options = {}) =>
  createTicket(
    { identity, name: 'shop', cluster: 'main', address: { host: '10.0.0.7', port: 4433 } },
    NOW_MS,
    options,
  )
const codeOf = (code: string) => expect.objectContaining({ code })

describe('a ticket', () => {
  it('D15 says addresses, node and realm, and is checked without a network', () => {
    const addresses = ['shop.example', '[2001:db8::1]:9']
    const ticket = parseTicket(write({ addresses }), { realm, wallNowMs: NOW_MS })
    expect(ticket).toMatchObject({
      ...{ realmId: realm.idHex, realmName: realm.name, cluster: 'main', name: 'shop' },
      key: identity.nodeKey,
      addresses: [
        { host: 'shop.example', port: 4433 },
        { host: '2001:db8::1', port: 9 },
      ],
      expiresAtMs: NOW_MS + 7 * 86_400_000,
    })
    expect(parseTicket(` ${write()}\n`).addresses).toEqual([{ host: '10.0.0.7', port: 4433 }])
  })

  it('D15 ends with its time', () => {
    const text = write({ validMs: 1_000 })
    expect(parseTicket(text, { wallNowMs: NOW_MS + 1_000 }).name).toBe('shop')
    expect(() => parseTicket(text, { wallNowMs: NOW_MS + 1_001 })).toThrow(
      codeOf('ERR_TICKET_EXPIRED'),
    )
  })

  it('D15 leads into its own realm only', () => {
    const other = createRealm('com.example.other')
    expect(() => parseTicket(write(), { realm: other })).toThrow(codeOf('ERR_TICKET_REALM'))
  })

  it('D15 of somebody who is no member of the realm is refused by who has the realm', async () => {
    const own = createRealm('com.example.shop')
    const forged = { ...identity, realm: own }
    const named = { ...realm, idHex: realm.idHex, name: realm.name }
    const writer = { identity: { ...forged, realm: named }, name: 'x', cluster: 'main' }
    const stranger = await openIdentity({
      ...{ realm: own, clock: createRealClock(), entropy: createSeededEntropy(2) },
    })
    const text = createTicket(
      {
        ...writer,
        identity: { ...stranger, realm: named },
        address: { host: '10.0.0.66', port: 1 },
      },
      NOW_MS,
    )
    expect(parseTicket(text).name).toBe('x')
    expect(() => parseTicket(text, { realm })).toThrow(codeOf('ERR_TICKET_INVALID'))
    await stranger.close()
  })

  it('D15 with any character changed is no ticket', () => {
    const text = write()
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.constantFrom('A', 'b', '.', ' '), (at, character) => {
        const changed = text.slice(0, at) + character + text.slice(at + 1)
        // The last character of base64 may carry bits that nobody reads.
        if (changed === text || at === text.length - 1) return
        expect(() => parseTicket(changed)).toThrow(codeOf('ERR_TICKET_INVALID'))
      }),
      { numRuns: 200 },
    )
  })

  it.each([
    '',
    'fovea1:',
    'fovea1:a.b',
    'fovea1:e30.e30',
    `fovea1:${'a'.repeat(9_000)}.b`,
    7 as never,
  ])('D15 %j is no ticket', (text) => {
    expect(() => parseTicket(text)).toThrow(codeOf('ERR_TICKET_INVALID'))
  })

  it('has 16 addresses and not one more', () => {
    const addresses = Array.from({ length: 17 }, (_, i) => `10.0.0.${i}`)
    expect(parseTicket(write({ addresses: addresses.slice(1) })).addresses).toHaveLength(16)
    expect(() => write({ addresses })).toThrow(codeOf('ERR_TICKET_INVALID'))
  })

  it('D15 D1 as a strategy proposes its addresses, and tells once that it cannot be used', async () => {
    const one = running(ticketNodes(write()), { realm })
    await one.clock.advance(60_000)
    expect(one.said).toEqual(['+10.0.0.7:4433'])
    const other = running(ticketNodes(write()))
    await other.clock.advance(60_000)
    expect(other.said).toEqual(['!ERR_TICKET_REALM'])
    await Promise.all([one.stop(), other.stop()])
  })

  it('D15 with a time that no clock can show is no ticket, and is not written', async () => {
    const { keys } = identity
    const [said = ''] = write().slice('fovea1:'.length).split('.')
    const content = JSON.parse(Buffer.from(said, 'base64url').toString()) as object
    for (const expiresAtMs of [-9e15, -1, 9e15, 0.5]) {
      const text = Buffer.from(JSON.stringify({ ...content, expiresAtMs })).toString('base64url')
      const seal = Buffer.from(keys.sign(Buffer.from(`fovea ticket 1\0${text}`, 'latin1')))
      const forged = `fovea1:${text}.${seal.toString('base64url')}`
      expect(() => parseTicket(forged, { wallNowMs: NOW_MS })).toThrow(codeOf('ERR_TICKET_INVALID'))
    }
    for (const validMs of [Infinity, Number.NaN, 0, -1]) {
      expect(() => write({ validMs })).toThrow(codeOf('ERR_TICKET_INVALID'))
    }
  })
})
