/** Who sees whom how, kept from events: cheap at any size, and independent of the cores' tables. */
import type { SwimEvent } from '../membership/swim/machine.ts'
import type { Observer } from './observer.ts'
import type { SimulatedNode } from './simulated-node.ts'
import type { SwimProtocol } from './swim-boundary.ts'

/** What an observer last heard about a subject. */
export type Sight = 'unknown' | 'alive' | 'suspect' | 'dead' | 'left'

const SIGHTS: readonly Sight[] = ['unknown', 'alive', 'suspect', 'dead', 'left']

function sightAfter(event: SwimEvent): Sight | undefined {
  switch (event.type) {
    case 'up':
    case 'alive':
      return 'alive'
    case 'suspect':
      return 'suspect'
    case 'down':
      return 'dead'
    case 'left':
      return 'left'
    case 'forgotten':
      return 'unknown'
    case 'update':
    case 'conflict':
      return undefined
  }
}

/** One node's view of another got worse. */
export interface Accusation {
  readonly atMs: number
  readonly observer: number
  readonly subject: string
  readonly sight: 'suspect' | 'dead'
  /** Found out by itself, not heard from a peer. */
  readonly own: boolean
}

/** An observer of worlds that counts views. */
export class Views implements Observer<SwimProtocol> {
  readonly #size: number
  readonly #warm: number
  readonly #now: () => number
  readonly #rows = new Map<string, Uint8Array>()
  /** Every `suspect` and `down`, in order. */
  readonly accusations: Accusation[] = []

  /** The first `warm` of `size` nodes know each other from the start. */
  constructor(size: number, warm: number, now: () => number) {
    this.#size = size
    this.#warm = warm
    this.#now = now
  }

  event(node: SimulatedNode<SwimProtocol>, event: SwimEvent): void {
    const sight = sightAfter(event)
    if (sight === undefined) return
    const { id } = event.member
    this.#row(id)[node.index] = SIGHTS.indexOf(sight)
    if (sight !== 'suspect' && sight !== 'dead') return
    this.accusations.push({
      atMs: this.#now(),
      observer: node.index,
      subject: id,
      sight,
      own: event.from === undefined,
    })
  }

  started(node: SimulatedNode<SwimProtocol>): void {
    if (node.index < this.#warm && node.life === 1) return
    for (const row of this.#rows.values()) row[node.index] = 0
  }

  /** How one node sees another. */
  of(observer: number, subject: string): Sight {
    return SIGHTS[this.#row(subject)[observer] ?? 0]!
  }

  /** How many of these nodes see the subject so. */
  count(subject: string, sight: Sight, observers: readonly SimulatedNode<SwimProtocol>[]): number {
    const row = this.#row(subject)
    const code = SIGHTS.indexOf(sight)
    let count = 0
    for (const { index } of observers) if (row[index] === code) count++
    return count
  }

  #row(subject: string): Uint8Array {
    let row = this.#rows.get(subject)
    if (row === undefined) {
      row = new Uint8Array(this.#size)
      if (Number(subject.slice(1)) < this.#warm) row.fill(1, 0, this.#warm)
      this.#rows.set(subject, row)
    }
    return row
  }
}
