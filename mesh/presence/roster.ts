/**
 * Who takes part in the topics of spaces, as nodes say it in the statements by which they are members: whoever knows a
 * member knows its spaces. Nobody is looked for and nobody is dialled for that, so a space costs a node that is quiet
 * nothing, however many others there are.
 *
 *     7$names 3$group.pg        a word per topic: bits of what the node does there, and the topic
 *
 * Statements are short. Topics that do not fit are announced in the catalog and looked for in the DHT, as those of users are;
 * their node knows all others, and speaks first. Changes of this node go out one second after the other once it has had
 * `BURST` of them, because each is news that every member passes on.
 */

/** What a node does in a topic. */
export type Part = 'tracks' | 'watches'

/** Where statements of members are said and heard. */
export interface RosterPort {
  /** Asks `words` for as much as fits into so many bytes, at once and whenever there is more or less room. */
  say(words: (bytesMax: number) => string | undefined): void
  /** Something else is to be said. */
  changed(): void
  /**
   * Calls `handler` with what each member says, at once, and when it changes or a new life begins; with nothing when the
   * member is gone. Gives the way to stop.
   */
  hear(handler: (node: string, words: string | undefined) => void): () => void
}

/** What a roster works with. */
export interface RosterParts {
  readonly port: RosterPort
  readonly now: () => number
  /** A topic of this node fits into its statement, or does not any more. */
  readonly fits: (topic: string, does: boolean) => void
  readonly refuse: (code: string, node: string) => void
}

/** Bits of a word. `said`: the node has had entries there; who has not is not asked. */
export const ROSTER_BITS: Readonly<Record<Part | 'said', number>> = Object.freeze({
  tracks: 1,
  watches: 2,
  said: 4,
})

/** Words of one node: more would make the news of every member long. */
const BYTES_MAX = 256

/** Changes of this node in quick succession; then one each {@link CHANGE_MS}. */
const BURST = 8
const CHANGE_MS = 1_000

const WORD = /^([1-7])(\$[A-Za-z0-9_.-]{1,250})$/

type Words = ReadonlyMap<string, number>

const NO_WORDS: Words = new Map()

/** See the head of this file. */
export class Roster {
  readonly #parts: RosterParts
  /** Bits of this node by topic; those that came first keep their place. */
  readonly #own = new Map<string, number>()
  #fitting: ReadonlySet<string> = new Set()
  readonly #others = new Map<string, Words>()
  readonly #byTopic = new Map<string, Map<string, number>>()
  #bytesMax = 0
  /** While nothing listens, what changes is said at once: it is part of the first statement. */
  #isLive = false
  #isDirty = false
  /** When the changes so far are paid for. */
  #paidMs = -Infinity

  constructor(parts: RosterParts) {
    this.#parts = parts
    parts.port.say((bytesMax) => {
      this.#bytesMax = Math.min(bytesMax, BYTES_MAX)
      this.#settle()
      return this.#text()
    })
  }

  get nextDueMs(): number {
    return this.#isDirty ? this.#paidMs - (BURST - 1) * CHANGE_MS : Infinity
  }

  /** This node does that in a topic; nothing for 0. Gives whether that fits into its statement. */
  set(topic: string, bits: number): boolean {
    if ((this.#own.get(topic) ?? 0) === bits) return this.#fitting.has(topic)
    if (bits === 0) this.#own.delete(topic)
    else this.#own.set(topic, bits)
    this.#isDirty = true
    this.#settle()
    if (!this.#isLive) this.#say()
    return this.#fitting.has(topic)
  }

  /** Whether this node says in its statement that it is in that topic. */
  says(topic: string): boolean {
    return this.#fitting.has(topic)
  }

  /** Bits of another node in a topic; 0 for none. */
  bits(topic: string, node: string): number {
    return this.#byTopic.get(topic)?.get(node) ?? 0
  }

  /** Nodes that do that in a topic. */
  *nodes(topic: string, part: Part): Iterable<string> {
    for (const [node, bits] of this.#byTopic.get(topic) ?? []) {
      if ((bits & ROSTER_BITS[part]) !== 0) yield node
    }
  }

  /** Hears members until what this gives is called; `changed` gets each topic in which a node may do something else. */
  listen(changed: (topic: string, node: string) => void): () => void {
    this.#isLive = true
    // Of those that are not there any more nothing was heard meanwhile.
    const before = new Set(this.#others.keys())
    const stop = this.#parts.port.hear((node, words) => {
      before.delete(node)
      for (const topic of this.#take(node, words)) changed(topic, node)
    })
    for (const node of before) for (const topic of this.#take(node, undefined)) changed(topic, node)
    return stop
  }

  /** Topics that a node says. */
  topicsOf(node: string): Iterable<string> {
    return (this.#others.get(node) ?? NO_WORDS).keys()
  }

  tick(nowMs: number): void {
    if (this.nextDueMs <= nowMs) this.#say()
  }

  #say(): void {
    this.#isDirty = false
    if (this.#isLive) this.#paidMs = Math.max(this.#paidMs, this.#parts.now()) + CHANGE_MS
    this.#parts.port.changed()
  }

  #take(node: string, text: string | undefined): ReadonlySet<string> {
    const before = this.#others.get(node) ?? NO_WORDS
    const now = text === undefined ? NO_WORDS : this.#read(node, text)
    for (const topic of before.keys()) {
      const nodes = this.#byTopic.get(topic)
      nodes?.delete(node)
      if (nodes?.size === 0) this.#byTopic.delete(topic)
    }
    for (const [topic, bits] of now) {
      let nodes = this.#byTopic.get(topic)
      if (nodes === undefined) this.#byTopic.set(topic, (nodes = new Map()))
      nodes.set(node, bits)
    }
    if (now.size === 0) this.#others.delete(node)
    else this.#others.set(node, now)
    return new Set([...before.keys(), ...now.keys()])
  }

  #read(node: string, text: string): Words {
    const words = new Map<string, number>()
    for (const word of text.split(' ')) {
      const [, bits, topic] = WORD.exec(word) ?? []
      if (topic === undefined) this.#parts.refuse('ERR_PRESENCE_ROSTER_INVALID', node)
      else words.set(topic, Number(bits))
    }
    return words
  }

  /** Which topics fit; those that stood first come first. */
  #settle(): void {
    const fitting = new Set<string>()
    let bytes = 0
    for (const topic of this.#own.keys()) {
      // The bit, and what parts it from the word before.
      const more = topic.length + (bytes === 0 ? 1 : 2)
      if (bytes + more > this.#bytesMax || !WORD.test(`1${topic}`)) continue
      bytes += more
      fitting.add(topic)
    }
    const before = this.#fitting
    this.#fitting = fitting
    for (const topic of this.#own.keys()) {
      if (fitting.has(topic) !== before.has(topic)) this.#parts.fits(topic, fitting.has(topic))
    }
  }

  #text(): string | undefined {
    if (this.#fitting.size === 0) return undefined
    return Array.from(this.#fitting, (topic) => `${this.#own.get(topic)}${topic}`).join(' ')
  }
}
