/**
 * Heals partitions of any length without an operator: now and then a dead address is contacted. When
 * it answers, the tables are compared, each side learns that the other holds it dead, refutes, and both
 * are one cluster again. The addresses outlive the tombstones; their number is the bound, not their age.
 */
import { setNewest } from '../../machine/newest.ts'
import type { SwimContext } from './context.ts'
import type { Exchanges } from './exchanges.ts'
import type { Contact } from './machine.ts'
import type { MemberId } from './statement.ts'
import { isLiving } from './table.ts'

/** The memory for addresses of the dead. */
export class Healer {
  readonly #context: SwimContext
  readonly #exchanges: Exchanges
  readonly #dead = new Map<MemberId, Contact>()
  #nextAtMs: number

  constructor(context: SwimContext, exchanges: Exchanges) {
    this.#context = context
    this.#exchanges = exchanges
    const { healIntervalMs } = context.settings
    this.#nextAtMs = context.nowMs + context.streams.heal.fraction() * healIntervalMs
  }

  /** Addresses of the dead that are kept. */
  get size(): number {
    return this.#dead.size
  }

  /** `seeds` is the number of contacts that this node was told to join by. */
  deadline(seeds: number): number {
    return this.#dead.size + seeds === 0 ? Infinity : this.#nextAtMs
  }

  settle(): void {
    if (this.#nextAtMs < this.#context.nowMs) this.#postpone()
  }

  remember(contact: Contact): void {
    if (contact.id === undefined) return
    setNewest(this.#dead, contact.id, contact, this.#context.settings.healAddressesMax)
  }

  forget(id: MemberId): void {
    this.#dead.delete(id)
  }

  tick(seeds: readonly Contact[]): void {
    const { nowMs, settings, streams, table, counters } = this.#context
    if (this.#nextAtMs > nowMs) return
    this.#postpone()
    const candidates = this.#dead.size + seeds.length
    // Each of N nodes with probability P / N: the whole cluster makes P contacts, however large it is.
    if (candidates === 0 || streams.heal.fraction() * table.living >= settings.healContacts) return
    const contact = this.#pick(streams.heal.below(candidates), seeds)
    if (contact === undefined || this.#lives(contact)) return
    if (this.#exchanges.begin(contact, 'heal')) counters.healings += 1
  }

  state(): HealerState {
    return { dead: [...this.#dead.values()], nextAtMs: this.#nextAtMs }
  }

  restore(state: HealerState): void {
    this.#dead.clear()
    for (const contact of state.dead) {
      if (contact.id !== undefined) this.#dead.set(contact.id, contact)
    }
    this.#nextAtMs = state.nextAtMs
  }

  #pick(index: number, seeds: readonly Contact[]): Contact | undefined {
    if (index >= this.#dead.size) return seeds[index - this.#dead.size]
    let left = index
    for (const contact of this.#dead.values()) {
      if (left === 0) return contact
      left -= 1
    }
    return undefined
  }

  #lives({ id }: Contact): boolean {
    if (id === undefined) return false
    const status = this.#context.table.find(id)?.status
    return id === this.#context.selfId || (status !== undefined && isLiving(status))
  }

  #postpone(): void {
    const { nowMs, settings, streams } = this.#context
    this.#nextAtMs = nowMs + settings.healIntervalMs * (0.5 + streams.heal.fraction())
  }
}

/** {@link Healer} as plain data. */
export interface HealerState {
  readonly dead: readonly Contact[]
  readonly nextAtMs: number
}
