/**
 * The root of every error that Fovea raises on purpose, and the catalogue of the runtime layer.
 * Each layer has such a catalogue; a test checks that codes are unique and documented.
 */

/** Extra parts of an error. */
export interface FoveaErrorOptions {
  readonly cause?: unknown
}

/** An expected failure: branch on `code`, it never changes its meaning. */
export class FoveaError extends Error {
  override readonly name: string = 'FoveaError'
  readonly code: string
  constructor(code: string, message: string, options: FoveaErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
  }
}

/** One line of an error catalogue. */
export interface ErrorEntry {
  /** When it happens. */
  readonly when: string
  /** Whether anything had been changed by then. */
  readonly stateChanged: string
  /** Whether trying again can help. */
  readonly retry: string
  /** What to do. */
  readonly action: string
}

/** Codes of one layer. */
export type ErrorCatalogue = Readonly<Record<`ERR_${string}`, ErrorEntry>>
