/**
 * What a node says about itself to everybody: a small flat map, signed with the node's statement and
 * carried by the same packets as the news about who is alive, so its size is bounded tightly.
 */
import type { Codec } from '../wire/codec.ts'
import { MeshError } from '../mesh-error.ts'

/** Field of the metadata of a hidden node, by which those know it that have no link with it. */
export const HIDDEN_FIELD = 'fovea.hidden'

/** Field in which a node says in which spaces of presence it is (`mesh/presence/roster.ts`). */
export const SPACES_FIELD = 'fovea.spaces'

/** Words of the application about its node. */
export type Metadata = Readonly<Record<string, string | number | boolean>>

/** Of a node that says nothing. */
export const NO_METADATA: Metadata = Object.freeze({})
const NO_BYTES: Uint8Array = new Uint8Array(0)

/** Bytes of `value`; throws `ERR_META_INVALID` or `ERR_META_TOO_LARGE`. */
export function encodeMetadata(codec: Codec, value: Metadata, bytesMax: number): Uint8Array {
  const entries = entriesOf(value)
  if (entries === undefined) {
    const text = 'metadata is a flat map of strings, finite numbers and booleans'
    throw new MeshError('ERR_META_INVALID', text)
  }
  if (entries.length === 0) return NO_BYTES
  // At least a byte each; the codec has limits of its own, with other words.
  let characters = 0
  for (const [name, item] of entries) characters += name.length + String(item).length
  if (characters > 10 * bytesMax) throw tooLarge(characters, bytesMax)
  // Sorted, so that equal metadata are equal bytes.
  entries.sort(([a], [b]) => (a < b ? -1 : 1))
  const bytes = codec.encode(Object.fromEntries(entries))
  if (bytes.length > bytesMax) throw tooLarge(bytes.length, bytesMax)
  return bytes
}

/** What the bytes of another node say; undefined when they are no metadata. */
export function decodeMetadata(codec: Codec, bytes: Uint8Array): Metadata | undefined {
  if (bytes.length === 0) return NO_METADATA
  let value: unknown
  try {
    value = codec.decode(bytes)
  } catch {
    return undefined
  }
  return entriesOf(value) === undefined ? undefined : Object.freeze(value as Metadata)
}

function tooLarge(bytes: number, bytesMax: number): MeshError {
  const text = `metadata of ${bytes} bytes, at most ${bytesMax} travel with a statement`
  return new MeshError('ERR_META_TOO_LARGE', text)
}

function entriesOf(value: unknown): [string, string | number | boolean][] | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return undefined
  const entries = Object.entries(value as Record<string, unknown>)
  const flat = entries.every(
    ([, item]) =>
      typeof item === 'string' || typeof item === 'boolean' || Number.isFinite(item as number),
  )
  return flat ? (entries as [string, string | number | boolean][]) : undefined
}
