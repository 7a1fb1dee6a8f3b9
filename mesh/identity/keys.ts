/**
 * Ed25519 keys of nodes and realm authorities, on `node:crypto`. (tweetnacl's Ed25519 blocks the
 * event loop for about 20 ms per verification; here it is only the oracle of the tests.)
 *
 * Invariants: the private key leaves a `NodeKeys` only through `privateKeyPem`, which neither
 * `inspect` nor `JSON.stringify` shows; `verifySignature` answers false for every kind of nonsense
 * and never throws, because its inputs come from peers.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { KeyError } from './errors.ts'
import { nodeKeyOfPublicKey } from './node-key.ts'
import type { NodeKey } from './node-key.ts'

/** Bytes of an Ed25519 public key. */
export const PUBLIC_KEY_BYTES = 32

/** Bytes of an Ed25519 signature. */
export const SIGNATURE_BYTES = 64

/** DER of SubjectPublicKeyInfo for Ed25519 up to the 32 key bytes (RFC 8410, section 4). */
const SPKI_PREFIX: Buffer = Buffer.from('302a300506032b6570032100', 'hex')

/** DER of PKCS#8 for Ed25519 up to the 32 seed bytes (RFC 8410, section 7). */
const PKCS8_PREFIX: Buffer = Buffer.from('302e020100300506032b657004220420', 'hex')

/** A key pair that signs for a node. */
export interface NodeKeys {
  /** 32 raw bytes. */
  readonly publicKey: Uint8Array
  /** PKCS#8. Write it to files of mode 0600 only, and never into a log line. */
  readonly privateKeyPem: string
  readonly nodeKey: NodeKey
  /** 64 bytes. */
  sign(bytes: Uint8Array): Uint8Array
}

class KeyPair implements NodeKeys {
  readonly #privateKey: KeyObject
  readonly publicKey: Uint8Array
  readonly nodeKey: NodeKey
  constructor(privateKey: KeyObject) {
    this.#privateKey = privateKey
    this.publicKey = rawPublicKey(createPublicKey(privateKey))
    this.nodeKey = nodeKeyOfPublicKey(this.publicKey)
  }
  get privateKeyPem(): string {
    return this.#privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  }
  sign(bytes: Uint8Array): Uint8Array {
    return new Uint8Array(sign(null, bytes, this.#privateKey))
  }
}

/**
 * Fresh keys.
 *
 * @example
 * const keys = generateNodeKeys()
 * verifySignature(keys.publicKey, bytes, keys.sign(bytes)) // true
 */
export function generateNodeKeys(): NodeKeys {
  return new KeyPair(generateKeyPairSync('ed25519').privateKey)
}

/** Keys from a 32-byte seed; simulations draw it from their entropy, so that a run repeats. */
export function nodeKeysFromSeed(seed: Uint8Array): NodeKeys {
  if (!(seed instanceof Uint8Array) || seed.length !== 32) {
    throw new KeyError('ERR_KEY_INVALID', 'an Ed25519 seed has 32 bytes')
  }
  const der = Buffer.concat([PKCS8_PREFIX, seed])
  return new KeyPair(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }))
}

/** Keys from the PKCS#8 PEM of an Ed25519 private key. */
export function nodeKeysFromPem(pem: string): NodeKeys {
  let privateKey: KeyObject
  try {
    privateKey = createPrivateKey(pem)
  } catch {
    // The cause is left out: messages of OpenSSL may quote input, and the input is a secret.
    throw new KeyError('ERR_KEY_INVALID', 'the private key is not a PKCS#8 PEM')
  }
  if (privateKey.asymmetricKeyType !== 'ed25519') {
    throw new KeyError(
      'ERR_KEY_INVALID',
      `the private key must be Ed25519, not ${String(privateKey.asymmetricKeyType)}`,
    )
  }
  return new KeyPair(privateKey)
}

/** True when `signature` over `bytes` was made with the private key of `publicKey`. Never throws. */
export function verifySignature(
  publicKey: Uint8Array,
  bytes: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (!isBytes(publicKey, PUBLIC_KEY_BYTES) || !isBytes(signature, SIGNATURE_BYTES)) return false
  try {
    return verify(null, bytes, publicKeyObject(publicKey), signature)
  } catch {
    return false
  }
}

/** SubjectPublicKeyInfo (DER) of 32 raw bytes. */
export function spkiOfPublicKey(publicKey: Uint8Array): Uint8Array {
  return new Uint8Array(Buffer.concat([SPKI_PREFIX, publicKey]))
}

/** The 32 raw bytes of an Ed25519 key object. */
export function rawPublicKey(key: KeyObject): Uint8Array {
  const der = key.export({ type: 'spki', format: 'der' })
  return new Uint8Array(der.subarray(der.length - PUBLIC_KEY_BYTES))
}

/** By way of a JWK: OpenSSL takes 160 us to find out what a DER is, more than for the signature itself. */
function publicKeyObject(publicKey: Uint8Array): KeyObject {
  const x = Buffer.from(publicKey).toString('base64url')
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
}

function isBytes(value: unknown, length: number): value is Uint8Array {
  return value instanceof Uint8Array && value.length === length
}
