/** What is said in a room. It comes from others, so it is looked at before it is shown. */
import { printable } from '../printable.ts'
import { isName } from './names.ts'

/** A file that somebody shares. */
export interface SharedFile {
  readonly id: string
  readonly name: string
  readonly bytes: number
  readonly sha256: string
}

/** As it is published. */
export interface Said {
  readonly id: string
  /** Time of day at the one who said it: for people to read. */
  readonly atMs: number
  readonly nick: string
  readonly text: string
  readonly file?: SharedFile
}

/** As it is kept, with the key of the node it came from. */
export interface Line extends Said {
  readonly node: string
}

/** Characters of one line. */
export const TEXT_MAX = 2_000
/** Bytes of a file that is shared. */
export const FILE_BYTES_MAX = 64 * 1024 * 1024

type Fields = Readonly<Record<string, unknown>>

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null
const isText = (value: unknown, max: number): value is string =>
  typeof value === 'string' && value.length <= max

/** Whether somebody said something that can be shown. */
export function isSaid(value: unknown): value is Said {
  if (!isFields(value)) return false
  const { id, atMs, nick, text, file } = value
  const isDated = typeof atMs === 'number' && Number.isFinite(new Date(atMs).getTime())
  return isText(id, 64) && isDated && isName(nick) && isText(text, TEXT_MAX) && isFile(file)
}

/** Whether a node tells a line of its history. Who said it is true as far as that node is. */
export const isLine = (value: unknown): value is Line =>
  isSaid(value) && /^[0-9a-f]{64}$/.test(String((value as Partial<Line>).node))

function isFile(file: unknown): boolean {
  if (file === undefined) return true
  if (!isFields(file)) return false
  const { id, name, bytes, sha256 } = file
  const isSize = Number.isInteger(bytes) && Number(bytes) >= 0 && Number(bytes) <= FILE_BYTES_MAX
  return isText(id, 64) && isText(name, 255) && isSize && isText(sha256, 64)
}

/** A line as people read it. */
export function formatLine({ atMs, nick, text }: Said): string {
  const time = new Date(atMs).toTimeString().slice(0, 8)
  return `[${time}] <${nick}> ${printable(text)}`
}
