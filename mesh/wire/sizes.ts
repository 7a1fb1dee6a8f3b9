/** How many bytes MessagePack takes, for senders that fill a frame without encoding it twice. */

/** Bytes of a whole number. */
export function numberBytes(value: number): number {
  if (value < 0x80) return 1
  if (value < 0x100) return 2
  if (value < 0x1_0000) return 3
  return value <= 0xffff_ffff ? 5 : 9
}

/** Bytes of binary data of that length. */
export function binaryBytes(length: number): number {
  return length + (length < 0x100 ? 2 : length < 0x1_0000 ? 3 : 5)
}

/** Bytes of a string at most; its length byte may be one longer than need be. */
export function textBytes(text: string): number {
  const length = Buffer.byteLength(text)
  return length + (length < 0x20 ? 2 : length < 0x100 ? 3 : 5)
}

/** Bytes of the head of an array of that many elements. */
export function listBytes(count: number): number {
  return count < 0x10 ? 1 : count < 0x1_0000 ? 3 : 5
}
