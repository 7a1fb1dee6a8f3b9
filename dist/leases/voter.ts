/**
 * A voter: what one node has promised about leases. A synchronous machine: a request and the time go in, an answer
 * and what must be written first come out. Its driver gives the answer only when that is on the disk.
 *
 * Invariants, of each name:
 * - Tokens that are voted for only grow, also beyond the memory of a name (`floor`) and of a life (restored).
 * - After a vote there is none for another holder until its TTL is over by this voter's own clock, or it was
 *   given back.
 * - A vote that was given back is never renewed: its token stays, its holder does not.
 *
 * Two majorities have a voter in common, and that one orders their two leases. When an end falls is not written: a
 * restarted voter counts every TTL from its start.
 */

/** What is written down of a name. */
export interface VoteRecord {
  readonly name: string
  readonly token: number
  /** Empty when it was given back. */
  readonly holder: string
  readonly ttlMs: number
}

/** What is written down in all. */
export interface VoterMemory {
  /** At least the token of everything that is not remembered by name. */
  readonly floor: number
  readonly records: readonly VoteRecord[]
}

/** Written before the answer is given. `record` undefined: the name is forgotten. */
export type VoterWrite =
  | { readonly type: 'floor'; readonly floor: number }
  | { readonly type: 'record'; readonly name: string; readonly record: VoteRecord | undefined }

/** Asks for a vote, the first or one more; `holder` is the node that asks, and which of its leases. */
export interface GrantRequest {
  readonly name: string
  readonly holder: string
  /** Key of the node, for its share. */
  readonly node: string
  readonly token: number
  readonly ttlMs: number
}

/** What a voter knows of a name, and whether it has voted for who asked. */
export interface VoterAnswer {
  readonly granted: boolean
  /** A token must be higher than this one to get a vote. */
  readonly token: number
  /** Until it may vote for another. */
  readonly remainingMs: number
  /** The limit that was in the way. */
  readonly code?: 'ERR_LEASES_MAX' | 'ERR_PEER_LEASES_MAX' | undefined
}

/** An answer, and what must be on the disk before it is given. */
export interface VoterOutput {
  readonly answer: VoterAnswer
  readonly writes: readonly VoterWrite[]
}

/** Limits of a voter. */
export interface VoterLimits {
  readonly leasesMax: number
  readonly peerLeasesMax: number
}

interface Entry extends VoteRecord {
  readonly node: string
  readonly endsAtMs: number
}

const NOTHING: readonly VoterWrite[] = Object.freeze([])

/** See the file header. */
export class Voter {
  readonly #limits: VoterLimits
  readonly #entries = new Map<string, Entry>()
  /** Names that a node has, given back or not, as far as they are remembered. */
  readonly #shares = new Map<string, number>()
  #floor: number

  constructor(limits: VoterLimits, { floor, records }: VoterMemory, nowMs: number) {
    this.#limits = limits
    this.#floor = floor
    for (const record of records) {
      const endsAtMs = record.holder === '' ? nowMs : nowMs + record.ttlMs
      this.#keep({ ...record, node: nodeOf(record.holder), endsAtMs })
    }
  }

