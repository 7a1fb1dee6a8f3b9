/** The leases that this node holds or waits for. */
import {
  numberOption,
  optional,
  ownPromise,
  resolveOptions,
  signalOption,
  type OptionCheck,
} from '../../runtime/index.ts'
import type { DistParts } from '../parts.ts'
import { LeaseError } from './errors.ts'
import { isLeaseName } from './lease-messages.ts'
import type { AcquireOptions, Lease, StrictLeases } from './leases.ts'
import { TTL_MS_MIN, type LeaseSettings } from './options.ts'
import { OwnLease } from './own-lease.ts'

/** See the file header. */
export class LeaseKeeper implements StrictLeases {
  readonly #parts: DistParts
  readonly #settings: LeaseSettings
  readonly #voters: readonly string[]
  readonly #checks: { readonly [K in keyof AcquireOptions]-?: OptionCheck }
  readonly #leases = new Map<string, OwnLease>()
  #ids = 0
  #closed = false

  constructor(parts: DistParts, settings: LeaseSettings, voters: readonly string[]) {
    this.#parts = parts
    this.#settings = settings
    this.#voters = voters
    this.#checks = {
      signal: optional(signalOption),
      ttlMs: optional(numberOption(Math.min(TTL_MS_MIN, settings.ttlMs), settings.ttlMs)),
      timeoutMs: optional(numberOption(0, Infinity)),
    }
  }

  /** Leases that are held or waited for. */
  get size(): number {
    return this.#leases.size
  }

  async acquire(name: string, given: AcquireOptions = {}): Promise<Lease> {
    const options = resolveOptions<AcquireOptions>('leases.acquire', {}, this.#checks, given)
    const { ttlMs = this.#settings.ttlMs, timeoutMs = Infinity, signal } = options
    this.#check(name, signal)
    // No two leases of a key have one id: neither of this life, nor of two.
    const id = `${this.#parts.mesh.identity.incarnation}.${++this.#ids}`
    return ownPromise<Lease>((resolve, reject) => {
      const own = new OwnLease(
        { name, id, ttlMs, timeoutMs, signal },
        {
          ...{ parts: this.#parts, settings: this.#settings, voters: this.#voters },
          ...{ resolve, reject },
          ended: () => void this.#leases.delete(id),
        },
      )
      this.#leases.set(id, own)
      own.start()
    })
  }

  close(): void {
    this.#closed = true
    for (const lease of this.#leases.values()) lease.close()
    this.#leases.clear()
  }

  #check(name: string, signal: AbortSignal | undefined): void {
    const { ownLeasesMax } = this.#settings
    if (this.#voters.length === 0) {
      const text = `'${name}' is strict: start all nodes with the same 'voters'`
      throw new LeaseError('ERR_VOTERS_REQUIRED', text)
    }
    if (!isLeaseName(name)) {
      throw new LeaseError('ERR_LEASE_NAME', 'the name of a lease has 1 to 1,024 characters')
    }
    if (this.#closed || signal?.aborted === true) {
      const cause: unknown = this.#closed ? 'stopped' : signal?.reason
      throw new LeaseError('ERR_LEASE_ABORTED', `waiting for '${name}' was ended`, { cause })
    }
    if (this.#leases.size >= ownLeasesMax) {
      this.#parts.refusals.count('ERR_LEASES_OWN_MAX', { name })
      const text = `this node holds or waits for ${ownLeasesMax} leases`
      throw new LeaseError('ERR_LEASES_OWN_MAX', text)
    }
  }
}
