/** Every dial and limit of greedy routing. Times are milliseconds. */

/** Settings of one core; see {@link greedySettings}. */
export interface GreedySettings {
  /**
   * Nodes that an envelope may be with whose sender says nothing. Where tables lead, a few are enough; a detour may need as many
   * as there are nodes. Lowering it lets envelopes that have no way cost less, and finds fewer ways.
   */
  readonly hopsMax: number
  /** Next hops tried at one node, nearest first. */
  readonly alternatives: number
  /** Time to get a link to one of them. */
  readonly attemptTimeoutMs: number
  /** Life of an envelope whose sender says nothing. */
  readonly timeoutMs: number
  /** Bytes of one payload. */
  readonly payloadBytesMax: number
  /** Envelopes of this node that wait for their receipt. */
  readonly sendsMax: number
  /** Envelopes that wait for a link to their next hop. */
  readonly forwardsMax: number
  /** Those of them that are for envelopes of this node alone. */
  readonly forwardsReserved: number
  /** The share of one peer in the others. */
  readonly forwardsPerPeerMax: number
  /** Bytes of payload of all envelopes of others that wait so; those of this node are its own affair. */
  readonly forwardBytesMax: number
  /** The share of one peer in them. */
  readonly forwardBytesPerPeerMax: number
  /** Nodes that wait for a dial of the share that envelopes have; 0 loses at once what finds no free dial. */
  readonly dialQueueMax: number
  /** Envelopes that wait for one dial. */
  readonly waitingPerDialMax: number
  /**
   * Envelopes of one peer within a second; half of them of its own, if it has the same setting (`pace.ts`). Raising it lets a
   * peer cost more: passing one on takes some 0.1 ms. Lowering it slows down calls through others.
   */
  readonly envelopesPerPeerMax: number
  /**
   * Envelopes of one peer within a second that are sent on a detour, or back from one, without a way that was learnt. Each may
   * be sent to as many nodes as `hopsMax` of it allows: raising it lets a hostile peer cost more, lowering it finds fewer ways when
   * many are looked for at once.
   */
  readonly detoursPerPeerMax: number
  /** Envelopes remembered, to drop them when they come again; the oldest are forgotten first. */
  readonly seenMax: number
  /** Destinations to which detours have led, the oldest are forgotten first. */
  readonly waysMax: number
  /** A way is forgotten when nothing arrived on it for this long. */
  readonly wayTtlMs: number
}

/** Hops that no envelope may exceed: each costs 32 bytes in every further one. */
export const HOPS_CEILING = 32

/** Longest life of an envelope. */
export const TTL_CEILING_MS = 300_000

/** Longest payload that any node takes. */
export const PAYLOAD_BYTES_CEILING = 1_000_000

/** The defaults. */
export const GREEDY_DEFAULTS: GreedySettings = Object.freeze({
  hopsMax: 32,
  alternatives: 3,
  attemptTimeoutMs: 2_000,
  timeoutMs: 10_000,
  payloadBytesMax: 65_536,
  sendsMax: 1_024,
  forwardsMax: 1_024,
  forwardsReserved: 256,
  forwardsPerPeerMax: 128,
  forwardBytesMax: 33_554_432,
  forwardBytesPerPeerMax: 4_194_304,
  dialQueueMax: 64,
  waitingPerDialMax: 64,
  envelopesPerPeerMax: 2_048,
  detoursPerPeerMax: 256,
  seenMax: 32_768,
  waysMax: 4_096,
  wayTtlMs: 60_000,
})

/** The defaults with what is given on top. */
export function greedySettings(given: Partial<GreedySettings> = {}): GreedySettings {
  const settings = { ...GREEDY_DEFAULTS, ...given }
  return Object.freeze({
    ...settings,
    hopsMax: Math.min(settings.hopsMax, HOPS_CEILING),
    timeoutMs: Math.min(settings.timeoutMs, TTL_CEILING_MS),
    payloadBytesMax: Math.min(settings.payloadBytesMax, PAYLOAD_BYTES_CEILING),
  })
}
