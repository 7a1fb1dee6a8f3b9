/**
 * Every dial and limit of the membership core. Times are milliseconds, sizes are bytes. The defaults
 * are those of `lan`; the other presets say only what differs. Frozen, and shared by all cores of a
 * simulation.
 */

/** Settings of one core; see {@link swimSettings}. */
export interface SwimSettings {
  /**
   * One member is probed this often. Lower finds crashes sooner and costs two datagrams per node and
   * period; keep it above twice `probeTimeoutMs`. Stretched by local health.
   */
  readonly probeIntervalMs: number
  /** Wait for the ack of a direct probe before others are asked. About the 99th percentile of rtt. */
  readonly probeTimeoutMs: number
  /** Members asked to probe in our place. More survives more loss and costs messages per failure. */
  readonly indirectProbes: number
  /** A helper says "no answer" after this share of the origin's wait; below 1, or it comes too late. */
  readonly nackShare: number
  /** Probes of others that a helper has under way; beyond it the request is nacked at once. */
  readonly relaysMax: number
  /**
   * Probes for one peer within a probe interval; beyond it `ERR_SWIM_RELAYS_MAX` and no answer. A peer needs
   * one. Raise it when intervals of the nodes differ by more than that.
   */
  readonly relaysPerPeerMax: number
  /** Ask on a stream, too, when the datagram had no answer. Without it loss above 20 % kills. */
  readonly streamProbe: boolean
  /** Local health goes from 0 to this minus 1; 1 turns Lifeguard's patience off. */
  readonly localHealthMax: number

  /** Shortest suspicion = this x log10(members) x probe interval. Raise it against false deaths. */
  readonly suspicionMultiplier: number
  /** Longest suspicion (nobody confirms) = this x the shortest; 1 for a fixed time. */
  readonly suspicionMaxMultiplier: number
  /** A ping to a suspect carries the suspicion first, so that it refutes at once. */
  readonly buddy: boolean

  /** News are spread this often while there are any. Lower spreads faster, in more datagrams. */
  readonly gossipIntervalMs: number
  /** Members that get the news each time. */
  readonly gossipTargets: number
  /** News are sent this x ceil(Math.log10(members + 1)) times by each node, then dropped. */
  readonly retransmitMultiplier: number
  /** Part of a datagram that deaths, suspicions and refutations have before other news; 0 to 1. */
  readonly urgentShare: number
  /** Lines of the table that fill the free space of pings and acks; 0 for none. */
  readonly sliceEntriesMax: number

  /** Tables are compared with one member this often; stretched above `syncScaleMembers`. */
  readonly syncIntervalMs: number
  /** Above this many members the interval grows with log2, so that the load stays level. */
  readonly syncScaleMembers: number
  /** A comparison that takes longer has failed. */
  readonly syncTimeoutMs: number
  /** Comparisons under way, asked or answered; beyond it `busy` and `ERR_SWIM_SYNCS_MAX`. */
  readonly syncsMax: number
  /** Entries of one message on a stream in bytes; what does not fit follows in the next exchange. */
  readonly syncBytesMax: number
  /**
   * Entries sent to one peer within a second in bytes; then `busy` and `ERR_SWIM_SYNCS_MAX`. The default costs
   * a quarter of a second to write; a newcomer needs longer to check that much.
   */
  readonly syncBytesPerSecondMax: number

  /** First pause when nobody to join answered; doubled each time, with jitter. */
  readonly joinRetryMs: number
  /** Longest pause between two attempts to join. */
  readonly joinRetryMaxMs: number
  /** Contacts tried at the same time while joining. */
  readonly joinContacts: number
  /** Contacts that are kept for joining; the oldest gives way. */
  readonly joinContactsMax: number

  /** A dead address may be contacted this often, so that a partition heals by itself. */
  readonly healIntervalMs: number
  /** Contacts per interval of the whole cluster: each of N nodes tries with probability this / N. */
  readonly healContacts: number
  /** Dead addresses kept for healing, also after the member was forgotten; the oldest gives way. */
  readonly healAddressesMax: number

