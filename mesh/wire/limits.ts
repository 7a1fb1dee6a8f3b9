/**
 * What one MessagePack value may cost its reader. The limits are checked on the bytes before anything
 * is built from them, and by the sender before anything is sent (dependencies.md; H21 to H24).
 */

/** Limits of a codec. Both sides of a link must agree; the defaults below do. */
export interface CodecLimits {
  /** Bytes of one encoded value. */
  readonly bytesMax: number
  /** Arrays and maps inside each other. Low enough that no reader's recursion gets near its stack. */
  readonly depthMax: number
  /** MessagePack values in all: array elements, map keys, map values, and the containers. */
  readonly elementsMax: number
  /** Keys of one map (a plain object). A JavaScript `Map` is not bound by it. */
  readonly mapKeysMax: number
}

/** For the mesh's own messages: what fits in one frame of 1 MiB. */
export const MESSAGE_LIMITS: CodecLimits = Object.freeze({
  bytesMax: 1_048_576,
  depthMax: 32,
  elementsMax: 65_536,
  mapKeysMax: 4096,
})

/** For values of users (`valueBytesMax`, `valueElementsMax`), which may span many frames. */
export const VALUE_LIMITS: CodecLimits = Object.freeze({
  bytesMax: 67_108_864,
  depthMax: 128,
  elementsMax: 4_194_304,
  mapKeysMax: 65_536,
})
