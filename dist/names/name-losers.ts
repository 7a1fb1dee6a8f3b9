/**
 * What a process of this node is told when it loses a global name to another one. Who is to exit is asked first, in words
 * that a supervisor takes for a shutdown, so that a transient child is not started again beside the winner; who does
 * not go is killed.
 */
import type { ClockTimer, Pid, System } from '../../runtime/index.ts'
import type { Ending } from './claim.ts'
import type { NameConflictMessage } from './resolver.ts'

/** See the head of this file. */
export class NameLosers {
  readonly #system: System
  readonly #graceMs: number
  readonly #dying = new Set<{ readonly timer: ClockTimer; readonly stop: () => void }>()

  constructor(system: System, graceMs: number) {
    this.#system = system
    this.#graceMs = graceMs
  }

  tell(name: string, pid: Pid, other: Pid, how: Ending): void {
    switch (how) {
      case 'replaced':
        return
      case 'exit':
        this.#exit(pid, { shutdown: { nameConflict: { name, winner: other } } })
        return
      case 'notify':
      case 'dissolve': {
        const isTaken = how === 'notify'
        const message: NameConflictMessage = { type: 'global_name_conflict', name, other, isTaken }
        this.#system.send(pid, message)
      }
    }
  }

  /** The node has stopped; nobody is waited for any more. */
  close(): void {
    for (const each of this.#dying) this.#over(each)
  }

  #exit(pid: Pid, reason: unknown): void {
    const system = this.#system
    if (this.#graceMs === 0) {
      system.exit(pid, 'kill')
      return
    }
    system.exit(pid, reason)
    if (!system.isAlive(pid)) return
    const timer = system.clock.setTimer(this.#graceMs, () => {
      this.#over(dying)
      system.exit(pid, 'kill')
    })
    const dying = { timer, stop: system.watch(pid, () => this.#over(dying)) }
    this.#dying.add(dying)
  }

  #over(dying: { readonly timer: ClockTimer; readonly stop: () => void }): void {
    if (!this.#dying.delete(dying)) return
    dying.timer.cancel()
    dying.stop()
  }
}
