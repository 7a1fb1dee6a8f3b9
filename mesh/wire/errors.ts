/** Errors of the wire: frames, codec, mesh messages, and values that do not travel. */
import { FoveaError } from '../../runtime/index.ts'
import type { ErrorCatalogue, FoveaErrorOptions } from '../../runtime/index.ts'
import type { CodecLimits } from './limits.ts'

/** A byte stream from a peer is not a sequence of frames; the stream can not be trusted any more. */
export class FrameError extends FoveaError {
  override readonly name: string = 'FrameError'
}

/** Bytes of a peer are not an acceptable MessagePack value. */
export class CodecError extends FoveaError {
  override readonly name: string = 'CodecError'
}

/** A message of a peer lacks a field, or a field has the wrong shape. */
export class MessageError extends FoveaError {
  override readonly name: string = 'MessageError'
  /** The message type, e.g. `connect`. */
  readonly messageType: string
  /** The field, e.g. `address.port`; empty when the message is not a map. */
  readonly field: string
  constructor(messageType: string, field: string, expected: string) {
    const where =
      field === '' ? `a ${messageType} message` : `'${field}' of a ${messageType} message`
    super('ERR_MESSAGE_INVALID', `${where} must be ${expected}`)
    this.messageType = messageType
    this.field = field
  }
}

/** Why a value does not travel. */
export type UnsendableReason =
  | 'function'
  | 'symbol'
  | 'symbol_key'
  | 'class_instance'
  | 'cycle'
  | 'reference'
  | 'reading'
  | 'key'
  | 'bigint'
  | 'depth'
  | 'elements'
  | 'map_keys'
  | 'bytes'

/** A value cannot be sent; nothing of it was. */
export class UnsendableError extends FoveaError {
  override readonly name: string = 'UnsendableError'
  readonly reason: UnsendableReason
  /** Where in the value, e.g. `input.items[3].callback`; empty for the value itself. */
  readonly path: string
  /** More about the reason, e.g. the name of the class. */
  readonly detail: string
  constructor(
    reason: UnsendableReason,
    path: string,
    detail: string,
    limits: CodecLimits,
    options: FoveaErrorOptions = {},
  ) {
    const why = explain(reason, limits) + (detail === '' ? '' : ` (${detail})`)
    const text = `${path === '' ? 'the value' : path} can not be sent: ${why}`
    super('ERR_VALUE_UNSENDABLE', text, options)
    this.reason = reason
    this.path = path
    this.detail = detail
  }
}

function explain(reason: UnsendableReason, limits: CodecLimits): string {
  switch (reason) {
    case 'function':
      return 'functions do not travel; send a pid or a ref'
    case 'symbol':
      return 'symbols do not travel'
    case 'symbol_key':
      return 'it has a key that is a symbol'
    case 'class_instance':
      return 'it is a class instance; send plain data'
    case 'cycle':
      return 'it contains itself'
    case 'reference':
      return 'it names something that the other node cannot know'
    case 'reading':
      return 'reading it failed'
    case 'key':
      return 'the key is __proto__ or not well-formed Unicode'
    case 'bigint':
      return 'a bigint has at most 64 bit; send a string'
    case 'depth':
      return `deeper than ${limits.depthMax}`
    case 'elements':
      return `more than ${limits.elementsMax} values in all`
    case 'map_keys':
      return `more than ${limits.mapKeysMax} keys in one object; use a Map`
    case 'bytes':
      return `more than ${limits.bytesMax} bytes in all`
  }
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
  ERR_CODEC_TOO_LARGE: {
    when: 'a value has more bytes than bytesMax',
    stateChanged: 'no',
    retry: 'no',
    action: 'send less, or raise the limit on both sides',
  },
  ERR_CODEC_TRUNCATED: {
    when: 'the bytes end inside a value, or a length promises more than follows',
    stateChanged: 'no',
    retry: 'no',
    action: 'the peer is broken or hostile; close the link',
  },
  ERR_CODEC_TRAILING: {
    when: 'bytes follow the value',
    stateChanged: 'no',
    retry: 'no',
    action: 'the peer is broken or hostile; close the link',
  },
  ERR_CODEC_DEPTH: {
    when: 'containers are nested deeper than depthMax',
    stateChanged: 'no',
    retry: 'no',
    action: 'flatten the value, or raise the limit on both sides',
  },
  ERR_CODEC_ELEMENTS: {
    when: 'there are more values than elementsMax',
    stateChanged: 'no',
    retry: 'no',
    action: 'send less, use binary data, or raise the limit on both sides',
  },
  ERR_CODEC_MAP_KEYS: {
    when: 'a map has more keys than mapKeysMax',
    stateChanged: 'no',
    retry: 'no',
    action: 'use a Map, or raise the limit on both sides',
  },
  ERR_CODEC_KEY: {
    when: 'a map key is not a string, or is __proto__',
    stateChanged: 'no',
    retry: 'no',
    action: 'the peer is broken or hostile; close the link',
  },
  ERR_CODEC_TOKEN: {
    when: 'the byte 0xc1, which MessagePack does not define',
    stateChanged: 'no',
    retry: 'no',
    action: 'the peer is broken or hostile; close the link',
  },
  ERR_CODEC_EXTENSION: {
    when: 'an extension type is not allowed here, or its data is malformed',
    stateChanged: 'no',
    retry: 'no',
    action: 'upgrade this node, or close the link',
  },
  ERR_CODEC_EXTENSION_TAKEN: {
    when: 'another library in this process registered one of the extension types 0x20 to 0x3f with msgpackr',
    stateChanged: 'no',
    retry: 'no',
    action: 'give that extension another type',
  },
  ERR_CODEC_MALFORMED: {
    when: 'msgpackr refused what the pre-scan let through',
    stateChanged: 'no',
    retry: 'no',
    action: 'report it with the bytes: one of the two is wrong',
  },
  ERR_MESSAGE_INVALID: {
    when: 'a mesh message lacks a field, or a field has the wrong shape',
    stateChanged: 'no',
    retry: 'no',
    action: 'the peer is broken or hostile; close the link',
  },
  ERR_VALUE_UNSENDABLE: {
    when: 'a value contains something that does not travel, or exceeds a limit',
    stateChanged: 'no',
    retry: 'no',
    action: 'look at path and reason; send plain data, pids or refs',
  },
}
