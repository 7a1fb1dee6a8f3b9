/** Every dial and limit of the catalog. Times are milliseconds. */
import { numberOption, resolveOptions } from '../../runtime/index.ts'
import type { OptionCheck } from '../../runtime/index.ts'

/** Settings of one catalog; see {@link catalogSettings}. */
export interface CatalogSettings {
  /**
   * Changes of this node are told to its peers together after this. Higher costs fewer frames when much changes,
   * and tells every single change later.
   */
  readonly batchMs: number
  /** Entries of a node without a link are forgotten after this, unless it comes back. */
  readonly leaseMs: number
  /**
   * The same for a peer at the edge of this gateway, which has no other way to say that it is there. For as long a gateway
   * that has begun tells its peers at the edge that it may not have heard yet of all who want a topic.
   */
  readonly edgeLeaseMs: number
  /** Entries of this node, and of any other; of a gateway with those of all its edge peers. All nodes alike. */
  readonly entriesPerNodeMax: number
  /** Entries of others in all. */
  readonly entriesMax: number
  /** What this node tells a peer about itself, of one kind; above it filters are widened to prefixes. */
  readonly entriesPerPeerMax: number
  /** Bytes of the detail of one entry. All nodes alike. */
  readonly detailBytesMax: number
  /** Bytes of one frame, about; far below what travels in pieces, because their order counts. */
  readonly frameBytesMax: number
  /** Changes remembered, so that a peer that comes back is told only what is new. */
  readonly historyMax: number
  /** For how long. */
  readonly historyMs: number
  /** What was received is acknowledged after this. */
  readonly ackDelayMs: number
  /** What was not acknowledged after this is told again. */
  readonly ackTimeoutMs: number
  /** A peer whose words have a gap is asked for all of them; then, if it does not help, twice as late each. The same for one
   * that is told through others, when something got lost. */
  readonly askRetryMs: number
  /** No later than this. */
  readonly askRetryMaxMs: number

  /** Time of a `seek` whose caller says nothing. */
  readonly seekTimeoutMs: number
  /** Who was found stays found for this long before it is asked again. */
  readonly seekFreshMs: number
  /** At most one lookup of a key within this; when nobody was found it may be repeated after this. */
  readonly seekIntervalMs: number
  /** Keys of names that are sought are looked up again after this while they are used, about. */
  readonly refreshMs: number
  /** A name counts as used for this long after the last question for it; so long others find this node under it. */
  readonly seekLeaseMs: number
  /** Names sought at once; the one that was unused for longest makes room. */
  readonly soughtMax: number
  /**
   * At most so many members whose entries are not known are asked themselves instead of the DHT: as many as it asks, which are of
   * no use where few nodes can dial each other. Raising it makes more links in middling meshes, lowering it leaves those
   * strict networks to the DHT.
   */
  readonly seekMembersMax: number
  /** Lookups under way. */
  readonly lookupsParallel: number
  /** Dials to nodes that were found, at once. */
  readonly linksParallel: number
  /** Nodes that wait for such a dial. */
  readonly linkQueueMax: number
  /** Nodes that cannot be linked, with which this one speaks through others; one more takes the place of a broken one. */
  readonly relayedPeersMax: number
  /** A node that was reached has so long to tell what it wants and offers. */
  readonly syncTimeoutMs: number
  /** An entry is published in the DHT when it has been there for this long. */
  readonly settleMs: number
  /** Records put or withdrawn within a second. */
  readonly provisionsPerSecond: number
  /** Keys under which this node is found for what it has; beyond it filters are widened to prefixes. */
  readonly provisionsMax: number
  /** Puts under way. */
  readonly provisionsParallel: number
  /** Life of such a record; it is put again before. What was withdrawn may be found for as long. */
  readonly provisionTtlMs: number

  /** Questions of one edge peer to its gateway within a second. */
  readonly edgeSeeksPerSecondMax: number
  /** Questions of all of them under way. */
  readonly edgeSeeksMax: number
  /** Entries in one answer. */
  readonly answerEntriesMax: number
  /**
   * Questions of one edge peer whose answers its gateway keeps true by answering again. Of more the oldest ones are out of
   * date until the peer asks again by itself (`refreshMs`). Each costs a gateway about 200 bytes.
   */
  readonly edgeStandingMax: number
  /** Changes are told to edge peers together after this. Higher costs fewer answers where much changes. */
  readonly answerDelayMs: number
  /**
   * The three limits above for questions with wildcards, such as those of `services.list` and `services.watch`. Each costs a
   * gateway a look at everything that it knows, and an answer of up to `answerEntriesMax` entries: raise them with care.
   */
  readonly edgeFilterSeeksPerSecondMax: number
  readonly edgeStandingFiltersMax: number
  readonly filterAnswerDelayMs: number
}

/** What differs from the defaults. */
export type CatalogOptions = Partial<CatalogSettings>

/** The defaults. */
export const CATALOG_DEFAULTS: CatalogSettings = Object.freeze({
  batchMs: 5,
  leaseMs: 300_000,
  edgeLeaseMs: 10_000,
  entriesPerNodeMax: 100_000,
  entriesMax: 1_000_000,
  entriesPerPeerMax: 10_000,
  detailBytesMax: 512,
  frameBytesMax: 32_768,
  historyMax: 65_536,
  historyMs: 120_000,
  ackDelayMs: 50,
  ackTimeoutMs: 10_000,
  askRetryMs: 1_000,
  askRetryMaxMs: 60_000,
  seekTimeoutMs: 2_000,
  seekFreshMs: 5_000,
  seekIntervalMs: 2_000,
  refreshMs: 30_000,
  seekLeaseMs: 120_000,
  soughtMax: 4_096,
  seekMembersMax: 20,
  lookupsParallel: 32,
  linksParallel: 16,
  linkQueueMax: 256,
  relayedPeersMax: 64,
  syncTimeoutMs: 5_000,
  settleMs: 500,
  provisionsPerSecond: 16,
  provisionsMax: 512,
  provisionsParallel: 8,
  provisionTtlMs: 3_600_000,
  edgeSeeksPerSecondMax: 64,
  edgeSeeksMax: 1_024,
  answerEntriesMax: 4_096,
  edgeStandingMax: 256,
  answerDelayMs: 20,
  edgeFilterSeeksPerSecondMax: 8,
  edgeStandingFiltersMax: 16,
  filterAnswerDelayMs: 1_000,
})

const millis: OptionCheck = numberOption(1, 2_147_483_647)
const amount: OptionCheck = numberOption(1, 16_777_216)

const CHECKS: { readonly [K in keyof CatalogSettings]-?: OptionCheck } = {
  ...(Object.fromEntries(
    Object.keys(CATALOG_DEFAULTS).map((name) => [name, name.endsWith('Ms') ? millis : amount]),
  ) as { readonly [K in keyof CatalogSettings]-?: OptionCheck }),
  batchMs: numberOption(0, 60_000),
  answerDelayMs: numberOption(0, 60_000),
  filterAnswerDelayMs: numberOption(0, 60_000),
  ackDelayMs: numberOption(0, 60_000),
  settleMs: numberOption(0, 2_147_483_647),
  seekMembersMax: numberOption(0, 1_048_576),
  detailBytesMax: numberOption(0, 16_384),
  frameBytesMax: numberOption(2_048, 49_152),
}

/** The defaults with what was given over them. Throws an `OptionError`. */
export function catalogSettings(given: CatalogOptions = {}): CatalogSettings {
  return resolveOptions<CatalogSettings>('catalog', CATALOG_DEFAULTS, CHECKS, given)
}
