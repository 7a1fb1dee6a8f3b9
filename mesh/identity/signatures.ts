/**
 * How the nodes of a realm sign, check and seal: keys, signatures, certificates, boxes. One port, because whoever
 * verifies must know how was signed; a realm carries it, so all that checks for a realm agrees.
 *
 * `ed25519Signatures` is the real one and the default everywhere. A simulation has a stand-in
 * (`simulated-signatures.ts`), which is faster and does everything at once.
 */
import { createBoxes } from './box.ts'
import type { Boxes } from './box.ts'
import { checkCertificate, createCertificate } from './certificate.ts'
import type { CertificateCheckOptions, CertificateOptions, NodeCertificate } from './certificate.ts'
import { generateNodeKeys, nodeKeysFromSeed, verifySignature } from './keys.ts'
import type { NodeKeys } from './keys.ts'
import type { NodeKey } from './node-key.ts'

/** See the file header. */
export interface Signatures {
  readonly name: string
  /** Fresh keys, from the operating system's randomness. */
  generateKeys(): NodeKeys
  /** Keys from 32 bytes. */
  keysFromSeed(seed: Uint8Array): NodeKeys
  /** True when `signature` over `bytes` was made with the private key of `publicKey`. Never throws. */
  verify(publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean
  /** Seals for others, and opens what they sealed for the node with those keys. */
  createBoxes(keys: NodeKeys): Boxes
  /** The certificate that a node shows to its peers. */
  createCertificate(keys: NodeKeys, options: CertificateOptions): Promise<NodeCertificate>
  /** The node key of the peer that presented `chain`; throws `CertificateError`. */
  checkCertificate(
    chain: readonly Uint8Array[],
    wallNowMs: number,
    options?: CertificateCheckOptions,
  ): NodeKey
}

/** Ed25519 and X.509. */
export const ed25519Signatures: Signatures = Object.freeze({
  name: 'ed25519',
  generateKeys: generateNodeKeys,
  keysFromSeed: nodeKeysFromSeed,
  verify: verifySignature,
  createBoxes,
  createCertificate,
  checkCertificate,
})
