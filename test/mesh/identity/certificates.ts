/** Certificates with one thing wrong, for the tests of the check. */
import 'reflect-metadata'
import { generateKeyPairSync, webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'
import type { NodeKeys } from '../../../mesh/identity/keys.ts'
import { spkiOfPublicKey } from '../../../mesh/identity/keys.ts'

export const NOW_MS: number = Date.UTC(2026, 0, 1)

export interface Recipe {
  readonly keys: NodeKeys
  /** Who signs; the key itself by default. */
  readonly signer?: NodeKeys
  readonly san?: readonly string[]
  readonly notBeforeMs?: number
  readonly notAfterMs?: number
  readonly subject?: string
  readonly issuer?: string
  readonly ca?: boolean
  readonly purposes?: readonly string[]
  readonly extra?: readonly x509.Extension[]
}

const BOTH = ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']

/** A certificate after `recipe`, in DER. */
export async function bake(recipe: Recipe): Promise<Uint8Array> {
  const { keys, signer = keys, subject = 'CN=node', issuer = subject } = recipe
  const { san = [`fovea://node/${keys.nodeKey.hex}`], ca = false, purposes = BOTH } = recipe
  const subtle = {
    sign: (_algorithm: unknown, _key: unknown, data: ArrayBuffer) =>
      Promise.resolve(signer.sign(new Uint8Array(data)).buffer),
  }
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: '01',
      subject,
      issuer,
      notBefore: new Date(recipe.notBeforeMs ?? NOW_MS - 1000),
      notAfter: new Date(recipe.notAfterMs ?? NOW_MS + 1000),
      publicKey: spkiOfPublicKey(keys.publicKey) as Uint8Array<ArrayBuffer>,
      signingKey: { algorithm: { name: 'Ed25519' } } as webcrypto.CryptoKey,
      extensions: [
        new x509.BasicConstraintsExtension(ca, undefined, true),
        ...(purposes.length > 0 ? [new x509.ExtendedKeyUsageExtension([...purposes])] : []),
        ...(san.length > 0
          ? [new x509.SubjectAlternativeNameExtension(san.map((value) => ({ type: 'url', value })))]
          : []),
        ...(recipe.extra ?? []),
      ],
    },
    { subtle },
  )
  return new Uint8Array(certificate.rawData)
}

/** A self-signed certificate of a P-256 key, in DER. */
export async function bakeP256(): Promise<Uint8Array> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: '01',
      name: 'CN=node',
      notBefore: new Date(NOW_MS - 1000),
      notAfter: new Date(NOW_MS + 1000),
      keys,
      signingAlgorithm: algorithm,
      extensions: [new x509.ExtendedKeyUsageExtension(BOTH)],
    },
    webcrypto,
  )
  return new Uint8Array(certificate.rawData)
}

/** An extension that nobody knows. */
export function strangeExtension(critical: boolean): x509.Extension {
  return new x509.Extension('1.3.6.1.4.1.99999.1', critical, Uint8Array.of(5, 0).buffer)
}

/** A P-256 key in PEM, which is no node key. */
export function p256Pem(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}
