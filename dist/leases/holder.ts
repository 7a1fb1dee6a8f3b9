/**
 * One lease on the side of its holder: looks for a majority, renews, and gives up in time. A synchronous machine:
 * answers and the time go in, requests and news come out.
 *
 *     asking ── a majority is free ──> proposing ── a majority votes ──> held ── no renewal in time ──> losing ──> ended
 *        ^ └── busy, silent ──> waiting ─┘   │                          (every quarter of a TTL)       (the grace)
 *        └───────────── refused ─────────────┘
 *
 * Invariants:
 * - A lease is counted from the moment at which the request was sent that a majority granted, never from an answer, by
 *   this node's monotonic clock, and shorter than what the voters promised by the drift that clocks may have. So it
 *   ends here before any of that majority votes for another.
 * - A token is proposed once, and higher than what a majority knows. A proposal that failed is given back.
 * - What is over stays over: nothing that arrives later makes a lease last longer once it was told to be lost.
 */
import type { VoterAnswer } from './voter.ts'

/** A question to a voter. */
export type HolderRequest =
  | { readonly type: 'ask' }
  | { readonly type: 'grant'; readonly token: number }
  | { readonly type: 'release'; readonly token: number }

/** What happens to a holder. `answer` undefined: the voter could not be asked, or does not vote now. */
export type HolderInput =
  | { readonly type: 'start' }
  | { readonly type: 'tick' }
  | { readonly type: 'answer'; round: number; voter: string; answer: VoterAnswer | undefined }
  | { readonly type: 'release' }

/** What it wants to happen. */
export type HolderEffect =
  | { readonly type: 'send'; round: number; voter: string; request: HolderRequest }
  | { readonly type: 'acquired'; readonly token: number }
  /** One try was in vain; it goes on trying. */
  | { readonly type: 'missed'; readonly why: 'held' | 'no_majority' }
  | { readonly type: 'lost' }
  | { readonly type: 'ended' }

/** Waits and the voters. */
export interface HolderOptions {
  readonly voters: readonly string[]
  readonly ttlMs: number
  readonly clockDriftPpm: number
  readonly graceMs: number
  readonly roundMs: number
  /** Chance in [0, 1), so that candidates do not meet again. */
  random(): number
}

interface Round {
  readonly id: number
  readonly sentAtMs: number
  readonly answers: Map<string, VoterAnswer | undefined>
}

type Phase =
  | { readonly type: 'asking' | 'proposing'; readonly round: Round; readonly token: number }
  | { readonly type: 'waiting'; readonly untilMs: number }
  | { readonly type: 'held'; readonly token: number; readonly rounds: Round[] }
  | { readonly type: 'losing'; readonly token: number }
  | { readonly type: 'ended' }

/** Renewals whose answers still count. */
const ROUNDS_MAX = 4
const PAUSE_MS_MIN = 5
const PAUSE_MS_MAX = 400
const SPREAD = 4
const MILLION = 1_000_000

/** See the file header. */
export class Holder {
  readonly #options: HolderOptions
  readonly #majority: number
  #phase: Phase = { type: 'waiting', untilMs: 0 }
  #rounds = 0
  #renewAtMs = 0
  #endsAtMs = 0
  /** Proposals in vain, one after the other. */
  #clashes = 0
  /** How long a majority took to answer last. */
  #answeredInMs = 0
  #effects: HolderEffect[] = []

  constructor(options: HolderOptions) {
    this.#options = options
    this.#majority = Math.floor(options.voters.length / 2) + 1
  }

  /** When the lease ends unless it is renewed. */
  get endsAtMs(): number {
    return this.#endsAtMs
  }

  /** Whether it is held at this moment, told to be lost or not. */
  isHeld(nowMs: number): boolean {
    const { type } = this.#phase
    return (type === 'held' || type === 'losing') && nowMs < this.#endsAtMs
  }

  /** When `tick` must be given; `Infinity` once ended. */
  get nextDueMs(): number {
    const phase = this.#phase
    switch (phase.type) {
      case 'asking':
      case 'proposing':
        return phase.round.sentAtMs + this.#options.roundMs
      case 'waiting':
        return phase.untilMs
      case 'held':
        return Math.min(this.#renewAtMs, this.#lostAtMs())
      case 'losing':
        return this.#endsAtMs
      case 'ended':
        return Infinity
    }
  }

  handle(input: HolderInput, nowMs: number): readonly HolderEffect[] {
    this.#effects = []
    // Before anything else: an answer that comes late must not revive what is over.
    this.#expire(nowMs)
    switch (input.type) {
      case 'start':
        this.#ask(nowMs)
        break
      case 'tick':
        this.#tick(nowMs)
        break
      case 'answer':
        this.#answer(input, nowMs)
        break
      case 'release':
        this.#release()
        break
    }
    return this.#effects
  }

  #expire(nowMs: number): void {
    if (this.#phase.type === 'held' && nowMs >= this.#lostAtMs()) {
      this.#phase = { type: 'losing', token: this.#phase.token }
      this.#effects.push({ type: 'lost' })
    }
    if (this.#phase.type === 'losing' && nowMs >= this.#endsAtMs) this.#release()
  }

  #tick(nowMs: number): void {
    const phase = this.#phase
    if (nowMs < this.nextDueMs) return
    if (phase.type === 'waiting') this.#ask(nowMs)
    else if (phase.type === 'asking') this.#wait(phase.round, nowMs)
    else if (phase.type === 'proposing') this.#clash(phase.token, phase.round, nowMs)
    else if (phase.type === 'held') this.#renew(phase, nowMs)
  }

