/** Checkers of what may happen to a record: S6, S8, S9, S10, S12, S14, S15 with S16. */
import type { SwimEvent } from '../../membership/swim/machine.ts'
import type { SyncEntry, Update } from '../../membership/swim/message.ts'
import type { SwimSettings } from '../../membership/swim/settings.ts'
import type { Incarnation } from '../../membership/swim/statement.ts'
import {
  compare,
  demand,
  isSameMeta,
  show,
  type Checker,
  type Mutation,
  type SwimNode,
  type SwimNodeInput,
} from './checker.ts'

/** S6: at each observer the incarnation of a subject never drops, but after it was forgotten. */
export class MonotoneIncarnation implements Checker {
  readonly id = 'S6'

  mutation({ node, subject, before, after }: Mutation): void {
    if (before === undefined || after === undefined) return
    const text = (): string => `${subject} fell from ${show(before)} to ${show(after)}`
    demand(compare(after, before) >= 0, this.id, node, text)
  }
}

/** S8: dead and left come back only at a higher incarnation, and are remembered for their time. */
export class NoResurrection implements Checker {
  readonly id = 'S8'
  readonly #tombstoneMs: number
  readonly #endedMs = new Map<string, number>()

  constructor(settings: SwimSettings) {
    this.#tombstoneMs = settings.tombstoneMs
  }

