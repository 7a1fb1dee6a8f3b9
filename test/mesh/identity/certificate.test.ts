import { X509Certificate } from 'node:crypto'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  checkCertificate,
  CLOCK_SKEW_MS,
  createCertificate,
} from '../../../mesh/identity/certificate.ts'
import { certificateExtensions } from '../../../mesh/identity/der.ts'
import { CertificateError } from '../../../mesh/identity/errors.ts'
import { generateNodeKeys, nodeKeysFromSeed } from '../../../mesh/identity/keys.ts'
import { bake, bakeP256, NOW_MS, strangeExtension } from './certificates.ts'

const keys = generateNodeKeys()
const others = generateNodeKeys()

const codeOf = (chain: readonly Uint8Array[], nowMs = NOW_MS, options = {}): string => {
  try {
    checkCertificate(chain, nowMs, options)
  } catch (error) {
    if (error instanceof CertificateError) return error.code
    throw error
  }
  return 'good'
}

describe('createCertificate', () => {
  let der: Uint8Array
  let certificate: X509Certificate
  beforeAll(async () => {
    const made = await createCertificate(keys, { wallNowMs: NOW_MS })
    der = made.der
    certificate = new X509Certificate(made.pem)
  })

  it('gives PEM and DER of one certificate', () => {
    expect(new Uint8Array(certificate.raw)).toEqual(der)
  })

  it('names the node, serves both ends of a connection, and is no CA', () => {
    expect(certificate.subjectAltName).toBe(`URI:fovea://node/${keys.nodeKey.hex}`)
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'])
    expect(certificate.ca).toBe(false)
    expect(certificate.publicKey.asymmetricKeyType).toBe('ed25519')
    expect(certificate.verify(certificate.publicKey)).toBe(true)
    expect(certificate.serialNumber).toMatch(/^01[0-9A-F]{16}$/)
  })

  it('passes its own check and gives the node key', () => {
    expect(checkCertificate([der], NOW_MS).hex).toBe(keys.nodeKey.hex)
  })

  it('passes one hour back and ten years on, and no longer', () => {
    const year = 365 * 86_400_000
    expect(codeOf([der], NOW_MS - 3_600_000)).toBe('good')
    expect(codeOf([der], NOW_MS - 3_600_000 - CLOCK_SKEW_MS - 1000)).toBe(
      'ERR_CERTIFICATE_NOT_YET_VALID',
    )
    expect(codeOf([der], NOW_MS + 10 * year)).toBe('good')
    expect(codeOf([der], NOW_MS + 10 * year + CLOCK_SKEW_MS + 1000)).toBe('ERR_CERTIFICATE_EXPIRED')
  })

  it('is the same for the same key and time, so a simulation repeats', async () => {
    const seeded = nodeKeysFromSeed(new Uint8Array(32).fill(7))
    const [a, b] = await Promise.all([
      createCertificate(seeded, { wallNowMs: 0 }),
      createCertificate(seeded, { wallNowMs: 0 }),
    ])
    expect(a.der).toEqual(b.der)
    expect(checkCertificate([a.der], 0).hex).toBe(seeded.nodeKey.hex)
  })
})

