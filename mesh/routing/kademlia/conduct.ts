/**
 * How peers behave towards this node: how much they ask, what they tell about others, and what of that is held
 * against them (`scores.ts`). Whoever is shunned is told to the core once, which then has nothing to do with it.
 */
import { checkContacts } from './contacts.ts'
import type { RoutingRefusal, RoutingStats } from './machine.ts'
import type { Contact, LookupReply } from './message.ts'
import { PeerRate } from './peer-rate.ts'
import { PeerScores, type Offence } from './scores.ts'
import type { RoutingSettings } from './settings.ts'

/** What is done about it. */
export interface ConductHost {
  refused(code: RoutingRefusal, from: string): void
  /** From now on. */
  shunned(id: string): void
}

/** The judgement of one node. */
export class Conduct {
  readonly #selfId: string
  readonly #contactsMax: number
  readonly #host: ConductHost
  readonly #rate: PeerRate
  readonly #scores: PeerScores

  constructor(selfId: string, settings: RoutingSettings, host: ConductHost) {
    this.#selfId = selfId
    this.#contactsMax = Math.ceil(settings.answerFactor * settings.k)
    this.#host = host
    this.#rate = new PeerRate(settings.requestsPerPeerMax)
    this.#scores = new PeerScores(settings)
  }

  isShunned(id: string, nowMs: number): boolean {
    return this.#scores.isShunned(id, nowMs)
  }

  /** Counts a question; false when it is one too many. */
  mayAsk(id: string, nowMs: number): boolean {
    if (this.#rate.allow(id, nowMs)) return true
    this.#host.refused('ERR_DHT_REQUESTS_MAX', id)
    if (this.#rate.isSpent(id)) this.offend(id, 'ERR_DHT_REQUESTS_MAX', nowMs)
    return false
  }

  /** One more; when it is one too many, the peer goes. */
  offend(id: string, code: Offence, nowMs: number): void {
    if (id === this.#selfId || !this.#scores.offend(id, code, nowMs)) return
    this.#host.refused('ERR_DHT_PEER_SHUNNED', id)
    this.#host.shunned(id)
  }

  /** An answer that is none: of another kind, about another key, or of somebody who was not asked. */
  misanswered(from: string, askedId: string | undefined, nowMs: number): void {
    this.#host.refused('ERR_DHT_REPLY_UNEXPECTED', from)
    // Somebody else may live at that address by now.
    if (from === askedId) this.offend(from, 'ERR_DHT_REPLY_UNEXPECTED', nowMs)
  }

  /**
   * Contacts of an answer that may be true, and are of nobody who is shunned; each kind of lie counts once per
   * answer. `host`: where the teller was asked.
   */
  believed(
    { type, contacts }: LookupReply,
    from: string,
    host: string,
    nowMs: number,
  ): readonly Contact[] {
    const offences = new Set<Offence>()
    const checked = checkContacts(contacts, {
      selfId: this.#selfId,
      tellerId: from,
      tellerHost: host,
      contactsMax: this.#contactsMax,
      isBounded: type === 'find_node_reply',
      refused: (code, excused) => {
        this.#host.refused(code, from)
        if (!excused) offences.add(code)
      },
    })
    for (const code of offences) this.offend(from, code, nowMs)
    if (!checked.some(({ id }) => this.isShunned(id, nowMs))) return checked
    return checked.filter(({ id }) => !this.isShunned(id, nowMs))
  }

  stats(nowMs: number): Pick<RoutingStats, 'offences' | 'shuns' | 'shunned'> {
    const { offences, shuns } = this.#scores
    return { offences, shuns, shunned: this.#scores.shunnedSize(nowMs) }
  }
}
