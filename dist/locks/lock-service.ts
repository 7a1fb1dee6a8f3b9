/** Keeps the locks that nodes set on this one, behind the service `$locks`, and lets them go with their node. */
import type { DistParts } from '../parts.ts'
import type { PeerOrigin } from '../peer-services.ts'
import { LockError } from './errors.ts'
import { LockTable, type LockEntry } from './lock-table.ts'

/** The service. Requests are `set` and `delete` of [resource, requester, owner]. */
export const LOCK_SERVICE = '$locks'
/** Characters of a resource, requester or owner. */
export const LOCK_NAME_CHARS_MAX = 1_024

/** Whether `value` can be a resource or a requester. */
export function isLockName(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= LOCK_NAME_CHARS_MAX
}

/** See the file header. */
export class LockService {
  readonly #parts: DistParts
  readonly #table: LockTable
  readonly #stop: readonly (() => void)[]

  constructor(parts: DistParts, peerLocksMax: number) {
    this.#parts = parts
    this.#table = new LockTable(peerLocksMax)
    this.#stop = [
      parts.services.open(LOCK_SERVICE, {
        action: 'call',
        call: (origin, name, input) => this.#call(origin, name, input),
        cast: (origin) => void this.#refusal('ERR_LOCK_MESSAGE', origin),
      }),
      // Links that end because nobody needs them change nothing here.
      parts.cluster.onNodeDown((_id, _reason, { key }) => this.#table.deleteNode(key.hex), {
        hidden: true,
      }),
    ]
  }

  /** Resources that are locked here. */
  get size(): number {
    return this.#table.size
  }

  close(): void {
    for (const stop of this.#stop) stop()
  }

  #call(origin: PeerOrigin, name: string, input: unknown): boolean {
    const entry = this.#entry(origin, input)
    if (name === 'set') {
      const set = this.#table.set(entry)
      if (set === 'full') throw this.#refusal('ERR_PEER_LOCKS_MAX', origin)
      return set
    }
    if (name !== 'delete') throw this.#refusal('ERR_LOCK_MESSAGE', origin)
    this.#table.delete(entry)
    return true
  }

  #entry(origin: PeerOrigin, input: unknown): LockEntry {
    const [resource, requester, owner] = Array.isArray(input) ? (input as unknown[]) : []
    if (!isLockName(resource) || !isLockName(requester) || !isLockName(owner)) {
      throw this.#refusal('ERR_LOCK_MESSAGE', origin)
    }
    const { keyHex, incarnation } = origin
    return { resource, requester, node: keyHex, owner: `${incarnation} ${owner}` }
  }

  #refusal(code: string, { keyHex }: PeerOrigin): LockError {
    this.#parts.refusals.count(code, { peer: keyHex })
    return new LockError(code, `a request about locks is refused: ${code}`)
  }
}
