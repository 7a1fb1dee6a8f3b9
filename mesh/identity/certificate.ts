/**
 * The certificate of a node: self-signed Ed25519 X.509 whose subject alternative name is
 * `fovea://node/<node key>`. TLS then proves possession of the key, and the key is the identity;
 * no authority is involved here (the realm is checked by the link handshake).
 *
 * Made with `@peculiar/x509`, whose signing goes through `keys.sign`, so the private key never
 * becomes a WebCrypto key. Checked synchronously with `node:crypto` (`Transport.verifyPeer` is
 * synchronous), after the rules of the libp2p TLS specification: exactly one certificate, validity
 * dates, self-signature, name, and no unknown critical extension. Each failure has its own code
 * (H3).
 *
 * A node makes a fresh certificate at each start; the key, not the certificate, is what lasts.
 */
// Braces without names: a bare import would be repeated in our declarations.
import {} from 'reflect-metadata'
import { createHash, X509Certificate } from 'node:crypto'
import type { webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'
import { certificateExtensions } from './der.ts'
import { CertificateError } from './errors.ts'
import { rawPublicKey, spkiOfPublicKey } from './keys.ts'
import type { NodeKeys } from './keys.ts'
import { nodeKeyOfPublicKey } from './node-key.ts'
import type { NodeKey } from './node-key.ts'

/** A peer whose clock is this far off is still let in. */
export const CLOCK_SKEW_MS = 300_000

/** Ours has about 400 bytes; a peer may not make us parse more than this. */
const CERTIFICATE_BYTES_MAX = 4096

/** NotBefore lies this far back, for peers whose clock is behind. */
const BACKDATE_MS = 3_600_000

/** Ten years: longer than any process lives without a restart. */
const VALID_MS = 10 * 365 * 86_400_000

const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'

/** DER content of the extension identifiers we understand, in hex. */
const KNOWN_EXTENSIONS: ReadonlySet<string> = new Set([
  '551d0e', // 2.5.29.14 subjectKeyIdentifier
  '551d0f', // 2.5.29.15 keyUsage
  '551d11', // 2.5.29.17 subjectAltName
  '551d13', // 2.5.29.19 basicConstraints
  '551d25', // 2.5.29.37 extKeyUsage
])

/** A certificate in both encodings. */
export interface NodeCertificate {
  readonly pem: string
  readonly der: Uint8Array
}

/** Options of {@link createCertificate}. */
export interface CertificateOptions {
  /** Wall time now; validity is counted from it. */
  readonly wallNowMs: number
  /** NotBefore lies one hour before now, NotAfter this long after it. Default ten years. */
  readonly validMs?: number
}

/** Options of {@link checkCertificate}. */
export interface CertificateCheckOptions {
  /** How far the peer's clock may be off; default five minutes. */
  readonly clockSkewMs?: number
}

/**
 * The certificate of `keys`.
 *
 * @example
 * const { pem, der } = await createCertificate(keys, { wallNowMs: clock.wallNow() })
 * checkCertificate([der], clock.wallNow()).hex === keys.nodeKey.hex // true
 */
export async function createCertificate(
  keys: NodeKeys,
  options: CertificateOptions,
): Promise<NodeCertificate> {
  const { wallNowMs, validMs = VALID_MS } = options
  const name = `CN=${keys.nodeKey.hex}`
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: serialNumber(keys, wallNowMs),
      subject: name,
      issuer: name,
      notBefore: new Date(Math.max(0, wallNowMs - BACKDATE_MS)),
      notAfter: new Date(wallNowMs + validMs),
      publicKey: spkiOfPublicKey(keys.publicKey) as Uint8Array<ArrayBuffer>,
      // A stand-in with the one property that is read: the provider below signs with `keys`.
      signingKey: { algorithm: { name: 'Ed25519' } } as webcrypto.CryptoKey,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([SERVER_AUTH, CLIENT_AUTH], false),
        new x509.SubjectAlternativeNameExtension([{ type: 'url', value: nodeUri(keys.nodeKey) }]),
      ],
    },
    signingProvider(keys),
  )
  return { pem: `${certificate.toString('pem')}\n`, der: new Uint8Array(certificate.rawData) }
}

/**
 * The node key of the peer that presented `chain` (DER, leaf first); throws `CertificateError`
 * with the first rule that is broken.
 */
