/** The text of a close, the same on every transport. */
import { codeOfThrown } from './errors.ts'

/** Longest text of a close; longer ones are cut, because it must fit one packet. */
export const REASON_BYTES_MAX = 256

/** The bytes of `reason`, cut to {@link REASON_BYTES_MAX} without splitting a character. */
export function reasonBytes(reason: string): Uint8Array {
  const bytes = Buffer.from(reason)
  if (bytes.length <= REASON_BYTES_MAX) return bytes
  let end = REASON_BYTES_MAX
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end--
  return bytes.subarray(0, end)
}

/** The text of the error that ends a connection whose handler threw. */
export function handlerReason(thrown: unknown): string {
  const code = codeOfThrown(thrown, 'ERR_TRANSPORT_HANDLER')
  const text = thrown instanceof Error ? thrown.message : String(thrown)
  return code === 'ERR_TRANSPORT_HANDLER'
    ? `${code}: ${text}`
    : `ERR_TRANSPORT_HANDLER: ${code}: ${text}`
}
