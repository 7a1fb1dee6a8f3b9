/**
 * What nodes want and offer: topics that somebody subscribed to, procedures that somebody serves. A publisher reads in it
 * who wants a topic, a caller who offers a procedure.
 *
 * Linked nodes tell each other all of theirs, and every change. Nodes that are not linked find each other through the DHT:
 * whoever wants or offers something is found under its name, or under the longest prefix of it without wildcards; so is
 * whoever looks for something again and again. Those who find each other link, and tell.
 */

/** `topic`: filters of subscribers. `procedure`: names and patterns of servers. */
export type CatalogKind = 'topic' | 'procedure'

/** What one node wants or offers. */
export interface CatalogEntry {
  readonly kind: CatalogKind
  /** A filter in the sense of `mesh/topics`: segments, `*`, `**`. */
  readonly pattern: string
  /** Node key in hex. */
  readonly node: string
  /** The gateway that node is connected to; undefined for one that is a member itself. */
  readonly via: string | undefined
  /** What goes with it, a plain value of at most `detailBytesMax` bytes; queue groups, metadata. */
  readonly detail: CatalogDetail
  /** When this node learned it, by its own clock. */
  readonly sinceMs: number
}

/** A flat value. */
export type CatalogDetail = Readonly<Record<string, string | number | boolean>>

/** Entries of another node have changed. */
export type CatalogChange = {
  readonly type: 'added' | 'changed' | 'removed'
  readonly entry: CatalogEntry
}

/** Options of {@link Catalog.seek}. */
export interface SeekOptions {
  /** Default `seekTimeoutMs` of the settings, 2,000 ms. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** Counters and sizes. */
export interface CatalogStats {
  /** What this node wants and offers. */
  readonly own: number
  /** What others do, as far as this node knows. */
  readonly known: number
  /** Nodes whose entries are known. */
  readonly nodes: number
  readonly seeks: number
}

/** See the head of this file. */
export interface Catalog {
  /** This node wants or offers that; replaces what it said before. Throws `ERR_CATALOG_OWN_MAX`, `ERR_CATALOG_DETAIL`. */
  set(kind: CatalogKind, pattern: string, detail?: CatalogDetail): void
  /** This node does not any more. */
  delete(kind: CatalogKind, pattern: string): void
  /** Entries of other nodes that match `name`, known now; in no order. Do not keep the array. */
  lookup(kind: CatalogKind, name: string): readonly CatalogEntry[]
  /** Entries of other nodes, all of one kind. */
  entries(kind: CatalogKind): Iterable<CatalogEntry>
  /**
   * True when there is nobody to ask: whoever wants or offers `name` is known already, because every member's entries are,
   * or because it was asked a moment ago. Of a filter it is as for {@link seek}.
   */
  isSought(kind: CatalogKind, name: string): boolean
  /**
   * True when the last search for `name` ended without an answer: this peer at the edge has no gateway, or a silent one; or
   * nobody was found by a member in a DHT of which most is out of reach. Then it is not known at all who wants or offers it.
   */
  isUnanswered(kind: CatalogKind, name: string): boolean
  /**
   * True when this peer at the edge has lost the way to a node that it knew for `name`, and nobody has told it since who
   * wants or offers it: its gateway of now may know that node well, so who is missing is not who is gone. Never true for
   * a member, which hears itself who is gone.
   */
  isDoubtful(kind: CatalogKind, name: string): boolean
  /**
   * Resolves when whoever wants or offers `name` is known as well as can be, at the latest after its time; never rejects
   * but for its signal. Several for one name are one. It also lets those who come later find this node, for a while.
   *
   * With a filter, whatever it matches is looked for: a member seeks what stands before its first wildcard, and nothing for
   * `**`; a peer at the edge asks its gateway, and finds the answer among the {@link entries}, kept true while it is used.
   */
  seek(kind: CatalogKind, name: string, options?: SeekOptions): Promise<void>
  /**
   * A peer at the edge asks its gateway for what a name or filter matches and is kept told of it, until it calls what this
   * gives. A member is told anyway what those change that it knows, so there it does nothing.
   */
  follow(kind: CatalogKind, filter: string): () => void
  /**
   * A node sent this one something under `name`, which nobody here wants or offers: tells it, so that it looks again at
   * what it knows.
   */
  unwanted(kind: CatalogKind, name: string, from: string): void
  /** True when every linked node has said that it knows all that this one wants and offers; at the edge the gateway. */
  isTold(): boolean
  /** Calls `handler` for every change of the entries of others; gives the way to stop. */
  onChange(kind: CatalogKind, handler: (change: CatalogChange) => void): () => void
  stats(): CatalogStats
}
