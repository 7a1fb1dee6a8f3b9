/** Who is present in a topic, as rows: plain values that go through the control socket, and how they look. */
import { formatValue, type Output } from '../output.ts'
import { printable } from '../printable.ts'
import { formatTable } from '../table.ts'

/** Digits of a key in a table; enough to tell nodes apart. */
const KEY_DIGITS = 16

/** Somebody, or something, that is present. */
export interface PresenceRow {
  readonly key: string
  /** Id of the node that says so, when it is a member known here. */
  readonly node?: string
  readonly nodeKey: string
  readonly meta: unknown
}

/** What the control socket tells: all that are present, perhaps in several parts, then changes. */
export type PresenceMessageRow =
  | {
      readonly type: 'snapshot'
      readonly topic: string
      readonly entries: readonly PresenceRow[]
      /** False when some node has not told in time; what it has to tell comes as `joined`. */
      readonly isComplete: boolean
    }
  | ({ readonly type: 'joined' | 'left' | 'updated'; readonly topic: string } & PresenceRow)

/** A change. */
export type PresenceChangeRow = Exclude<PresenceMessageRow, { readonly type: 'snapshot' }>

/** All that are present, one per line. */
export function formatPresence(
  topic: string,
  rows: readonly PresenceRow[],
  isComplete: boolean,
): string {
  const rest = isComplete ? '' : '\nsome nodes have not told who is present there'
  if (rows.length === 0) return `nobody is present in ${topic}${rest}`
  const table = formatTable(
    ['KEY', 'NODE', 'META'],
    rows.map((row) => [printable(row.key), nodeOf(row), metaOf(row)]),
  )
  return `${table}${rest}`
}

/** One change. */
export function formatPresenceChange(row: PresenceChangeRow, out: Pick<Output, 'tone'>): string {
  const { type, key } = row
  const tone = type === 'joined' ? 'good' : type === 'left' ? 'bad' : 'plain'
  const meta = metaOf(row)
  return `${out.tone(tone, `${printable(key)} ${type}`)} at ${nodeOf(row)}${meta === '' ? '' : `  ${meta}`}`
}

const nodeOf = ({ node, nodeKey }: PresenceRow): string => node ?? nodeKey.slice(0, KEY_DIGITS)

const metaOf = ({ meta }: PresenceRow): string => (meta === null ? '' : formatValue(meta))
