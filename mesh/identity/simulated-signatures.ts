/**
 * Signatures for simulations: a keyed hash in place of Ed25519, and a line of text in place of an X.509
 * certificate. Synchronous, some fifty times faster, and as hard to forge for the programs in the
 * simulation: only the holder of a key pair can sign, because the secret never leaves this file. Whoever
 * verifies looks the secret up, so both sides need the same object; keys of another one are unknown.
 *
 * A share of everything still goes through the real keys, so that what only they can show is shown: which
 * bytes are signed, how long it all is. Which share is decided by the signed bytes, so that signer
 * and verifier agree and a run repeats.
 */
import { createHash } from 'node:crypto'
import { ArgumentError } from '../../runtime/index.ts'
import { createBoxes } from './box.ts'
import type { Boxes } from './box.ts'
import { checkCertificate, CLOCK_SKEW_MS, createCertificate } from './certificate.ts'
import type { CertificateOptions, NodeCertificate } from './certificate.ts'
import { CertificateError } from './errors.ts'
import { generateNodeKeys, nodeKeysFromSeed, SIGNATURE_BYTES, verifySignature } from './keys.ts'
import type { NodeKeys } from './keys.ts'
import { nodeKeyOfPublicKey } from './node-key.ts'
import type { NodeKey } from './node-key.ts'
import type { Signatures } from './signatures.ts'
import { SimulatedBoxes } from './simulated-boxes.ts'

/** Options of {@link simulatedSignatures}. */
export interface SimulatedSignaturesOptions {
  /**
   * Share of signatures and certificates that are made and checked with real Ed25519 keys, 0 to 1.
   * Default 0.01. Raising it to 1 makes a run as slow as the real thing and proves no more.
   */
  readonly realShare?: number
}

const REAL_SHARE_DEFAULT = 0.01
const CERTIFICATE_TAG = 'fovea-simulated-certificate'
const BACKDATE_MS = 3_600_000
const VALID_MS = 10 * 365 * 86_400_000
const CERTIFICATE_PATTERN =
  /^fovea-simulated-certificate ([0-9a-f]{64}) (\d{1,16}) (\d{1,16}) ([0-9a-f]{128})$/

/** A key pair that signs with the keyed hash, or for its share with the real key in it. */
class SimulatedKeys implements NodeKeys {
  readonly publicKey: Uint8Array
  readonly nodeKey: NodeKey
  /** They sign real certificates: what is checked there is not what this module verifies. */
  readonly real: NodeKeys
  readonly #sign: (bytes: Uint8Array) => Uint8Array | undefined

  constructor(real: NodeKeys, sign: (bytes: Uint8Array) => Uint8Array | undefined) {
    this.real = real
    this.#sign = sign
    this.publicKey = real.publicKey
    this.nodeKey = real.nodeKey
  }
  get privateKeyPem(): string {
    return this.real.privateKeyPem
  }
  sign(bytes: Uint8Array): Uint8Array {
    return this.#sign(bytes) ?? this.real.sign(bytes)
  }
}

/** A certificate whose signature was checked. */
interface SimulatedCertificate {
  readonly nodeKey: NodeKey
  readonly notBeforeMs: number
  readonly notAfterMs: number
}

/** See the file header. */
class SimulatedSignatures implements Signatures {
  readonly name = 'simulated'
  /** By public key, latin1. */
  readonly #secrets = new Map<string, Uint8Array>()
  /** Checked ones by their bytes, which an endpoint shows to all its peers and nobody writes to. */
  readonly #certificates = new WeakMap<Uint8Array, SimulatedCertificate>()
  readonly #realMax: number

  constructor(realShare: number) {
    this.#realMax = Math.floor(realShare * 65_536)
  }

  generateKeys(): NodeKeys {
    return this.#keep(generateNodeKeys())
  }

  keysFromSeed(seed: Uint8Array): NodeKeys {
    return this.#keep(nodeKeysFromSeed(seed))
  }

