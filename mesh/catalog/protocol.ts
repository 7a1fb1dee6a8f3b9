/**
 * Messages of catalogs to frames and back.
 *
 * Topics and procedures each have the ids that the reference gave them and a state of their own, on the lane of their
 * kind: who offers a procedure is not told behind a flood of publishes, and a call that follows is not ahead of it. One
 * frame for both kinds would have one order less and could do neither.
 *
 *     subscribe, register        [life, from, to, part, last, groups]; group: [owner | null, life, stamp, items]
 *                                items: [pattern, detail | null, pattern, detail | null, ...]
 *     unsubscribe, unregister    [0, life, from, to, part, last, groups]; group: [owner | null, life, stamp, patterns]
 *                                [1, life, version, name]: the receiver sent what nobody here wants or offers
 *     suback                     [kind, mode, life, version]: what is held of the receiver; hello, ask or ack
 *     interest                   [0, number, kind, name or filter]: who wants or offers that? asked of a gateway
 *                                [1, number, last, groups]; group: [node, via | null, items];
 *                                one element more, true, when there may be more than is known
 *
 * Bytes of a peer raise `MessageError` or `CodecError` and nothing else. An entry that no catalog takes, in a message
 * that is in order, is left out and counted.
 */
import { nodeKeyFromBytes, nodeKeyFromHex, NODE_KEY_BYTES } from '../identity/node-key.ts'
import { isFilter, isTopic } from '../topics/topic.ts'
import type { Codec } from '../wire/codec.ts'
import { MessageError } from '../wire/errors.ts'
import { WireType } from '../wire/messages.ts'
import type { WireTypeId } from '../wire/messages.ts'
import { Tuple, UINT32_MAX } from '../wire/tuple.ts'
import type { CatalogKind } from './catalog.ts'
import { detailBytes, detailOf, NO_DETAIL } from './detail.ts'
import type {
  AnswerGroup,
  AnswerMessage,
  CatalogMessage,
  HeldMessage,
  Item,
  ItemGroup,
  Owner,
  PatternGroup,
  QuestionMessage,
  Step,
  UnwantedMessage,
} from './message.ts'

/** Frame types of catalogs, each with the lane of its kind. */
export const CATALOG_WIRE_TYPES: readonly WireTypeId[] = Object.freeze([
  WireType.subscribe,
  WireType.unsubscribe,
  WireType.suback,
  WireType.interest,
  WireType.register,
  WireType.unregister,
])

/** Groups in one message, filters in one group. */
const GROUPS_MAX = 8_192
const ITEMS_MAX = 16_384

const KINDS: readonly CatalogKind[] = ['topic', 'procedure']
const MODES: readonly HeldMessage['mode'][] = ['ack', 'ask', 'hello']
const LIFE_MAX = Number.MAX_SAFE_INTEGER

/** What an unsubscribe and an interest say, by their first element. */
const FORM = Object.freeze({ removals: 0, unwanted: 1, question: 0, answer: 1 })

/** Writes and reads the frames of catalogs. */
export class CatalogProtocol {
  readonly #codec: Codec
  readonly #detailBytesMax: number

  constructor(codec: Codec, detailBytesMax: number) {
    this.#codec = codec
    this.#detailBytesMax = detailBytesMax
  }

  encode(message: CatalogMessage): Uint8Array {
    const type = typeOf(message)
    return this.#codec.encodeFrame(type, fieldsOf(message))
  }

  /** Reads a frame; `refused` is called with the number of entries that were left out. */
  decode(type: number, payload: Uint8Array, refused: (times: number) => void): CatalogMessage {
    const value = this.#codec.decode(payload)
    switch (type) {
      case WireType.subscribe:
        return this.#entries('topic', new Tuple('subscribe', value), refused)
      case WireType.register:
        return this.#entries('procedure', new Tuple('register', value), refused)
      case WireType.unsubscribe:
        return this.#removals('topic', new Tuple('unsubscribe', value), refused)
      case WireType.unregister:
        return this.#removals('procedure', new Tuple('unregister', value), refused)
      case WireType.suback:
        return readHeld(new Tuple('suback', value))
      case WireType.interest:
        return this.#interest(new Tuple('interest', value), refused)
      default:
        throw new MessageError('catalog', 'type', 'one of a catalog')
    }
  }

