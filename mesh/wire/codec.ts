/**
 * Values to MessagePack bytes and back. The only file that imports msgpackr.
 *
 * Encoding: `WireForm` (travels.ts) checks the value and prepares what MessagePack has no type for;
 * msgpackr writes it. Decoding: `Prescan` judges the bytes; msgpackr builds the value; `revive` puts
 * in what stood for a Map, a Set, a typed array or a value of an extension.
 *
 * msgpackr keeps one table of extensions per process, shared with everybody who uses it (lmdb, the
 * user's own code). So what we register there holds no state and knows no codec: it turns the types
 * 0x20 to 0x3f into `RawExtension` objects and writes `Verbatim` objects as they are. Registering
 * that twice changes nothing, codecs with different extensions do not disturb each other, and
 * msgpackr's own types (RegExp, Error, records, ...) are left as they are for others: the pre-scan
 * refuses them before msgpackr is called (dependencies.md asks for throwing handlers instead; they
 * would break msgpackr for the rest of the process and protect nothing more).
 *
 * `msgpackr/pack` is the build without the native string extractor: bytes of a peer are read by
 * JavaScript only. A program that loads `msgpackr` itself turns the extractor on for all; every test
 * of this file passes either way.
 */
import { addExtension, Packr } from 'msgpackr/pack'
import { invariant } from '../../runtime/index.ts'
import { CodecError, UnsendableError } from './errors.ts'
import {
  EXTENSION_TYPE_MAX,
  EXTENSION_TYPE_MIN,
  ExtensionType,
  RawExtension,
  REGISTERED_TYPE_MIN,
  Verbatim,
} from './extension.ts'
import type { Extension } from './extension.ts'
import { FRAME_BYTES_MAX_LIMIT, HEADER_BYTES, writeHeader } from './frame.ts'
import { MESSAGE_LIMITS } from './limits.ts'
import type { CodecLimits } from './limits.ts'
import { loneBytes } from './lone-bytes.ts'
import { loneText } from './lone-text.ts'
import { Prescan } from './prescan.ts'
import { revive } from './revive.ts'
import { SpareRooms } from './spare-rooms.ts'
import type { ExtensionTable } from './revive.ts'
import { WireForm } from './travels.ts'

/** Options of {@link Codec}. */
export interface CodecOptions<Context = void> {
  /** Default {@link MESSAGE_LIMITS}. */
  readonly limits?: CodecLimits
  /** Classes that travel besides the built-in ones; the first that matches encodes. */
  readonly extensions?: readonly Extension<never, Context>[]
}

/** msgpackr's flag to leave room before the value; the low byte is the number of bytes. */
const RESERVE_START_SPACE = 2048

/** msgpackr's working buffer is given up after a value that made it grow beyond this. */
const WORKING_BYTES_KEPT = 65_536

/** Size of a fresh working buffer. */
const WORKING_BYTES = 8192

/** Values that may need more than this are written into a room of their own: growing, msgpackr takes four times as much. */
const ROOM_BYTES_MIN = 16_384

/** A room up to this size is kept for the next large value. */
const ROOM_BYTES_KEPT = 1_048_576

/**
 * Encodes and decodes. `Context` is handed to the extensions of each call, so that one codec serves
 * many links.
 *
 * @example
 * const codec = new Codec({ limits: VALUE_LIMITS })
 * codec.decode(codec.encode(new Map([['a', 1n]]))) // Map { 'a' => 1n }
 */
export class Codec<Context = void> {
  readonly limits: CodecLimits
  readonly #extensions: readonly Extension<never, Context>[]
  readonly #table: ExtensionTable<Context>
  readonly #packr: Packr
  readonly #prescan: Prescan
  readonly #form: WireForm<Context>
  /** For large values, one after the other; undefined until the first. */
  #room: Buffer | undefined
  readonly #spares = new SpareRooms()