  /** At least every token that this voter has voted for. */
  get tokenMax(): number {
    let max = this.#floor
    for (const { token } of this.#entries.values()) max = Math.max(max, token)
    return max
  }

  /** Names that are remembered. */
  get size(): number {
    return this.#entries.size
  }

  /** What is known of a name. Changes nothing. */
  ask(name: string, nowMs: number): VoterAnswer {
    const entry = this.#entries.get(name)
    return refusal(entry, this.#floor, nowMs)
  }

  grant(request: GrantRequest, nowMs: number): VoterOutput {
    const { name, holder, node, token, ttlMs } = request
    const entry = this.#entries.get(name)
    const isRenewal = entry !== undefined && entry.holder === holder && entry.token === token
    const answer = { granted: true, token, remainingMs: ttlMs }
    if (isRenewal) {
      // The TTL is written only when it changes, and ends are not: most renewals cost no disk.
      const endsAtMs = Math.max(entry.endsAtMs, nowMs + ttlMs)
      const isLonger = ttlMs > entry.ttlMs
      const renewed = { ...entry, endsAtMs, ttlMs: Math.max(ttlMs, entry.ttlMs) }
      this.#entries.set(name, renewed)
      return { answer, writes: isLonger ? [written(renewed)] : NOTHING }
    }
    const known = refusal(entry, this.#floor, nowMs)
    const isOwn = entry !== undefined && entry.holder === holder
    if (token <= known.token || (known.remainingMs > 0 && !isOwn)) {
      return { answer: known, writes: NOTHING }
    }
    const room = this.#room(node, entry, nowMs)
    if (room.code !== undefined)
      return { answer: { ...known, code: room.code }, writes: room.writes }
    const given: Entry = { name, token, holder, node, ttlMs, endsAtMs: nowMs + ttlMs }
    this.#keep(given)
    return { answer, writes: [...room.writes, written(given)] }
  }

  /** The holder does not want it any more, or never got a majority. A vote that comes late is refused after it. */
  release(
    { name, holder, token }: Omit<GrantRequest, 'node' | 'ttlMs'>,
    nowMs: number,
  ): readonly VoterWrite[] {
    const entry = this.#entries.get(name)
    if (entry === undefined || entry.holder !== holder || token < entry.token) return NOTHING
    const free: Entry = { ...entry, token, holder: '', endsAtMs: nowMs }
    this.#entries.set(name, free)
    return [written(free)]
  }

  /** Whether there is room for one more name of `node`; what has ended makes room, its token becomes the floor. */
  #room(
    node: string,
    entry: Entry | undefined,
    nowMs: number,
  ): { readonly code?: VoterAnswer['code']; readonly writes: readonly VoterWrite[] } {
    const { leasesMax, peerLeasesMax } = this.#limits
    const isFull = entry === undefined && this.#entries.size >= leasesMax
    const isShareFull = entry?.node !== node && (this.#shares.get(node) ?? 0) >= peerLeasesMax
    if (!isFull && !isShareFull) return { writes: NOTHING }
    const writes = this.#forget(nowMs, entry)
    if (entry === undefined && this.#entries.size >= leasesMax)
      return { code: 'ERR_LEASES_MAX', writes }
    const share = this.#shares.get(node) ?? 0
    return entry?.node !== node && share >= peerLeasesMax
      ? { code: 'ERR_PEER_LEASES_MAX', writes }
      : { writes }
  }

  #forget(nowMs: number, except: Entry | undefined): readonly VoterWrite[] {
    const writes: VoterWrite[] = []
    let floor = this.#floor
    for (const entry of [...this.#entries.values()]) {
      if (entry.endsAtMs > nowMs || entry === except) continue
      floor = Math.max(floor, entry.token)
      this.#entries.delete(entry.name)
      this.#count(entry.node, -1)
      writes.push({ type: 'record', name: entry.name, record: undefined })
    }
    if (floor === this.#floor) return writes
    this.#floor = floor
    return [{ type: 'floor', floor }, ...writes]
  }

  #keep(entry: Entry): void {
    const before = this.#entries.get(entry.name)
    if (before !== undefined) this.#count(before.node, -1)
    this.#entries.set(entry.name, entry)
    this.#count(entry.node, 1)
  }

  #count(node: string, by: number): void {
    const count = (this.#shares.get(node) ?? 0) + by
    if (count > 0) this.#shares.set(node, count)
    else this.#shares.delete(node)
  }
}

/** How a holder is written: the key of its node, and which of its leases. */
export function holderOf(node: string, lease: string): string {
  return `${node}/${lease}`
}

function nodeOf(holder: string): string {
  return holder.slice(0, Math.max(0, holder.indexOf('/')))
}

function refusal(entry: Entry | undefined, floor: number, nowMs: number): VoterAnswer {
  if (entry === undefined) return { granted: false, token: floor, remainingMs: 0 }
  const remainingMs = Math.max(0, entry.endsAtMs - nowMs)
  return { granted: false, token: Math.max(entry.token, floor), remainingMs }
}

function written({ name, token, holder, ttlMs }: Entry): VoterWrite {
  return { type: 'record', name, record: { name, token, holder, ttlMs } }
}