describe('checkCertificate', () => {
  it('H3 takes a good certificate of anybody else', async () => {
    expect(codeOf([await bake({ keys })])).toBe('good')
    expect(codeOf([await bake({ keys, extra: [strangeExtension(false)] })])).toBe('good')
  })

  it('H3 refuses no certificate and two certificates', async () => {
    const der = await bake({ keys })
    expect(codeOf([])).toBe('ERR_CERTIFICATE_CHAIN')
    expect(codeOf([der, der])).toBe('ERR_CERTIFICATE_CHAIN')
    expect(codeOf([der, await bake({ keys: others })])).toBe('ERR_CERTIFICATE_CHAIN')
  })

  it('H3 refuses a key that is not Ed25519', async () => {
    expect(codeOf([await bakeP256()])).toBe('ERR_CERTIFICATE_KEY_TYPE')
  })

  it('H3 refuses a signature of another key, and a damaged one', async () => {
    expect(codeOf([await bake({ keys, signer: others })])).toBe('ERR_CERTIFICATE_SIGNATURE')
    const damaged = await bake({ keys })
    damaged[damaged.length - 1]! ^= 1
    expect(codeOf([damaged])).toBe('ERR_CERTIFICATE_SIGNATURE')
  })

  it('H3 refuses a certificate issued in another name', async () => {
    expect(codeOf([await bake({ keys, issuer: 'CN=somebody' })])).toBe('ERR_CERTIFICATE_SIGNATURE')
  })

  it.each([
    ['of another node', [`fovea://node/${others.nodeKey.hex}`]],
    ['that is missing', []],
    ['that is one of two', [`fovea://node/${keys.nodeKey.hex}`, 'fovea://node/x']],
    ['in upper case', [`fovea://node/${keys.nodeKey.hex.toUpperCase()}`]],
    ['with more after it', [`fovea://node/${keys.nodeKey.hex}/x`]],
    ['that hides a second one', [`fovea://node/x, URI:fovea://node/${keys.nodeKey.hex}`]],
  ])('H3 refuses a name %s', async (_, san) => {
    expect(codeOf([await bake({ keys, san })])).toBe('ERR_CERTIFICATE_NAME')
  })

  it('H3 refuses an expired certificate, beyond the clock skew', async () => {
    const der = await bake({ keys, notAfterMs: NOW_MS })
    expect(codeOf([der], NOW_MS + CLOCK_SKEW_MS)).toBe('good')
    expect(codeOf([der], NOW_MS + CLOCK_SKEW_MS + 1)).toBe('ERR_CERTIFICATE_EXPIRED')
    expect(codeOf([der], NOW_MS + 1, { clockSkewMs: 0 })).toBe('ERR_CERTIFICATE_EXPIRED')
  })

  it('H3 refuses a certificate that is not valid yet, beyond the clock skew', async () => {
    const der = await bake({ keys, notBeforeMs: NOW_MS })
    expect(codeOf([der], NOW_MS - CLOCK_SKEW_MS)).toBe('good')
    expect(codeOf([der], NOW_MS - CLOCK_SKEW_MS - 1)).toBe('ERR_CERTIFICATE_NOT_YET_VALID')
    expect(codeOf([der], NOW_MS - 1, { clockSkewMs: 0 })).toBe('ERR_CERTIFICATE_NOT_YET_VALID')
  })

  it('H3 refuses an unknown critical extension', async () => {
    const der = await bake({ keys, extra: [strangeExtension(true)] })
    expect(codeOf([der])).toBe('ERR_CERTIFICATE_EXTENSION')
  })

  it('H3 refuses a CA, and a certificate for one end only', async () => {
    expect(codeOf([await bake({ keys, ca: true })])).toBe('ERR_CERTIFICATE_PURPOSE')
    for (const purposes of [[], ['1.3.6.1.5.5.7.3.1'], ['1.3.6.1.5.5.7.3.2']]) {
      expect(codeOf([await bake({ keys, purposes })])).toBe('ERR_CERTIFICATE_PURPOSE')
    }
  })

  it('refuses what is not one DER value', async () => {
    const der = await bake({ keys })
    const { pem } = await createCertificate(keys, { wallNowMs: NOW_MS })
    expect(codeOf([new Uint8Array(0)])).toBe('ERR_CERTIFICATE_MALFORMED')
    expect(codeOf([Buffer.concat([der, Buffer.of(0)])])).toBe('ERR_CERTIFICATE_MALFORMED')
    expect(codeOf([Buffer.from(pem)])).toBe('ERR_CERTIFICATE_MALFORMED')
    expect(codeOf([der.subarray(0, der.length - 1)])).toBe('ERR_CERTIFICATE_MALFORMED')
  })

  it('reads 4,096 bytes and no more', () => {
    expect(codeOf([new Uint8Array(4097)])).toBe('ERR_CERTIFICATE_MALFORMED')
    expect(() => checkCertificate([new Uint8Array(4097)], NOW_MS)).toThrow('at most 4096 are read')
    expect(() => checkCertificate([new Uint8Array(4096)], NOW_MS)).toThrow('can not be read')
  })

  it('H1 throws nothing but CertificateError, whatever byte is changed', async () => {
    const der = await bake({ keys })
    fc.assert(
      fc.property(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const changed = der.slice()
        changed[at]! ^= change
        expect(codeOf([changed])).toMatch(/^ERR_CERTIFICATE_/)
      }),
      { numRuns: 1500 },
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        expect(codeOf([bytes])).toBe('ERR_CERTIFICATE_MALFORMED')
      }),
    )
  })
})

describe('certificateExtensions', () => {
  it('lists identifiers and critical flags', async () => {
    const der = await bake({ keys, extra: [strangeExtension(true)] })
    const listed = certificateExtensions(der)
    expect(listed).toContainEqual({ oidHex: '551d11', critical: false })
    expect(listed).toContainEqual({ oidHex: '551d13', critical: true })
    expect(listed.at(-1)).toEqual({
      oidHex: '2b06010401868d1f01',
      critical: true,
    })
  })

  it('answers arbitrary bytes with a list or a CertificateError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        let outcome: unknown
        try {
          outcome = certificateExtensions(bytes)
        } catch (error) {
          outcome = error
        }
        expect(Array.isArray(outcome) || outcome instanceof CertificateError).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })
})