  constructor(options: CodecOptions<Context> = {}) {
    const { limits = MESSAGE_LIMITS, extensions = [] } = options
    this.limits = Object.freeze({ ...limits })
    this.#extensions = extensions
    this.#table = tableOf(extensions)
    this.#packr = new Packr({
      useRecords: false,
      mapsAsObjects: true,
      variableMapSize: true,
      useToJSON: false,
      structuredClone: false,
      // The caller's bytes are a view into a receive buffer.
      copyBuffers: true,
      int64AsType: 'bigint',
    })
    const types = extensions.map((extension) => extension.type)
    this.#prescan = new Prescan(this.limits, types)
    this.#form = new WireForm(this.limits, extensions)
  }

  /** The bytes of `value`; throws `UnsendableError` for what does not travel. Never written to again. */
  encode(value: unknown, context: Context): Uint8Array {
    return this.#pack(value, context, 0)
  }

  /** A frame with `value` as its payload, in one buffer. */
  encodeFrame(type: number, value: unknown, context: Context, flags = 0): Uint8Array {
    const frame = this.#pack(value, context, HEADER_BYTES)
    const length = frame.length - HEADER_BYTES
    if (length > FRAME_BYTES_MAX_LIMIT) this.#tooLarge(length, FRAME_BYTES_MAX_LIMIT)
    writeHeader(frame, 0, type, length, flags)
    return frame
  }

  /** The value in `bytes`, which may be overwritten afterwards; throws `CodecError`. */
  decode(bytes: Uint8Array, context: Context): unknown {
    if (bytes.length > this.limits.bytesMax) {
      throw new CodecError(
        'ERR_CODEC_TOO_LARGE',
        `${bytes.length} bytes, at most ${this.limits.bytesMax}`,
      )
    }
    const prescan = this.#prescan
    prescan.run(bytes)
    // Later decodes inside an extension run the pre-scan again.
    const { extensions } = prescan
    const value = loneText(bytes) ?? loneBytes(bytes) ?? this.#unpack(bytes)
    return extensions === 0 ? value : revive(value, this.#table, context, extensions)
  }

  /**
   * Takes back what `encode`, `encodeFrame` or `spare` gave: nobody looks at it any more, and the next large value is written
   * into its memory.
   */
  recycle(bytes: Uint8Array): void {
    this.#spares.give(bytes)
  }

  /** Memory that was taken back, if it has so many bytes; what is in it is of no meaning. */
  spare(bytes: number): Uint8Array | undefined {
    const room = this.#spares.take(bytes)
    return room === undefined ? undefined : new Uint8Array(room.buffer)
  }

  #unpack(bytes: Uint8Array): unknown {
    // A fresh view: msgpackr hangs a DataView on it, and a Buffer would give Buffers for binaries.
    const view = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
    try {
      return this.#packr.decode(view)
    } catch (cause) {
      throw new CodecError(
        'ERR_CODEC_MALFORMED',
        'msgpackr refused what the pre-scan let through',
        {
          cause,
        },
      )
    }
  }

  #pack(value: unknown, context: Context, reserved: number): Uint8Array {
    const form = this.#form.busy ? new WireForm<Context>(this.limits, this.#extensions) : this.#form
    const wire = form.of(value, context)
    const { roomBytes } = form
    if (roomBytes > ROOM_BYTES_MIN) return this.#packLarge(wire, roomBytes, reserved)
    const packed = this.#packr.encode(wire, RESERVE_START_SPACE | reserved)
    this.#checkLength(packed.length - reserved)
    if (packed.buffer.byteLength <= WORKING_BYTES_KEPT) return packed
    // It came near the end of the buffer and made it grow: the next ones must not keep that alive.
    this.#renewWorkingBuffer()
    return this.#tight(packed)
  }

  /** Writes into the room that is kept and copies it out, or into one that is given away with what is in it. */
  #packLarge(wire: unknown, roomBytes: number, reserved: number): Uint8Array {
    const isKept = roomBytes <= ROOM_BYTES_KEPT
    const room = isKept ? this.#keptRoom(roomBytes) : this.#looseRoom(roomBytes)
    this.#packr.useBuffer(room)
    let packed: Uint8Array
    try {
      packed = this.#packr.encode(wire, RESERVE_START_SPACE | reserved)
    } finally {
      // The next small values must not be written into this room, nor keep it alive.
      this.#renewWorkingBuffer()
    }
    this.#checkLength(packed.length - reserved)
    if (isKept) return this.#copy(packed)
    const tight = this.#tight(packed)
    if (tight !== packed) this.#spares.give(packed)
    return tight
  }

  /** A copy, if most of its buffer is not its own. */
  #tight(packed: Uint8Array): Uint8Array {
    return packed.length * 2 < packed.buffer.byteLength ? this.#copy(packed) : packed
  }

  #copy(packed: Uint8Array): Uint8Array {
    const spare = this.#spares.take(packed.length)
    if (spare === undefined) return new Uint8Array(packed)
    spare.set(packed)
    return spare.subarray(0, packed.length)
  }

  #looseRoom(bytes: number): Buffer {
    return this.#spares.take(bytes) ?? Buffer.allocUnsafeSlow(bytes)
  }

  #keptRoom(bytes: number): Buffer {
    if (this.#room === undefined || this.#room.length < bytes) {
      this.#room = Buffer.allocUnsafeSlow(Math.min(ROOM_BYTES_KEPT, bytes * 2))
    }
    return this.#room
  }

  #renewWorkingBuffer(): void {
    this.#packr.useBuffer(Buffer.allocUnsafeSlow(WORKING_BYTES))
  }

  #checkLength(length: number): void {
    if (length > this.limits.bytesMax) this.#tooLarge(length, this.limits.bytesMax)
  }

  #tooLarge(bytes: number, bytesMax: number): never {
    throw new UnsendableError('bytes', '', `${bytes} bytes, at most ${bytesMax}`, this.limits)
  }
}

