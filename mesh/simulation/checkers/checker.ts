/**
 * What every checker of membership shares. A checker looks at one property from outside: at packets, at
 * events, and at each single change of a record, which `RecordWatch` derives. It uses none of the core's
 * own rules, so that a mistake in them cannot hide itself.
 */
import type { SwimMember } from '../../membership/swim/machine.ts'
import type { MemberStatus } from '../../membership/swim/message.ts'
import type { Incarnation } from '../../membership/swim/statement.ts'
import type { InputOf } from '../boundary.ts'
import type { Observer } from '../observer.ts'
import type { SimulatedNode } from '../simulated-node.ts'
import type { SwimProtocol } from '../swim-boundary.ts'

/** A node of a membership world. */
export type SwimNode = SimulatedNode<SwimProtocol>

/** An input of a membership core. */
export type SwimNodeInput = InputOf<SwimProtocol>

/** A record as seen from outside. */
export interface Sighting extends Incarnation {
  readonly status: MemberStatus
  readonly port: number
  readonly meta: Uint8Array
}

/** One change of one record at one node. */
export interface Mutation {
  readonly node: SwimNode
  readonly subject: string
  /** Undefined when the subject was not in the table. */
  readonly before: Sighting | undefined
  /** Undefined when it was dropped from the table. */
  readonly after: Sighting | undefined
  /** On the clock of the node. */
  readonly nowMs: number
  /** True when no peer's message brought it. */
  readonly own: boolean
}

/** One property; throws {@link PropertyError}. */
export interface Checker extends Observer<SwimProtocol> {
  /** Which property, as in `S7`. */
  readonly id: string
  mutation?(mutation: Mutation): void
  /** The world has been calm for long. */
  calm?(nodes: readonly SwimNode[]): void
}

/** A property does not hold. */
export class PropertyError extends Error {
  readonly id: string

  constructor(id: string, node: { readonly id: string } | undefined, text: string) {
    super(`${id} is broken at ${node?.id ?? 'the world'}: ${text}`)
    this.name = 'PropertyError'
    this.id = id
  }
}

/** Throws unless `holds`. */
export function demand(
  holds: boolean,
  id: string,
  node: { readonly id: string } | undefined,
  text: () => string,
): void {
  if (!holds) throw new PropertyError(id, node, text())
}

/** Below 0, 0 or above 0 as a comes before, at or after b. */
export function compare(a: Incarnation, b: Incarnation): number {
  return a.generation - b.generation || a.counter - b.counter
}

/** `generation.counter`. */
export function show({ generation, counter }: Incarnation): string {
  return `${generation}.${counter}`
}

/** What counts of a member. */
export function sightingOf(member: SwimMember): Sighting {
  const { status, generation, counter, port, meta } = member
  return { status, generation, counter, port, meta }
}

/** True when nothing that counts differs. */
export function isSameSighting(a: Sighting, b: Sighting): boolean {
  return (
    a.status === b.status && compare(a, b) === 0 && a.port === b.port && isSameMeta(a.meta, b.meta)
  )
}

/** True for equal bytes. */
export function isSameMeta(a: Uint8Array, b: Uint8Array): boolean {
  return a === b || (a.length === b.length && a.every((byte, i) => byte === b[i]))
}
