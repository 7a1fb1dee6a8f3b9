/**
 * The one total order of what can be known about a member: (generation, counter, rank, content). A
 * merge is the maximum, hence commutative, associative and idempotent, and no record ever goes back
 * (S1, S4). Within one incarnation status and content grow independently, since an accusation carries
 * no content.
 */
import { hashStatement } from './hash.ts'
import { Rank, type MemberStatus } from './message.ts'
import type { Incarnation, Statement } from './statement.ts'

/** What is known about a member: what it said last, and how it is seen. */
export interface Knowledge {
  readonly statement: Statement
  readonly status: MemberStatus
}

/** Below 0 when `left` is older, above 0 when it is newer. */
export function compareIncarnation(left: Incarnation, right: Incarnation): number {
  return left.generation - right.generation || left.counter - right.counter
}

/** True when both say the same, byte by byte; proofs may differ. */
export function sameContent(left: Statement, right: Statement): boolean {
  return (
    left === right ||
    (left.host === right.host &&
      left.port === right.port &&
      left.name === right.name &&
      left.left === right.left &&
      sameBytes(left.meta, right.meta))
  )
}

/** True for equal bytes. */
export function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false
  for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) return false
  return true
}

/**
 * Order of two statements about one node: newest first, the goodbye of an incarnation above its other
 * words, then the larger hash. 0 only for equal content.
 */
export function compareStatements(left: Statement, right: Statement): number {
  const byAge = compareIncarnation(left, right)
  if (byAge !== 0) return byAge
  if (left.left !== right.left) return left.left ? 1 : -1
  if (sameContent(left, right)) return 0
  const leftHash = hashStatement(left)
  const rightHash = hashStatement(right)
  return (
    leftHash.high - rightHash.high ||
    leftHash.low - rightHash.low ||
    compareText(contentText(left), contentText(right))
  )
}

/** The greater of two pieces of knowledge about one node. */
export function merge(left: Knowledge, right: Knowledge): Knowledge {
  const byAge = compareIncarnation(left.statement, right.statement)
  if (byAge !== 0) return byAge > 0 ? left : right
  const statement =
    compareStatements(left.statement, right.statement) >= 0 ? left.statement : right.statement
  if (statement.left) return { statement, status: 'left' }
  const status = Rank[left.status] >= Rank[right.status] ? left.status : right.status
  return { statement, status }
}

function contentText(statement: Statement): string {
  return JSON.stringify([
    statement.name,
    statement.host,
    statement.port,
    Array.from(statement.meta),
  ])
}

function compareText(left: string, right: string): number {
  if (left === right) return 0
  return left < right ? -1 : 1
}
