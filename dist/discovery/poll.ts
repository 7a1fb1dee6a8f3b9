/**
 * The loop of a source that is asked again and again: an answer is told, a failure is told as a failure and asked
 * again with growing, jittered pauses, for ever (D1, D2). Every pause is drawn anew, so that nodes that were
 * started together do not ask together.
 */
import { Backoff, type Candidate, type DiscoverySink } from '../../mesh/index.ts'
import { Sightings } from './sightings.ts'
import type { StrategyContext } from './strategy.ts'
import { pause, within } from './wait.ts'

/** What a question gave. */
export interface PollAnswer {
  readonly candidates: readonly Candidate[]
  /** The next question waits no longer than that, if the source says how long its answer holds. */
  readonly ttlMs?: number | undefined
  /** A part of the question failed: what is missing here is not missing there. */
  readonly failed?: unknown
}

/** How a source is polled. */
export interface PollOptions {
  readonly name: string
  readonly intervalMs: number
  /** The shortest pause, whatever the source says. */
  readonly intervalMinMs: number
  readonly timeoutMs: number
  readonly forgetAfterMs: number
  ask(signal: AbortSignal): Promise<PollAnswer>
}

const RETRY_BASE_MS = 500
const RETRY_MAX_MS = 30_000

/** The pauses after failures, the same for all strategies. */
export function retryPauses(): Backoff {
  return new Backoff({ baseMs: RETRY_BASE_MS, maxMs: RETRY_MAX_MS })
}

/** Polls until the signal of `context` is aborted. */
export async function poll(
  options: PollOptions,
  sink: DiscoverySink,
  { clock, entropy, signal }: StrategyContext,
): Promise<void> {
  const { name, intervalMs, intervalMinMs, timeoutMs, ask } = options
  const sightings = new Sightings(options.forgetAfterMs)
  const pauses = retryPauses()
  for (let going = true; going;) {
    let waitMs: number
    try {
      const answer = await within({ clock, timeoutMs, signal, what: name }, ask)
      if (signal.aborted) return
      const { candidates, failed } = answer
      if (failed !== undefined) sink.failed(failed)
      const { seen, gone } =
        failed === undefined
          ? sightings.answer(candidates, clock.now())
          : sightings.part(candidates, clock.now())
      if (seen.length > 0) sink.seen(seen)
      if (gone.length > 0) sink.gone(gone)
      pauses.reset()
      const stepMs = Math.max(intervalMinMs, Math.min(intervalMs, answer.ttlMs ?? intervalMs))
      waitMs = stepMs * (0.9 + 0.2 * entropy.random())
    } catch (error) {
      if (signal.aborted) return
      sink.failed(error)
      sightings.failed()
      waitMs = pauses.nextMs(entropy.random())
    }
    going = await pause(clock, waitMs, signal)
  }
}
