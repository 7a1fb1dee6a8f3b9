/** The routing table once more, slow and obvious: what `table.ts` is compared with. */
import { networkOf } from '../../../../mesh/routing/kademlia/diversity.ts'
import type { KadKey } from '../../../../mesh/routing/kademlia/id.ts'
import type { Contact } from '../../../../mesh/routing/kademlia/message.ts'
import type { RoutingSettings } from '../../../../mesh/routing/kademlia/settings.ts'
import { bucketOf, byDistance } from './keys.ts'

interface Known {
  readonly contact: Contact
  readonly answeredMs: number
  readonly failures: number
  readonly failed: boolean
}

/** Lists of entries and replacements by bucket; every rule of K5-K8, K11 and K12 in one sentence of code. */
export class TableModel {
  readonly #own: KadKey
  readonly #settings: RoutingSettings
  readonly #entries = new Map<number, Known[]>()
  readonly #replacements = new Map<number, Known[]>()

  constructor(own: KadKey, settings: RoutingSettings) {
    this.#own = own
    this.#settings = settings
  }

  entries(bucket: number): Known[] {
    return this.#entries.get(bucket) ?? []
  }

  replacements(bucket: number): Known[] {
    return this.#replacements.get(bucket) ?? []
  }

  all(): Known[] {
    return [...this.#entries.keys()].sort((a, b) => b - a).flatMap((key) => this.entries(key))
  }

  answered(contact: Contact, nowMs: number): void {
    const bucket = bucketOf(this.#own, contact.key)
    if (bucket < 0) return
    const others = this.entries(bucket).filter((known) => known.contact.id !== contact.id)
    const isKnown = others.length < this.entries(bucket).length
    const fresh = { contact, answeredMs: nowMs, failures: 0, failed: false }
    const waiting = this.replacements(bucket).filter((known) => known.contact.id !== contact.id)
    if (isKnown) {
      const before = this.entries(bucket).find((known) => known.contact.id === contact.id)!
      const moved = networkOf(before.contact.host) !== networkOf(contact.host)
      if (!moved || this.#fits(bucket, contact, contact.id)) {
        this.#entries.set(bucket, [...others, fresh])
      } else this.#takeOut(bucket, contact.id)
      return
    }
    this.#replacements.set(bucket, waiting)
    const leaving = others.find(({ failed }) => failed)
    if (others.length < this.#settings.k) {
      if (this.#fits(bucket, contact, '')) this.#entries.set(bucket, [...others, fresh])
    } else if (leaving !== undefined) {
      if (!this.#fits(bucket, contact, leaving.contact.id)) return
      this.#entries.set(bucket, [...others.filter((known) => known !== leaving), fresh])
    } else {
      const network = networkOf(contact.host)
      const same = waiting.filter((known) => networkOf(known.contact.host) === network)
      if (network !== undefined && same.length >= this.#settings.networkBucketMax) return
      this.#replacements.set(bucket, [fresh, ...waiting].slice(0, this.#settings.replacementsMax))
    }
  }

  failed(contact: Contact): void {
    const bucket = bucketOf(this.#own, contact.key)
    this.#forgetReplacement(bucket, contact.id)
    this.#change(bucket, contact.id, (known) => {
      const failures = known.failures + 1
      return { ...known, failures, failed: known.failed || failures >= this.#settings.failuresMax }
    })
    const entry = this.entries(bucket).find((known) => known.contact.id === contact.id)
    if (entry?.failed !== true) return
    if (this.#next(bucket, contact.id) !== undefined) this.#takeOut(bucket, contact.id)
  }

  down(contact: Contact): void {
    const bucket = bucketOf(this.#own, contact.key)
    this.#forgetReplacement(bucket, contact.id)
    this.#change(bucket, contact.id, (known) => ({ ...known, failed: true }))
  }

  remove(contact: Contact): void {
    const bucket = bucketOf(this.#own, contact.key)
    this.#forgetReplacement(bucket, contact.id)
    const isThere = this.entries(bucket).some((known) => known.contact.id === contact.id)
    if (isThere) this.#takeOut(bucket, contact.id)
  }

  closest(target: KadKey, count: number, except: string | undefined): Contact[] {
    const good = this.all().filter(({ failed, contact }) => !failed && contact.id !== except)
    const sorted = byDistance(
      target,
      good.map(({ contact }) => contact),
    )
    return sorted.slice(0, count)
  }

  networks(): Map<string, number> {
    const counts = new Map<string, number>()
    for (const { contact } of this.all()) {
      const network = networkOf(contact.host)
      if (network !== undefined) counts.set(network, (counts.get(network) ?? 0) + 1)
    }
    return counts
  }

  #forgetReplacement(bucket: number, id: string): void {
    const waiting = this.replacements(bucket).filter((known) => known.contact.id !== id)
    this.#replacements.set(bucket, waiting)
  }

  #change(bucket: number, id: string, change: (known: Known) => Known): void {
    const changed = this.entries(bucket).map((known) =>
      known.contact.id === id ? change(known) : known,
    )
    this.#entries.set(bucket, changed)
  }

  #next(bucket: number, leaving: string): Known | undefined {
    return this.replacements(bucket).find(({ contact }) => this.#fits(bucket, contact, leaving))
  }

  #takeOut(bucket: number, id: string): void {
    const next = this.#next(bucket, id)
    const rest = this.entries(bucket).filter((known) => known.contact.id !== id)
    if (next === undefined) {
      this.#entries.set(bucket, rest)
      return
    }
    this.#forgetReplacement(bucket, next.contact.id)
    const before = rest.filter(({ answeredMs }) => answeredMs <= next.answeredMs)
    this.#entries.set(bucket, [...before, next, ...rest.slice(before.length)])
  }

  /** True if the network of `contact` has room in the table and in the bucket without `leaving`. */
  #fits(bucket: number, contact: Contact, leaving: string): boolean {
    const network = networkOf(contact.host)
    if (network === undefined) return true
    const count = (known: readonly Known[]): number =>
      known.filter(
        (each) => each.contact.id !== leaving && networkOf(each.contact.host) === network,
      ).length
    return (
      count(this.all()) < this.#settings.networkEntriesMax &&
      count(this.entries(bucket)) < this.#settings.networkBucketMax
    )
  }
}
