/**
 * A mark that exists for the compiler only. Two kinds of refs look the same at run time; with the mark one
 * cannot be passed for the other by mistake.
 */
declare const brand: unique symbol

/** Mixed into an interface to tell it from others of the same shape. */
export interface Branded<Name extends string> {
  /** Never there at run time. */
  readonly [brand]?: Name
}
