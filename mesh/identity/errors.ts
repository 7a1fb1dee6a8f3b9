/**
 * Errors of identity: keys, certificates, realms, memberships and the data directory. No message or
 * field of these ever holds private key bytes; file names, field names and public hashes only.
 */
import { FoveaError } from '../../runtime/errors.ts'
import type { ErrorCatalogue } from '../../runtime/errors.ts'

/** A key has the wrong length or form. */
export class KeyError extends FoveaError {
  override readonly name: string = 'KeyError'
}

/** A peer's certificate was refused. */
export class CertificateError extends FoveaError {
  override readonly name: string = 'CertificateError'
}

/** A realm file or a membership was refused. */
export class RealmError extends FoveaError {
  override readonly name: string = 'RealmError'
  /** The field of the file or membership that is wrong, when there is one. */
  readonly field: string | undefined
  constructor(code: string, message: string, options: { field?: string; cause?: unknown } = {}) {
    super(code, message, 'cause' in options ? { cause: options.cause } : {})
    this.field = options.field
  }
}

/** The data directory of a node cannot be used. */
export class DataDirError extends FoveaError {
  override readonly name: string = 'DataDirError'
  readonly path: string
  constructor(code: string, path: string, message: string, options: { cause?: unknown } = {}) {
    super(code, message, options)
    this.path = path
  }
}

/** Codes of `mesh/identity`. */
export const IDENTITY_ERRORS: ErrorCatalogue = {
  ERR_KEY_INVALID: {
    when: 'a node key, public key or PEM has the wrong length, alphabet or algorithm',
    stateChanged: 'no',
    retry: 'no',
    action: 'pass 32 bytes, 64 lower-case hex digits, or an Ed25519 PKCS#8 PEM',
  },
  ERR_CERTIFICATE_CHAIN: {
    when: 'a peer presented no certificate, or more than one',
    stateChanged: 'no; the connection is refused',
    retry: 'no',
    action: 'present exactly the self-signed certificate of the node key',
  },
  ERR_CERTIFICATE_MALFORMED: {
    when: 'the certificate is not DER that both parsers understand, or longer than 4,096 bytes',
    stateChanged: 'no; the connection is refused',
    retry: 'no',
    action: 'the peer is not a Fovea node, or bytes were damaged',
  },
  ERR_CERTIFICATE_KEY_TYPE: {
    when: 'the key or the signature algorithm of the certificate is not Ed25519',
    stateChanged: 'no; the connection is refused',
    retry: 'no',
    action: 'use the certificate that Fovea makes',
  },
  ERR_CERTIFICATE_SIGNATURE: {
    when: 'the certificate is not signed by its own key, or names another issuer',
    stateChanged: 'no; the connection is refused',
    retry: 'no',
    action: 'somebody presents a certificate that is not theirs; look at the address',
  },
  ERR_CERTIFICATE_NAME: {
    when: 'the subject alternative name is not exactly fovea://node/<hash of the key>',
    stateChanged: 'no; the connection is refused',
    retry: 'no',
    action: 'use the certificate that Fovea makes',
  },
  ERR_CERTIFICATE_NOT_YET_VALID: {
    when: 'NotBefore lies further ahead than the clock skew allows',
    stateChanged: 'no; the connection is refused',
    retry: 'after the clocks agree',
    action: 'correct the wall clock of one side',
  },
  ERR_CERTIFICATE_EXPIRED: {
    when: 'NotAfter has passed by more than the clock skew allows',
    stateChanged: 'no; the connection is refused',
    retry: 'after the peer restarted: it makes a fresh certificate at each start',
    action: 'restart the peer, or correct a wall clock',
  },
  ERR_CERTIFICATE_EXTENSION: {
    when: 'the certificate has a critical extension that Fovea does not know',
    stateChanged: 'no; the connection is refused',
    retry: 'no',
    action: 'upgrade this node, or use the certificate that Fovea makes',
  },
  ERR_CERTIFICATE_PURPOSE: {
    when: 'the certificate is a CA, or is not for both server and client authentication',
    stateChanged: 'no; the connection is refused',
    retry: 'no',
    action: 'use the certificate that Fovea makes',
  },
}
