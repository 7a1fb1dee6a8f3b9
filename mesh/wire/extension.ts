/**
 * MessagePack extension types on our wire, and how a layer above adds its own classes.
 *
 * | type | bytes | value |
 * |---|---|---|
 * | 0x00 | `00` | `undefined` |
 * | 0xff | 4, 8, 12, or `ff` | `Date` (the standard timestamp), or an invalid one |
 * | 0x20 | an extension's type | mark: the array that it begins is not an array, but the value of that extension; the second element is what the extension encoded to |
 * | 0x21 | kind, then content | typed array, `ArrayBuffer`, `DataView`; little-endian |
 * | 0x22 | UTF-16, little-endian | a string that UTF-8 would not bring back: lone surrogates, or a leading U+FEFF |
 * | 0x23 | `00` | mark of a `Map`: the array goes on with key, value, key, value |
 * | 0x24 | `00` | mark of a `Set`: the array goes on with its values |
 * | 0x28 - 0x3f | as the extension says | classes added through {@link Extension} |
 *
 * A mark inside an ordinary array keeps the bytes plain MessagePack, which any other tool can read,
 * and counts against depth and elements like everything else.
 */

/** A class that travels. Extensions hold no state: one may serve any number of codecs. */
export interface Extension<T extends object = object, Context = void> {
  /** 0x28 to 0x3f, different within one codec. */
  readonly type: number
  /** True for the objects it encodes. Not asked for plain objects, arrays and built-in values. */
  readonly matches: (value: object) => boolean
  /**
   * What stands for `value`: bytes, which travel as they are, or any other value that travels.
   * The result may contain values of this and other extensions, but no cycle.
   */
  readonly encode: (value: T, context: Context) => unknown
  /**
   * The reverse. `payload` comes from a peer: check it, and throw for anything unexpected. Bytes
   * are a view that is valid during the call only.
   */
  readonly decode: (payload: unknown, context: Context) => unknown
}

/** Extension types of this file's table. */
export const ExtensionType = {
  undefined: 0x00,
  mark: 0x20,
  typedArray: 0x21,
  utf16: 0x22,
  map: 0x23,
  set: 0x24,
  timestamp: 0xff,
} as const

/** First and last type that {@link Extension} may use. */
export const EXTENSION_TYPE_MIN = 0x28
export const EXTENSION_TYPE_MAX = 0x3f

/** First type that is registered with msgpackr; the last is {@link EXTENSION_TYPE_MAX}. */
export const REGISTERED_TYPE_MIN = 0x20

const RAW = Symbol.for('fovea.wire.raw')

/**
 * An extension value as msgpackr hands it over, before `revive` makes a value of it. Recognised by a
 * registered symbol, not by class: two copies of this package in one program share msgpackr's table.
 */
export class RawExtension {
  readonly type: number
  readonly data: Uint8Array
  constructor(type: number, data: Uint8Array) {
    this.type = type
    this.data = data
  }
}

Object.defineProperty(RawExtension.prototype, RAW, { value: true })

/** True for a {@link RawExtension} of this or another copy of the package. */
export function isRawExtension(value: object): value is RawExtension {
  return (value as { [RAW]?: unknown })[RAW] === true
}

/** Encoded bytes that msgpackr writes as they are; the second way besides values to speak to it. */
export class Verbatim {
  readonly head: Uint8Array
  readonly body: Uint8Array
  constructor(head: Uint8Array, body: Uint8Array) {
    this.head = head
    this.body = body
  }
}

const EMPTY: Uint8Array = new Uint8Array(0)

/** -0 as a float; msgpackr would write the integer 0. */
export const NEGATIVE_ZERO: Verbatim = new Verbatim(
  Uint8Array.of(0xcb, 0x80, 0, 0, 0, 0, 0, 0, 0),
  EMPTY,
)

/** The first element of an array that is a Map. */
export const MAP_MARK: Verbatim = new Verbatim(Uint8Array.of(0xd4, ExtensionType.map, 0), EMPTY)

/** The first element of an array that is a Set. */
export const SET_MARK: Verbatim = new Verbatim(Uint8Array.of(0xd4, ExtensionType.set, 0), EMPTY)

const EXTENSION_MARKS: readonly Verbatim[] = Array.from(
  { length: EXTENSION_TYPE_MAX + 1 },
  (_, type) => new Verbatim(Uint8Array.of(0xd4, ExtensionType.mark, type), EMPTY),
)

/** The first element of an array that is the value of the extension `type`. */
export function extensionMark(type: number): Verbatim {
  return EXTENSION_MARKS[type]!
}

/** True for types that begin an array and make something else of it. */
export function isMark(type: number): boolean {
  return type === ExtensionType.map || type === ExtensionType.set || type === ExtensionType.mark
}

/** `body` as an extension value; `lead` is a byte before it. */
export function extensionBytes(type: number, body: Uint8Array, lead?: number): Verbatim {
  const length = body.length + (lead === undefined ? 0 : 1)
  const head: number[] = []
  if (length < 0x100) head.push(0xc7, length, type)
  else if (length < 0x10000) head.push(0xc8, length >>> 8, length & 0xff, type)
  else
    head.push(0xc9, length >>> 24, (length >>> 16) & 255, (length >>> 8) & 255, length & 255, type)
  if (lead !== undefined) head.push(lead)
  return new Verbatim(Uint8Array.from(head), body)
}
