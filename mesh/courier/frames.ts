/** Frames one after the other in the content of a sealed message. */
import { HEADER_BYTES, PROTOCOL_VERSION } from '../wire/frame.ts'
import { WireType } from '../wire/messages.ts'
import { isServiceType } from './chunks.ts'

/** One of them; `payload` is a view. */
export interface InnerFrame {
  readonly type: number
  readonly payload: Uint8Array
}

/** All of them; undefined when one is no frame of services, or the bytes do not end with one. */
export function readFrames(bytes: Uint8Array): readonly InnerFrame[] | undefined {
  const frames: InnerFrame[] = []
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let at = 0
  while (at < bytes.length) {
    if (bytes.length - at < HEADER_BYTES) return undefined
    const type = bytes[at + 1]!
    const fits = isServiceType(type) || type === WireType.serviceChunk
    if (bytes[at] !== PROTOCOL_VERSION || bytes[at + 2] !== 0 || bytes[at + 3] !== 0 || !fits) {
      return undefined
    }
    const end = at + HEADER_BYTES + view.getUint32(at + 4)
    if (end > bytes.length) return undefined
    frames.push({ type, payload: bytes.subarray(at + HEADER_BYTES, end) })
    at = end
  }
  return frames
}
