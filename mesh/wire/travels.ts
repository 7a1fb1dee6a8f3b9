/**
 * What can leave this node, checked and prepared at the sender, so that a value that cannot be sent
 * rejects its caller with the path to the culprit and never reaches a shared link (ML24, NX-D11).
 *
 * Travels: null, undefined, booleans, numbers (also NaN, infinities, -0), strings, bigint of at most
 * 64 bit, plain objects, arrays, Date, Map, Set, typed arrays, ArrayBuffer, DataView, and the classes
 * of the extensions given. A `Buffer` arrives as `Uint8Array`, an object without prototype as an
 * ordinary one, a hole in an array as `undefined`; properties that are not enumerable and further
 * properties of arrays stay behind. An object that occurs twice is copied twice.
 *
 * Refused: functions, symbols (also as keys), other class instances, cycles, keys that are
 * `__proto__` or not well-formed Unicode, what cannot be read because a getter or a proxy throws, and what exceeds a limit.
 *
 * The walk gives the value itself when msgpackr can write it as it is, which is the common case, and
 * otherwise a copy of the containers on the way to what it cannot (see `extension.ts`).
 */
import { InvariantError } from '../../runtime/index.ts'
import { CodecError, UnsendableError } from './errors.ts'
import type { UnsendableReason } from './errors.ts'
import {
  ExtensionType,
  extensionBytes,
  extensionMark,
  MAP_MARK,
  NEGATIVE_ZERO,
  SET_MARK,
} from './extension.ts'
import type { Extension } from './extension.ts'
import { VALUE_LIMITS } from './limits.ts'
import type { CodecLimits } from './limits.ts'
import { typedArrayKind } from './typed-array.ts'
import { formatPath } from './value-path.ts'

/** Options of {@link checkTravels}. */
export interface TravelOptions<Context = void> {
  /** Classes that travel besides the built-in ones. */
  readonly extensions?: readonly Extension<never, Context>[]
  /** What the extensions are called with. */
  readonly context?: Context
  /** Default {@link VALUE_LIMITS}. */
  readonly limits?: CodecLimits
  /** What the path in an error begins with, e.g. `input`. */
  readonly root?: string
}

/**
 * Throws `UnsendableError` (`ERR_VALUE_UNSENDABLE`) unless `value` can be sent.
 *
 * @example
 * checkTravels({ items: [() => 1] }, { root: 'input' }) // path: input.items[0], reason: function
 */
export function checkTravels<Context = void>(
  value: unknown,
  options: TravelOptions<Context> = {},
): void {
  if (value === undefined || value === null) return
  if (typeof value === 'boolean' || typeof value === 'number') return
  const { extensions = [], limits = VALUE_LIMITS, root = '' } = options
  new WireForm<Context>(limits, extensions).of(value, options.context as Context, root)
}

type StringMethods = string & { isWellFormed(): boolean }

/** True when UTF-8 brings `text` back: no lone surrogate, and no byte order mark to be stripped. */
function survivesUtf8(text: string): boolean {
  return (text as StringMethods).isWellFormed() && text.charCodeAt(0) !== 0xfeff
}

/** Fills the places of containers that were left. */
const NOTHING: object = Object.freeze({})

/** UTF-8 of one unit of UTF-16. */
const UTF8_BYTES_MAX = 3

/** Header of a value, and that of its key. */
const ELEMENT_BYTES_MAX = 14

/** What msgpackr wants to be free beside what it writes. */
const WRITER_BYTES = 4_096

const BIGINT_MIN = -(2n ** 63n)
const BIGINT_MAX = 2n ** 64n - 1n

/** Walks values and gives what msgpackr is to write for them. Not re-entrant; see {@link WireForm.busy}. */
export class WireForm<Context = void> {
  readonly #limits: CodecLimits
  readonly #extensions: readonly Extension<never, Context>[]
  /** The containers from the root to the value being looked at, and the place in each. */
  readonly #ancestors: object[] = []
  readonly #places: (string | number)[] = []
  #depth = 0
  #elements = 0
  #bytes = 0
  #characters = 0
  #context: Context = undefined as Context
  #root = ''
  #busy = false

  constructor(limits: CodecLimits, extensions: readonly Extension<never, Context>[]) {
    this.#limits = limits
    this.#extensions = extensions
  }

