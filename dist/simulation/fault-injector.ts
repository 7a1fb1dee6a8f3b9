/** Does what a schedule says: faults happen, and end. */
import type { SimClock } from '../../runtime/index.ts'
import type { Fault } from './fault.ts'
import type { Simulation } from './simulation.ts'

/** See the file header. */
export class FaultInjector {
  readonly #simulation: Simulation
  readonly #clock: SimClock
  readonly #fail: (error: unknown) => void
  /** Ends of what lasts. */
  readonly #undo = new Set<() => void>()

  constructor(simulation: Simulation, clock: SimClock, fail: (error: unknown) => void) {
    this.#simulation = simulation
    this.#clock = clock
    this.#fail = fail
  }

  /** Later, counted from now. */
  schedule(fault: Fault): void {
    this.#clock.setTimer(fault.atMs, () => this.apply(fault))
  }

  /** Now. */
  apply(fault: Fault): void {
    const { network } = this.#simulation
    this.#simulation.note(JSON.stringify(fault))
    const hosts = (choices: readonly (string | number)[]): string[] =>
      choices.map((choice) => this.#simulation.node(choice).host)
    switch (fault.type) {
      case 'crash':
        this.#simulation
          .node(fault.node)
          .crash(fault.disk === undefined ? {} : { disk: fault.disk })
        if (fault.downMs !== undefined) this.#later(fault.downMs, () => this.#start(fault.node))
        break
      case 'restart':
        this.#start(fault.node)
        break
      case 'pause': {
        const node = this.#simulation.node(fault.node)
        node.pause()
        this.#later(fault.forMs, () => node.resume())
        break
      }
      case 'clock_jump':
        this.#simulation
          .node(fault.node)
          .jumpClock(fault.byMs, { monotonic: fault.monotonic === true })
        break
      case 'partition': {
        const groups = fault.groups.map(hosts)
        const pairs = groups.flatMap((a, i) => groups.slice(i + 1).map((b) => [a, b] as const))
        for (const [a, b] of pairs) network.partition(a, b)
        this.#lasting(fault.forMs, () => {
          for (const [a, b] of pairs) network.heal(a, b)
        })
        break
      }
      case 'cut': {
        const [from, to] = [hosts([fault.from]), hosts([fault.to])]
        network.cut({ from, to })
        this.#lasting(fault.forMs, () => network.heal(from, to))
        break
      }
      case 'conditions': {
        const { from, to } = fault
        const undo = network.setConditions(fault.conditions, {
          ...(from === undefined ? {} : { from: hosts([from]) }),
          ...(to === undefined ? {} : { to: hosts([to]) }),
        })
        this.#lasting(fault.forMs, undo)
        break
      }
    }
  }

  /** Ends every partition, cut and condition before its time. */
  heal(): void {
    for (const undo of this.#undo) undo()
  }

  #lasting(forMs: number, end: () => void): void {
    const undo = (): void => {
      if (this.#undo.delete(undo)) end()
    }
    this.#undo.add(undo)
    this.#later(forMs, undo)
  }

  #later(delayMs: number, fn: () => void): void {
    this.#clock.setTimer(delayMs, fn)
  }

  #start(choice: string | number): void {
    const node = this.#simulation.node(choice)
    node.start().catch((error: unknown) => {
      // It crashed again before it was up: that is what the schedule wants.
      if (node.state !== 'crashed') this.#fail(error)
    })
  }
}
