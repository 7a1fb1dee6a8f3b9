/**
 * Locks over nodes: `set_lock`, `del_lock` and `trans` of OTP's `global`. A lock is set on nodes, by default on all
 * that are connected, for a requester: who sets it again for the same requester has it, too.
 *
 * It is no protection against a network that falls apart: both parts may set one lock, as with `global`. Where two
 * holders do harm, use `node.leases`.
 */
import {
  ArgumentError,
  currentProcess,
  formatPid,
  isPid,
  OptionError,
  ownPromise,
  type Pid,
} from '../../runtime/index.ts'
import type { DistFeature, DistParts } from '../parts.ts'
import { LockError } from './errors.ts'
import { isLockName, LockService } from './lock-service.ts'
import { lockOptions, lockSettings, type LockOptions, type LockSettings } from './options.ts'
import { OwnLocks, type LockOrder, type LockUse } from './own-locks.ts'

/** What is locked, and for whom. */
export interface LockId {
  readonly resource: string
  /** Default: the process that owns the lock; for `trans`, each transaction. */
  readonly requester?: string | Pid | undefined
}

/** Locks over nodes. `node.global` is this. */
export interface GlobalLocks {
  /**
   * True when the lock is set, false when it was not within `retries` and `timeoutMs`. It ends by `delLock`, with its
   * owner, or with this node.
   *
   * @example
   * if (await node.global.setLock({ resource: 'index', requester: 'nightly' }, { retries: 0 })) rebuild()
   */
  setLock(id: LockId, options?: LockOptions): Promise<boolean>
  /** Gives the lock back that this owner has set; always true, as in OTP. */
  delLock(id: LockId, options?: Pick<LockOptions, 'owner'>): Promise<true>
  /**
   * The result of `fn`, which runs while the lock is set; `'aborted'` when it could not be set. It is given back however
   * `fn` ends, unless the owner had it before.
   */
  trans<T>(
    id: string | LockId,
    fn: () => T | Promise<T>,
    options?: LockOptions,
  ): Promise<T | 'aborted'>
}

/** One per node. Throws an `OptionError`. */
export function createLocks(
  parts: DistParts,
  options: Partial<LockSettings> | undefined,
): DistFeature<GlobalLocks> {
  const settings = lockSettings(options)
  const service = new LockService(parts, settings.peerLocksMax)
  const locks = new Locks(parts, settings)
  return {
    functions: Object.freeze<GlobalLocks>({
      setLock: (id, given) => locks.set(id, given),
      delLock: (id, given) => locks.delete(id, given),
      trans: (id, fn, given) => locks.trans(id, fn, given),
    }),
    leave: () => locks.leave(),
    close: () => {
      locks.close()
      service.close()
    },
  }
}

/** How often `pauseMs` is doubled at most, so that the number stays one. */
const DOUBLED_MAX = 20

class Locks implements Pick<GlobalLocks, 'trans'> {
  readonly #parts: DistParts
  readonly #settings: LockSettings
  readonly #own: OwnLocks
  /** Aborted when the node stops. */
  readonly #stopped = new AbortController()
  #transactions = 0

  constructor(parts: DistParts, settings: LockSettings) {
    this.#parts = parts
    this.#settings = settings
    this.#own = new OwnLocks(parts, settings.callTimeoutMs)
  }

  /** Before the goodbye: after it this node is alone, and would get every lock that it still waits for. */
  async leave(): Promise<void> {
    this.#stopped.abort('stopped')
  }

  close(): void {
    this.#stopped.abort('stopped')
    this.#own.close()
  }

