/** Which options of a node its workers have too: what concerns the whole mesh, such as limits and intervals. */

/** Options that belong to one node or one thread. */
const OWN: ReadonlySet<string> = new Set([
  ...['realm', 'name', 'nodeName', 'host', 'advertiseHost', 'port', 'advertisePort', 'seeds'],
  ...['discovery', 'dataDir', 'realmMembership', 'gateway', 'transport', 'lookup', 'clock'],
  ...['entropy', 'logger', 'system', 'contracts', 'behaviorRegistry', 'metadata'],
])

/** The part of `given` that workers inherit; functions and what holds them cannot pass to a thread. */
export function inheritedOptions(given: object): Readonly<Record<string, unknown>> {
  const entries = Object.entries(given).filter(([name, value]) => {
    return !OWN.has(name) && value !== undefined && isData(value)
  })
  return Object.freeze(Object.fromEntries(entries))
}

/** Plain values all the way down. */
function isData(value: unknown): boolean {
  if (typeof value === 'function' || typeof value === 'symbol') return false
  if (typeof value !== 'object' || value === null) return true
  const prototype: unknown = Object.getPrototypeOf(value)
  if (!Array.isArray(value) && prototype !== Object.prototype && prototype !== null) return false
  return Object.values(value).every(isData)
}