export function checkCertificate(
  chain: readonly Uint8Array[],
  wallNowMs: number,
  options: CertificateCheckOptions = {},
): NodeKey {
  const der = chain[0]
  if (der === undefined || chain.length !== 1) {
    throw refused(
      'ERR_CERTIFICATE_CHAIN',
      `expected exactly one certificate, received ${chain.length}`,
    )
  }
  const certificate = parse(der)
  if (certificate.publicKey.asymmetricKeyType !== 'ed25519') {
    throw refused('ERR_CERTIFICATE_KEY_TYPE', `expected Ed25519, received ${keyType(certificate)}`)
  }
  if (certificate.issuer !== certificate.subject || !verifies(certificate)) {
    throw refused('ERR_CERTIFICATE_SIGNATURE', 'the certificate is not signed by its own key')
  }
  const unknown = certificateExtensions(der).find(
    (extension) => extension.critical && !KNOWN_EXTENSIONS.has(extension.oidHex),
  )
  if (unknown !== undefined) {
    throw refused('ERR_CERTIFICATE_EXTENSION', `unknown critical extension ${unknown.oidHex}`)
  }
  checkPurpose(certificate)
  checkDates(certificate, wallNowMs, options.clockSkewMs ?? CLOCK_SKEW_MS)
  const nodeKey = nodeKeyOfPublicKey(rawPublicKey(certificate.publicKey))
  if (certificate.subjectAltName !== `URI:${nodeUri(nodeKey)}`) {
    throw refused('ERR_CERTIFICATE_NAME', `the alternative name is not ${nodeUri(nodeKey)}`)
  }
  return nodeKey
}

function parse(der: Uint8Array): X509Certificate {
  if (der.length > CERTIFICATE_BYTES_MAX) {
    throw refused(
      'ERR_CERTIFICATE_MALFORMED',
      `${der.length} bytes, at most ${CERTIFICATE_BYTES_MAX} are read`,
    )
  }
  try {
    const certificate = new X509Certificate(der)
    // Trailing bytes and PEM are accepted by the parser above; the identity must be one encoding.
    if (certificate.raw.length === der.length) {
      // Reading the key can throw: an unknown algorithm, or a point that is none.
      void certificate.publicKey
      return certificate
    }
  } catch (cause) {
    throw refused('ERR_CERTIFICATE_MALFORMED', 'the certificate can not be read', cause)
  }
  throw refused('ERR_CERTIFICATE_MALFORMED', 'the certificate is not one DER value')
}

function verifies(certificate: X509Certificate): boolean {
  try {
    return certificate.verify(certificate.publicKey)
  } catch {
    return false
  }
}

function checkPurpose(certificate: X509Certificate): void {
  // `keyUsage` is Node's name for the extended key usage.
  const purposes: readonly string[] = certificate.keyUsage ?? []
  if (certificate.ca || !purposes.includes(SERVER_AUTH) || !purposes.includes(CLIENT_AUTH)) {
    throw refused(
      'ERR_CERTIFICATE_PURPOSE',
      'the certificate is not for both ends of a node connection',
    )
  }
}

function checkDates(certificate: X509Certificate, wallNowMs: number, clockSkewMs: number): void {
  const notBeforeMs = Date.parse(certificate.validFrom)
  const notAfterMs = Date.parse(certificate.validTo)
  if (Number.isNaN(notBeforeMs) || Number.isNaN(notAfterMs)) {
    throw refused('ERR_CERTIFICATE_MALFORMED', 'a validity date can not be read')
  }
  if (notBeforeMs > wallNowMs + clockSkewMs) {
    throw refused('ERR_CERTIFICATE_NOT_YET_VALID', `valid from ${certificate.validFrom}`)
  }
  if (notAfterMs < wallNowMs - clockSkewMs) {
    throw refused('ERR_CERTIFICATE_EXPIRED', `valid to ${certificate.validTo}`)
  }
}

/** Positive and different for each start, yet drawn from no randomness, so simulations repeat. */
function serialNumber(keys: NodeKeys, wallNowMs: number): string {
  const digest = createHash('sha256').update(keys.publicKey).update(String(wallNowMs)).digest()
  return `01${digest.subarray(0, 8).toString('hex')}`
}

/** The part of WebCrypto that the generator calls. */
function signingProvider(keys: NodeKeys): webcrypto.Crypto {
  const subtle = {
    sign: async (_algorithm: unknown, _key: unknown, data: ArrayBuffer): Promise<ArrayBuffer> =>
      keys.sign(new Uint8Array(data)).buffer as ArrayBuffer,
  }
  return { subtle } as unknown as webcrypto.Crypto
}

function nodeUri(nodeKey: NodeKey): string {
  return `fovea://node/${nodeKey.hex}`
}

function keyType(certificate: X509Certificate): string {
  return String(certificate.publicKey.asymmetricKeyType)
}

function refused(code: string, detail: string, cause?: unknown): CertificateError {
  return new CertificateError(
    code,
    `certificate refused: ${detail}`,
    cause === undefined ? {} : { cause },
  )
}
