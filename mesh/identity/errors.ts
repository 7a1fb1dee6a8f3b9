/**
 * Errors of identity: keys, certificates, realms, memberships and the data directory. No message or
 * field of these ever holds private key bytes; file names, field names and public hashes only.
 */
import { FoveaError } from '../../runtime/index.ts'
import type { ErrorCatalogue } from '../../runtime/index.ts'

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
  ERR_REALM_NAME: {
    when: 'the name of a new realm is not reverse DNS in lower case',
    stateChanged: 'no',
    retry: 'no',
    action: 'name it like com.example.shop',
  },
  ERR_REALM_FILE_UNREADABLE: {
    when: 'the realm file cannot be opened or read',
    stateChanged: 'no',
    retry: 'when the file is there',
    action: 'check path and permissions; fovea realm create makes one',
  },
  ERR_REALM_FILE_INVALID: {
    when: 'the realm file, or the object given for it, has a missing, wrong or unknown field',
    stateChanged: 'no',
    retry: 'no',
    action: 'correct the named field; the file is never partly used',
  },
  ERR_REALM_CANNOT_ISSUE: {
    when: 'a membership is to be issued, but the realm file has no private key',
    stateChanged: 'no',
    retry: 'no',
    action: 'issue it where the whole realm file is',
  },
  ERR_REALM_MEMBERSHIP_MALFORMED: {
    when: 'a membership has a missing or wrong field',
    stateChanged: 'no; the link is refused',
    retry: 'no',
    action: 'issue a new one; a peer that sends this is broken or hostile',
  },
  ERR_REALM_MISMATCH: {
    when: 'a membership is of another realm',
    stateChanged: 'no; the link is refused',
    retry: 'no',
    action: 'check which realm file each node has',
  },
  ERR_REALM_NODE_KEY: {
    when: 'a membership names another node than the one that shows it',
    stateChanged: 'no; the link is refused',
    retry: 'no',
    action: 'issue one for that node key',
  },
  ERR_REALM_NOT_YET_VALID: {
    when: 'a membership begins later than the clock skew allows',
    stateChanged: 'no; the link is refused',
    retry: 'after the clocks agree',
    action: 'correct the wall clock of one side',
  },
  ERR_REALM_EXPIRED: {
    when: 'a membership has ended',
    stateChanged: 'no; the link is refused',
    retry: 'after a new one was issued',
    action: 'issue a new membership',
  },
  ERR_REALM_SIGNATURE: {
    when: 'a membership is not signed by the authority of its realm',
    stateChanged: 'no; the link is refused',
    retry: 'no',
    action: 'somebody forged or damaged it',
  },
  ERR_MEMBERSHIP_REQUIRED: {
    when: 'a node starts with a realm file without private key, and has no membership',
    stateChanged: 'the key of the node exists; its data directory is free again',
    retry: 'after it was issued',
    action: 'run fovea realm issue for the node key in the message',
  },
  ERR_DATA_DIR_UNREADABLE: {
    when: 'the data directory cannot be made, read or written',
    stateChanged: 'no',
    retry: 'when the cause is gone',
    action: 'check path, owner, free space and file system',
  },
  ERR_DATA_DIR_FOREIGN: {
    when: 'the directory belongs to a node of another realm, or holds other things',
    stateChanged: 'no',
    retry: 'no',
    action: 'choose another directory',
  },
  ERR_DATA_DIR_LOCKED: {
    when: 'a live process uses the data directory',
    stateChanged: 'no',
    retry: 'after it stopped',
    action: 'stop that process; remove the lock file named in the message only if there is none',
  },
  ERR_DATA_DIR_CORRUPT: {
    when: 'a file of the data directory is missing or damaged',
    stateChanged: 'no',
    retry: 'no',
    action: 'restore it, or remove the directory to become a new node',
  },
  ERR_DATA_DIR_MODE: {
    when: 'a file of the data directory can be read or written by others',
    stateChanged: 'no',
    retry: 'after chmod 600',
    action: 'if somebody may have read the key, remove the directory to become a new node',
  },
}
