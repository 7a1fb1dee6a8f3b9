/**
 * Voters and candidates for one lease on a bad network, in real time that none of them sees: each has a clock of
 * its own, with any offset and a rate within the drift that is allowed. Messages are lost, late, doubled and out of
 * order; voters write to disks and lose them; everybody crashes and stands still.
 *
 * Checked at every lease that begins, which is where an overlap would begin:
 * - G11: nobody else holds the lease, by whatever its own clock says;
 * - G11: its token is higher than every one before.
 */
import { Holder, type HolderEffect, type HolderInput } from '../../dist/leases/holder.ts'
import {
  holderOf,
  Voter,
  type VoteRecord,
  type VoterAnswer,
  type VoterWrite,
} from '../../dist/leases/voter.ts'
import { VoterRecovery, type RecoveryEffect } from '../../dist/leases/voter-recovery.ts'
import type { Entropy } from '../../runtime/index.ts'

/** The machines, or mutants of them. */
export interface LeaseCores {
  readonly Voter: typeof Voter
  readonly VoterRecovery: typeof VoterRecovery
  readonly Holder: typeof Holder
}

/** The sound ones. */
export const LEASE_CORES: LeaseCores = { Voter, VoterRecovery, Holder }

export interface LeaseWorldOptions {
  readonly voters: number
  readonly candidates: number
  readonly entropy: Entropy
  readonly cores?: LeaseCores
  /** Share of messages lost and doubled, and the longest delays. */
  readonly loss?: number
  readonly duplicated?: number
  readonly delayMsMax?: number
  /** Share of messages that take up to a TTL and a half. */
  readonly late?: number
  /** Leases are given back after at most this. Default: only when a schedule says so. */
  readonly holdMsMax?: number
}

export const TTL_MS = 1_000
/** A tenth: more than any quartz, so that a margin that is missing shows. */
const DRIFT_PPM = 100_000
const GRACE_MS = 100
const ROUND_MS = 160
const NAME = 'the one'
const LIMITS = { leasesMax: 16, peerLeasesMax: 16 }

/** A clock that runs at its own rate. */
interface OwnClock {
  readonly rate: number
  readonly offsetMs: number
}

interface Site {
  readonly key: string
  readonly clock: OwnClock
  up: boolean
  /** Of this start; what belongs to another one is void. */
  life: number
  pausedUntilMs: number
}

interface VoterSite extends Site {
  disk: { known: boolean; floor: number; readonly records: Map<string, VoteRecord> }
  diskFreeMs: number
  voter: Voter | undefined
  recovery: VoterRecovery | undefined
}

interface CandidateSite extends Site {
  holder: Holder | undefined
  leases: number
  lease: string
  timer: number
}

interface Event {
  readonly atMs: number
  readonly order: number
  readonly run: () => void
}

/** See the file header. */
export class LeaseWorld {
  readonly voters: VoterSite[]
  readonly candidates: CandidateSite[]
  readonly #options: Required<LeaseWorldOptions>
  readonly #events: Event[] = []
  readonly #cut = new Set<string>()
  #nowMs = 0
  #order = 0
  #tokenMax = 0
  #acquired = 0

  constructor(given: LeaseWorldOptions) {
    const quiet = {
      loss: 0,
      duplicated: 0,
      delayMsMax: 2,
      late: 0,
      holdMsMax: Infinity,
      cores: LEASE_CORES,
    }
    this.#options = { ...quiet, ...given }
    const { voters, candidates } = this.#options
    this.voters = Array.from({ length: voters }, (_, i) => ({
      ...this.#site(`v${i}`),
      disk: { known: false, floor: 0, records: new Map() },
      diskFreeMs: 0,
      voter: undefined,
      recovery: undefined,
    }))
    this.candidates = Array.from({ length: candidates }, (_, i) => ({
      ...this.#site(`c${i}`),
      ...{ holder: undefined, leases: 0, lease: '', timer: 0 },
    }))
    for (const site of this.voters) this.startVoter(site)
    for (const site of this.candidates) this.startCandidate(site)
  }

