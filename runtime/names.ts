/**
 * Names of one system. A process may hold several (deviation from N-03); a name is freed the moment
 * its holder ends, before anybody sees a DOWN for it (N-05).
 *
 * {@link Via} is the door to other directories (a registry, a cluster-wide name server): an object that
 * is one name in one directory, with OTP's `via` callbacks.
 */
import { ArgumentError, LimitError, NameError } from './errors.ts'
import { DEAD } from './process-flags.ts'
import type { Pid } from './pid.ts'
import type { ProcessCell } from './process.ts'

/** One name in a directory other than the system's own. */
export interface Via {
  /** For error messages. */
  readonly label: string
  whereisName(): Pid | undefined
  /** False if somebody else holds the name. The directory frees it when the process ends. */
  registerName(pid: Pid): boolean
  unregisterName(): void
}

/**
 * Whether `value` can stand for a name.
 *
 * @example
 * const rooms = await Registry.start<string>()
 * assert.equal(isVia(rooms.via('lobby')), true)
 * assert.equal(isVia('lobby'), false)
 * await GenServer.stop(rooms)
 */
export function isVia(value: unknown): value is Via {
  return typeof value === 'object' && value !== null && 'whereisName' in value
}

/** The name table. */
export class Names {
  readonly #holders = new Map<string, ProcessCell>()
  readonly #namesMax: number
  constructor(namesMax: number) {
    this.#namesMax = namesMax
  }

  get size(): number {
    return this.#holders.size
  }
  get(name: string): ProcessCell | undefined {
    return this.#holders.get(name)
  }
  all(): string[] {
    return [...this.#holders.keys()]
  }

  /** Throws if the name is not free or not a name. */
  checkFree(name: string): void {
    if (typeof name !== 'string') throw new ArgumentError('name', 'a string', name)
    if (name === '') throw new NameError('ERR_NAME_INVALID', 'a name must not be empty')
    const holder = this.#holders.get(name)
    if (holder !== undefined) {
      throw new NameError(
        'ERR_NAME_TAKEN',
        `name '${name}' is held by ${holder.pid.toString()}`,
        holder.pid,
      )
    }
    if (this.#holders.size >= this.#namesMax) {
      throw new LimitError('ERR_NAMES_MAX', 'namesMax', this.#namesMax)
    }
  }

  register(name: string, cell: ProcessCell | undefined): void {
    if (cell === undefined || (cell.flags & DEAD) !== 0) {
      throw new NameError('ERR_NAME_INVALID', `name '${name}' needs a live local process`)
    }
    this.checkFree(name)
    this.#holders.set(name, cell)
    ;(cell.more().names ??= new Set<string>()).add(name)
  }

  unregister(name: string): void {
    const cell = this.#holders.get(name)
    if (cell === undefined) {
      throw new NameError('ERR_NAME_UNKNOWN', `name '${name}' is not registered`)
    }
    this.#holders.delete(name)
    cell.extras?.names?.delete(name)
  }

  /** Frees everything `cell` holds. */
  release(cell: ProcessCell): void {
    const extras = cell.extras
    if (extras?.names === undefined) return
    for (const name of extras.names) this.#holders.delete(name)
    extras.names = undefined
  }
}
