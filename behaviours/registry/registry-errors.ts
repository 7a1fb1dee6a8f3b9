/** Expected failures of registries; noex's names and fields where it has them (`AlreadyRegisteredKeyError.key`). */
import {
  FoveaError,
  formatPid,
  formatReason,
  type ErrorCatalogue,
  type Pid,
} from '../../runtime/index.ts'

/** A unique key is taken, or a process registered it already. */
export class AlreadyRegisteredKeyError extends FoveaError {
  override readonly name = 'AlreadyRegisteredKeyError'
  readonly registryName: string
  readonly key: unknown
  /** Who holds the key. */
  readonly pid: Pid
  constructor(registryName: string, key: unknown, pid: Pid) {
    super(
      'ERR_REGISTRY_KEY_TAKEN',
      `${registryName}: key ${formatReason(key)} is held by ${formatPid(pid)}`,
    )
    this.registryName = registryName
    this.key = key
    this.pid = pid
  }
}

/** The operation has no meaning for this kind of registry. */
export class RegistryKindError extends FoveaError {
  override readonly name = 'RegistryKindError'
  readonly registryName: string
  constructor(registryName: string, operation: string, needs: 'unique' | 'duplicate') {
    super('ERR_REGISTRY_KIND', `${registryName}: ${operation} needs a registry of ${needs} keys`)
    this.registryName = registryName
  }
}

/** The process to be registered is dead, or is not one of this system. */
export class RegistryOwnerError extends FoveaError {
  override readonly name = 'RegistryOwnerError'
  readonly registryName: string
  readonly pid: Pid
  constructor(registryName: string, pid: Pid) {
    super('ERR_REGISTRY_OWNER', `${registryName}: ${formatPid(pid)} is not a live local process`)
    this.registryName = registryName
    this.pid = pid
  }
}

/** The registry process has ended. */
export class RegistryStoppedError extends FoveaError {
  override readonly name = 'RegistryStoppedError'
  readonly registryName: string
  constructor(registryName: string) {
    super('ERR_REGISTRY_STOPPED', `${registryName} is not running`)
    this.registryName = registryName
  }
}

/** A registry holds as many entries as it may. */
export class RegistryFullError extends FoveaError {
  override readonly name = 'RegistryFullError'
  readonly registryName: string
  readonly entriesMax: number
  constructor(registryName: string, entriesMax: number) {
    super('ERR_REGISTRY_FULL', `${registryName} holds ${entriesMax} entries already`)
    this.registryName = registryName
    this.entriesMax = entriesMax
  }
}

/** The `signal` given to `lock` was aborted before the lock was free. */
export class LockAbortedError extends FoveaError {
  override readonly name = 'LockAbortedError'
  readonly key: unknown
  constructor(key: unknown, cause: unknown) {
    super('ERR_REGISTRY_LOCK_ABORTED', `waiting for lock ${formatReason(key)} was aborted`, {
      cause,
    })
    this.key = key
  }
}

/** Codes of registries. */
export const registryErrors: ErrorCatalogue = {
  ERR_REGISTRY_KEY_TAKEN: {
    when: 'a unique key is registered already, by anybody',
    stateChanged: 'no',
    retry: 'when the holder has gone',
    action: 'use the holder in `pid`',
  },
  ERR_REGISTRY_KIND: {
    when: 'via, updateValue or whereis on duplicate keys',
    stateChanged: 'no',
    retry: 'no',
    action: 'use a registry of the other kind',
  },
  ERR_REGISTRY_OWNER: {
    when: 'registering a process that is dead or lives in another system',
    stateChanged: 'no',
    retry: 'no',
    action: 'register where the process lives',
  },
  ERR_REGISTRY_STOPPED: {
    when: 'the registry process has ended',
    stateChanged: 'no',
    retry: 'when its supervisor has restarted it; look it up again by name',
    action: 'supervise the registry before its users',
  },
  ERR_REGISTRY_LOCK_ABORTED: {
    when: "lock's signal was aborted before the lock was free",
    stateChanged: 'no',
    retry: 'yes',
    action: 'none',
  },
  ERR_REGISTRY_FULL: {
    when: 'registering when entriesMax entries are held',
    stateChanged: 'no',
    retry: 'when entries have gone',
    action: 'raise entriesMax',
  },
}
