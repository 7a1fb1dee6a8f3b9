/**
 * Typed access to the elements of one decoded array, for messages that are arrays because they must be
 * small. The counterpart of the maps in `check.ts`: every element is checked, a complaint is a
 * `MessageError` that names the element, elements beyond the known ones are ignored, so that a newer
 * peer may send more.
 */
import { MessageError } from './errors.ts'

/** Largest number of 32 bits. */
export const UINT32_MAX = 4_294_967_295

/** One array. */
export class Tuple {
  readonly #type: string
  readonly #path: string
  readonly #items: readonly unknown[]

  /** `path` is where in the message it stands; empty for the message itself. */
  constructor(type: string, value: unknown, path = '') {
    if (!Array.isArray(value)) throw new MessageError(type, path, 'an array')
    this.#type = type
    this.#path = path
    this.#items = value
  }

  /** Whether there is an element `index`. */
  has(index: number): boolean {
    return index < this.#items.length
  }

  /** The element, unchecked. */
  get(index: number): unknown {
    return this.#items[index]
  }

  /** A whole number of that range. */
  whole(index: number, name: string, min: number, max: number): number {
    const value = this.#items[index]
    if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max) {
      throw this.error(name, `a whole number from ${min} to ${max}`)
    }
    return (value as number) + 0 // there is a -0 on the wire
  }

  /** True or false. */
  flag(index: number, name: string): boolean {
    const value = this.#items[index]
    if (typeof value !== 'boolean') throw this.error(name, 'true or false')
    return value
  }

  /** A string that `test` takes. */
  text(
    index: number,
    name: string,
    test: (value: unknown) => value is string,
    expected: string,
  ): string {
    const value = this.#items[index]
    if (!test(value)) throw this.error(name, expected)
    return value
  }

  /** Exactly that many bytes. */
  bytes(index: number, name: string, length: number): Uint8Array {
    const value = this.#items[index]
    if (!(value instanceof Uint8Array) || value.length !== length) {
      throw this.error(name, `${length} bytes`)
    }
    return value
  }

  /** At most that many bytes. */
  bytesUpTo(index: number, name: string, max: number): Uint8Array {
    const value = this.#items[index]
    if (!(value instanceof Uint8Array) || value.length > max) {
      throw this.error(name, `at most ${max} bytes`)
    }
    return value
  }

  /** An array of at most that many elements. */
  list(index: number, name: string, max: number): readonly unknown[] {
    const value = this.#items[index]
    if (!Array.isArray(value) || value.length > max) {
      throw this.error(name, `an array of at most ${max} elements`)
    }
    return value
  }

  /** The complaint about an element. */
  error(name: string, expected: string): MessageError {
    const field = this.#path === '' ? name : `${this.#path}.${name}`
    return new MessageError(this.#type, field, expected)
  }
}
