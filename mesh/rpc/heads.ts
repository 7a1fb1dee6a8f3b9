/**
 * The heads of a call and of its result, byte by byte: each call has one of both, and by the codec they were a
 * quarter of what the two sides of a short one cost. They are MessagePack as `frames.ts` describes it, in one form only:
 *
 *     call     95 · c4 10 id · procedure · ce budgetMs (4) · 00 to 03 priority · c2 or c3 wantsProgress
 *     result   93 · c4 10 id · 00 · 00 to 7f progressCount
 *
 * Invariant: what is read here is what the codec would have read. What looks otherwise is left to the codec, which says
 * what is wrong with it.
 */
import { CALL_ID_BYTES, writeCallId } from './call-id.ts'

const ARRAY_OF_5 = 0x95
const ARRAY_OF_3 = 0x93
const BIN_8 = 0xc4
const UINT_32 = 0xce
const FALSE = 0xc2
const TRUE = 0xc3
const RESULT = 0x00
const PRIORITY_LAST = 0x03

/** Where in a head its id begins. */
export const ID_AT = 3

/** Where in the head of a call the name begins. */
export const NAME_AT: number = ID_AT + CALL_ID_BYTES

/** After the name. */
const REST_BYTES = 7

/** The head of a call without the name. */
export const CALL_HEAD_BYTES: number = NAME_AT + REST_BYTES

/** The head of a result. */
export const RESULT_HEAD_BYTES: number = NAME_AT + 2

/** Highest count of progressive results that the head of a result takes. */
export const PROGRESS_COUNT_MAX = 0x7f

/** What the head of a call says besides id and name. */
export interface CallFacts {
  readonly budgetMs: number
  /** Its number on the wire. */
  readonly priority: number
  readonly wantsProgress: boolean
}

/** Writes the head of a call to a place, with the bytes of the name. */
export function writeCallHead(
  target: Uint8Array,
  start: number,
  id: string,
  name: Uint8Array,
  { budgetMs, priority, wantsProgress }: CallFacts,
): void {
  writeId(target, start, ARRAY_OF_5, id)
  target.set(name, start + NAME_AT)
  const at = start + NAME_AT + name.length
  target[at] = UINT_32
  target[at + 1] = budgetMs >>> 24
  target[at + 2] = budgetMs >>> 16
  target[at + 3] = budgetMs >>> 8
  target[at + 4] = budgetMs
  target[at + 5] = priority
  target[at + 6] = wantsProgress ? TRUE : FALSE
}

/** What the head of a call says that lies between two places; undefined when it looks otherwise. The name is not looked at. */
export function readCallFacts(
  source: Uint8Array,
  start: number,
  end: number,
): CallFacts | undefined {
  const at = end - REST_BYTES
  if (at <= start + NAME_AT || !hasId(source, start, ARRAY_OF_5)) return undefined
  const priority = source[at + 5]!
  const flag = source[at + 6]!
  const isOurs = source[at] === UINT_32 && priority <= PRIORITY_LAST
  if (!isOurs || (flag !== FALSE && flag !== TRUE)) return undefined
  const upper = source[at + 1]! * 0x1000000 + (source[at + 2]! << 16)
  const budgetMs = upper + (source[at + 3]! << 8) + source[at + 4]!
  return { budgetMs, priority, wantsProgress: flag === TRUE }
}

/** Writes the head of a result to a place; the count is at most {@link PROGRESS_COUNT_MAX}. */
export function writeResultHead(
  target: Uint8Array,
  start: number,
  id: string,
  count: number,
): void {
  writeId(target, start, ARRAY_OF_3, id)
  target[start + NAME_AT] = RESULT
  target[start + NAME_AT + 1] = count
}

/** The count in the head of a result that lies between two places; undefined when it looks otherwise. */
export function readResultCount(
  source: Uint8Array,
  start: number,
  end: number,
): number | undefined {
  if (end - start !== RESULT_HEAD_BYTES || !hasId(source, start, ARRAY_OF_3)) return undefined
  const count = source[start + NAME_AT + 1]!
  const isOurs = source[start + NAME_AT] === RESULT && count <= PROGRESS_COUNT_MAX
  return isOurs ? count : undefined
}

function writeId(target: Uint8Array, start: number, opening: number, id: string): void {
  target[start] = opening
  target[start + 1] = BIN_8
  target[start + 2] = CALL_ID_BYTES
  writeCallId(target, start + ID_AT, id)
}

function hasId(source: Uint8Array, start: number, opening: number): boolean {
  if (source[start] !== opening || source[start + 1] !== BIN_8) return false
  return source[start + 2] === CALL_ID_BYTES
}
