/**
 * When an endpoint works: the connections that something happened to, once per turn, in two steps.
 *
 *     packets | immediate: serve | microtasks: processes | tick: serve what they wrote to, send | packets
 *
 * Between the steps the processes that were given something handle it and answer, in microtasks of their own. So an
 * answer shares its packet with the acknowledgement of what it answers, and a call is two packets instead of four.
 *
 * Real turns of the event loop, not those of a clock: they follow the packets, which do not wait for virtual time.
 */
import process from 'node:process'
import type { DeadlineTime } from './deadlines.ts'

/** Streams are asked this long after packets came whether their readers stopped them; writing tells at once. */
const STOP_PROBE_MS = 5

/** Marks of a connection. */
export interface Served {
  /** Touched since it was served. */
  dirty: boolean
  /** Served and not yet sent for. */
  sendDue: boolean
  /** It is time to look for streams that were stopped. */
  probeDue: boolean
}

/** The two steps. What they throw is theirs to catch. */
export interface TurnSteps<T> {
  /** Reads, calls handlers, takes what was written. */
  serve(connection: T): void
  /** Sends what there is to send. */
  send(connection: T): void
}

/** The turns of one endpoint. */
export class Turns<T extends Served> {
  readonly #time: DeadlineTime
  readonly #steps: TurnSteps<T>
  readonly #probes = new Set<T>()
  #dirty: T[] = []
  #served: T[] = []
  #probeTimer: { cancel(): void } | undefined
  #armed = false
  #stopped = false

  constructor(time: DeadlineTime, steps: TurnSteps<T>) {
    this.#time = time
    this.#steps = steps
  }

  /** Asks for a turn of `connection`. */
  touch(connection: T): void {
    if (connection.dirty || this.#stopped) return
    connection.dirty = true
    this.#dirty.push(connection)
    if (this.#armed) return
    this.#armed = true
    setImmediate(this.#begin)
  }

  /** Asks for a turn with `probeDue`, soon. */
  probeLater(connection: T): void {
    this.#probes.add(connection)
    this.#probeTimer ??= this.#time.setTimer(STOP_PROBE_MS, this.#probe)
  }

  /** It will not be probed any more. */
  forget(connection: T): void {
    this.#probes.delete(connection)
  }

  /** Both steps at once, for the last words. */
  finish(): void {
    this.#end()
  }

  /** Nothing happens any more. */
  stop(): void {
    this.#stopped = true
    this.#dirty = []
    this.#served = []
    this.#probeTimer?.cancel()
    this.#probes.clear()
  }

  readonly #begin = (): void => {
    this.#serveTouched()
    // Still armed: what is touched until the end of this turn needs none of its own.
    if (!this.#stopped) queueMicrotask(this.#whenHandled)
  }

  /** A tick comes when no microtask is left, those that came after this one included. */
  readonly #whenHandled = (): void => {
    process.nextTick(this.#end)
  }

  readonly #end = (): void => {
    this.#armed = false
    this.#serveTouched()
    const served = this.#served
    this.#served = []
    for (const connection of served) {
      connection.sendDue = false
      if (this.#stopped) return
      this.#steps.send(connection)
    }
  }

  #serveTouched(): void {
    const dirty = this.#dirty
    this.#dirty = []
    for (const connection of dirty) {
      if (this.#stopped) return
      connection.dirty = false
      this.#steps.serve(connection)
      if (connection.sendDue) continue
      connection.sendDue = true
      this.#served.push(connection)
    }
  }

  readonly #probe = (): void => {
    this.#probeTimer = undefined
    for (const connection of this.#probes) {
      connection.probeDue = true
      this.touch(connection)
    }
    this.#probes.clear()
  }
}
