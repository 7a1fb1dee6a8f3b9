/**
 * Finds a mesh to join: the contacts in turn, a few at once, round after round with growing pauses,
 * until one exchange succeeded. Contacts are kept: they also serve healing, which merges islands that
 * were started apart (S34).
 */
import type { SwimContext } from './context.ts'
import type { Exchanges } from './exchanges.ts'
import type { Contact } from './machine.ts'

/** The way into a mesh. */
export class Joiner {
  readonly #context: SwimContext
  readonly #exchanges: Exchanges
  #contacts: Contact[] = []
  #joining = false
  #underWay = 0
  /** Next contact of this round; at the end of the list the round is over. */
  #cursor = 0
  #pauseMs: number
  #nextAtMs = Infinity

  constructor(context: SwimContext, exchanges: Exchanges) {
    this.#context = context
    this.#exchanges = exchanges
    this.#pauseMs = context.settings.joinRetryMs
  }

  get contacts(): readonly Contact[] {
    return this.#contacts
  }

  deadline(): number {
    return this.#nextAtMs
  }

  join(contacts: readonly Contact[]): void {
    const { settings } = this.#context
    for (const contact of contacts) {
      if (this.#contacts.some((known) => sameContact(known, contact))) continue
      this.#contacts.push(contact)
    }
    this.#contacts = this.#contacts.slice(-settings.joinContactsMax)
    if (this.#contacts.length === 0) return
    this.#joining = true
    this.#cursor = 0
    this.#pauseMs = settings.joinRetryMs
    this.#try()
  }

  tick(): void {
    if (this.#nextAtMs > this.#context.nowMs) return
    this.#cursor = 0
    this.#try()
  }

  /** One attempt is over. */
  concluded(success: boolean): void {
    this.#underWay = Math.max(0, this.#underWay - 1)
    if (success) this.stop()
    else if (this.#joining) this.#try()
  }

  /** Joined, or leaving. */
  stop(): void {
    this.#joining = false
    this.#nextAtMs = Infinity
  }

  state(): JoinerState {
    return {
      contacts: [...this.#contacts],
      joining: this.#joining,
      underWay: this.#underWay,
      cursor: this.#cursor,
      pauseMs: this.#pauseMs,
      nextAtMs: this.#nextAtMs,
    }
  }

  restore(state: JoinerState): void {
    this.#contacts = [...state.contacts]
    this.#joining = state.joining
    this.#underWay = state.underWay
    this.#cursor = state.cursor
    this.#pauseMs = state.pauseMs
    this.#nextAtMs = state.nextAtMs
  }

  #try(): void {
    const { settings, nowMs, streams } = this.#context
    this.#nextAtMs = Infinity
    while (this.#underWay < settings.joinContacts && this.#cursor < this.#contacts.length) {
      const contact = this.#contacts[this.#cursor]
      this.#cursor += 1
      if (contact === undefined || this.#isSelf(contact)) continue
      if (this.#exchanges.begin(contact, 'join')) this.#underWay += 1
    }
    if (this.#underWay > 0) return
    this.#nextAtMs = nowMs + this.#pauseMs * (0.5 + streams.join.fraction())
    this.#pauseMs = Math.min(this.#pauseMs * 2, settings.joinRetryMaxMs)
  }

  #isSelf({ id, host, port }: Contact): boolean {
    const { table, selfId } = this.#context
    const own = table.get(table.self)?.statement
    return id === undefined ? host === own?.host && port === own.port : id === selfId
  }
}

/** True for the same place. */
export function sameContact(left: Contact, right: Contact): boolean {
  return left.id === right.id && left.host === right.host && left.port === right.port
}

/** {@link Joiner} as plain data. */
export interface JoinerState {
  readonly contacts: readonly Contact[]
  readonly joining: boolean
  readonly underWay: number
  readonly cursor: number
  readonly pauseMs: number
  readonly nextAtMs: number
}
