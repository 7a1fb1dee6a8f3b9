/**
 * What a node says about itself, signed by it, and the port that signs and checks. A statement is
 * immutable and travels as it is: whoever passes it on adds nothing and changes nothing.
 *
 * Incarnation = (generation, counter), compared in that order. The generation is kept on disk and grows
 * at each start of the node; the counter grows with each refutation and each change of metadata.
 */

/** 64 hexadecimal digits of the node key; simulations of bare cores use any short string. */
export type MemberId = string

/** Counters stay below this; the owner begins a new generation instead of reaching it (S13). */
export const COUNTER_CEILING = 0x8000_0000

/**
 * Generations stay below this, and a statement at or above it is refused: whoever has a copy of a key could
 * else make its owner say what is no exact number any more. Half a million starts a second for ten years.
 */
export const GENERATION_CEILING: number = 2 ** 48

/** Order of the lives and refutations of one node. */
export interface Incarnation {
  readonly generation: number
  readonly counter: number
}

/** What is signed. */
export interface StatementFields extends Incarnation {
  readonly id: MemberId
  /** Name part of the node id. */
  readonly name: string
  readonly host: string
  readonly port: number
  /** True in the last words of a node that leaves on purpose. */
  readonly left: boolean
  /** Metadata of the application, encoded; empty when there is none. */
  readonly meta: Uint8Array
}

/** {@link StatementFields} with what proves them. */
export interface Statement extends StatementFields {
  /** Opaque to the core: public key, signature and realm membership; a keyed hash in simulations. */
  readonly proof: unknown
}

/** Why a statement is not believed; counted under this code. */
export type StatementProblem = 'ERR_SWIM_SIGNATURE' | 'ERR_SWIM_MEMBERSHIP' | 'ERR_SWIM_STATEMENT'

/** Signs for this node and checks what others say. Synchronous and pure but for the wall clock. */
export interface StatementAuthority {
  sign(fields: StatementFields): Statement
  /** Undefined when it is good. Called only for statements that would change the table. */
  check(statement: Statement): StatementProblem | undefined
}
