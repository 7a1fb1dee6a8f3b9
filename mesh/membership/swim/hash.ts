/**
 * A 64-bit hash in two 32-bit halves, for digests and tie-breaks. Not a secret: whoever holds a key of
 * the realm can make two of its own statements collide, and hides by that nothing but itself.
 */
import { mix } from '../../machine/mix.ts'
import type { StatementFields } from './statement.ts'

/** Two independent lanes of one hash. */
export interface Hash {
  readonly high: number
  readonly low: number
}

/** Lanes that take bytes and numbers one after the other. */
class Lanes {
  high = 0x811c9dc5
  low = 0x9e3779b9
  add(value: number): void {
    this.high = Math.imul(this.high ^ value, 0x01000193)
    this.low = Math.imul(this.low ^ value, 0x85ebca6b)
    this.low ^= this.low >>> 13
  }
  text(text: string): void {
    for (let i = 0; i < text.length; i++) this.add(text.charCodeAt(i))
    // The length keeps ('ab', 'c') and ('a', 'bc') apart.
    this.add(text.length)
  }
}

/** Everything that a statement says; equal for equal statements on all nodes. */
export function hashStatement(statement: StatementFields): Hash {
  const lanes = new Lanes()
  lanes.text(statement.id)
  lanes.text(statement.name)
  lanes.text(statement.host)
  lanes.add(statement.port)
  lanes.add(statement.generation | 0)
  lanes.add(Math.floor(statement.generation / 2 ** 32))
  lanes.add(statement.counter)
  lanes.add(statement.left ? 1 : 0)
  for (const byte of statement.meta) lanes.add(byte)
  return { high: mix(lanes.high), low: mix(lanes.low) }
}

/** Where an id belongs, from its characters alone. */
export function hashText(text: string): number {
  const lanes = new Lanes()
  lanes.text(text)
  return mix(lanes.high ^ lanes.low)
}
