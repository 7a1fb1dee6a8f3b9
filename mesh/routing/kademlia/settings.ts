/**
 * Every dial and limit of the routing core. Times are milliseconds. Defaults follow the Kademlia paper
 * (k 20, alpha 3, refresh 1 h) and, where they differ, say why. Frozen, and shared by all cores of a
 * simulation.
 */

/** Settings of one core; see {@link routingSettings}. */
export interface RoutingSettings {
  /** Entries per bucket, holders per record, results of a lookup. */
  readonly k: number
  /** Requests in flight per lookup path. More is faster and costs messages for nothing. */
  readonly alpha: number
  /** The same for lookups that somebody waits for. */
  readonly alphaInteractive: number
  /** Answers of the nearest after which a lookup asks all k nearest at once; 0 for never. */
  readonly beta: number
  /** Disjoint paths of what callers mark `critical`. Each costs about the messages of one lookup. */
  readonly disjointPaths: number
  /** Contacts in an answer, as a multiple of k. With 2 lookups stay exact after many deaths (K24). */
  readonly answerFactor: number
  /** Time of one request, dial included; then the contact has failed. */
  readonly requestTimeoutMs: number
  /** A request this much slower than usual does not count as in flight any more: 2 x p95 of rtt. */
  readonly softTimeoutFactor: number
  /** Soft timeout while no rtt is known, and its ceiling. */
  readonly softTimeoutMs: number
  /** Lowest soft timeout. */
  readonly softTimeoutMinMs: number
  /** Time of one lookup. */
  readonly lookupTimeoutMs: number
  /** Requests of one lookup path. */
  readonly lookupRequestsMax: number
  /** Lookups at once; further ones wait. */
  readonly lookupsMax: number
  /** Lookups that wait; then `ERR_DHT_LOOKUPS_MAX`. */
  readonly lookupQueueMax: number
  /** Buckets are refreshed when nothing was looked up in them for this long, with jitter. */
  readonly refreshIntervalMs: number
  /** Share of the interval by which a refresh may come earlier or later. */
  readonly refreshJitter: number
  /** Replacement cache per bucket. */
  readonly replacementsMax: number
  /** Failed requests in a row after which an entry gives way. */
  readonly failuresMax: number
  /** An entry that did not answer for so long is pinged when somebody waits for its place (BEP 5). */
  readonly questionableMs: number
  /** Pause before failed entries are pinged again, doubled up to `refreshIntervalMs` while they stay so. */
  readonly failedRetryMs: number
  /** Whoever failed is asked last for so long, whatever others say about it. */
  readonly fallenMs: number
  /** Failed entries that had to give way and are tried again now and then: a partition may be over. */
  readonly lostMax: number
  /** Pings (eviction, verification of candidates) in flight. */
  readonly pingsMax: number
  /** Pings within a second. */
  readonly pingsPerSecondMax: number
  /** Candidates that wait for their verification; the oldest gives way. */
  readonly candidatesMax: number
  /** Entries of one IP network (/24, IPv6 /48; not loopback nor private) in the table; 0 for no limit. */
  readonly networkEntriesMax: number
  /** The same within one bucket. */
  readonly networkBucketMax: number
  /** First pause between attempts to bootstrap, doubled each time, with jitter. */
  readonly bootstrapBaseMs: number
  readonly bootstrapMaxMs: number
  /** Questions of one peer within a second; then they are refused and counted. */
  readonly requestsPerPeerMax: number
  /** A peer whose offences sum up to this is shunned; the weights stand in `scores.ts`, most are 10. */
  readonly shunScore: number
  /** How long it is shunned: in no table, in no lookup, nothing of it is kept. */
  readonly shunMs: number
  /** After so long an offence counts half. */
  readonly scoreHalfLifeMs: number
  /** Peers whose offences are remembered; the one with the lowest score is forgotten first. */
  readonly scoredPeersMax: number
  /** Lookups whose distances the estimate of the network's size is made of. */
  readonly sizeSamplesMax: number
}

/** The defaults. */
export const ROUTING_DEFAULTS: RoutingSettings = Object.freeze({
  k: 20,
  alpha: 3,
  alphaInteractive: 10,
  beta: 3,
  disjointPaths: 8,
  answerFactor: 2,
  requestTimeoutMs: 2_000,
  softTimeoutFactor: 2,
  softTimeoutMs: 500,
  softTimeoutMinMs: 20,
  lookupTimeoutMs: 30_000,
  lookupRequestsMax: 256,
  lookupsMax: 64,
  lookupQueueMax: 1_024,
  refreshIntervalMs: 3_600_000,
  refreshJitter: 0.5,
  replacementsMax: 20,
  failuresMax: 1,
  questionableMs: 900_000,
  failedRetryMs: 30_000,
  fallenMs: 60_000,
  lostMax: 64,
  pingsMax: 8,
  pingsPerSecondMax: 16,
  candidatesMax: 256,
  networkEntriesMax: 10,
  networkBucketMax: 2,
  bootstrapBaseMs: 1_000,
  bootstrapMaxMs: 60_000,
  requestsPerPeerMax: 1_024,
  shunScore: 100,
  shunMs: 900_000,
  scoreHalfLifeMs: 600_000,
  scoredPeersMax: 1_024,
  sizeSamplesMax: 64,
})

/** The defaults with what is given on top. */
export function routingSettings(given: Partial<RoutingSettings> = {}): RoutingSettings {
  return Object.freeze({ ...ROUTING_DEFAULTS, ...given })
}
