/**
 * Stands in for keys, signatures and realm membership: a hash keyed with a secret that is shared by all
 * honest nodes of a world. Who makes a statement by hand cannot guess the proof.
 */
import type {
  Statement,
  StatementAuthority,
  StatementFields,
  StatementProblem,
} from '../membership/swim/statement.ts'
import { hashNumbers, hashText } from './chance.ts'

/** Signs for any node of the world and checks what others say. */
export class KeyedAuthority implements StatementAuthority {
  readonly #secret: number

  constructor(secret: number) {
    this.#secret = secret
  }

  sign(fields: StatementFields): Statement {
    const { id, name, host, port, generation, counter, left, meta } = fields
    const proof = this.#proof(fields)
    return Object.freeze({ id, name, host, port, generation, counter, left, meta, proof })
  }

  check(statement: Statement): StatementProblem | undefined {
    return statement.proof === this.#proof(statement) ? undefined : 'ERR_SWIM_SIGNATURE'
  }

  #proof({ id, name, host, port, generation, counter, left, meta }: StatementFields): number {
    const text = hashText(this.#secret, `${id} ${name} ${host}`)
    const numbers = hashNumbers(text, port, generation, counter, left ? 1 : 0, meta.length)
    return meta.reduce((hash, byte) => hashNumbers(hash, byte), numbers)
  }
}
