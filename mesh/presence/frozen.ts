/**
 * Metas are shared by everybody on a node who looks at them: watches, lists, and the processes that are told. So nobody may
 * change one for the others. What comes out of the codec is a tree, without cycles and no deeper than a message may be.
 */

/** The value itself, with its objects and arrays frozen. Maps, sets, dates and bytes cannot be. */
export function frozen(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  const prototype: unknown = Object.getPrototypeOf(value)
  const isTree = Array.isArray(value) || prototype === Object.prototype || prototype === null
  if (!isTree) return value
  for (const part of Object.values(value)) frozen(part)
  return Object.freeze(value)
}
