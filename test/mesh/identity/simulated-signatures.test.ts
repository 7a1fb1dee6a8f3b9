import { describe, expect, it } from 'vitest'
import { checkCertificate } from '../../../mesh/identity/certificate.ts'
import { verifySignature } from '../../../mesh/identity/keys.ts'
import { checkMembership, createRealm, issueMembership } from '../../../mesh/identity/realm.ts'
import { simulatedSignatures } from '../../../mesh/identity/simulated-signatures.ts'

const seed = (n: number): Uint8Array => new Uint8Array(32).fill(n)
const bytes = (n: number): Uint8Array => Uint8Array.of(n & 0xff, n >> 8)

describe('simulatedSignatures', () => {
  it('accepts what the key signed, and nothing else', () => {
    const signatures = simulatedSignatures({ realShare: 0 })
    const [a, b] = [signatures.keysFromSeed(seed(1)), signatures.keysFromSeed(seed(2))]
    const signature = a.sign(bytes(1))
    expect(signature).toHaveLength(64)
    expect(signatures.verify(a.publicKey, bytes(1), signature)).toBe(true)
    expect(signatures.verify(a.publicKey, bytes(2), signature)).toBe(false)
    expect(signatures.verify(b.publicKey, bytes(1), signature)).toBe(false)
    expect(signatures.verify(a.publicKey, bytes(1), signature.slice(1))).toBe(false)
    expect(simulatedSignatures().verify(a.publicKey, bytes(1), signature)).toBe(false)
  })

  it('uses real keys for the share that it is told', () => {
    const signatures = simulatedSignatures({ realShare: 0.1 })
    const keys = signatures.keysFromSeed(seed(1))
    let real = 0
    for (let n = 0; n < 1_000; n++) {
      const signature = keys.sign(bytes(n))
      expect(signatures.verify(keys.publicKey, bytes(n), signature)).toBe(true)
      if (verifySignature(keys.publicKey, bytes(n), signature)) real++
    }
    expect(real).toBeGreaterThan(60)
    expect(real).toBeLessThan(140)
  })

  it('makes certificates that hold for each of many nodes, the share with real ones among them', async () => {
    const signatures = simulatedSignatures({ realShare: 0.1 })
    let real = 0
    for (let n = 0; n < 60; n++) {
      const keys = signatures.keysFromSeed(seed(n))
      const { der } = await signatures.createCertificate(keys, { wallNowMs: 5_000 })
      expect(signatures.checkCertificate([der], 5_000).hex).toBe(keys.nodeKey.hex)
      if (der[0] === 0x30) real++
    }
    expect(real).toBeGreaterThan(0)
  })

  it.each([0, 1])(
    'makes certificates and memberships that hold, with a real share of %d',
    async (realShare) => {
      const signatures = simulatedSignatures({ realShare })
      const keys = signatures.keysFromSeed(seed(3))
      const { der } = await signatures.createCertificate(keys, { wallNowMs: 5_000 })
      expect(signatures.checkCertificate([der], 5_000).hex).toBe(keys.nodeKey.hex)
      const late = () => signatures.checkCertificate([der], 20 * 365 * 86_400_000)
      expect(late).toThrow(expect.objectContaining({ code: 'ERR_CERTIFICATE_EXPIRED' }))
      const bad = Uint8Array.from(der)
      bad[bad.length - 2]! ^= 1
      expect(() => signatures.checkCertificate([bad], 5_000)).toThrow('certificate refused')
      const check = () => checkCertificate([der], 5_000)
      if (realShare === 0) expect(check).toThrow('can not be read')
      else expect(check().hex).toBe(keys.nodeKey.hex)

      const realm = createRealm('sim', { signatures })
      const membership = issueMembership(realm, keys.nodeKey, { wallNowMs: 5_000 })
      expect(checkMembership(realm, membership, keys.nodeKey, 5_000).roles).toEqual([])
      const forged = { ...membership, roles: ['ops'] }
      expect(() => checkMembership(realm, forged, keys.nodeKey, 5_000)).toThrow(
        expect.objectContaining({ code: 'ERR_REALM_SIGNATURE' }),
      )
    },
  )

  it.each([-0.1, 1.1, Number.NaN])('refuses a share of %d', (realShare) => {
    expect(() => simulatedSignatures({ realShare })).toThrow(
      expect.objectContaining({ code: 'ERR_ARGUMENT' }),
    )
  })
})