  get nowMs(): number {
    return this.#nowMs
  }
  /** Leases that began. */
  get acquired(): number {
    return this.#acquired
  }
  /** Who holds the lease at this moment. */
  get holders(): CandidateSite[] {
    return this.candidates.filter((site) => site.up && site.holder?.isHeld(this.#local(site)))
  }

  /** Lets time pass. */
  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs
    for (;;) {
      const next = this.#events[0]
      if (next === undefined || next.atMs > untilMs) break
      this.#pop()
      this.#nowMs = next.atMs
      next.run()
    }
    this.#nowMs = untilMs
  }

  cut(a: Site, b: Site): void {
    this.#cut.add(`${a.key} ${b.key}`).add(`${b.key} ${a.key}`)
  }
  heal(): void {
    this.#cut.clear()
  }
  pause(site: Site, forMs: number): void {
    site.pausedUntilMs = Math.max(site.pausedUntilMs, this.#nowMs + forMs)
  }

  crash(site: Site): void {
    site.up = false
    site.life++
  }
  crashVoter(site: VoterSite, disk: 'kept' | 'lost'): void {
    this.crash(site)
    if (disk === 'lost') site.disk = { known: false, floor: 0, records: new Map() }
  }

  startVoter(site: VoterSite): void {
    if (site.up) return
    site.up = true
    site.life++
    site.diskFreeMs = this.#nowMs
    const { Voter: MakeVoter, VoterRecovery: MakeRecovery } = this.#options.cores
    const { disk, life } = site
    const nowMs = this.#local(site)
    site.recovery = undefined
    // The first start of a key has nothing to remember.
    if (disk.known || life === 1) {
      disk.known = true
      const records = [...disk.records.values()]
      site.voter = new MakeVoter(LIMITS, { floor: disk.floor, records }, nowMs)
      return
    }
    site.voter = undefined
    const others = this.voters.map(({ key }) => key).filter((key) => key !== site.key)
    const recovery = new MakeRecovery(
      { others, lives: life, ttlMs: TTL_MS, retryMs: ROUND_MS },
      nowMs,
    )
    site.recovery = recovery
    this.#tickRecovery(site, recovery, life)
  }

  startCandidate(site: CandidateSite): void {
    if (site.up && site.holder !== undefined && site.holder.nextDueMs < Infinity) return
    if (!site.up) {
      site.up = true
      site.life++
    }
    const { Holder: MakeHolder } = this.#options.cores
    site.lease = `${site.life}.${++site.leases}`
    site.holder = new MakeHolder({
      voters: this.voters.map(({ key }) => key),
      ttlMs: TTL_MS,
      clockDriftPpm: DRIFT_PPM,
      graceMs: GRACE_MS,
      roundMs: ROUND_MS,
      random: () => this.#options.entropy.random(),
    })
    this.#input(site, { type: 'start' })
  }

  /** The work has ended: the lease is given back, and wanted again a moment later. */
  release(site: CandidateSite): void {
    if (!site.up || site.pausedUntilMs > this.#nowMs) return
    this.#input(site, { type: 'release' })
  }

  #site(key: string): Site {
    const { entropy } = this.#options
    const half = DRIFT_PPM / 2_000_000
    const rate = 1 - half + entropy.random() * 2 * half
    // As far apart as clocks of machines that were started on different days.
    const offsetMs = Math.floor(entropy.random() * 7_200_000)
    return { key, clock: { rate, offsetMs }, up: false, life: 0, pausedUntilMs: 0 }
  }

  #local({ clock }: Site): number {
    return this.#nowMs * clock.rate + clock.offsetMs
  }

  #input(site: CandidateSite, input: HolderInput): void {
    const { holder, life } = site
    if (holder === undefined) return
    const { lease } = site
    this.#told(site, lease, holder.handle(input, this.#local(site)))
    if (site.holder !== holder) return
    const { nextDueMs } = holder
    const timer = ++site.timer
    if (nextDueMs === Infinity) return
    const inMs = Math.max(0, (nextDueMs - this.#local(site)) / site.clock.rate)
    this.#at(this.#nowMs + inMs + 0.001, site, life, () => {
      if (site.timer === timer) this.#input(site, { type: 'tick' })
    })
  }