  #entries(kind: CatalogKind, items: Tuple, refused: (times: number) => void): CatalogMessage {
    const step = readStep(kind, items, 0)
    let over = 0
    const groups = items.list(5, 'groups', GROUPS_MAX).map((value, at): ItemGroup => {
      const group = new Tuple('entries', value, `groups[${at}]`)
      const all = this.#items(group, 3)
      over += all.refused
      return { ...readOwner(group), items: all.items }
    })
    if (over > 0) refused(over)
    return { type: 'entries', ...step, groups }
  }

  #removals(kind: CatalogKind, items: Tuple, refused: (times: number) => void): CatalogMessage {
    if (items.whole(0, 'form', 0, 1) === FORM.unwanted) return readUnwanted(kind, items)
    const step = readStep(kind, items, 1)
    let over = 0
    const groups = items.list(6, 'groups', GROUPS_MAX).map((value, at): PatternGroup => {
      const group = new Tuple('removals', value, `groups[${at}]`)
      const all = group.list(3, 'patterns', ITEMS_MAX)
      const patterns = all.filter((each): each is string => isFilter(each))
      over += all.length - patterns.length
      return { ...readOwner(group), patterns }
    })
    if (over > 0) refused(over)
    return { type: 'removals', ...step, groups }
  }

  #interest(items: Tuple, refused: (times: number) => void): QuestionMessage | AnswerMessage {
    const form = items.whole(0, 'form', 0, 1)
    const number = items.whole(1, 'number', 0, UINT32_MAX)
    if (form === FORM.question) {
      const kind = readKind(items, 2)
      const name = items.text(3, 'name', (value) => isFilter(value), 'a topic or a filter')
      return { type: 'question', number, kind, name }
    }
    let over = 0
    const groups = items.list(3, 'groups', GROUPS_MAX).map((value, at): AnswerGroup => {
      const group = new Tuple('answer', value, `groups[${at}]`)
      const all = this.#items(group, 2)
      over += all.refused
      return {
        node: readNode(group, 0, 'node'),
        via: readNodeOrNull(group, 1, 'via'),
        items: all.items,
      }
    })
    if (over > 0) refused(over)
    const answer: AnswerMessage = { type: 'answer', number, last: items.flag(2, 'last'), groups }
    return items.has(4) && items.flag(4, 'partial') ? { ...answer, isPartial: true } : answer
  }

  #items(
    group: Tuple,
    index: number,
  ): { readonly items: readonly Item[]; readonly refused: number } {
    const list = group.list(index, 'items', 2 * ITEMS_MAX)
    if (list.length % 2 !== 0) throw group.error('items', 'pairs')
    const items: Item[] = []
    for (let at = 0; at < list.length; at += 2) {
      const pattern = list[at]
      const given = list[at + 1]
      const detail = given === null ? NO_DETAIL : detailOf(given)
      if (detail === undefined || !isFilter(pattern)) continue
      if (detailBytes(detail) <= this.#detailBytesMax) items.push({ pattern, detail })
    }
    return { items, refused: list.length / 2 - items.length }
  }
}

/** The lane of a frame type. */
export function laneOfType(type: number): 'pubsub' | 'rpc' {
  return type === WireType.register || type === WireType.unregister ? 'rpc' : 'pubsub'
}

