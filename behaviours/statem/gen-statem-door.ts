/**
 * The door of a machine, as a server's: what the contract does not allow is answered with
 * `ERR_CALL_UNKNOWN` or `ERR_CALL_INPUT` before it becomes an event, and is as if it had never come. What
 * is postponed has passed the door; it is not checked again.
 */
import { formatPid, ItemKind, type Call, type Message, type Process } from '../../runtime/index.ts'
import type { Contract } from '../server/contract.ts'
import { CallInputError } from '../server/server-errors.ts'
import { OwnEvent, OwnKind, type HeldEvent } from './gen-statem-events.ts'
import { checkInput, type CheckedInput, type StandardSchema } from '../server/schema.ts'
import { REFUSED, refuseCall } from '../server/server-loop.ts'

/** What comes of a message at the door. */
export type Admitted = HeldEvent | typeof REFUSED

type Slots = ReadonlyMap<string | undefined, StandardSchema | true>

/** The door of all machines of one definition. */
export class StatemDoor {
  readonly #label: string
  /** The name of the contract. */
  readonly contract: string
  readonly #calls: Slots
  readonly #casts: Slots
  /** Whether there is any input to be checked. */
  readonly hasSchemas: boolean

  constructor(label: string, declared: Contract<unknown>) {
    this.#label = label
    this.contract = declared.name
    this.#calls = new Map(Object.entries(declared.names.call))
    this.#casts = new Map(Object.entries(declared.names.cast))
    const slots = [...this.#calls.values(), ...this.#casts.values()]
    this.hasSchemas = slots.some((slot) => slot !== true)
  }

  hasCall(name: string | undefined): boolean {
    return this.#calls.has(name)
  }
  hasCast(name: string | undefined): boolean {
    return this.#casts.has(name)
  }

  /** Lets a call or cast in, with its checked input, or refuses it. */
  admit(item: Call | Message, process: Process): Admitted | Promise<Admitted> {
    const isCall = item.kind === ItemKind.call
    const slot = (isCall ? this.#calls : this.#casts).get(item.name)
    if (slot === undefined) return this.refuse(item, process)
    if (slot === true) return item
    const input = isCall ? item.input : item.value
    const checked = checkInput(slot, input)
    return checked instanceof Promise
      ? checked.then((settled) => this.#checked(item, settled, process))
      : this.#checked(item, checked, process)
  }

  /** Answers a call of a name that the contract does not have; for a cast nobody waits. */
  refuse(item: Call | Message, process: Process): typeof REFUSED {
    if (item.kind === ItemKind.call) {
      return refuseCall(item, this.contract, this.#casts.has(item.name))
    }
    return this.#warn(item, process, ['no such cast'])
  }

  #checked(item: Call | Message, checked: CheckedInput, process: Process): Admitted {
    if (item.kind === ItemKind.call) {
      if (checked.ok) return new OwnEvent(OwnKind.call, item.name, checked.value, item)
      item.fail(new CallInputError(this.contract, String(item.name), checked.issues))
      return REFUSED
    }
    if (checked.ok) return new OwnEvent(OwnKind.cast, item.name, checked.value)
    return this.#warn(item, process, checked.issues)
  }

  #warn(item: Message, process: Process, issues: readonly string[]): typeof REFUSED {
    process.system.logger.warn(
      { process: formatPid(process.pid), label: this.#label, cast: item.name, issues },
      'cast refused',
    )
    return REFUSED
  }
}