  /** True while a walk is under way: an extension that encodes is calling back. */
  get busy(): boolean {
    return this.#busy
  }

  /** No less than the bytes that what was given last takes as MessagePack, with room for a careful writer. */
  get roomBytes(): number {
    const utf8 = (UTF8_BYTES_MAX - 1) * this.#characters
    return this.#bytes + utf8 + ELEMENT_BYTES_MAX * this.#elements + WRITER_BYTES
  }

  /** What stands for `value` on the wire; throws `UnsendableError`. */
  of(value: unknown, context: Context, root = ''): unknown {
    this.#depth = 0
    this.#elements = 0
    this.#bytes = 0
    this.#characters = 0
    this.#context = context
    this.#root = root
    this.#busy = true
    try {
      return this.#value(value)
    } catch (error) {
      // A bug of ours is no property of the value.
      if (error instanceof UnsendableError || error instanceof InvariantError) throw error
      throw this.#unreadable(error)
    } finally {
      this.#busy = false
      this.#context = undefined as Context
      // After a success every container has been left; after a failure some have not.
      if (this.#depth > 0) this.#ancestors.length = 0
    }
  }

  #value(value: unknown): unknown {
    if (++this.#elements > this.#limits.elementsMax) this.#fail('elements')
    switch (typeof value) {
      case 'string':
        this.#addText(value)
        return survivesUtf8(value) ? value : utf16(value)
      case 'number':
        return value === 0 && 1 / value < 0 ? NEGATIVE_ZERO : value
      case 'boolean':
      case 'undefined':
        return value
      case 'object':
        return value === null ? value : this.#object(value)
      case 'bigint':
        if (value < BIGINT_MIN || value > BIGINT_MAX) this.#fail('bigint')
        return value
      case 'function':
        return this.#fail('function')
      case 'symbol':
        return this.#fail('symbol')
    }
  }

  #object(value: object): unknown {
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype === Object.prototype || prototype === null) return this.#record(value)
    if (prototype === Array.prototype) return this.#array(value as unknown[])
    if (prototype === Uint8Array.prototype || prototype === Buffer.prototype) {
      this.#addBytes((value as Uint8Array).length)
      return value
    }
    if (prototype === Date.prototype) return value
    if (prototype === Map.prototype) return this.#map(value as Map<unknown, unknown>)
    if (prototype === Set.prototype) return this.#set(value as Set<unknown>)
    const kind = typedArrayKind(value)
    if (kind !== undefined) {
      this.#addBytes(kind.bytes.length)
      return extensionBytes(ExtensionType.typedArray, kind.bytes, kind.code)
    }
    for (const extension of this.#extensions) {
      if (extension.matches(value)) return this.#extension(extension, value)
    }
    return this.#fail('class_instance', className(value))
  }

  #record(record: object): unknown {
    const keys = Object.keys(record)
    if (keys.length > this.#limits.mapKeysMax) this.#fail('map_keys')
    if (Object.getOwnPropertySymbols(record).length > 0) this.#fail('symbol_key')
    this.#enter(record)
    this.#addElements(keys.length)
    const place = this.#depth - 1
    const source = record as Readonly<Record<string, unknown>>
    let copy: Record<string, unknown> | undefined
    for (const key of keys) {
      this.#places[place] = key
      if (key === '__proto__' || !(key as StringMethods).isWellFormed()) this.#fail('key')
      this.#addText(key)
      const value = source[key]
      const wire = this.#value(value)
      if (wire !== value && value === value) {
        copy ??= { ...source }
        copy[key] = wire
      }
    }
    this.#leave()
    return copy ?? record
  }

  #array(array: readonly unknown[]): unknown {
    if (this.#elements + array.length > this.#limits.elementsMax) this.#fail('elements')
    this.#enter(array)
    const place = this.#depth - 1
    let copy: unknown[] | undefined
    for (let i = 0; i < array.length; i++) {
      this.#places[place] = i
      const value = array[i]
      const wire = this.#value(value)
      if (wire !== value && value === value) {
        copy ??= array.slice()
        copy[i] = wire
      }
    }
    this.#leave()
    return copy ?? array
  }

  #map(map: ReadonlyMap<unknown, unknown>): unknown {
    if (this.#elements + map.size * 2 > this.#limits.elementsMax) this.#fail('elements')
    this.#enter(map)
    // The mark.
    this.#addElements(1)
    const place = this.#depth - 1
    const wire: unknown[] = [MAP_MARK]
    let index = 0
    for (const [key, value] of map) {
      this.#places[place] = index++
      wire.push(this.#value(key))
      this.#places[place] = index++
      wire.push(this.#value(value))
    }
    this.#leave()
    return wire
  }

  #set(set: ReadonlySet<unknown>): unknown {
    if (this.#elements + set.size > this.#limits.elementsMax) this.#fail('elements')
    this.#enter(set)
    this.#addElements(1)
    const place = this.#depth - 1
    const wire: unknown[] = [SET_MARK]
    let index = 0
    for (const value of set) {
      this.#places[place] = index++
      wire.push(this.#value(value))
    }
    this.#leave()
    return wire
  }

  #extension(extension: Extension<never, Context>, value: object): unknown {
    this.#enter(value)
    this.#places[this.#depth - 1] = ''
    let payload: unknown
    try {
      payload = extension.encode(value as never, this.#context)
    } catch (error) {
      if (error instanceof UnsendableError) this.#fail(error.reason, error.detail, error.path)
      throw error
    }
    let wire: unknown
    if (payload instanceof Uint8Array) {
      this.#addBytes(payload.length)
      wire = extensionBytes(extension.type, payload)
    } else {
      this.#addElements(1)
      wire = [extensionMark(extension.type), this.#value(payload)]
    }
    this.#leave()
    return wire
  }

  #enter(container: object): void {
    if (this.#depth === this.#limits.depthMax) {
      // Only here can a cycle show itself: it has no end, so it always comes to this point.
      this.#ancestors[this.#depth] = container
      this.#fail('depth')
    }
    this.#ancestors[this.#depth++] = container
  }

  /** Nothing of the user's is kept between two walks. */
  #leave(): void {
    this.#ancestors[--this.#depth] = NOTHING
  }

  #addElements(count: number): void {
    this.#elements += count
    if (this.#elements > this.#limits.elementsMax) this.#fail('elements')
  }

  #addText({ length }: string): void {
    this.#characters += length
    this.#addBytes(length)
  }

  /** A lower bound of the encoded size: shared references must not multiply without an end. */
  #addBytes(count: number): void {
    this.#bytes += count
    if (this.#bytes > this.#limits.bytesMax) this.#fail('bytes')
  }

  /** The user's own code ran and threw. */
  #unreadable(cause: unknown): UnsendableError {
    let path = this.#root
    try {
      path = formatPath(this.#root, this.#ancestors, this.#places, this.#depth)
    } catch {
      // A proxy that throws for whatever is asked of it: the root is all that can be said.
    }
    return new UnsendableError('reading', path, '', this.#limits, { cause })
  }

  #fail(reason: UnsendableReason, detail = '', tail = ''): never {
    let depth = this.#depth
    let why = reason
    if (reason === 'depth' || reason === 'elements' || reason === 'bytes') {
      const repeated = firstRepeated(this.#ancestors, reason === 'depth' ? depth + 1 : depth)
      if (repeated !== undefined) {
        why = 'cycle'
        depth = repeated
      }
    }
    const path = formatPath(this.#root, this.#ancestors, this.#places, depth) + tail
    throw new UnsendableError(why, path, detail, this.#limits)
  }
}

/** The lowest index below `depth` whose object occurs before it. */
function firstRepeated(ancestors: readonly object[], depth: number): number | undefined {
  const seen = new Set<object>()
  for (let i = 0; i < depth; i++) {
    const ancestor = ancestors[i]
    if (ancestor === undefined) return undefined
    if (seen.has(ancestor)) return i
    seen.add(ancestor)
  }
  return undefined
}

function className(value: object): string {
  const constructor: unknown = (value as { constructor?: unknown }).constructor
  return typeof constructor === 'function' ? constructor.name.slice(0, 80) : ''
}

function utf16(text: string): unknown {
  return extensionBytes(ExtensionType.utf16, Buffer.from(text, 'utf16le'))
}

/** The reverse of what stands for a string that UTF-8 would change. */
export function decodeUtf16(data: Uint8Array): string {
  if (data.length % 2 !== 0) {
    throw new CodecError('ERR_CODEC_EXTENSION', 'a UTF-16 string of an odd number of bytes')
  }
  return Buffer.from(data.buffer, data.byteOffset, data.length).toString('utf16le')
}
