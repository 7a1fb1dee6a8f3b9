/** Hand-made MessagePack for the tests of the wire. */

export type Part = number | string | Uint8Array

/** Bytes from numbers, strings (ASCII) and other byte arrays. */
export function bytesOf(...parts: readonly Part[]): Uint8Array {
  return Uint8Array.from(
    parts.flatMap((part) => {
      if (typeof part === 'number') return [part]
      return typeof part === 'string' ? [...Buffer.from(part, 'latin1')] : [...part]
    }),
  )
}

/** A number as 4 bytes. */
export function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value)
  return bytes
}

/** A frame header with every field free to be wrong. */
export function header(version: number, type: number, length: number, flags = 0, reserved = 0) {
  return bytesOf(version, type, flags, reserved, u32(length))
}

/** What `fn` throws; undefined when it throws nothing. */
export function thrownBy(fn: () => unknown): unknown {
  try {
    fn()
  } catch (error) {
    return error ?? 'a nullish value'
  }
  return undefined
}

/** The code of what `fn` throws; `'nothing'` when it throws nothing. */
export function codeOf(fn: () => unknown): string {
  try {
    fn()
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
  return 'nothing'
}
