/** What the application codes of a transport close mean, and what they make of a link that was up. */
import type { CloseInfo } from '../transport/transport.ts'
import type { LinkDownReason } from './reasons.ts'

/**
 * Application codes of a transport close. `goodbye` says what a `disconnect` frame says, for the
 * peer that does not get that frame any more.
 */
export const CloseCode: Readonly<
  Record<'done' | 'protocol' | 'rejected' | 'timeout' | 'replaced' | 'goodbye' | 'idle', number>
> = Object.freeze({
  done: 0,
  protocol: 1,
  rejected: 2,
  timeout: 3,
  replaced: 4,
  goodbye: 5,
  idle: 6,
})

/** What the end of a transport connection says about a link that was up. */
export function downReasonOf({ by, code }: CloseInfo): LinkDownReason {
  if (by === 'idle_timeout') return 'heartbeat_timeout'
  if (by !== 'peer') return 'connection_closed'
  if (code === CloseCode.goodbye) return 'graceful_shutdown'
  if (code === CloseCode.idle) return 'idle'
  // We fell silent for the peer: the same silence.
  return code === CloseCode.timeout ? 'heartbeat_timeout' : 'connection_closed'
}
