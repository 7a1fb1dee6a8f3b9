/**
 * The failure detector: one probe at a time, through its three stages.
 *
 *     ping ---- timeout ----> ping_req to k helpers, and a stream ---- interval ----> suspect
 *       |                            |
 *       ack: healthier               ack from anybody: healthier; nack: a helper works, we are not alone
 *
 * Both times are stretched by local health. The next probe begins only after this one is concluded, and
 * an ack counts only for the probe whose number it carries (S20). When every helper has said in its time
 * that the target is silent, a healthy node does not wait for the end of the interval.
 */
import { contactOf, type SwimContext } from './context.ts'
import type { Ledger } from './ledger.ts'
import type { SwimReply } from './message.ts'
import type { Packer } from './packer.ts'
import type { Incarnation, MemberId } from './statement.ts'
import { isLiving } from './table.ts'

/** Members that wait to be probed out of turn. */
const HINTS_MAX = 64

const NOBODY: readonly MemberId[] = Object.freeze([])

interface Probe extends Incarnation {
  readonly slot: number
  readonly id: MemberId
  readonly sequence: number
  readonly startMs: number
  readonly timeoutAtMs: number
  readonly endAtMs: number
  /** Undefined while only the target was asked. */
  readonly helpers: readonly MemberId[] | undefined
  /** Helpers that said that they got no answer. */
  readonly nacks: readonly MemberId[]
  /** Stream probe under way, or 0. */
  readonly requestId: number
}

/** Probes the members one after the other. */
export class Prober {
  readonly #context: SwimContext
  readonly #ledger: Ledger
  readonly #packer: Packer
  #probe: Probe | undefined
  #nextAtMs: number
  /** Members whose connection was lost, and suspects after a pause: probed before the others. */
  #hints: Set<MemberId> | undefined
  /** Who was probed out of turn in this round: once is enough, else one whose link flaps takes all turns. */
  #hinted: Set<MemberId> | undefined
  #round = 0

  constructor(context: SwimContext, ledger: Ledger, packer: Packer) {
    this.#context = context
    this.#ledger = ledger
    this.#packer = packer
    const { probeIntervalMs } = context.settings
    this.#nextAtMs = context.nowMs + context.streams.probe.fraction() * probeIntervalMs
  }

  /** `alone` when there is nobody to probe. */
  deadline(alone: boolean): number {
    const probe = this.#probe
    if (probe !== undefined) return probe.helpers === undefined ? probe.timeoutAtMs : probe.endAtMs
    return alone ? Infinity : this.#nextAtMs
  }

