/**
 * Every dial and limit of the records core. Times are milliseconds, sizes bytes. Defaults follow what large
 * networks found out (records live 48 h, publishers repeat after 22 h, holders after 1 h).
 */

/** Settings of one core; see {@link recordsSettings}. */
export interface RecordsSettings {
  /** Holders of a record; the `k` of the routing core. */
  readonly k: number
  /** Contacts in an answer, as a multiple of k; that of the routing core. */
  readonly answerFactor: number
  /** Longest life of a record from now; a later expiry is refused. */
  readonly recordTtlMaxMs: number
  /** Life of a record whose publisher says nothing. */
  readonly recordTtlMs: number
  /** The same for provider and address records. */
  readonly providerTtlMs: number
  /** Clocks may differ by so much before a record counts as too long-lived. */
  readonly clockSkewMs: number
  /** Whoever offers a record that is over since less than this is excused: its clock may be wrong. */
  readonly expiredExcusedMs: number
  /** Publishers put their records again after this. */
  readonly republishIntervalMs: number
  /** The same for provider and address records: within their life, with room for two failures. */
  readonly reprovideIntervalMs: number
  /**
   * What did not reach all holders, because one of them or somebody on the way did not answer, is put again after
   * this, then three times as late each; after three times it waits for its interval. Lower heals a put in a network
   * that is just starting sooner, and costs a lookup for each.
   */
  readonly repeatSoonMs: number
  /** Holders put what they hold to the present k nearest after this, unless somebody else just did. */
  readonly replicateIntervalMs: number
  /** False only to show what replication is good for. */
  readonly replicate: boolean
  /** Give a new node what it should hold at once, not at the next replication. */
  readonly handoff: boolean
  /** Keep a copy at the nearest node on the way that had none. */
  readonly cachePath: boolean
  /** Part of an interval by which it may be shorter or longer. */
  readonly jitter: number
  /** One record's value. */
  readonly valueBytesMax: number
  /** Metadata of a provider record. */
  readonly providerBytesMax: number
  /** Records kept for others. */
  readonly recordsMax: number
  /** Bytes of them. */
  readonly bytesMax: number
  /** Provider and address records of one key. */
  readonly providersPerKeyMax: number
  /** Provider records in one answer; more are drawn by lot. */
  readonly providersAnswerMax: number
  /** Records taken from one peer within `peerWindowMs`. */
  readonly peerPutsMax: number
  readonly peerWindowMs: number
  /** Peers that may store within one window; beyond it a newcomer waits for the next. */
  readonly peerWindowsMax: number
  /** Records that one publisher may have here. */
  readonly publisherRecordsMax: number
  /** Records that this node publishes at once; a further one is refused. */
  readonly publishedMax: number
  /** Sequences remembered of records that ended before an older one did; then the first is forgotten. */
  readonly floorsMax: number
  /** Holders that must acknowledge a put when the caller says nothing. */
  readonly putQuorum: number
  /** Answers that must agree for a get when the caller says nothing. */
  readonly getQuorum: number
  readonly operationTimeoutMs: number
  readonly requestTimeoutMs: number
  /** Operations at once. */
  readonly operationsMax: number
  /** Puts in flight of one operation. */
  readonly putsParallel: number
  /** Put to everybody as near as the k nearest should be by the estimated size of the network (K45). */
  readonly putRadius: boolean
  /** Holders of one record at most, when the radius asks for more than k. */
  readonly putHoldersMax: number
  /** Requests in flight per path of a lookup that somebody waits for. */
  readonly operationAlpha: number
  /** Providers that one operation collects when the caller names no number; further ones are left out. */
  readonly providersFoundMax: number
  /** Maintenance puts in flight: to repeat, to replicate, to hand over, to correct, to leave copies. */
  readonly maintenanceParallel: number
  /** Corrections, copies and records for newcomers that wait; further ones are left to replication. */
  readonly maintenanceQueueMax: number
}

/** The defaults. */
export const RECORDS_DEFAULTS: RecordsSettings = Object.freeze({
  k: 20,
  answerFactor: 2,
  recordTtlMaxMs: 172_800_000,
  recordTtlMs: 172_800_000,
  providerTtlMs: 86_400_000,
  clockSkewMs: 300_000,
  expiredExcusedMs: 86_400_000,
  republishIntervalMs: 79_200_000,
  reprovideIntervalMs: 28_800_000,
  repeatSoonMs: 30_000,
  replicateIntervalMs: 3_600_000,
  replicate: true,
  handoff: true,
  cachePath: true,
  jitter: 0.25,
  valueBytesMax: 65_536,
  providerBytesMax: 1_024,
  recordsMax: 16_384,
  bytesMax: 67_108_864,
  providersPerKeyMax: 256,
  providersAnswerMax: 64,
  peerPutsMax: 2_048,
  peerWindowMs: 60_000,
  peerWindowsMax: 4_096,
  publisherRecordsMax: 4_096,
  publishedMax: 4_096,
  floorsMax: 16_384,
  putQuorum: 1,
  getQuorum: 1,
  operationTimeoutMs: 30_000,
  requestTimeoutMs: 2_000,
  operationsMax: 256,
  putsParallel: 10,
  putRadius: true,
  putHoldersMax: 100,
  operationAlpha: 10,
  providersFoundMax: 1_024,
  maintenanceParallel: 4,
  maintenanceQueueMax: 1_024,
})

/** The defaults with what is given on top. */
export function recordsSettings(given: Partial<RecordsSettings> = {}): RecordsSettings {
  return Object.freeze({ ...RECORDS_DEFAULTS, ...given })
}