  #told(site: CandidateSite, lease: string, effects: readonly HolderEffect[]): void {
    for (const effect of effects) {
      if (effect.type === 'send') this.#request(site, lease, effect)
      else if (effect.type === 'acquired') this.#acquire(site, lease, effect.token)
      else if (effect.type === 'ended') {
        const { life } = site
        this.#at(this.#nowMs + 10, site, life, () => {
          if (site.lease === lease) this.startCandidate(site)
        })
      }
    }
  }

  #acquire(site: CandidateSite, lease: string, token: number): void {
    this.#check(site, token)
    const { holdMsMax, entropy } = this.#options
    if (holdMsMax === Infinity) return
    this.#at(this.#nowMs + entropy.random() * holdMsMax, site, site.life, () => {
      if (site.lease === lease) this.#input(site, { type: 'release' })
    })
  }

  /** The properties. */
  #check(site: CandidateSite, token: number): void {
    this.#acquired++
    const others = this.holders.filter((other) => other !== site)
    if (others.length > 0) {
      const [other] = others
      throw new Error(`G11 two holders at ${this.#nowMs} ms: ${site.key} and ${other!.key}`)
    }
    if (token <= this.#tokenMax) {
      throw new Error(`G11 token ${token} after ${this.#tokenMax} at ${this.#nowMs} ms`)
    }
    this.#tokenMax = token
  }

  #request(
    from: CandidateSite,
    lease: string,
    { voter: key, round, request }: Extract<HolderEffect, { type: 'send' }>,
  ): void {
    const to = this.voters.find((site) => site.key === key)!
    const { life } = from
    const answered = (answer: VoterAnswer | undefined): void =>
      this.#send(to, from, life, () => {
        if (from.lease === lease) this.#input(from, { type: 'answer', round, voter: key, answer })
      })
    this.#send(from, to, undefined, () => {
      const { voter } = to
      const nowMs = this.#local(to)
      if (voter === undefined) return answered(undefined)
      const holder = holderOf(from.key, lease)
      if (request.type === 'ask') return answered(voter.ask(NAME, nowMs))
      const { token } = request
      if (request.type === 'release') {
        return this.#write(to, voter.release({ name: NAME, holder, token }, nowMs), () => {})
      }
      const grant = { name: NAME, holder, node: from.key, token, ttlMs: TTL_MS }
      const { answer, writes } = voter.grant(grant, nowMs)
      return this.#write(to, writes, () => answered(answer))
    })
  }

  /**
   * Writes are done one after the other, seldom slower than a TTL; a crash loses those that were not. What needs no
   * write waits for those before it.
   */
  #write(site: VoterSite, writes: readonly VoterWrite[], done: () => void): void {
    const { entropy } = this.#options
    if (writes.length > 0) {
      const slowestMs = entropy.random() < 0.02 ? 1.5 * TTL_MS : 3
      site.diskFreeMs = Math.max(site.diskFreeMs, this.#nowMs) + entropy.random() * slowestMs
    } else if (site.diskFreeMs <= this.#nowMs) return done()
    const { life } = site
    this.#at(site.diskFreeMs, site, life, () => {
      for (const write of writes) {
        if (write.type === 'floor') site.disk.floor = write.floor
        else if (write.record === undefined) site.disk.records.delete(write.name)
        else site.disk.records.set(write.name, write.record)
      }
      done()
    })
  }

  #tickRecovery(site: VoterSite, recovery: VoterRecovery, life: number): void {
    const inMs = Math.max(0, (recovery.nextDueMs - this.#local(site)) / site.clock.rate)
    this.#at(this.#nowMs + inMs + 0.001, site, life, () => {
      if (site.recovery !== recovery) return
      this.#recovering(site, recovery.tick(this.#local(site)))
      if (site.recovery === recovery) this.#tickRecovery(site, recovery, life)
    })
  }

  #recovering(site: VoterSite, effects: readonly RecoveryEffect[]): void {
    const { recovery, life } = site
    for (const effect of effects) {
      if (effect.type === 'ready') {
        site.recovery = undefined
        const { floor } = effect
        this.#write(site, [{ type: 'floor', floor }], () => {
          site.disk.known = true
          const { Voter: MakeVoter } = this.#options.cores
          site.voter = new MakeVoter(LIMITS, { floor, records: [] }, this.#local(site))
        })
        return
      }
      const other = this.voters.find(({ key }) => key === effect.voter)!
      this.#send(site, other, undefined, () => {
        const standing = {
          remembers: other.voter !== undefined,
          tokenMax: other.voter?.tokenMax ?? 0,
          lives: other.life,
        }
        this.#send(other, site, life, () => {
          if (site.recovery !== recovery || recovery === undefined) return
          this.#recovering(site, recovery.answered(other.key, standing))
        })
      })
    }
  }

  #send(from: Site, to: Site, life: number | undefined, run: () => void): void {
    const { entropy, loss, duplicated, delayMsMax, late } = this.#options
    const copies = entropy.random() < duplicated ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      if (this.#cut.has(`${from.key} ${to.key}`) || entropy.random() < loss) continue
      const longestMs = entropy.random() < late ? 1.5 * TTL_MS : delayMsMax
      this.#at(this.#nowMs + entropy.random() * longestMs, to, life, () => {
        if (!this.#cut.has(`${from.key} ${to.key}`)) run()
      })
    }
  }

  /** Runs on `site`, if it is up then, in this life of it if one is named, and after what it stands still. */
  #at(atMs: number, site: Site, life: number | undefined, run: () => void): void {
    this.#push(atMs, () => {
      if (!site.up || (life !== undefined && site.life !== life)) return
      if (site.pausedUntilMs > this.#nowMs) this.#at(site.pausedUntilMs, site, site.life, run)
      else run()
    })
  }

  #push(atMs: number, run: () => void): void {
    const event: Event = { atMs, order: this.#order++, run }
    const events = this.#events
    let at = events.length
    events.push(event)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(event, events[parent]!)) break
      events[at] = events[parent]!
      at = parent
    }
    events[at] = event
  }

  #pop(): void {
    const events = this.#events
    const last = events.pop()!
    if (events.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= events.length) break
      if (child + 1 < events.length && isBefore(events[child + 1]!, events[child]!)) child++
      if (!isBefore(events[child]!, last)) break
      events[at] = events[child]!
      at = child
    }
    events[at] = last
  }
}

const isBefore = (a: Event, b: Event): boolean =>
  a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
