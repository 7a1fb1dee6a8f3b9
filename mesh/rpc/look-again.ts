/**
 * Looks for those who offer a procedure while it is in use and somebody who does is known already, this node perhaps:
 * others may have come since, or may never have been asked for. Nobody waits for that; what is found counts from the next
 * call on. Names that are used this way stay sought, so that those who come later are heard of.
 */
import type { Catalog } from '../catalog/catalog.ts'

/** See the head of this file. */
export class LookAgain {
  readonly #catalog: Pick<Catalog, 'isSought' | 'seek'>
  readonly #looking = new Set<string>()

  constructor(catalog: Pick<Catalog, 'isSought' | 'seek'>) {
    this.#catalog = catalog
  }

  /** It is used, and not because it has just been looked for. */
  used(procedure: string): void {
    if (this.#catalog.isSought('procedure', procedure) || this.#looking.has(procedure)) return
    this.#looking.add(procedure)
    const over = (): void => void this.#looking.delete(procedure)
    this.#catalog.seek('procedure', procedure).then(over, over)
  }
}
