/**
 * Pids, refs and monitor references in what the services of the mesh carry: arguments and results of procedures, payloads of
 * topics, details of errors. They work where they arrive, also at a third node (R18).
 *
 * Such bytes may pass many hands, be kept and be read later, so a pid says everything about itself, unlike on a link
 * (`term.ts`): node, number and incarnation. Nobody vouches for it, as for an address in a letter: what it is used for goes to that
 * node, which judges the user and not the writer. A peer at the edge has no processes that others reach, and refuses them.
 */
import { CodecError, type Extension } from '../mesh/index.ts'
import type { System } from '../runtime/index.ts'
import type { ContractTable } from './contract-table.ts'
import { absoluteExtensions, type TermContext } from './term.ts'

/** What is known once the node starts. */
export interface ValueTermsNode {
  readonly system: System
  readonly ownKeyHex: string
  readonly ownIncarnation: number
}

/** The extensions of one node; made before its mesh, opened with it. */
export class ValueTerms {
  readonly extensions: readonly Extension<never>[]
  readonly #contracts: ContractTable
  #context: TermContext | undefined

  constructor(contracts: ContractTable) {
    this.#contracts = contracts
    this.extensions = Object.freeze(
      absoluteExtensions.map((extension) =>
        this.#bound(extension as Extension<object, TermContext>),
      ),
    )
  }

  open({ system, ownKeyHex, ownIncarnation }: ValueTermsNode): void {
    this.#context = {
      ...{ system, ownKeyHex, ownIncarnation, contracts: this.#contracts },
      // There is no other end: whoever reads this may be anybody.
      ...{ peerKeyHex: '', peerIncarnation: 0, errorStacks: false },
    }
  }

  #bound(extension: Extension<object, TermContext>): Extension<never> {
    return Object.freeze({
      type: extension.type,
      matches: extension.matches,
      encode: (value: object) => extension.encode(value, this.#opened()),
      decode: (payload: unknown) => {
        try {
          return extension.decode(payload, this.#opened())
        } catch (cause) {
          throw new CodecError('ERR_CODEC_EXTENSION', 'a malformed pid or reference', { cause })
        }
      },
    }) as Extension<never>
  }

  #opened(): TermContext {
    if (this.#context !== undefined) return this.#context
    throw new CodecError('ERR_CODEC_EXTENSION', 'the node has not started yet')
  }
}
