/** A message that waits for a way to its node. */
import type { CourierError } from './errors.ts'
import type { ServiceLane } from './courier.ts'

/** See the file header. */
export interface Parcel {
  /** In order of sending. */
  readonly number: number
  readonly to: string
  readonly lane: ServiceLane
  readonly frame: Uint8Array
  readonly via: string | undefined
  readonly expiresMs: number
  readonly lost: ((error: CourierError) => void) | undefined
}
