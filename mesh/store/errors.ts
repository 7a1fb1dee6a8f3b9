/** Errors of what a node keeps on disk. */
import { FoveaError } from '../../runtime/index.ts'
import type { ErrorCatalogue } from '../../runtime/index.ts'

/** Why a store did not do what it was asked. */
export type StoreErrorCode =
  | 'ERR_STORE_UNAVAILABLE'
  | 'ERR_STORE_UNREADABLE'
  | 'ERR_STORE_LOCKED'
  | 'ERR_STORE_CORRUPT'
  | 'ERR_STORE_FORMAT'
  | 'ERR_STORE_KEY'
  | 'ERR_STORE_VALUE_BYTES_MAX'
  | 'ERR_STORE_FULL'
  | 'ERR_STORE_BUSY'
  | 'ERR_STORE_WRITE'
  | 'ERR_STORE_CLOSED'

/** A store cannot be opened, or a write did not happen; `code` says why. */
export class StoreError extends FoveaError {
  override readonly name: string = 'StoreError'
  declare readonly code: StoreErrorCode
  constructor(code: StoreErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(code, message, options)
  }
}

/** Codes of `mesh/store`. */
export const STORE_ERRORS: ErrorCatalogue = Object.freeze({
  ERR_STORE_UNAVAILABLE: {
    when: 'the optional package `lmdb` is not installed, or has no binary for this platform',
    stateChanged: 'no',
    retry: 'no',
    action: 'run `npm install lmdb`, or start the node without a data directory',
  },
  ERR_STORE_UNREADABLE: {
    when: 'the directory of the store cannot be made, read or written; the cause says why',
    stateChanged: 'no',
    retry: 'after the cause is gone',
    action: 'make the directory writable for the user of the node',
  },
  ERR_STORE_LOCKED: {
    when: 'another process, or another node of this one, has the store open',
    stateChanged: 'no',
    retry: 'after the other one has ended',
    action: 'give each node its own data directory',
  },
  ERR_STORE_CORRUPT: {
    when: 'the file of the store is damaged: cut off, overwritten, or a record does not match its checksum',
    stateChanged: 'no; the file is left as it is',
    retry: 'no',
    action:
      'look at the disk, then remove the directory `store`: what others published comes back from them',
  },
  ERR_STORE_FORMAT: {
    when: 'the file was written by another version, or not by a Fovea node',
    stateChanged: 'no; the file is left as it is',
    retry: 'no',
    action: 'start the version that wrote it, or remove the directory `store`',
  },
  ERR_STORE_KEY: {
    when: 'a key is empty, longer than `keyBytesMax`, or not printable ASCII without blanks',
    stateChanged: 'no; nothing of the batch is written',
    retry: 'no',
    action: 'encode the key, in hex for example',
  },
  ERR_STORE_VALUE_BYTES_MAX: {
    when: 'a value is longer than `valueBytesMax`',
    stateChanged: 'no; nothing of the batch is written',
    retry: 'no',
    action: 'split the value, or raise `valueBytesMax`',
  },
  ERR_STORE_FULL: {
    when: 'with the batch there would be more than `entriesMax` entries or `bytesMax` bytes, or the disk is full',
    stateChanged: 'no; nothing of the batch is written',
    retry: 'after something was deleted',
    action: 'delete, raise the limit, or make room on the disk',
  },
  ERR_STORE_BUSY: {
    when: '`pendingMax` writes wait for the disk already',
    stateChanged: 'no; nothing of the batch is written',
    retry: 'when earlier writes have settled',
    action: 'wait for the promises of writes; the disk is slower than what is written',
  },
  ERR_STORE_WRITE: {
    when: 'the disk refused a write; the cause says why',
    stateChanged: 'no; nothing of the batch is written',
    retry: 'perhaps; the store stays open',
    action: 'look at the disk',
  },
  ERR_STORE_CLOSED: {
    when: 'an operation on a store that closes or was closed',
    stateChanged: 'no',
    retry: 'no',
    action: 'open it again',
  },
})
