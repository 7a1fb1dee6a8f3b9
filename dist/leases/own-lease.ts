/**
 * Drives the holder of one lease on this node: its timer, what it sends, and what whoever asked for it is told. What
 * throws inside ends this lease, and nothing else.
 */
import type { ClockTimer } from '../../runtime/index.ts'
import type { DistParts } from '../parts.ts'
import { LeaseError } from './errors.ts'
import { Holder, type HolderEffect, type HolderInput } from './holder.ts'
import { LEASE_SERVICE, voteIn } from './lease-messages.ts'
import type { Lease } from './leases.ts'
import type { LeaseSettings } from './options.ts'
import type { VoterAnswer } from './voter.ts'

/** Why a lease is over, as the reason of {@link Lease.lost}. */
export type LeaseEnd = 'lost' | 'released' | 'stopped'

/** One request for a lease. */
export interface LeaseOrder {
  readonly name: string
  /** Which lease of this node. */
  readonly id: string
  readonly ttlMs: number
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
}

/** What the lease needs of its node. */
export interface OwnLeaseParts {
  readonly parts: DistParts
  readonly settings: LeaseSettings
  readonly voters: readonly string[]
  resolve(lease: Lease): void
  reject(error: unknown): void
  /** Nothing of it is left. */
  ended(): void
}

/** See the file header. */
export class OwnLease implements Lease {
  readonly name: string
  readonly #order: LeaseOrder
  readonly #own: OwnLeaseParts
  readonly #holder: Holder
  readonly #lost = new AbortController()
  #token = 0
  #timer: ClockTimer | undefined
  #deadline: ClockTimer | undefined
  #stopListening: () => void = () => {}
  #waits = true
  #over = false
  #missed: 'held' | 'no_majority' = 'no_majority'

  constructor(order: LeaseOrder, own: OwnLeaseParts) {
    this.name = order.name
    this.#order = order
    this.#own = own
    const { system } = own.parts
    const { clockDriftPpm, graceMs, roundMs } = own.settings
    this.#holder = new Holder({
      voters: own.voters,
      ...{ ttlMs: order.ttlMs, clockDriftPpm, graceMs, roundMs },
      random: () => system.entropy.random(),
    })
  }

  get token(): number {
    return this.#token
  }
  get lost(): AbortSignal {
    return this.#lost.signal
  }
  get isHeld(): boolean {
    return !this.#over && this.#holder.isHeld(this.#own.parts.system.clock.now())
  }
  get endsAtMs(): number {
    return this.#holder.endsAtMs
  }

  start(): void {
    const { timeoutMs, signal } = this.#order
    const { system } = this.#own.parts
    if (timeoutMs > 0 && timeoutMs < Infinity) {
      this.#deadline = system.clock.setTimer(timeoutMs, () => this.#giveUp(this.#failure()))
    }
    if (signal !== undefined) {
      this.#stopListening = system.onAbort(signal, (cause) => {
        this.#giveUp(aborted(this.name, cause))
      })
    }
    this.#input({ type: 'start' })
  }

  release(): void {
    this.#end('released')
    this.#input({ type: 'release' })
  }

  /** The node has stopped. */
  close(): void {
    this.#waits = this.#waits && this.#settle(() => this.#own.reject(aborted(this.name, 'stopped')))
    this.#end('stopped')
    this.#over = true
    this.#timer?.cancel()
  }

  #input(input: HolderInput): void {
    if (this.#over) return
    const { clock } = this.#own.parts.system
    try {
      for (const effect of this.#holder.handle(input, clock.now())) this.#told(effect)
    } catch (error) {
      const { logger } = this.#own.parts
      logger.error({ err: error, name: this.name }, 'a lease failed and is given up')
      this.#finish()
    }
    this.#timer?.cancel()
    const { nextDueMs } = this.#holder
    if (this.#over || nextDueMs === Infinity) return
    const waitMs = Math.max(0, Math.ceil(nextDueMs - clock.now()))
    this.#timer = clock.setTimer(waitMs, () => this.#input({ type: 'tick' }))
  }

  #told(effect: HolderEffect): void {
    switch (effect.type) {
      case 'send':
        this.#send(effect)
        break
      case 'acquired':
        this.#token = effect.token
        this.#settle(() => this.#own.resolve(this))
        break
      case 'missed':
        this.#missed = effect.why
        // Not within this input: giving up is an input, too.
        if (this.#order.timeoutMs === 0) {
          this.#own.parts.system.clock.microtask(() => this.#giveUp(this.#failure()))
        }
        break
      case 'lost':
        this.#end('lost')
        break
      case 'ended':
        this.#finish()
        break
    }
  }

  #send({ round, voter, request }: Extract<HolderEffect, { type: 'send' }>): void {
    const { peers } = this.#own.parts
    const { name, id, ttlMs } = this.#order
    if (request.type === 'release') {
      peers.cast(voter, LEASE_SERVICE, 'release', [name, id, request.token])
      return
    }
    const input = request.type === 'ask' ? name : [name, id, request.token, ttlMs]
    const answered = (answer: VoterAnswer | undefined): void =>
      this.#input({ type: 'answer', round, voter, answer })
    // An answer counts from when its request was sent, so that a late one still is worth something.
    void peers
      .call(voter, LEASE_SERVICE, request.type, input, { timeoutMs: ttlMs })
      .then(voteIn)
      .then(answered, (error: unknown) => {
        if (error instanceof LeaseError) {
          this.#own.parts.refusals.count(error.code, { peer: voter })
        }
        answered(undefined)
      })
  }

  /** Whoever waits is told, once. */
  #settle(tell: () => void): false {
    this.#deadline?.cancel()
    this.#stopListening()
    if (this.#waits) tell()
    this.#waits = false
    return false
  }

  #giveUp(error: LeaseError): void {
    if (!this.#waits) return
    this.#settle(() => this.#own.reject(error))
    this.#input({ type: 'release' })
  }

  #finish(): void {
    if (this.#over) return
    this.#over = true
    this.#timer?.cancel()
    this.#end('lost')
    this.#settle(() => this.#own.reject(this.#failure()))
    this.#own.ended()
  }

  #end(how: LeaseEnd): void {
    if (!this.#lost.signal.aborted) this.#lost.abort(how)
  }

  #failure(): LeaseError {
    const { name, timeoutMs } = this.#order
    const within = `within ${timeoutMs} ms`
    return this.#missed === 'held'
      ? new LeaseError('ERR_LEASE_HELD', `another held the lease of '${name}' ${within}`)
      : new LeaseError(
          'ERR_LEASE_NO_MAJORITY',
          `no majority of the voters answered for '${name}' ${within}`,
        )
  }
}

function aborted(name: string, cause: unknown): LeaseError {
  return new LeaseError('ERR_LEASE_ABORTED', `waiting for '${name}' was ended`, { cause })
}
