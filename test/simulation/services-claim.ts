/** How a world of services fails: by the id of the property that did not hold. */

/** A property of the services did not hold. */
export class BrokenPromise extends Error {
  override readonly name = 'BrokenPromise'
  /** Id of the property; runs that break the same one fail alike. */
  readonly code: string
  constructor(code: string, text: string) {
    super(`${code}: ${text}`)
    this.code = code
  }
}

/** Throws unless it holds. */
export type Claim = (holds: boolean, code: string, text: () => string) => asserts holds

/** Claims of one world. The first that does not hold is kept, because handlers throw into the code under test. */
export class Claims {
  broken: BrokenPromise | undefined
  readonly claim: Claim = (holds, code, text) => {
    if (holds) return
    const broken = new BrokenPromise(code, text())
    this.broken ??= broken
    throw broken
  }
}
