/** What a gateway answers a peer at its edge. */
import { textBytes } from '../wire/sizes.ts'
import type { CatalogEntry } from './catalog.ts'
import { detailBytes } from './detail.ts'
import type { AnswerGroup, AnswerMessage, Item } from './message.ts'
import type { CatalogSettings } from './settings.ts'

/** Bytes of a group beside its filters, at most. */
const GROUP_BYTES = 80

/** The messages of an answer, one at least; what is above `answerEntriesMax` is left out. */
export function answersOf(
  number: number,
  entries: readonly CatalogEntry[],
  { frameBytesMax, answerEntriesMax }: Pick<CatalogSettings, 'frameBytesMax' | 'answerEntriesMax'>,
  isPartial = false,
): readonly AnswerMessage[] {
  const parts: Map<string, AnswerGroup & { readonly items: Item[] }>[] = [new Map()]
  let bytes = GROUP_BYTES
  for (const { node, via, pattern, detail } of entries.slice(0, answerEntriesMax)) {
    const size = textBytes(pattern) + detailBytes(detail) + GROUP_BYTES
    if (bytes + size > frameBytesMax) {
      parts.push(new Map())
      bytes = GROUP_BYTES
    }
    const groups = parts.at(-1)!
    let group = groups.get(node)
    if (group === undefined) groups.set(node, (group = { node, via, items: [] }))
    group.items.push({ pattern, detail })
    bytes += size
  }
  return parts.map((groups, at): AnswerMessage => {
    const last = at === parts.length - 1
    const answer: AnswerMessage = { type: 'answer', number, last, groups: [...groups.values()] }
    return last && isPartial ? { ...answer, isPartial } : answer
  })
}