function typeOf(message: CatalogMessage): WireTypeId {
  switch (message.type) {
    case 'entries':
      return message.kind === 'topic' ? WireType.subscribe : WireType.register
    case 'removals':
    case 'unwanted':
      return message.kind === 'topic' ? WireType.unsubscribe : WireType.unregister
    case 'held':
      return WireType.suback
    case 'question':
    case 'answer':
      return WireType.interest
  }
}

function fieldsOf(message: CatalogMessage): readonly unknown[] {
  switch (message.type) {
    case 'entries': {
      const { life, from, to, part, last, groups } = message
      const written = groups.map((group) => [...ownerFields(group), itemFields(group.items)])
      return [life, from, to, part, last, written]
    }
    case 'removals': {
      const { life, from, to, part, last, groups } = message
      const written = groups.map((group) => [...ownerFields(group), group.patterns])
      return [FORM.removals, life, from, to, part, last, written]
    }
    case 'held': {
      const { kind, mode, life, version } = message
      return [KINDS.indexOf(kind), MODES.indexOf(mode), life, version]
    }
    case 'unwanted':
      return [FORM.unwanted, message.life, message.version, message.name]
    case 'question':
      return [FORM.question, message.number, KINDS.indexOf(message.kind), message.name]
    case 'answer': {
      const written = message.groups.map(({ node, via, items }) => {
        return [keyBytes(node), via === undefined ? null : keyBytes(via), itemFields(items)]
      })
      const fields = [FORM.answer, message.number, message.last, written]
      return message.isPartial === true ? [...fields, true] : fields
    }
  }
}

function ownerFields({ owner, life, stamp }: Owner): readonly unknown[] {
  return [owner === undefined ? null : keyBytes(owner), life, stamp]
}

function itemFields(items: readonly Item[]): readonly unknown[] {
  return items.flatMap(({ pattern, detail }) => [pattern, isEmpty(detail) ? null : detail])
}

function isEmpty(detail: object): boolean {
  for (const _ in detail) return false
  return true
}

function keyBytes(hex: string): Uint8Array {
  return nodeKeyFromHex(hex).bytes
}

function readStep(kind: CatalogKind, items: Tuple, at: number): Step {
  const life = items.whole(at, 'life', 0, LIFE_MAX)
  const to = items.whole(at + 2, 'to', 1, LIFE_MAX)
  const from = items.whole(at + 1, 'from', 0, to)
  const part = items.whole(at + 3, 'part', 0, UINT32_MAX)
  return { kind, life, from, to, part, last: items.flag(at + 4, 'last') }
}

function readOwner(group: Tuple): Owner {
  const owner = readNodeOrNull(group, 0, 'owner')
  return {
    owner,
    life: group.whole(1, 'life', 0, LIFE_MAX),
    stamp: group.whole(2, 'stamp', 0, LIFE_MAX),
  }
}

function readNode(group: Tuple, index: number, name: string): string {
  return nodeKeyFromBytes(group.bytes(index, name, NODE_KEY_BYTES)).hex
}

function readNodeOrNull(group: Tuple, index: number, name: string): string | undefined {
  return group.get(index) === null ? undefined : readNode(group, index, name)
}

function readKind(items: Tuple, index: number): CatalogKind {
  return KINDS[items.whole(index, 'kind', 0, KINDS.length - 1)]!
}

function readHeld(items: Tuple): HeldMessage {
  const mode = MODES[items.whole(1, 'mode', 0, MODES.length - 1)]!
  const life = items.whole(2, 'life', 0, LIFE_MAX)
  const version = items.whole(3, 'version', 0, LIFE_MAX)
  return { type: 'held', kind: readKind(items, 0), mode, life, version }
}

function readUnwanted(kind: CatalogKind, items: Tuple): UnwantedMessage {
  const life = items.whole(1, 'life', 0, LIFE_MAX)
  const version = items.whole(2, 'version', 0, LIFE_MAX)
  const name = items.text(3, 'name', (value) => isTopic(value), 'a topic')
  return { type: 'unwanted', kind, name, life, version }
}
