/**
 * Reads a value that is bytes and nothing else, as large and small payloads are: one copy without a reader around it, which
 * takes twice as long for 128 bytes. What is left is the memory for it. Each subscriber that reads has one made.
 *
 * Invariant: what it returns is what msgpackr would have read, and shares no memory with what it was given.
 */

const BIN_8 = 0xc4
const BIN_16 = 0xc5
const BIN_32 = 0xc6

/** A copy of the bytes that fill `bytes`; undefined for everything else, which is msgpackr's to read. */
export function loneBytes(bytes: Uint8Array): Uint8Array | undefined {
  const head = bytes[0]!
  let start: number
  let length: number
  if (head === BIN_8) {
    start = 2
    length = bytes[1]!
  } else if (head === BIN_16) {
    start = 3
    length = bytes[1]! * 0x100 + bytes[2]!
  } else if (head === BIN_32) {
    start = 5
    length = bytes[1]! * 0x1_00_00_00 + bytes[2]! * 0x1_00_00 + bytes[3]! * 0x100 + bytes[4]!
  } else {
    return undefined
  }
  // A Buffer's `slice` would be a view of it.
  return start + length === bytes.length ? new Uint8Array(bytes.subarray(start)) : undefined
}
