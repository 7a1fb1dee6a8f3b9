/**
 * Whether a call is tried again, and when (R11). After gRPC A6, with one difference that matters: what surely did not run
 * is tried again without asking the user, what may have run only when the call is idempotent.
 */
import type { FailureKind } from './frames.ts'

/** How an attempt ended without a result. */
export type AttemptEnd =
  /** It was not sent, or the courier knows that it was lost. */
  | { readonly type: 'unsent' }
  /** The node is gone, with or without having run it. */
  | { readonly type: 'gone' }
  /** No answer within `attemptTimeoutMs`. */
  | { readonly type: 'slow' }
  /** The provider said so. */
  | {
      readonly type: 'refused'
      readonly kind: FailureKind
      readonly retryAfterMs?: number | undefined
    }

/** `never`, `elsewhere` at once, or `later` after a pause. */
export type RetryAdvice = 'never' | 'elsewhere' | 'later'

/** What may be done about it. */
export function retryAdvice(end: AttemptEnd, isIdempotent: boolean): RetryAdvice {
  switch (end.type) {
    case 'unsent':
      return 'elsewhere'
    case 'gone':
    case 'slow':
      return isIdempotent ? 'later' : 'never'
    case 'refused':
      return refusalAdvice(end.kind, isIdempotent)
  }
}

function refusalAdvice(kind: FailureKind, isIdempotent: boolean): RetryAdvice {
  switch (kind) {
    // Refused before dispatch.
    case 'no_provider':
    case 'overloaded':
      return 'elsewhere'
    // The process that served it has ended on the way.
    case 'unreachable':
      return isIdempotent ? 'later' : 'never'
    case 'remote':
    case 'timeout':
    case 'cancelled':
    case 'payload_too_large':
    case 'unauthorized':
    case 'input':
      return 'never'
  }
}

/** Limits of {@link retryPauseMs}. */
export interface RetryPauseLimits {
  readonly retryBaseMs: number
  readonly retryMaxMs: number
}

/** The pause before attempt `attempt` (the second is 2): full jitter over a doubling time. */
export function retryPauseMs(
  attempt: number,
  { retryBaseMs, retryMaxMs }: RetryPauseLimits,
  chance: () => number,
): number {
  return chance() * Math.min(retryMaxMs, retryBaseMs * 2 ** (attempt - 2))
}
