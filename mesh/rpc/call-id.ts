/** Ids of attempts: 16 bytes by lot, and the text of 16 characters that stands for them in maps. */

/** Bytes of the id of an attempt. */
export const CALL_ID_BYTES = 16

/** The id that begins at a place, as a text. */
export function callIdText(bytes: Uint8Array, at = 0): string {
  // Written out this takes half of what a view and a decoder take.
  return String.fromCharCode(
    bytes[at]!,
    bytes[at + 1]!,
    bytes[at + 2]!,
    bytes[at + 3]!,
    bytes[at + 4]!,
    bytes[at + 5]!,
    bytes[at + 6]!,
    bytes[at + 7]!,
    bytes[at + 8]!,
    bytes[at + 9]!,
    bytes[at + 10]!,
    bytes[at + 11]!,
    bytes[at + 12]!,
    bytes[at + 13]!,
    bytes[at + 14]!,
    bytes[at + 15]!,
  )
}

/** Writes the bytes of such a text to a place. */
export function writeCallId(target: Uint8Array, at: number, id: string): void {
  for (let i = 0; i < CALL_ID_BYTES; i++) target[at + i] = id.charCodeAt(i)
}

/** The bytes of such a text. */
export function callIdBytes(id: string): Uint8Array {
  const bytes = new Uint8Array(CALL_ID_BYTES)
  writeCallId(bytes, 0, id)
  return bytes
}
