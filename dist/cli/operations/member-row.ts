/**
 * Members and their changes as commands print them: plain objects, also the lines of `--json`.
 *
 * A change says who accused and who told: `accuser` is the node whose probe failed, or who declared
 * the death; `from` is the node whose message brought the news here, absent when this node found out
 * itself. So "who suspected whom, when, on whose word" is one line.
 */

/**
 * Changes of a member, in the words of the mesh; `restarted` says that the detector of this node itself
 * began anew.
 */
export type MemberEventType =
  'up' | 'suspect' | 'alive' | 'update' | 'down' | 'left' | 'forgotten' | 'conflict' | 'restarted'

/** Every {@link MemberEventType}. */
export const MEMBER_EVENT_TYPES: readonly MemberEventType[] = Object.freeze([
  'up',
  'suspect',
  'alive',
  'update',
  'down',
  'left',
  'forgotten',
  'conflict',
  'restarted',
])

/** Order of the lives and refutations of a node. */
export interface IncarnationRow {
  /** Grows at each start of the node. */
  readonly generation: number
  /** Grows at each refutation and each change of what the node says about itself. */
  readonly counter: number
}

/** One line of `fovea members`. */
export interface MemberRow {
  readonly node: string
  readonly key: string
  readonly state: 'self' | 'up' | 'suspect' | 'down' | 'left'
  readonly incarnation: IncarnationRow
  readonly host: string
  readonly port: number
  /** How long it is in this state. */
  readonly sinceMs: number
  readonly rttMs?: number
  readonly reason?: string
  /** Who suspects it, or declared it dead: a node id, or a key when that node is not known. */
  readonly accuser?: string
}

/** A change of one member. */
export interface MemberEventRow {
  /** Wall time at this node, ISO 8601. */
  readonly at: string
  readonly type: MemberEventType
  readonly node: string
  readonly key: string
  readonly incarnation: IncarnationRow
  readonly accuser?: string
  readonly accuserKey?: string
  readonly from?: string
  readonly fromKey?: string
  readonly reason?: string
}

/** Which changes are asked for; a node by its id, its name, or the start of its key. */
export interface MemberEventFilter {
  /** Whom the change is about. */
  readonly node?: string | undefined
  /** Who accused, or told. */
  readonly by?: string | undefined
  /** Empty means all. */
  readonly types: readonly MemberEventType[]
  /** Only so many of the log, the newest. */
  readonly last?: number | undefined
}

/** Shortest part of a key that names a node. */
const KEY_DIGITS_MIN = 4

/** Whether `event` is one of those asked for. */
export function matchesEvent(event: MemberEventRow, filter: MemberEventFilter): boolean {
  const { node, by, types } = filter
  if (types.length > 0 && !types.includes(event.type)) return false
  if (node !== undefined && !isNamed(node, event.node, event.key)) return false
  if (by === undefined) return true
  return isNamed(by, event.accuser, event.accuserKey) || isNamed(by, event.from, event.fromKey)
}

/** The part of the log that is asked for, oldest first. */
export function filterLog(
  log: readonly MemberEventRow[],
  filter: MemberEventFilter,
): readonly MemberEventRow[] {
  const found = log.filter((event) => matchesEvent(event, filter))
  return filter.last === undefined ? found : found.slice(-filter.last)
}

/** `generation.counter`, as tables show it. */
export function formatIncarnation({ generation, counter }: IncarnationRow): string {
  return `${generation}.${counter}`
}

/** One line for people, without its colour: when, what, whom, on whose word. */
export function formatMemberEvent(event: MemberEventRow): string {
  const { at, type, node, incarnation } = event
  const words = wordsOf(event)
  const who = `${node} (${formatIncarnation(incarnation)})`
  return `${at} ${type.padEnd(TYPE_WIDTH)} ${who}${words === '' ? '' : `  ${words}`}`
}

const TYPE_WIDTH = Math.max(...MEMBER_EVENT_TYPES.map((type) => type.length))

function wordsOf({ type, accuser, from, reason }: MemberEventRow): string {
  const words: string[] = []
  if (type === 'suspect' && accuser !== undefined) words.push(`suspected by ${accuser}`)
  else if (type === 'down' && accuser !== undefined) words.push(`accused by ${accuser}`)
  if (type === 'conflict') words.push('somebody else speaks with its key')
  if (type === 'restarted') words.push('the failure detector began anew')
  if (reason !== undefined) words.push(reason)
  if (from !== undefined) words.push(`told by ${from}`)
  else if (type === 'suspect') words.push('found out here')
  else if (type === 'down') words.push('declared here')
  return words.join(', ')
}

function isNamed(name: string, node: string | undefined, key: string | undefined): boolean {
  if (node === undefined) return false
  if (node === name || node.startsWith(`${name}@`)) return true
  return name.length >= KEY_DIGITS_MIN && key?.startsWith(name.toLowerCase()) === true
}
