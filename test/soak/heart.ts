/**
 * The evidence of a process that it got no time from its machine: a timer that should fire at once and does so late says
 * that nothing else of this event loop could run before, and the processor time of the process says whether it was itself
 * at work then. The ledger excuses what is late by exactly these times, on whatever machine. Timers of the machine and not
 * those of a node, which are among what is looked at.
 */
import process from 'node:process'
import { createRealClock } from '../../runtime/index.ts'
import type { ClockTimer } from '../../runtime/index.ts'
import { nowUs, type Journal } from './journal.ts'

/** A process may have stood still for so long before a stall that it wrote down. */
export const BEAT_US = 100_000
/** Shorter ones are not written down: they are within what the ledger bears. */
const STALL_LEAST_US = 100_000

const busyUs = (): number => {
  const { user, system } = process.cpuUsage()
  return user + system
}

/** Beats until it is stopped; does not keep the process alive. */
export class Heart {
  readonly #journal: Journal
  readonly #clock = createRealClock()
  #timer: ClockTimer | undefined
  /** Of the last beat. Each counts from there, so that a stall within a beat, as in its write, is in the next one. */
  #atUs = nowUs()
  #cpuUs = busyUs()

  constructor(journal: Journal) {
    this.#journal = journal
    this.#arm()
  }

  /** Nothing is written from then on. */
  stop(): void {
    this.#timer?.cancel()
  }

  #arm(): void {
    this.#timer = this.#clock.setTimer(BEAT_US / 1_000, () => this.#beat())
    this.#timer.unref()
  }

  #beat(): void {
    const fromUs = this.#atUs + BEAT_US
    const cpuUs = busyUs() - this.#cpuUs
    this.#atUs = nowUs()
    this.#cpuUs += cpuUs
    if (this.#atUs - fromUs >= STALL_LEAST_US) {
      this.#journal.write({ kind: 'stall', fromUs, cpuUs }, this.#atUs)
    }
    this.#arm()
  }
}