  verify(publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean {
    if (!(publicKey instanceof Uint8Array) || !(signature instanceof Uint8Array)) return false
    const secret = this.#secrets.get(latin1(publicKey))
    if (secret === undefined || signature.length !== SIGNATURE_BYTES) return false
    const expected = this.#keyedHash(secret, bytes)
    if (expected === undefined) return verifySignature(publicKey, bytes, signature)
    return Buffer.compare(expected, signature) === 0
  }

  createBoxes(keys: NodeKeys): Boxes {
    const real = createBoxes(keys)
    const own = this.#secrets.get(latin1(keys.publicKey))
    // Keys of elsewhere seal as they are.
    if (own === undefined) return real
    return new SimulatedBoxes({
      ...{ own, real, isReal: (hash) => this.#isReal(hash) },
      secretOf: (publicKey) => this.#secrets.get(latin1(publicKey)),
    })
  }

  async createCertificate(keys: NodeKeys, options: CertificateOptions): Promise<NodeCertificate> {
    const { wallNowMs, validMs = VALID_MS } = options
    if (this.#isReal(createHash('sha512').update(keys.publicKey).digest())) {
      return createCertificate(keys instanceof SimulatedKeys ? keys.real : keys, options)
    }
    const notBeforeMs = Math.max(0, Math.floor(wallNowMs) - BACKDATE_MS)
    const hex = Buffer.from(keys.publicKey).toString('hex')
    const body = `${CERTIFICATE_TAG} ${hex} ${notBeforeMs} ${Math.floor(wallNowMs) + validMs}`
    const signature = Buffer.from(keys.sign(Buffer.from(body))).toString('hex')
    const pem = `${body} ${signature}`
    return { pem, der: Buffer.from(pem) }
  }

  checkCertificate(
    chain: readonly Uint8Array[],
    wallNowMs: number,
    options: { readonly clockSkewMs?: number } = {},
  ): NodeKey {
    const certificate = chain.length === 1 ? this.#certificateIn(chain[0]!) : undefined
    if (certificate === undefined) return checkCertificate(chain, wallNowMs, options)
    const { notBeforeMs, notAfterMs, nodeKey } = certificate
    const { clockSkewMs = CLOCK_SKEW_MS } = options
    if (notBeforeMs > wallNowMs + clockSkewMs) {
      throw refused('ERR_CERTIFICATE_NOT_YET_VALID', `valid from ${notBeforeMs}`)
    }
    if (notAfterMs < wallNowMs - clockSkewMs) {
      throw refused('ERR_CERTIFICATE_EXPIRED', `valid to ${notAfterMs}`)
    }
    return nodeKey
  }

  /** What a certificate of this stand-in says, once it is checked; undefined for any other one. */
  #certificateIn(der: Uint8Array): SimulatedCertificate | undefined {
    const known = this.#certificates.get(der)
    if (known !== undefined) return known
    const text = latin1(der)
    const match = CERTIFICATE_PATTERN.exec(text)
    if (match === null) return undefined
    const [, hex = '', notBeforeMs, notAfterMs, signature = ''] = match
    const publicKey = new Uint8Array(Buffer.from(hex, 'hex'))
    const body = Buffer.from(text.slice(0, text.lastIndexOf(' ')))
    if (!this.verify(publicKey, body, new Uint8Array(Buffer.from(signature, 'hex')))) {
      throw refused('ERR_CERTIFICATE_SIGNATURE', 'the certificate is not signed by its own key')
    }
    const certificate = {
      nodeKey: nodeKeyOfPublicKey(publicKey),
      notBeforeMs: Number(notBeforeMs),
      notAfterMs: Number(notAfterMs),
    }
    this.#certificates.set(der, certificate)
    return certificate
  }

  #keep(real: NodeKeys): NodeKeys {
    const secret = createHash('sha256').update(real.privateKeyPem).digest()
    this.#secrets.set(latin1(real.publicKey), secret)
    return new SimulatedKeys(real, (bytes) => this.#keyedHash(secret, bytes))
  }

  /** Undefined for what belongs to the share of the real keys. */
  #keyedHash(secret: Uint8Array, bytes: Uint8Array): Uint8Array | undefined {
    const hash = createHash('sha512').update(secret).update(bytes).digest()
    return this.#isReal(hash) ? undefined : new Uint8Array(hash)
  }

  #isReal(hash: Buffer): boolean {
    return hash.readUInt16LE(0) < this.#realMax
  }
}

/** The stand-in of one simulation; give it to `createRealm`. */
export function simulatedSignatures(options: SimulatedSignaturesOptions = {}): Signatures {
  const { realShare = REAL_SHARE_DEFAULT } = options
  if (!(realShare >= 0 && realShare <= 1)) {
    throw new ArgumentError('realShare', 'a number from 0 to 1', realShare)
  }
  return new SimulatedSignatures(realShare)
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}

function refused(code: string, detail: string): CertificateError {
  return new CertificateError(code, `certificate refused: ${detail}`, {})
}