  // Not async: the running process is known only until the first await.
  set(id: LockId, given: LockOptions | undefined): Promise<boolean> {
    return this.#checked('global.setLock', given, (options) => {
      return this.#set(this.#order(id, options), options, 'set')
    })
  }

  delete(id: LockId, given: Pick<LockOptions, 'owner'> | undefined): Promise<true> {
    return this.#checked('global.delLock', given, async (options) => {
      await this.#own.release(this.#order(id, options))
      return true as const
    })
  }

  trans<T>(
    id: string | LockId,
    fn: () => T | Promise<T>,
    given?: LockOptions,
  ): Promise<T | 'aborted'> {
    return this.#checked('global.trans', given, (options) => {
      if (typeof fn !== 'function') throw new ArgumentError('fn', 'a function', fn)
      const what = typeof id === 'string' ? { resource: id } : id
      const order = this.#order(what, options, `transaction ${++this.#transactions}`)
      return this.#trans(order, fn, options)
    })
  }

  async #trans<T>(
    order: LockOrder,
    fn: () => T | Promise<T>,
    options: LockOptions,
  ): Promise<T | 'aborted'> {
    if (!(await this.#set(order, options, 'transaction'))) return 'aborted'
    try {
      return await fn()
    } finally {
      await this.#own.leave(order)
    }
  }

  #checked<T>(
    where: string,
    given: LockOptions | undefined,
    then: (options: LockOptions) => Promise<T>,
  ): Promise<T> {
    try {
      const options = lockOptions(where, given)
      const owner = options.owner ?? currentProcess()?.pid
      return then(owner === undefined ? options : { ...options, owner })
    } catch (error) {
      return Promise.reject(error as Error)
    }
  }

  #order(
    { resource, requester }: LockId,
    { owner, nodes }: LockOptions,
    other?: string,
  ): LockOrder {
    const { mesh, directory, system } = this.#parts
    const isForeign =
      owner !== undefined &&
      (owner.node !== system.node || owner.incarnation !== system.incarnation)
    if (isForeign) {
      const text = `the owner ${formatPid(owner)} is no process of this node: a lock ends with its owner, which only its own node sees`
      throw new LockError('ERR_LOCK_OWNER', text)
    }
    const home = `${mesh.key.hex} ${mesh.identity.incarnation}`
    const byDefault =
      owner === undefined ? other && `${home} ${other}` : `${home} ${formatPid(owner)}`
    const name = isPid(requester) ? formatPid(requester) : (requester ?? byDefault)
    if (name === undefined) {
      const text = "global: pass 'requester', or 'owner', or call it synchronously in a process"
      throw new OptionError('ERR_OPTION_INVALID', 'requester', text)
    }
    if (!isLockName(resource) || !isLockName(name)) {
      throw new LockError('ERR_LOCK_NAME', 'a lock and who asks for it have 1 to 1,024 characters')
    }
    const keys = nodes?.map((node) => directory.keyOf(node)).filter((key) => key !== undefined)
    return { resource, requester: name, owner, nodes: keys }
  }

  async #set(order: LockOrder, options: LockOptions, use: LockUse): Promise<boolean> {
    const { retries = Infinity, timeoutMs = Infinity, signal } = options
    const { clock } = this.#parts.system
    const untilMs = clock.now() + timeoutMs
    for (let tries = 0; ; tries++) {
      this.#goOn(order, signal)
      if (await this.#own.attempt(order, use)) {
        await this.#stillWanted(order, signal, use)
        return true
      }
      this.#goOn(order, signal)
      const pauseMs = this.#pauseMs(tries)
      if (tries >= retries || clock.now() + pauseMs > untilMs) return false
      await this.#pause(pauseMs, signal)
    }
  }

  /** By chance, so that nobody who tries is always the second one. */
  #pauseMs(tries: number): number {
    const { pauseMs, pauseMaxMs } = this.#settings
    const longestMs = Math.min(pauseMaxMs, pauseMs * 2 ** Math.min(tries, DOUBLED_MAX))
    return 1 + this.#parts.system.entropy.random() * longestMs
  }

  /** Waits, or less when it is not wanted any more. */
  #pause(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
    const { system } = this.#parts
    return ownPromise<void>((resolve) => {
      const stops: (() => void)[] = []
      const over = (): void => {
        for (const stop of stops) stop()
        resolve()
      }
      const timer = system.clock.setTimer(delayMs, over)
      stops.push(() => timer.cancel())
      stops.push(system.onAbort(this.#stopped.signal, over))
      if (signal !== undefined) stops.push(system.onAbort(signal, over))
    })
  }

  async #stillWanted(
    order: LockOrder,
    signal: AbortSignal | undefined,
    use: LockUse,
  ): Promise<void> {
    try {
      this.#goOn(order, signal)
    } catch (error) {
      await (use === 'set' ? this.#own.release(order) : this.#own.leave(order))
      throw error
    }
  }

  #goOn({ resource, owner }: LockOrder, signal: AbortSignal | undefined): void {
    const isOwned = owner === undefined || this.#parts.system.isAlive(owner)
    if (!this.#stopped.signal.aborted && signal?.aborted !== true && isOwned) return
    const cause: unknown = signal?.aborted === true ? signal.reason : undefined
    throw new LockError('ERR_LOCK_ABORTED', `the lock of '${resource}' is not wanted any more`, {
      cause,
    })
  }
}
