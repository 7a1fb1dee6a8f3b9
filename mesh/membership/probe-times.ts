/** Round trips of probes: the time from a ping to its ack, smoothed per member. */

/** Weight of a new sample, as in TCP (RFC 6298). */
const RTT_WEIGHT = 1 / 8

interface Times {
  sequence: number
  sentMs: number
  rttMs: number | undefined
}

/** Measures; it keeps one entry per member that was ever probed and is not forgotten. */
export class ProbeTimes {
  readonly #times = new Map<string, Times>()

  /** A ping went out. */
  sent(id: string, sequence: number, nowMs: number): void {
    const times = this.#times.get(id)
    if (times === undefined) this.#times.set(id, { sequence, sentMs: nowMs, rttMs: undefined })
    else {
      times.sequence = sequence
      times.sentMs = nowMs
    }
  }

  /** An ack came; one of an older ping measures nothing, nor does a second one. */
  acked(id: string, sequence: number, nowMs: number): void {
    const times = this.#times.get(id)
    if (times === undefined || times.sequence !== sequence) return
    times.sequence = -1
    const sampleMs = Math.max(0, nowMs - times.sentMs)
    const { rttMs } = times
    times.rttMs = rttMs === undefined ? sampleMs : rttMs + (sampleMs - rttMs) * RTT_WEIGHT
  }

  /** Smoothed milliseconds; undefined before the first ack. */
  rttMs(id: string): number | undefined {
    return this.#times.get(id)?.rttMs
  }

  forget(id: string): void {
    this.#times.delete(id)
  }
}