  #answer(input: Extract<HolderInput, { type: 'answer' }>, nowMs: number): void {
    const { round: id, voter, answer } = input
    const phase = this.#phase
    if (phase.type === 'held') {
      const round = phase.rounds.find((other) => other.id === id)
      round?.answers.set(voter, answer)
      if (round !== undefined && this.#votes(round) >= this.#majority) this.#extend(round)
      return
    }
    if (phase.type !== 'asking' && phase.type !== 'proposing') return
    const { round, token } = phase
    if (round.id !== id) return
    round.answers.set(voter, answer)
    if (phase.type === 'asking') this.#asked(round, nowMs)
    else this.#proposed(round, token, nowMs)
  }

  #asked(round: Round, nowMs: number): void {
    const answers = known(round)
    if (answers.length >= this.#majority) this.#answeredInMs = nowMs - round.sentAtMs
    const free = answers.filter(({ remainingMs }) => remainingMs <= 0).length
    if (free >= this.#majority) {
      const token = Math.max(...answers.map((answer) => answer.token)) + 1
      const next = this.#round(nowMs)
      this.#phase = { type: 'proposing', round: next, token }
      this.#send(next, { type: 'grant', token })
    } else if (free + this.#pending(round) < this.#majority) this.#wait(round, nowMs)
  }

  #proposed(round: Round, token: number, nowMs: number): void {
    const votes = this.#votes(round)
    if (votes >= this.#majority) {
      this.#phase = { type: 'held', token, rounds: [round] }
      this.#clashes = 0
      this.#extend(round)
      this.#renewAtMs = round.sentAtMs + this.#renewMs()
      // Votes that took longer than the lease are worth nothing.
      if (nowMs >= this.#lostAtMs()) {
        this.#clash(token, round, nowMs)
        return
      }
      this.#effects.push({ type: 'acquired', token })
    } else if (votes + this.#pending(round) < this.#majority) this.#clash(token, round, nowMs)
  }

  #extend({ sentAtMs }: Round): void {
    const { ttlMs, clockDriftPpm } = this.#options
    const lengthMs = ttlMs * (1 - clockDriftPpm / MILLION)
    this.#endsAtMs = Math.max(this.#endsAtMs, sentAtMs + lengthMs)
  }

  #renew(phase: Extract<Phase, { type: 'held' }>, nowMs: number): void {
    const round = this.#round(nowMs)
    this.#renewAtMs = nowMs + this.#renewMs()
    this.#phase = { ...phase, rounds: [...phase.rounds.slice(1 - ROUNDS_MAX), round] }
    this.#send(round, { type: 'grant', token: phase.token })
  }

  #ask(nowMs: number): void {
    const round = this.#round(nowMs)
    this.#phase = { type: 'asking', round, token: 0 }
    this.#send(round, { type: 'ask' })
  }

  /** No majority is free: again when it may be, but not much later than it could be given back. */
  #wait(round: Round, nowMs: number): void {
    const answers = known(round)
    const isHeld = answers.length >= this.#majority
    this.#effects.push({ type: 'missed', why: isHeld ? 'held' : 'no_majority' })
    const remaining = answers.map(({ remainingMs }) => remainingMs).sort((a, b) => a - b)
    const freeInMs = remaining[this.#majority - 1] ?? this.#options.roundMs
    const pollMs = Math.max(PAUSE_MS_MIN, this.#options.ttlMs / 8)
    this.#pause(Math.min(freeInMs, pollMs), nowMs)
  }

  /** Others proposed at the same time: what was voted for is given back, and who comes first next time is by chance. */
  #clash(token: number, round: Round, nowMs: number): void {
    this.#send(round, { type: 'release', token })
    this.#clashes++
    this.#endsAtMs = 0
    this.#effects.push({
      type: 'missed',
      why: known(round).length >= this.#majority ? 'held' : 'no_majority',
    })
    this.#pause(0, nowMs)
  }

  #pause(leastMs: number, nowMs: number): void {
    const { ttlMs, random } = this.#options
    // Wider than a proposal takes, so that the first of many is through before the second looks.
    const narrowMs = Math.max(ttlMs / 50, SPREAD * this.#answeredInMs)
    const spreadMs = Math.min(PAUSE_MS_MAX, narrowMs * 2 ** Math.min(this.#clashes, 4))
    const pauseMs = leastMs + PAUSE_MS_MIN + random() * spreadMs
    this.#phase = { type: 'waiting', untilMs: nowMs + pauseMs }
  }

  #release(): void {
    const phase = this.#phase
    if (phase.type === 'ended') return
    if (phase.type === 'held') this.#effects.push({ type: 'lost' })
    if (phase.type !== 'waiting' && phase.type !== 'asking') {
      this.#send(this.#round(0), { type: 'release', token: phase.token })
    }
    this.#phase = { type: 'ended' }
    this.#effects.push({ type: 'ended' })
  }

  #round(sentAtMs: number): Round {
    return { id: ++this.#rounds, sentAtMs, answers: new Map() }
  }

  #send(round: Round, request: HolderRequest): void {
    for (const voter of this.#options.voters) {
      this.#effects.push({ type: 'send', round: round.id, voter, request })
    }
  }

  #votes(round: Round): number {
    return known(round).filter(({ granted }) => granted).length
  }

  #pending(round: Round): number {
    return this.#options.voters.length - round.answers.size
  }

  #renewMs(): number {
    return this.#options.ttlMs / 4
  }

  #lostAtMs(): number {
    const { graceMs, ttlMs } = this.#options
    return this.#endsAtMs - Math.min(graceMs, ttlMs / 4)
  }
}

function known(round: Round): VoterAnswer[] {
  return [...round.answers.values()].filter((answer) => answer !== undefined)
}
