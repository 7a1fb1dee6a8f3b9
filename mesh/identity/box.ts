/**
 * Sealing for one node so that nobody on the way can read or change it: boxes of X25519, XSalsa20 and Poly1305 (NaCl's
 * `crypto_box`) under the keys that nodes sign with. So whoever knows the public key of a node can seal for it.
 *
 * The X25519 secret is the clamped first half of SHA-512 of the Ed25519 seed, as in RFC 8032, 5.1.5; the public key is
 * the image of the Ed25519 point, u = (1 + y) / (1 - y) modulo 2^255 - 19 (RFC 7748, 4.1). The key that two nodes share
 * is computed once and kept in a bounded cache. OpenSSL multiplies the point for it, in an eighth of the time of tweetnacl, which
 * was three quarters of what a publisher did for ten thousand peers.
 *
 * Both ends have the same key, so a box does not say which of them made it: whoever uses boxes tells directions apart
 * by the nonce. A nonce must never be used twice for one pair.
 */
import { createHash, createPrivateKey, createPublicKey, diffieHellman } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import nacl from 'tweetnacl'
import { setNewest } from '../machine/newest.ts'
import type { NodeKeys } from './keys.ts'
import { PUBLIC_KEY_BYTES } from './keys.ts'

/** Bytes of a nonce. */
export const NONCE_BYTES = 24

/** Bytes that a box has beside its content. */
export const BOX_OVERHEAD_BYTES = 16

/** Shared keys that are kept; the one that was not used for longest gives way. As many as a courier keeps public keys. */
const SHARED_MAX = 16_384

/** Seals and opens for one node. */
export interface Boxes {
  /** Undefined when `publicKey` is no key that anything can be sealed for. */
  seal(publicKey: Uint8Array, nonce: Uint8Array, bytes: Uint8Array): Uint8Array | undefined
  /** What the owner of `publicKey` sealed for this node; undefined for anything else. Never throws. */
  open(publicKey: Uint8Array, nonce: Uint8Array, box: Uint8Array): Uint8Array | undefined
}

/** The boxes of the node with those keys. */
export function createBoxes(keys: NodeKeys): Boxes {
  return new NaclBoxes(boxSecretKey(keys))
}

class NaclBoxes implements Boxes {
  readonly #secretKey: Uint8Array
  /** The same for OpenSSL, from the first use on: many nodes never seal anything. */
  #privateKey: KeyObject | undefined
  /** By public key, latin1; the one used last is the last. */
  readonly #shared = new Map<string, Uint8Array>()

  constructor(secretKey: Uint8Array) {
    this.#secretKey = secretKey
  }

  seal(publicKey: Uint8Array, nonce: Uint8Array, bytes: Uint8Array): Uint8Array | undefined {
    const shared = this.#sharedWith(publicKey)
    return shared === undefined ? undefined : nacl.box.after(plain(bytes), plain(nonce), shared)
  }

  open(publicKey: Uint8Array, nonce: Uint8Array, box: Uint8Array): Uint8Array | undefined {
    if (nonce.length !== NONCE_BYTES || box.length < BOX_OVERHEAD_BYTES) return undefined
    const shared = this.#sharedWith(publicKey)
    if (shared === undefined) return undefined
    return nacl.box.open.after(plain(box), plain(nonce), shared) ?? undefined
  }

