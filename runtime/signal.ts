/**
 * What an exit signal does to a process, as a pure table. Erlang/OTP, "Processes: Receiving Exit
 * Signals"; cases L-01, L-02, L-03, L-06, L-14 to L-22 and L-30 of the conformance list.
 *
 * Two things look alike and differ: reason `kill` SENT by exit/2 is untrappable and becomes `killed`
 * (L-19); reason `kill` that a process gave ITSELF arrives over links as an ordinary reason (L-22).
 */
import type { ExitReason } from './exit-reason.ts'

/** What happens to the receiver. */
export type ExitFate = 'ignored' | 'message' | 'dies' | 'killed'

/** The facts an exit signal is judged by. */
export interface ExitSignalFacts {
  /** The receiver traps exits at this moment (L-30). */
  readonly trapsExit: boolean
  /** It came over a link because the peer ended, not from exit/2. */
  readonly viaLink: boolean
  /** The receiver sent it to itself. */
  readonly fromSelf: boolean
  readonly reason: ExitReason
}

/**
 * The fate of a live process that receives an exit signal.
 *
 * @example
 * exitFate({ trapsExit: false, viaLink: true, fromSelf: false, reason: 'shutdown' }) // 'dies'
 */
export function exitFate(facts: ExitSignalFacts): ExitFate {
  if (!facts.viaLink && facts.reason === 'kill') return 'killed'
  if (facts.trapsExit) return 'message'
  if (facts.reason !== 'normal') return 'dies'
  return facts.fromSelf && !facts.viaLink ? 'dies' : 'ignored'
}
