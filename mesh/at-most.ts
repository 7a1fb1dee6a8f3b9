/** An end to waiting for what may never come. */
import type { Clock, ClockTimer } from '../runtime/index.ts'

/** Waits for `work`, but no longer than that: a transport that hangs must not hold up a stop. */
export async function atMost(clock: Clock, limitMs: number, work: Promise<unknown>): Promise<void> {
  let timer: ClockTimer | undefined
  const limit = new Promise<void>((resolve) => {
    timer = clock.setTimer(limitMs, resolve)
  })
  await Promise.race([work, limit])
  timer?.cancel()
}