  mutation({ node, subject, before, after, nowMs }: Mutation): void {
    const key = `${node.index} ${node.life} ${subject}`
    const wasOver = before?.status === 'dead' || before?.status === 'left'
    const isOver = after?.status === 'dead' || after?.status === 'left'
    if (isOver && !wasOver) this.#endedMs.set(key, nowMs)
    if (before === undefined || !wasOver) return
    if (after === undefined) {
      const rememberedMs = nowMs - (this.#endedMs.get(key) ?? -Infinity)
      const text = (): string => `${subject} was forgotten after ${rememberedMs} ms`
      demand(rememberedMs >= this.#tombstoneMs, this.id, node, text)
    } else if (!isOver) {
      const text = (): string =>
        `${subject} went from ${before.status}@${show(before)} to ${after.status}@${show(after)}`
      demand(compare(after, before) > 0, this.id, node, text)
    }
  }
}

/** S9: from dead and left no way leads to suspect, and from left none to dead. */
export class LegalTransitions implements Checker {
  readonly id = 'S9'

  mutation({ node, subject, before, after }: Mutation): void {
    if (before === undefined || after === undefined) return
    const illegal =
      (before.status === 'dead' && after.status === 'suspect') ||
      (before.status === 'left' && (after.status === 'suspect' || after.status === 'dead')) ||
      // Suspicion ends by a newer word of the suspect itself, never by an old one.
      (before.status === 'suspect' && after.status === 'alive' && compare(after, before) === 0)
    const text = (): string =>
      `${subject} went from ${before.status}@${show(before)} to ${after.status}@${show(after)}`
    demand(!illegal, this.id, node, text)
  }
}

/** S10: a node holds itself alive, and refutes every accusation in the step that brings it. */
export class SelfView implements Checker {
  readonly id = 'S10'
  readonly #leaving = new Set<string>()
  /** Nodes that wait for their disk before they may say more. */
  readonly #writing = new Set<string>()
  #before: Incarnation | undefined

  started(node: SwimNode): void {
    this.#leaving.delete(node.id)
    this.#writing.delete(node.id)
  }
  persisting(node: SwimNode): void {
    this.#writing.add(node.id)
  }

  stepping(node: SwimNode, input: SwimNodeInput): void {
    if (input.type === 'leave') this.#leaving.add(node.id)
    const { generation, counter } = node.core!.self()
    this.#before = { generation, counter }
  }

  mutation({ node, subject, after }: Mutation): void {
    if (subject !== node.id || after === undefined) return
    const allowed = after.status === 'alive' || (after.status === 'left' && this.#isLeaving(node))
    demand(allowed, this.id, node, () => `it holds itself ${after.status}`)
  }

  stepped(node: SwimNode, input: SwimNodeInput): void {
    const before = this.#before
    if (input.type === 'persisted') this.#writing.delete(node.id)
    if (before === undefined || this.#isLeaving(node) || this.#writing.has(node.id)) return
    const own = node.core!.self()
    for (const accusation of accusationsIn(input)) {
      if (accusation.id !== node.id || compare(accusation, before) !== 0) continue
      const text = (): string => `accused at ${show(accusation)} it stays at ${show(own)}`
      demand(compare(own, accusation) > 0, this.id, node, text)
    }
  }

  #isLeaving(node: SwimNode): boolean {
    return this.#leaving.has(node.id)
  }
}

/** Suspicions and deaths in an input. */
function accusationsIn(input: SwimNodeInput): ({ readonly id: string } & Incarnation)[] {
  switch (input.type) {
    case 'datagram':
      return input.message.updates.flatMap((update) => accusationOf(update))
    case 'request':
    case 'reply': {
      const { message } = input
      if (message.type === 'probe' || message.type === 'probe_ack') {
        return message.updates.flatMap((update) => accusationOf(update))
      }
      if (message.type !== 'sync_reply' && message.type !== 'sync_push') return []
      return message.entries.flatMap((entry) => accusationOfEntry(entry))
    }
    default:
      return []
  }
}

function accusationOf(update: Update): ({ readonly id: string } & Incarnation)[] {
  return update.type === 'statement' ? [] : [update]
}

function accusationOfEntry({ statement, status }: SyncEntry): ({ id: string } & Incarnation)[] {
  return status === 'suspect' || status === 'dead' ? [statement] : []
}

/**
 * S12: an incarnation has one address and one metadata, wherever it is seen. Generations that a node may
 * use twice because its disk was lost are left out: it cannot know better until others tell it.
 */
export class MetadataFunction implements Checker {
  readonly id = 'S12'
  readonly #known = new Map<string, { readonly meta: Uint8Array; readonly port: number }>()
  /** Highest generation that each node has used. */
  readonly #used = new Map<string, number>()
  /** Up to this generation a node has lost its memory. */
  readonly #forgotten = new Map<string, number>()

  started(node: SwimNode): void {
    const used = this.#used.get(node.id) ?? 0
    if (node.diskGeneration <= used) this.#forgotten.set(node.id, used)
    this.stepped(node)
  }
  stepped(node: SwimNode): void {
    const { generation } = node.core!.self()
    if (generation > (this.#used.get(node.id) ?? 0)) this.#used.set(node.id, generation)
  }

  mutation({ node, subject, after }: Mutation): void {
    if (after === undefined || after.generation <= (this.#forgotten.get(subject) ?? 0)) return
    const key = `${subject}@${show(after)}`
    const known = this.#known.get(key)
    if (known === undefined) {
      this.#known.set(key, after)
      return
    }
    const same = known.port === after.port && isSameMeta(known.meta, after.meta)
    demand(same, this.id, node, () => `${key} has two addresses or two metadata`)
  }
}

/** What may follow what in the life of a member, as the application sees it. */
const NEXT: Readonly<Record<string, readonly SwimEvent['type'][]>> = {
  none: ['up'],
  up: ['update', 'suspect', 'down', 'left'],
  suspect: ['alive', 'update', 'down', 'left'],
  down: ['up', 'left', 'forgotten'],
  left: ['up', 'forgotten'],
}

const STATUS_OF: Readonly<Record<string, string>> = {
  up: 'alive',
  suspect: 'suspect',
  down: 'dead',
  left: 'left',
}

/** S14: events are a word of (up (update|suspect|alive)* (down|left))*, and the last is the table. */
export class EventLanguage implements Checker {
  readonly id = 'S14'
  readonly #states: Map<string, string>[] = []

  started(node: SwimNode): void {
    const states = new Map<string, string>()
    for (const { id } of node.core!.members()) if (id !== node.id) states.set(id, 'up')
    this.#states[node.index] = states
  }

  event(node: SwimNode, { type, member }: SwimEvent): void {
    if (type === 'conflict' || member.id === node.id) return
    const states = this.#states[node.index]!
    const state = states.get(member.id) ?? 'none'
    const allowed = NEXT[state]!.includes(type)
    demand(allowed, this.id, node, () => `'${type}' about ${member.id} after '${state}'`)
    if (type === 'forgotten') states.delete(member.id)
    else if (type === 'alive') states.set(member.id, 'up')
    else if (type !== 'update') states.set(member.id, type)
  }

  stepped(node: SwimNode): void {
    const states = this.#states[node.index]!
    let others = 0
    for (const { id, status } of node.core!.members()) {
      if (id === node.id) continue
      others++
      const state = states.get(id) ?? 'none'
      const text = (): string => `the table holds ${id} ${status}, the last event was '${state}'`
      // The goodbye of somebody who is down already is no news to the application.
      const matches = STATUS_OF[state] === status || (state === 'down' && status === 'left')
      demand(matches, this.id, node, text)
    }
    demand(others === states.size, this.id, node, () => 'the table lacks somebody of the events')
  }
}

/**
 * S15 and S16: who declares a death on its own has held exactly that incarnation suspect for at least the
 * shortest suspicion; a timer of an earlier suspicion ends nothing.
 */
export class FreshSuspicion implements Checker {
  readonly id = 'S15'
  readonly #shortestMs: number
  readonly #sinceMs = new Map<string, number>()

  constructor(settings: SwimSettings) {
    this.#shortestMs = settings.suspicionMultiplier * settings.probeIntervalMs
  }

  mutation({ node, subject, before, after, own, nowMs }: Mutation): void {
    const key = `${node.index} ${node.life} ${subject}`
    if (after?.status === 'suspect') {
      const renewed = before?.status !== 'suspect' || compare(after, before) > 0
      if (renewed) this.#sinceMs.set(key, nowMs)
    } else if (after?.status === 'dead' && own) {
      const text = (): string => `${subject} died of a suspicion of ${before && show(before)}`
      const suspected = before?.status === 'suspect' && compare(before, after) === 0
      demand(suspected, this.id, node, text)
      const heldMs = nowMs - (this.#sinceMs.get(key) ?? Infinity)
      demand(heldMs >= this.#shortestMs, this.id, node, () => `${subject} died after ${heldMs} ms`)
    }
  }
}
