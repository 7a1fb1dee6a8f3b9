/** Cuts a step into messages of bounded size. */
import { textBytes } from '../wire/sizes.ts'
import type { CatalogDetail } from './catalog.ts'
import { detailBytes } from './detail.ts'
import type { Item, ItemGroup, Owner, PatternGroup, Step, StepMessage } from './message.ts'

/** An entry as it is told. */
export interface Told {
  readonly owner: Owner
  readonly pattern: string
  readonly detail: CatalogDetail
}

/** Bytes of a message beside its groups, of a group beside its filters, at most. */
const HEAD_BYTES = 64
const GROUP_BYTES = 64

/** Filters in one message: what a message has costs its reader, too. */
const ITEMS_MAX = 4_096

interface Piece {
  readonly type: StepMessage['type']
  readonly groups: Map<string | undefined, { readonly owner: Owner; readonly told: Told[] }>
}

/** The messages of a step: those that are there, then those that are gone; one without anything if nothing has changed. */
export function cutStep(
  head: Omit<Step, 'part' | 'last'>,
  there: readonly Told[],
  gone: readonly Told[],
  bytesMax: number,
): readonly StepMessage[] {
  const pieces = [...cut('entries', there, bytesMax), ...cut('removals', gone, bytesMax)]
  if (pieces.length === 0) pieces.push({ type: 'entries', groups: new Map() })
  return pieces.map((piece, part) =>
    messageOf(piece, { ...head, part, last: part === pieces.length - 1 }),
  )
}

function cut(type: Piece['type'], all: readonly Told[], bytesMax: number): Piece[] {
  const pieces: Piece[] = []
  let piece: Piece | undefined
  let bytes = 0
  let items = 0
  for (const told of all) {
    const size = textBytes(told.pattern) + (type === 'entries' ? detailBytes(told.detail) : 0)
    if (piece === undefined || bytes + size + GROUP_BYTES > bytesMax || items >= ITEMS_MAX) {
      pieces.push((piece = { type, groups: new Map() }))
      bytes = HEAD_BYTES
      items = 0
    }
    let group = piece.groups.get(told.owner.owner)
    if (group === undefined) {
      piece.groups.set(told.owner.owner, (group = { owner: told.owner, told: [] }))
      bytes += GROUP_BYTES
    }
    group.told.push(told)
    bytes += size
    items += 1
  }
  return pieces
}

function messageOf({ type, groups }: Piece, step: Step): StepMessage {
  const all = Array.from(groups.values())
  if (type === 'entries') {
    const items = (told: readonly Told[]): Item[] =>
      told.map(({ pattern, detail }) => ({ pattern, detail }))
    const made = all.map(({ owner, told }): ItemGroup => ({ ...owner, items: items(told) }))
    return { type, ...step, groups: made }
  }
  const made = all.map(({ owner, told }): PatternGroup => ({
    ...owner,
    patterns: told.map(({ pattern }) => pattern),
  }))
  return { type, ...step, groups: made }
}
