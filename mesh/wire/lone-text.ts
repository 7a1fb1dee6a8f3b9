/**
 * Reads a value that is one string and nothing else, as names and small payloads are. msgpackr puts strings of 16 to 64
 * bytes together character by character; the platform's decoder takes a fifth of that.
 *
 * Invariant: what it returns is what msgpackr would have read, U+FFFD for bytes that are not UTF-8 included.
 */

const FIXSTR = 0xa0
const FIXSTR_LAST = 0xbf
const STR_8 = 0xd9
const STR_16 = 0xda

// A byte order mark is text like any other.
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/** The string that fills `bytes`; undefined for everything else, which is msgpackr's to read. */
export function loneText(bytes: Uint8Array): string | undefined {
  const head = bytes[0]!
  let start: number
  let textBytes: number
  if (head >= FIXSTR && head <= FIXSTR_LAST) {
    start = 1
    textBytes = head - FIXSTR
  } else if (head === STR_8) {
    start = 2
    textBytes = bytes[1]!
  } else if (head === STR_16) {
    start = 3
    textBytes = bytes[1]! * 256 + bytes[2]!
  } else {
    return undefined
  }
  return start + textBytes === bytes.length ? utf8.decode(bytes.subarray(start)) : undefined
}
