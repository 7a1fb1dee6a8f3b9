/**
 * Probes that this node makes for others. The asker gets the ack, or a nack shortly before it gives up:
 * "I am here, but your target does not answer me". An ack after the nack is still passed on.
 */
import { Deadlines } from '../../machine/deadlines.ts'
import type { SwimContext } from './context.ts'
import type { Packer } from './packer.ts'
import { PeerBudget, type PeerBudgetState } from './peer-budget.ts'
import { RareMap } from './rare-map.ts'
import type { MemberId } from './statement.ts'
import { isLiving } from './table.ts'

interface Relay {
  readonly origin: MemberId
  readonly originSequence: number
  readonly target: MemberId
  nacked: boolean
}

/** The probes for others that are under way. */
export class Relays {
  readonly #context: SwimContext
  readonly #packer: Packer
  readonly #bySequence = new RareMap<number, Relay>()
  readonly #deadlines = new Deadlines()
  /** A peer probes one member at a time; whoever asks more often lets us shoot at others. */
  readonly #asked: PeerBudget

  constructor(context: SwimContext, packer: Packer) {
    this.#context = context
    this.#packer = packer
    const { relaysPerPeerMax, membersMax, probeIntervalMs } = context.settings
    this.#asked = new PeerBudget({
      max: relaysPerPeerMax,
      peersMax: membersMax,
      windowMs: probeIntervalMs,
    })
  }

  get size(): number {
    return this.#bySequence.size
  }

  deadline(): number {
    return this.#deadlines.earliest()
  }

  /** A peer asks to probe `target`. */
  ask(origin: MemberId, originSequence: number, target: MemberId): void {
    const { settings, nowMs, selfId, sink } = this.#context
    if (!this.#asked.spend(origin, nowMs)) return sink.refused('ERR_SWIM_RELAYS_MAX', origin)
    if (target === selfId) return this.#answer('ack', origin, originSequence)
    const record = this.#context.table.find(target)
    const full = this.#bySequence.size >= settings.relaysMax
    if (full) sink.refused('ERR_SWIM_RELAYS_MAX', origin)
    if (full || record === undefined || !isLiving(record.status)) {
      return this.#answer('nack', origin, originSequence)
    }
    const sequence = this.#context.nextSequence()
    this.#bySequence.set(sequence, { origin, originSequence, target, nacked: false })
    this.#deadlines.set(sequence, nowMs + nackAfterMs(settings))
    const updates = this.#packer.pack('ping', target)
    this.#context.send(target, { type: 'ping', sequence, updates })
  }

  /** True when that ack answers one of these probes. */
  acked(from: MemberId, sequence: number): boolean {
    const relay = this.#bySequence.get(sequence)
    if (relay === undefined || relay.target !== from) return false
    this.#drop(sequence)
    this.#answer('ack', relay.origin, relay.originSequence)
    return true
  }

  /** Sends the nacks that are due, and forgets what nobody waits for any more. */
  expire(): void {
    const { nowMs, settings } = this.#context
    while (this.#deadlines.earliest() <= nowMs) {
      const sequence = this.#deadlines.first()
      const relay = this.#bySequence.get(sequence)
      if (relay === undefined || relay.nacked) {
        this.#drop(sequence)
      } else {
        relay.nacked = true
        this.#deadlines.set(sequence, nowMs + settings.probeIntervalMs)
        this.#answer('nack', relay.origin, relay.originSequence)
      }
    }
  }

  /** This node slept: whoever asked has given up. */
  clear(): void {
    this.#bySequence.clear()
    this.#deadlines.clear()
  }

  state(): RelaysState {
    return {
      relays: Array.from(this.#bySequence, ([sequence, relay]) => ({ sequence, ...relay })),
      deadlines: this.#deadlines.entries(),
      asked: this.#asked.state(),
    }
  }

  restore(state: RelaysState): void {
    this.clear()
    for (const { sequence, ...relay } of state.relays) this.#bySequence.set(sequence, { ...relay })
    for (const [sequence, timeMs] of state.deadlines) this.#deadlines.set(sequence, timeMs)
    this.#asked.restore(state.asked)
  }

  #drop(sequence: number): void {
    this.#bySequence.delete(sequence)
    this.#deadlines.delete(sequence)
  }

  #answer(type: 'ack' | 'nack', origin: MemberId, sequence: number): void {
    this.#context.send(origin, { type, sequence, updates: this.#packer.pack(type, origin) })
  }
}

/** The asker waits at least for the rest of its interval; a nack must be there before that. */
export function nackAfterMs(settings: SwimContext['settings']): number {
  const { probeIntervalMs, probeTimeoutMs, nackShare } = settings
  return Math.min(probeTimeoutMs, probeIntervalMs - probeTimeoutMs) * nackShare
}

/** {@link Relays} as plain data. */
export interface RelaysState {
  readonly relays: readonly (Relay & { readonly sequence: number })[]
  readonly deadlines: readonly (readonly [number, number])[]
  readonly asked: PeerBudgetState
}