  #sharedWith(publicKey: Uint8Array): Uint8Array | undefined {
    if (publicKey.length !== PUBLIC_KEY_BYTES) return undefined
    const name = latin1(publicKey)
    const known = this.#shared.get(name)
    if (known !== undefined) {
      this.#shared.delete(name)
      this.#shared.set(name, known)
      return known
    }
    const point = boxPublicKey(publicKey)
    if (point === undefined) return undefined
    this.#privateKey ??= agreementKey(this.#secretKey)
    const shared = sharedKey(this.#privateKey, point)
    setNewest(this.#shared, name, shared, SHARED_MAX)
    return shared
  }
}

/** DER of PKCS#8 for X25519 up to the 32 secret bytes (RFC 8410, 7). */
const PKCS8_PREFIX: Buffer = Buffer.from('302e020100300506032b656e04220420', 'hex')
/** Input and constant of HSalsa20 where NaCl makes a key of a product (`crypto_box_beforenm`). */
const HSALSA_INPUT: Uint8Array = new Uint8Array(16)
const HSALSA_CONSTANT: Uint8Array = Uint8Array.from(Buffer.from('expand 32-byte k'))

/** The parts that tweetnacl's boxes are made of: there, and not in its types. */
const { lowlevel } = nacl as unknown as {
  readonly lowlevel: {
    crypto_core_hsalsa20(
      out: Uint8Array,
      input: Uint8Array,
      key: Uint8Array,
      constant: Uint8Array,
    ): void
  }
}

function agreementKey(secretKey: Uint8Array): KeyObject {
  const key = Buffer.concat([PKCS8_PREFIX, secretKey])
  return createPrivateKey({ key, format: 'der', type: 'pkcs8' })
}

/** What `nacl.box.before` gives. OpenSSL refuses products that are zero: those are of the points of small order. */
function sharedKey(privateKey: KeyObject, point: Uint8Array): Uint8Array {
  const x = Buffer.from(point).toString('base64url')
  const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x }, format: 'jwk' })
  const shared = new Uint8Array(nacl.box.sharedKeyLength)
  const product = diffieHellman({ privateKey, publicKey })
  lowlevel.crypto_core_hsalsa20(shared, HSALSA_INPUT, product, HSALSA_CONSTANT)
  return shared
}

/** The X25519 secret key of a node, 32 bytes. */
export function boxSecretKey(keys: NodeKeys): Uint8Array {
  const der = createPrivateKey(keys.privateKeyPem).export({ format: 'der', type: 'pkcs8' })
  // The seed is the end of the DER of an Ed25519 key (RFC 8410, 7).
  const digest = createHash('sha512').update(der.subarray(-32)).digest()
  const secret = new Uint8Array(digest.subarray(0, 32))
  secret[0]! &= 248
  secret[31] = (secret[31]! & 127) | 64
  return secret
}

const P = 2n ** 255n - 19n

/** Points whose product with any secret is known to everybody, as far as an Ed25519 point leads there. */
const SMALL_ORDER: ReadonlySet<bigint> = new Set([
  0n,
  1n,
  P - 1n,
  325606250916557431795983626356110631294008115727848805560023387167927233504n,
  39382357235489614581723060781553021112529911719440698176882885853963445705823n,
])

/** The X25519 public key of an Ed25519 one; undefined for a point that nothing can be sealed for. */
export function boxPublicKey(publicKey: Uint8Array): Uint8Array | undefined {
  let y = 0n
  for (let i = PUBLIC_KEY_BYTES - 1; i >= 0; i--) {
    y = (y << 8n) | BigInt(i === PUBLIC_KEY_BYTES - 1 ? publicKey[i]! & 127 : publicKey[i]!)
  }
  if (y >= P || y === 1n) return undefined
  let u = ((1n + y) * inverse(P + 1n - y)) % P
  if (SMALL_ORDER.has(u)) return undefined
  const point = new Uint8Array(PUBLIC_KEY_BYTES)
  for (let i = 0; i < PUBLIC_KEY_BYTES; i++, u >>= 8n) point[i] = Number(u & 255n)
  return point
}

/** Of a number that P does not divide, by Euclid: a fifth of the time of a power. Keys are public, so it may depend on them. */
function inverse(of: bigint): bigint {
  let [before, rest] = [P, of % P]
  let [last, factor] = [0n, 1n]
  while (rest !== 0n) {
    const times = before / rest
    ;[before, rest] = [rest, before - times * rest]
    ;[last, factor] = [factor, last - times * factor]
  }
  return last < 0n ? last + P : last
}

/** tweetnacl asks for the class itself, and a Buffer is another one. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}
