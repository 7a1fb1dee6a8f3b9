/** Waiting that ends with a signal: the only timers of strategies. */
import type { Clock } from '../../runtime/index.ts'
import { DiscoveryError } from './errors.ts'

/** Resolves after `delayMs`, or as soon as `signal` is aborted; false in that case. */
export function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve(false)
      return
    }
    const over = (whole: boolean) => (): void => {
      timer?.cancel()
      signal.removeEventListener('abort', aborted)
      resolve(whole)
    }
    const aborted = over(false)
    const timer = delayMs === Infinity ? undefined : clock.setTimer(delayMs, over(true))
    signal.addEventListener('abort', aborted, { once: true })
  })
}

/** How long, and until when, something may take. */
export interface WithinOptions {
  readonly clock: Clock
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** What is waited for, in words. */
  readonly what: string
}

/** What `ask` gives, which is told by its signal to stop when the time is over: `ERR_DISCOVERY_TIMEOUT`. */
export async function within<T>(
  { clock, timeoutMs, signal, what }: WithinOptions,
  ask: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const abort = new AbortController()
  const giveUp = (): void => abort.abort(signal.reason)
  if (signal.aborted) giveUp()
  signal.addEventListener('abort', giveUp, { once: true })
  const timer = clock.setTimer(timeoutMs, () => {
    const text = `${what}: no answer within ${timeoutMs} ms`
    abort.abort(new DiscoveryError('ERR_DISCOVERY_TIMEOUT', text))
  })
  // Whoever is asked may not heed the signal; whoever waits goes on all the same.
  const given = new Promise<never>((_resolve, reject) => {
    abort.signal.addEventListener('abort', () => reject(abort.signal.reason as Error))
  })
  given.catch(() => {})
  try {
    abort.signal.throwIfAborted()
    return await Promise.race([ask(abort.signal), given])
  } finally {
    timer.cancel()
    signal.removeEventListener('abort', giveUp)
  }
}