  /** Longest goodbye; then it is over, spread or not. */
  readonly leaveTimeoutMs: number
  /** A dead or left member is remembered this long, so that old news cannot bring it back. */
  readonly tombstoneMs: number
  /** Members known at once, dead ones and this node included; beyond it `ERR_SWIM_MEMBERS_MAX`. */
  readonly membersMax: number
  /** Metadata of a member; beyond it `ERR_SWIM_META_BYTES_MAX`. */
  readonly metaBytesMax: number
  /** Bytes of a datagram, frame header included. */
  readonly datagramBytesMax: number
  /**
   * Signatures checked per peer and second; then `ERR_SWIM_CHECKS_MAX`. In tables that we asked for only false
   * ones count, apart from those, and an eighth of it is too many: an honest table has none.
   */
  readonly checksPerSecondMax: number
  /** Shortest time between two new generations of this node that a foreign use of its key causes. */
  readonly conflictPauseMs: number
}

/** Name of a set of settings. */
export type SwimPreset = 'local' | 'lan' | 'wan'

const LAN: SwimSettings = Object.freeze({
  probeIntervalMs: 1_000,
  probeTimeoutMs: 500,
  indirectProbes: 3,
  nackShare: 0.8,
  relaysMax: 1_024,
  relaysPerPeerMax: 4,
  streamProbe: true,
  localHealthMax: 8,
  suspicionMultiplier: 4,
  suspicionMaxMultiplier: 6,
  buddy: true,
  gossipIntervalMs: 200,
  gossipTargets: 3,
  retransmitMultiplier: 4,
  urgentShare: 0.5,
  sliceEntriesMax: 2,
  syncIntervalMs: 30_000,
  syncScaleMembers: 32,
  syncTimeoutMs: 10_000,
  syncsMax: 8,
  syncBytesMax: 65_536,
  syncBytesPerSecondMax: 2_097_152,
  joinRetryMs: 500,
  joinRetryMaxMs: 30_000,
  joinContacts: 3,
  joinContactsMax: 256,
  healIntervalMs: 30_000,
  healContacts: 3,
  healAddressesMax: 256,
  leaveTimeoutMs: 5_000,
  tombstoneMs: 86_400_000,
  membersMax: 16_384,
  metaBytesMax: 512,
  datagramBytesMax: 1_200,
  checksPerSecondMax: 2_048,
  conflictPauseMs: 10_000,
})

/** The presets: one machine, one data centre, the internet. */
export const SWIM_PRESETS: Readonly<Record<SwimPreset, SwimSettings>> = Object.freeze({
  lan: LAN,
  local: Object.freeze({
    ...LAN,
    probeTimeoutMs: 200,
    indirectProbes: 1,
    gossipIntervalMs: 100,
    suspicionMultiplier: 3,
    syncIntervalMs: 15_000,
    syncTimeoutMs: 5_000,
    healIntervalMs: 10_000,
    joinRetryMs: 200,
    leaveTimeoutMs: 2_000,
  }),
  wan: Object.freeze({
    ...LAN,
    probeIntervalMs: 5_000,
    probeTimeoutMs: 2_000,
    gossipIntervalMs: 500,
    gossipTargets: 4,
    suspicionMultiplier: 6,
    syncIntervalMs: 60_000,
    syncTimeoutMs: 30_000,
    healIntervalMs: 60_000,
    joinRetryMs: 1_000,
    leaveTimeoutMs: 10_000,
  }),
})

/** A preset, changed here and there. Ranges are checked where options come in. */
export function swimSettings(
  preset: SwimPreset = 'lan',
  changes: Partial<SwimSettings> = {},
): SwimSettings {
  return Object.freeze({ ...SWIM_PRESETS[preset], ...changes })
}

/** How often one node sends one piece of news in a cluster of so many members (S27). */
export function retransmitLimit(settings: SwimSettings, members: number): number {
  return settings.retransmitMultiplier * Math.ceil(Math.log10(members + 1))
}

/** Time between two comparisons of tables in a cluster of so many members. */
export function syncIntervalMs(settings: SwimSettings, members: number): number {
  const { syncIntervalMs: baseMs, syncScaleMembers } = settings
  if (members <= syncScaleMembers) return baseMs
  return baseMs * (Math.ceil(Math.log2(members / syncScaleMembers)) + 1)
}