function tableOf<Context>(
  extensions: readonly Extension<never, Context>[],
): ExtensionTable<Context> {
  const table: (Extension<never, Context> | undefined)[] = new Array(256).fill(undefined)
  for (const extension of extensions) {
    const { type } = extension
    const isFree = table[type] === undefined
    const fits = type >= EXTENSION_TYPE_MIN && type <= EXTENSION_TYPE_MAX
    invariant(fits && isFree, 'ERR_INVARIANT_CODEC_EXTENSION', `extension type ${type}`)
    table[type] = extension
  }
  return table
}

/** What msgpackr passes to an extension that writes for itself; its own types leave that out. */
type Allocate = (size: number) => { readonly target: Uint8Array; readonly position: number }

function writeVerbatim(value: Verbatim, allocate: Allocate): void {
  const { target, position } = allocate(value.head.length + value.body.length)
  target.set(value.head, position)
  target.set(value.body, position + value.head.length)
}

/** Both marks come in such numbers that an object for each would be felt. */
function constantReader(type: number): () => RawExtension {
  const raw = Object.freeze(new RawExtension(type, new Uint8Array(0)))
  // msgpackr's word for "do not make a view of the data".
  return Object.assign(() => raw, { noBuffer: true })
}

function register(): void {
  for (let type = REGISTERED_TYPE_MIN; type <= EXTENSION_TYPE_MAX; type++) {
    addExtension({ type, unpack: (data: Uint8Array) => new RawExtension(type, data) })
  }
  addExtension({
    type: REGISTERED_TYPE_MIN,
    Class: Verbatim,
    pack: writeVerbatim as unknown as (value: unknown) => Uint8Array,
    unpack: (data: Uint8Array) => new RawExtension(REGISTERED_TYPE_MIN, data),
  })
  for (const type of [ExtensionType.map, ExtensionType.set]) {
    addExtension({ type, unpack: constantReader(type) })
  }
}

register()
