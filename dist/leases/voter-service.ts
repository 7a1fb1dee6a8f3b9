/**
 * Drives the voter of this node: opens its memory, answers what nodes ask through `$leases`, and writes before it
 * answers. It has no process: a request is answered where it arrives, and what throws goes to who asked.
 *
 * Invariants:
 * - No vote is answered before it and all earlier ones are on the disk, also a renewal that needs no write: else a
 *   restart could forget what others count on.
 * - A voter that could not read or write votes no more until its node is started again: what is on its disk is less
 *   than what it said, or would be.
 */
import type { Store } from '../../mesh/index.ts'
import type { ClockTimer } from '../../runtime/index.ts'
import type { DistParts } from '../parts.ts'
import type { PeerOrigin } from '../peer-services.ts'
import { LeaseError } from './errors.ts'
import {
  askedName,
  grantOf,
  LEASE_SERVICE,
  releaseOf,
  standingIn,
  standingOut,
  voteOut,
} from './lease-messages.ts'
import type { LeaseSettings } from './options.ts'
import { readVotes, writeVotes } from './voter-store.ts'
import { holderOf, Voter, type VoterMemory, type VoterWrite } from './voter.ts'
import { VoterRecovery, type RecoveryEffect, type VoterStanding } from './voter-recovery.ts'

/** See the file header. */
export class VoterService {
  readonly #parts: DistParts
  readonly #settings: LeaseSettings
  readonly #others: readonly string[]
  /** Which start of its key this is; a key that is not kept has one. */
  readonly #lives: number
  readonly #close: () => void
  #store: Store | undefined
  #voter: Voter | undefined
  #recovery: VoterRecovery | undefined
  #timer: ClockTimer | undefined
  #written: Promise<void> = Promise.resolve()
  #closed = false