  /** Somebody is there again: what was due while nobody was is not overdue. */
  settle(): void {
    const { nowMs, settings, streams } = this.#context
    if (this.#probe !== undefined || this.#nextAtMs >= nowMs) return
    this.#nextAtMs = nowMs + streams.probe.fraction() * settings.probeIntervalMs
  }

  /** There is a reason to doubt that member: it is next. */
  hint(id: MemberId): void {
    const { table } = this.#context
    if (table.slotOf(id) < 0) return
    const { rounds } = table.schedule
    if (this.#round !== rounds) this.#hinted = undefined
    this.#round = rounds
    this.#hints ??= new Set()
    this.#hinted ??= new Set()
    if (this.#hints.size >= HINTS_MAX || this.#hinted.has(id)) return
    this.#hints.add(id)
    this.#hinted.add(id)
  }

  /** Does what is due. */
  tick(): void {
    const { nowMs } = this.#context
    const probe = this.#probe
    if (probe === undefined) {
      if (this.#nextAtMs <= nowMs) this.#start()
    } else if (probe.helpers === undefined) {
      if (probe.timeoutAtMs <= nowMs) this.#askOthers(probe)
    } else if (probe.endAtMs <= nowMs) {
      this.#fail(probe, probe.helpers.length, probe.nacks.length)
    }
  }

  /** True when that ack answers the probe under way. */
  acked(from: MemberId, sequence: number): boolean {
    const probe = this.#probe
    if (probe === undefined || probe.sequence !== sequence) return false
    if (from !== probe.id && probe.helpers?.includes(from) !== true) return false
    this.#succeed(probe)
    return true
  }

  /** True when that nack is from a helper of the probe under way. */
  nacked(from: MemberId, sequence: number): boolean {
    const probe = this.#probe
    if (probe === undefined || probe.sequence !== sequence) return false
    const { helpers } = probe
    if (helpers?.includes(from) !== true || probe.nacks.includes(from)) return false
    const nacks = [...probe.nacks, from]
    this.#probe = { ...probe, nacks }
    if (nacks.length === helpers.length && this.#isCertain(probe)) {
      this.#fail(this.#probe, helpers.length, nacks.length)
    }
    return true
  }

  /** True when that request is the stream probe under way; `from` is whoever answered. */
  replied(requestId: number, from: MemberId, message: SwimReply): boolean {
    const probe = this.#probe
    if (probe === undefined || requestId === 0 || probe.requestId !== requestId) return false
    this.#probe = { ...probe, requestId: 0 }
    if (message.type !== 'probe_ack' || from !== probe.id) return true
    this.#ledger.updates(message.updates, { from, asked: false })
    this.#succeed({ ...probe, requestId: 0 })
    return true
  }

  /** True when that request was the stream probe under way. */
  requestFailed(requestId: number): boolean {
    const probe = this.#probe
    if (probe === undefined || requestId === 0 || probe.requestId !== requestId) return false
    this.#probe = { ...probe, requestId: 0 }
    return true
  }

  /** Gives the probe up without a verdict and begins anew: this node slept, or leaves. */
  abandon(): void {
    if (this.#probe !== undefined) this.#conclude(this.#probe)
    this.#nextAtMs = this.#context.nowMs
    this.#hinted = undefined
  }

  state(): ProberState {
    return {
      probe: this.#probe,
      nextAtMs: this.#nextAtMs,
      hints: [...(this.#hints ?? [])],
      hinted: [...(this.#hinted ?? [])],
      round: this.#round,
    }
  }

  restore(state: ProberState): void {
    this.#probe = state.probe
    this.#nextAtMs = state.nextAtMs
    this.#hints = new Set(state.hints)
    this.#hinted = new Set(state.hinted)
    this.#round = state.round
  }

  #start(): void {
    const context = this.#context
    const { table, health, settings, nowMs } = context
    const slot = this.#nextSlot()
    const record = slot < 0 ? undefined : table.get(slot)
    if (record === undefined) return
    const { id, generation, counter } = record.statement
    const sequence = context.nextSequence()
    this.#probe = {
      slot,
      id,
      generation,
      counter,
      sequence,
      startMs: nowMs,
      timeoutAtMs: nowMs + health.scale(settings.probeTimeoutMs),
      endAtMs: nowMs + health.scale(settings.probeIntervalMs),
      helpers: undefined,
      nacks: NOBODY,
      requestId: 0,
    }
    context.counters.probes += 1
    context.send(id, { type: 'ping', sequence, updates: this.#packer.pack('ping', id) })
  }

  #nextSlot(): number {
    const { table } = this.#context
    const hints = this.#hints
    if (hints === undefined) return table.schedule.next()
    for (const id of hints) {
      hints.delete(id)
      const slot = table.slotOf(id)
      const record = slot < 0 || slot === table.self ? undefined : table.get(slot)
      if (record !== undefined && isLiving(record.status)) return slot
    }
    this.#hints = undefined
    return table.schedule.next()
  }

  /** No ack in time: others try, and a stream, all at once. */
  #askOthers(probe: Probe): void {
    const context = this.#context
    const { settings, table, counters } = context
    const slots = [probe.slot]
    const helpers: MemberId[] = []
    for (let i = 0; i < settings.indirectProbes; i++) {
      const slot = context.randomLiving('helpers', slots)
      const helper = slot < 0 ? undefined : table.get(slot)?.statement.id
      if (helper === undefined) break
      slots.push(slot)
      helpers.push(helper)
    }
    const record = table.get(probe.slot)
    const asks = settings.streamProbe && record?.statement.id === probe.id
    const requestId = asks ? context.nextRequestId() : 0
    // Before anything is sent: the state is complete when effects go out.
    this.#probe = { ...probe, helpers, requestId }
    for (const helper of helpers) {
      const updates = this.#packer.pack('ping_req', helper)
      const { sequence, id: target } = probe
      counters.indirectProbes += 1
      context.send(helper, { type: 'ping_req', sequence, target, updates })
    }
    if (asks) {
      counters.streamProbes += 1
      const updates = this.#packer.pack('ping', probe.id)
      const message = { type: 'probe', updates } as const
      context.request(requestId, contactOf(record.statement), message, probe.endAtMs)
    }
  }

  #succeed(probe: Probe): void {
    this.#context.health.apply(-1)
    this.#conclude(probe)
  }

  /**
   * Nothing is left to wait for: every helper has answered that it got no answer, the stream has had as
   * much of its time as they had of theirs, and no doubt about ourselves makes us patient.
   */
  #isCertain({ timeoutAtMs, endAtMs }: Probe): boolean {
    const { health, nowMs, settings } = this.#context
    const tried = timeoutAtMs + (endAtMs - timeoutAtMs) * settings.nackShare
    return health.score === 0 && nowMs >= tried
  }

  #fail(probe: Probe, asked: number, nacks: number): void {
    const { health, counters, table } = this.#context
    // Silence of helpers says something about us, not about the target (S21).
    health.apply(asked === 0 ? 1 : asked - nacks)
    counters.probesFailed += 1
    this.#conclude(probe)
    const { generation, counter, id } = probe
    const statement = table.get(probe.slot)?.statement
    // It spoke meanwhile, or the slot is another's: the verdict was about somebody else (S15).
    if (statement?.id !== id || statement.generation !== generation) return
    if (statement.counter === counter) this.#ledger.accuse(probe.slot)
  }

  #conclude(probe: Probe): void {
    const { health, settings, nowMs, sink } = this.#context
    this.#probe = undefined
    this.#nextAtMs = Math.max(nowMs, probe.startMs + health.scale(settings.probeIntervalMs))
    if (probe.requestId !== 0) sink.cancel(probe.requestId)
  }
}

/** {@link Prober} as plain data. */
export interface ProberState {
  readonly probe: Probe | undefined
  readonly nextAtMs: number
  readonly hints: readonly MemberId[]
  readonly hinted: readonly MemberId[]
  readonly round: number
}
