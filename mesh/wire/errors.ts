/** Errors of the wire: frames, codec, mesh messages, and values that do not travel. */
import { FoveaError } from '../../runtime/errors.ts'
import type { ErrorCatalogue } from '../../runtime/errors.ts'

/** A byte stream from a peer is not a sequence of frames; the stream can not be trusted any more. */
export class FrameError extends FoveaError {
  override readonly name: string = 'FrameError'
}

/** Codes of `mesh/wire`. */
export const WIRE_ERRORS: ErrorCatalogue = {
  ERR_FRAME_VERSION: {
    when: 'the first byte of a frame is not the protocol version 1',
    stateChanged: 'earlier frames of the stream were delivered; the decoder is spent',
    retry: 'no',
    action: 'the peer speaks another version or is not a Fovea node; close the stream',
  },
  ERR_FRAME_TYPE: {
    when: 'a frame has a type id that messages.ts does not list',
    stateChanged: 'earlier frames of the stream were delivered; the decoder is spent',
    retry: 'no',
    action: 'upgrade this node, or close the stream',
  },
  ERR_FRAME_FLAGS: {
    when: 'a frame has an unknown flag bit, or its reserved byte is not 0',
    stateChanged: 'earlier frames of the stream were delivered; the decoder is spent',
    retry: 'no',
    action: 'upgrade this node, or close the stream',
  },
  ERR_FRAME_TOO_LARGE: {
    when: 'the payload length of a frame is above frameBytesMax',
    stateChanged: 'earlier frames were delivered; nothing was allocated for this one',
    retry: 'no',
    action: 'chunk the value, or raise frameBytesMax on both sides (16 MiB at most)',
  },
}
