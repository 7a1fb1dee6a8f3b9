/**
 * Enemies of the DHT who work together and know everything about each other: to each question a member
 * answers with the members nearest to the key that the asker has not asked yet, as if there were nobody
 * else. What it is given to keep it acknowledges and throws away; it never has anything.
 */
import type { Contact, DhtReply, DhtRequest, Sender } from '../routing/kademlia/message.ts'
import type { DhtInput, DhtMachine, DhtSink } from './dht-boundary.ts'
import { nearest } from './dht-oracle.ts'

/** Members that are sorted for one key at most. */
const SORTED_MAX = 1_024

/** See the head of this file. */
export class Conspiracy {
  readonly #members = new Map<string, Contact>()
  readonly #answerMax: number
  /** Members near a key, nearest first. */
  readonly #sorted = new Map<string, Contact[]>()
  /** Who has asked which members about which key. */
  readonly #asked = new Map<string, Set<string>>()
  /** Questions that members answered. */
  questions = 0

  /** `answerMax` contacts are in each answer. */
  constructor(answerMax: number) {
    this.#answerMax = answerMax
  }

  /** How many there are. */
  get size(): number {
    return this.#members.size
  }

  has(id: string): boolean {
    return this.#members.has(id)
  }

  /** One more member. */
  enlist(self: Contact): DhtMachine {
    this.#members.set(self.id, self)
    this.#sorted.clear()
    return {
      step: (_, input, sink) => this.#step(self, input, sink),
      nextDeadline: () => Infinity,
    }
  }

  #step(self: Contact, input: DhtInput, sink: DhtSink): void {
    if (input.type !== 'request') return
    this.questions++
    sink.reply(input.replyId, this.#answer(self, input.from, input.message))
  }

  #answer(self: Contact, from: string, message: DhtRequest): DhtReply {
    const { key, type } = message
    const sender: Sender = { host: self.host, port: self.port, mode: 'server' }
    switch (type) {
      case 'find_node':
        return {
          type: 'find_node_reply',
          key,
          sender,
          contacts: message.count === 0 ? [] : this.#unasked(self, from, message),
        }
      case 'find_value':
        return {
          type: 'find_value_reply',
          key,
          sender,
          record: undefined,
          contacts: this.#unasked(self, from, message),
        }
      case 'get_providers':
        return {
          type: 'providers_reply',
          key,
          sender,
          records: [],
          contacts: this.#unasked(self, from, message),
        }
      case 'store':
      case 'add_provider':
        return { type: 'store_reply', key, sender, refusal: undefined, record: undefined }
    }
  }

  #unasked(self: Contact, from: string, { key }: DhtRequest): Contact[] {
    let sorted = this.#sorted.get(key.hex)
    if (sorted === undefined) {
      sorted = nearest([...this.#members.values()], key, SORTED_MAX)
      this.#sorted.set(key.hex, sorted)
    }
    const about = `${from} ${key.hex}`
    let asked = this.#asked.get(about)
    if (asked === undefined) this.#asked.set(about, (asked = new Set()))
    asked.add(self.id)
    const found: Contact[] = []
    for (const contact of sorted) {
      if (found.length === this.#answerMax) break
      if (!asked.has(contact.id)) found.push(contact)
    }
    return found
  }
}