  constructor(parts: DistParts, settings: LeaseSettings, voters: readonly string[]) {
    this.#parts = parts
    this.#settings = settings
    const { identity, key } = parts.mesh
    this.#others = voters.filter((voter) => voter !== key.hex)
    this.#lives = identity.dataDir === undefined ? 0 : identity.incarnation
    this.#close = parts.services.open(LEASE_SERVICE, {
      action: 'call',
      call: (origin, name, input) => this.#call(origin, name, input),
      cast: (origin, name, input) => this.#cast(origin, name, input),
    })
    void this.#open()
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
    this.#close()
  }

  async #open(): Promise<void> {
    const { mesh, refusals, system } = this.#parts
    let memory: VoterMemory | undefined
    try {
      this.#store = await mesh.identity.openStore()
      memory = readVotes(this.#store)
      // The first start of a key has promised nothing yet.
      if (memory === undefined && this.#lives <= 1) memory = await this.#begin(0)
    } catch (error) {
      // It may be readable at the next start: what is promised without it until then would be forgotten there.
      if (!this.#closed) refusals.count('ERR_LEASE_STORE', { err: error })
      return
    }
    if (this.#closed) return
    const nowMs = system.clock.now()
    if (memory !== undefined) {
      this.#voter = new Voter(this.#settings, memory, nowMs)
      return
    }
    const { ttlMs, roundMs } = this.#settings
    const lives = this.#lives
    this.#recovery = new VoterRecovery(
      { others: this.#others, lives, ttlMs, retryMs: roundMs },
      nowMs,
    )
    this.#arm(this.#recovery)
  }

  /** From here on everything that is promised is written down. */
  async #begin(floor: number): Promise<VoterMemory> {
    if (this.#store !== undefined) await writeVotes(this.#store, [{ type: 'floor', floor }])
    return { floor, records: [] }
  }

  async #call(origin: PeerOrigin, name: string, input: unknown): Promise<unknown> {
    try {
      if (name === 'standing') return standingOut(this.#standing())
      if (name === 'ask') {
        return voteOut(this.#voter?.ask(askedName(input), this.#parts.system.clock.now()))
      }
      if (name === 'grant') return await this.#grant(origin, input)
      throw new LeaseError('ERR_LEASE_MESSAGE', 'a message about leases has an unknown name')
    } catch (error) {
      this.#refused(error, origin)
      throw error
    }
  }

  #cast(origin: PeerOrigin, name: string, input: unknown): void {
    try {
      if (name !== 'release') throw new LeaseError('ERR_LEASE_MESSAGE', 'an unknown message')
      const { lease, ...request } = releaseOf(input)
      const holder = holderOf(origin.keyHex, lease)
      const nowMs = this.#parts.system.clock.now()
      this.#write(this.#voter?.release({ ...request, holder }, nowMs) ?? [])
    } catch (error) {
      this.#refused(error, origin)
    }
  }

  async #grant(origin: PeerOrigin, input: unknown): Promise<unknown> {
    const { name, lease, token, ttlMs } = grantOf(input, this.#settings.ttlMs)
    const { system, refusals } = this.#parts
    const voter = this.#voter
    if (voter === undefined) return voteOut(undefined)
    const node = origin.keyHex
    const holder = holderOf(node, lease)
    const request = { name, holder, node, token, ttlMs }
    const { answer, writes } = voter.grant(request, system.clock.now())
    if (answer.code !== undefined) refusals.count(answer.code, { peer: node, name })
    this.#write(writes)
    await this.#written
    // It may have lost its memory while this was being written.
    return voteOut(this.#voter === voter ? answer : undefined)
  }

  /** One after the other; `#written` is when the last one is safe. */
  #write(writes: readonly VoterWrite[]): void {
    const store = this.#store
    if (writes.length === 0 || store === undefined) return
    const before = this.#written
    const own = writeVotes(store, writes)
    this.#written = own.then(
      () => before,
      (error: unknown) => {
        if (!this.#closed) this.#parts.refusals.count('ERR_LEASE_STORE', { err: error })
        this.#voter = undefined
      },
    )
  }

  #standing(): VoterStanding {
    const voter = this.#voter
    const lives = this.#lives
    return { remembers: voter !== undefined, tokenMax: voter?.tokenMax ?? 0, lives }
  }

  #arm(recovery: VoterRecovery): void {
    const { clock } = this.#parts.system
    this.#timer?.cancel()
    this.#timer = clock.setTimer(Math.max(0, recovery.nextDueMs - clock.now()), () => {
      if (this.#recovery !== recovery) return
      this.#recovering(recovery.tick(clock.now()))
      if (this.#recovery === recovery) this.#arm(recovery)
    })
  }

  #recovering(effects: readonly RecoveryEffect[]): void {
    const { peers } = this.#parts
    for (const effect of effects) {
      if (effect.type === 'ready') return void this.#ready(effect.floor)
      const { voter } = effect
      const recovery = this.#recovery
      const { ttlMs } = this.#settings
      void peers
        .call(voter, LEASE_SERVICE, 'standing', undefined, { timeoutMs: ttlMs })
        .then((answer) => {
          if (this.#recovery !== recovery || recovery === undefined) return
          this.#recovering(recovery.answered(voter, standingIn(answer)))
        })
        // Who does not answer is asked again.
        .catch((error: unknown) => this.#refused(error, { keyHex: voter }))
    }
  }

  async #ready(floor: number): Promise<void> {
    this.#recovery = undefined
    this.#timer?.cancel()
    let memory: VoterMemory
    try {
      memory = await this.#begin(floor)
    } catch (error) {
      if (!this.#closed) this.#parts.refusals.count('ERR_LEASE_STORE', { err: error })
      return
    }
    if (this.#closed) return
    this.#voter = new Voter(this.#settings, memory, this.#parts.system.clock.now())
  }

  /** What peers said that is no message; that a peer is not there is no refusal. */
  #refused(error: unknown, { keyHex }: { readonly keyHex: string }): void {
    if (error instanceof LeaseError) this.#parts.refusals.count(error.code, { peer: keyHex })
  }
}
