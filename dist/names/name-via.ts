/** A global name where a target or a name of a process is wanted: OTP's `{global, Name}` and `via`. */
import type { Pid, Via } from '../../runtime/index.ts'

/** What a name is looked up and registered with. */
export interface NameDoor {
  whereis(name: string): Pid | undefined
  /** Claims the name for a process that starts; false when somebody has it. */
  claim(name: string, pid: Pid): boolean
  release(name: string): void
}

/**
 * See the head of this file. A start does not wait: the process has the name at once as far as this node knows, and others
 * hear of it. If one elsewhere was faster, the process loses it by the resolver of its node.
 */
export class GlobalVia implements Via {
  readonly label: string
  readonly #door: NameDoor
  readonly #name: string

  constructor(door: NameDoor, name: string) {
    this.label = `global:${name}`
    this.#door = door
    this.#name = name
  }

  whereisName(): Pid | undefined {
    return this.#door.whereis(this.#name)
  }

  registerName(pid: Pid): boolean {
    return this.#door.claim(this.#name, pid)
  }

  unregisterName(): void {
    this.#door.release(this.#name)
  }
}
