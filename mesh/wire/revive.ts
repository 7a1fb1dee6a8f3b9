/**
 * Turns what msgpackr decoded into values: arrays that begin with a mark become Maps, Sets and
 * values of extensions; raw extensions become typed arrays, strings and values of extensions. Runs
 * only when the pre-scan has seen one of those, which also bounded depth and size.
 *
 * Works in place and bottom-up: the payload of an extension is complete when its `decode` sees it.
 */
import { CodecError } from './errors.ts'
import { ExtensionType, isMark, isRawExtension } from './extension.ts'
import type { Extension, RawExtension } from './extension.ts'
import { FoveaError } from '../../runtime/index.ts'
import { decodeUtf16 } from './travels.ts'
import { decodeTypedArray } from './typed-array.ts'

/** Extensions of a codec by type. */
export type ExtensionTable<Context> = readonly (Extension<never, Context> | undefined)[]

/** One run of {@link revive}. */
interface Run<Context> {
  readonly table: ExtensionTable<Context>
  readonly context: Context
  /** Raw extensions found. */
  found: number
}

/**
 * `value` with every raw extension replaced. `expected` is how many the pre-scan counted: when fewer
 * are found, another library has registered our extension types with msgpackr.
 */
export function revive<Context>(
  value: unknown,
  table: ExtensionTable<Context>,
  context: Context,
  expected: number,
): unknown {
  const run: Run<Context> = { table, context, found: 0 }
  const revived = reviveValue(run, value)
  if (run.found !== expected) {
    throw new CodecError(
      'ERR_CODEC_EXTENSION_TAKEN',
      'another library uses extension types 0x20 to 0x3f of msgpackr in this process',
    )
  }
  return revived
}

function reviveValue<Context>(run: Run<Context>, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return reviveArray(run, value)
  if (isRawExtension(value)) return reviveRaw(run, value)
  // What is left besides plain objects is complete: Date and Uint8Array.
  if (Object.getPrototypeOf(value) !== Object.prototype) return value
  const record = value as Record<string, unknown>
  for (const key of Object.keys(record)) {
    const child = record[key]
    if (typeof child === 'object' && child !== null) record[key] = reviveValue(run, child)
  }
  return record
}

function reviveArray<Context>(run: Run<Context>, array: unknown[]): unknown {
  const first: unknown = array[0]
  const isMarked =
    typeof first === 'object' && first !== null && isRawExtension(first) && isMark(first.type)
  for (let i = isMarked ? 1 : 0; i < array.length; i++) {
    const child: unknown = array[i]
    if (typeof child === 'object' && child !== null) array[i] = reviveValue(run, child)
  }
  if (!isMarked) return array
  run.found++
  return reviveMarked(run, first, array)
}

function reviveMarked<Context>(run: Run<Context>, mark: RawExtension, array: unknown[]): unknown {
  if (mark.type === ExtensionType.map) {
    if (array.length % 2 !== 1) throw malformed('a Map with a key that has no value')
    const map = new Map<unknown, unknown>()
    for (let i = 1; i < array.length; i += 2) map.set(array[i], array[i + 1])
    return map
  }
  if (mark.type === ExtensionType.set) {
    const set = new Set<unknown>()
    for (let i = 1; i < array.length; i++) set.add(array[i])
    return set
  }
  const type = mark.data[0]!
  if (array.length !== 2) throw malformed(`a value of extension type ${type}`)
  return reviveExtension(run, type, array[1])
}

function reviveRaw<Context>(run: Run<Context>, raw: RawExtension): unknown {
  run.found++
  switch (raw.type) {
    case ExtensionType.mark:
    case ExtensionType.map:
    case ExtensionType.set:
      throw malformed('a mark that does not begin an array')
    case ExtensionType.typedArray:
      return decodeTypedArray(raw.data)
    case ExtensionType.utf16:
      return decodeUtf16(raw.data)
    default:
      return reviveExtension(run, raw.type, raw.data)
  }
}

function reviveExtension<Context>(run: Run<Context>, type: number, payload: unknown): unknown {
  const extension = run.table[type]
  if (extension === undefined) throw malformed(`extension type ${type} is not allowed here`)
  try {
    return extension.decode(payload, run.context)
  } catch (cause) {
    if (cause instanceof FoveaError) throw cause
    throw new CodecError('ERR_CODEC_EXTENSION', `extension ${type} refused its payload`, { cause })
  }
}

function malformed(detail: string): CodecError {
  return new CodecError('ERR_CODEC_EXTENSION', `malformed extension: ${detail}`)
}
