/**
 * A membership: a node says that one of its processes is in a group. What is named is a process number of the node that
 * says it, so nobody can join for another node (PG-05).
 *
 *     meta: [process] or [process, contract]
 */
import { SpaceEntry, type EntryFacts } from '../../mesh/index.ts'

const CONTRACT_LENGTH_MAX = 256

/** One membership; a process that joined a group three times has three. */
export class Membership extends SpaceEntry {
  readonly process: number
  /** Name of the contract that the process speaks. */
  readonly contract: string | undefined
  /** False when its node said something that is none: it never counts. */
  readonly isValid: boolean

  constructor(facts: EntryFacts) {
    super(facts, undefined)
    const [process, contract] = (Array.isArray(facts.meta) ? facts.meta : []) as unknown[]
    const isContract =
      contract === undefined ||
      (typeof contract === 'string' && contract.length <= CONTRACT_LENGTH_MAX)
    this.isValid = Number.isSafeInteger(process) && (process as number) >= 0 && isContract
    this.process = this.isValid ? (process as number) : 0
    this.contract = this.isValid ? (contract as string | undefined) : undefined
  }
}

/** What travels. */
export function metaOf(process: number, contract: string | undefined): unknown[] {
  return contract === undefined ? [process] : [process, contract]
}
