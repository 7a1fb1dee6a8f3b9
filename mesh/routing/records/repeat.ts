/**
 * A job: finds who should hold a key now, and puts to them what this node has under it, one put at a time.
 * Publisher, sequence and expiry travel as they are (K31).
 */
import type { KadKey } from '../kademlia/id.ts'
import type { RecordsContext } from './context.ts'
import { Placement } from './placement.ts'
import type { Placed, PlacementOwner } from './placement.ts'
import type { DhtRecord } from './record.ts'
import { Spread } from './spread.ts'
import type { Job } from './upkeep.ts'

/** What is repeated, and when it makes sense. */
export interface RepeatSpec {
  readonly key: KadKey
  /** Asked when the holders are known: what is to be put to them. */
  readonly records: (selfHolds: boolean) => readonly DhtRecord[]
  /** One of them has been put to all. `newer` stands against it somewhere. */
  readonly onSpread: (
    record: DhtRecord,
    outcome: {
      readonly holders: number
      /** True when all holders were found, and each has answered. */
      readonly whole: boolean
      readonly newer: DhtRecord | undefined
    },
  ) => void
  readonly onEnd: () => void
}

/** See the head of this file. */
export class Repeat implements Job, PlacementOwner {
  readonly #context: RecordsContext
  readonly #spec: RepeatSpec
  readonly #placement: Placement
  #placed: Placed | undefined
  #records: readonly DhtRecord[] = []
  #next = 0
  #spread: Spread | undefined
  #onDone: (() => void) | undefined

  constructor(context: RecordsContext, spec: RepeatSpec) {
    this.#context = context
    this.#spec = spec
    this.#placement = new Placement(context, { key: spec.key }, this)
  }

  begin(onDone: () => void): void {
    this.#onDone = onDone
    this.#placement.begin()
  }

  cancel(): void {
    this.#placement.cancel()
    this.#spread?.cancel()
    this.#spec.onEnd()
  }

  hop(): void {
    // Nobody asked for a trace.
  }

  placed(placed: Placed): void {
    this.#placed = placed
    this.#records = this.#spec.records(placed.selfHolds)
    this.#advance()
  }

  #advance(): void {
    const record = this.#records[this.#next]
    if (record === undefined) {
      this.#spec.onEnd()
      this.#onDone?.()
      return
    }
    this.#next += 1
    const spread = new Spread(
      this.#context,
      { record, targets: this.#placed?.targets ?? [], parallel: 1, deadlineMs: Infinity },
      () => {
        const { holders, newer } = spread
        const whole = spread.whole && this.#placed?.whole === true
        this.#spec.onSpread(record, { holders: holders.length, whole, newer })
        this.#advance()
      },
    )
    this.#spread = spread
    spread.begin()
  }
}
