/**
 * Typed arrays, `ArrayBuffer` and `DataView` on the wire: one code byte, then the bytes as they lie
 * in memory (little-endian; Fovea runs on no other platform). Reading copies, so that the elements
 * are aligned and the value does not hold on to a receive buffer.
 */
import { CodecError } from './errors.ts'

interface Kind {
  readonly name: string
  readonly elementBytes: number
  readonly make: (buffer: ArrayBuffer) => object
}

/** The code is the index; an index never changes its meaning. */
const KINDS: readonly Kind[] = [
  { name: 'Int8Array', elementBytes: 1, make: (b) => new Int8Array(b) },
  { name: 'Uint8ClampedArray', elementBytes: 1, make: (b) => new Uint8ClampedArray(b) },
  { name: 'Int16Array', elementBytes: 2, make: (b) => new Int16Array(b) },
  { name: 'Uint16Array', elementBytes: 2, make: (b) => new Uint16Array(b) },
  { name: 'Int32Array', elementBytes: 4, make: (b) => new Int32Array(b) },
  { name: 'Uint32Array', elementBytes: 4, make: (b) => new Uint32Array(b) },
  { name: 'Float32Array', elementBytes: 4, make: (b) => new Float32Array(b) },
  { name: 'Float64Array', elementBytes: 8, make: (b) => new Float64Array(b) },
  { name: 'BigInt64Array', elementBytes: 8, make: (b) => new BigInt64Array(b) },
  { name: 'BigUint64Array', elementBytes: 8, make: (b) => new BigUint64Array(b) },
  { name: 'ArrayBuffer', elementBytes: 1, make: (b) => b },
  { name: 'DataView', elementBytes: 1, make: (b) => new DataView(b) },
]

const CODES: ReadonlyMap<string, number> = new Map(KINDS.map((kind, code) => [kind.name, code]))

/** The code and the bytes of `value`; undefined when it is none of these (or a subclass of one). */
export function typedArrayKind(value: object): { code: number; bytes: Uint8Array } | undefined {
  const isView = ArrayBuffer.isView(value)
  if (!isView && !(value instanceof ArrayBuffer)) return undefined
  // Asked of the prototype: an own property must not decide what is written.
  const prototype = Object.getPrototypeOf(value) as { constructor: { name: string } }
  const code = CODES.get(prototype.constructor.name)
  if (code === undefined) return undefined
  const bytes = isView
    ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    : new Uint8Array(value)
  return { code, bytes }
}

/** The value in the extension data of a peer. */
export function decodeTypedArray(data: Uint8Array): object {
  const kind = KINDS[data[0] ?? KINDS.length]
  if (kind === undefined || (data.length - 1) % kind.elementBytes !== 0) {
    throw new CodecError('ERR_CODEC_EXTENSION', 'a malformed typed array')
  }
  const copy = new Uint8Array(data.length - 1)
  copy.set(data.subarray(1))
  return kind.make(copy.buffer)
}
