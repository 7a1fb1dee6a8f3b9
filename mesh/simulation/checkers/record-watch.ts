/**
 * Derives every single change of a record from the events of a core, and what they leave out (an
 * incarnation that grew without another change) from its table after each step. A look at the table
 * alone would hide dead -> alive -> dead within one step.
 */
import type { SwimEvent } from '../../membership/swim/machine.ts'
import type { Observer } from '../observer.ts'
import type { SwimProtocol } from '../swim-boundary.ts'
import {
  isSameSighting,
  sightingOf,
  type Mutation,
  type Sighting,
  type SwimNode,
  type SwimNodeInput,
} from './checker.ts'

/** Tables as they must be by what was seen. */
export class RecordWatch implements Observer<SwimProtocol> {
  readonly #tables: Map<string, Sighting>[] = []
  readonly #clockOf: (node: SwimNode) => number
  readonly #tell: (mutation: Mutation) => void

  constructor(clockOf: (node: SwimNode) => number, tell: (mutation: Mutation) => void) {
    this.#clockOf = clockOf
    this.#tell = tell
  }

  /** How a node holds a member right now; valid within steps too. */
  of(node: SwimNode, subject: string): Sighting | undefined {
    return this.tableOf(node).get(subject)
  }

  /** All that a node holds. */
  tableOf(node: SwimNode): ReadonlyMap<string, Sighting> {
    return (this.#tables[node.index] ??= new Map())
  }

  started(node: SwimNode): void {
    this.#tables[node.index] = new Map(
      node.core!.members().map((member) => [member.id, sightingOf(member)]),
    )
  }

  stopped(node: SwimNode): void {
    this.#tables[node.index] = new Map()
  }

  event(node: SwimNode, { type, member, from }: SwimEvent): void {
    if (type === 'conflict') return
    const after = type === 'forgotten' ? undefined : sightingOf(member)
    this.#change(node, member.id, after, from === undefined)
  }

  stepped(node: SwimNode, input: SwimNodeInput): void {
    const table = this.#tables[node.index] ?? new Map<string, Sighting>()
    const members = node.core!.members()
    const own = input.type === 'tick'
    for (const member of members) {
      const before = table.get(member.id)
      const after = sightingOf(member)
      if (before === undefined || !isSameSighting(before, after)) {
        this.#change(node, member.id, after, own)
      }
    }
    if (table.size === members.length) return
    const present = new Set(members.map(({ id }) => id))
    for (const id of table.keys()) {
      if (!present.has(id)) this.#change(node, id, undefined, own)
    }
  }

  #change(node: SwimNode, subject: string, after: Sighting | undefined, own: boolean): void {
    const table = (this.#tables[node.index] ??= new Map())
    const before = table.get(subject)
    if (after === undefined) table.delete(subject)
    else table.set(subject, after)
    this.#tell({ node, subject, before, after, own, nowMs: this.#clockOf(node) })
  }
}
