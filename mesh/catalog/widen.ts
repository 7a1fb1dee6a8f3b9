/**
 * Fewer filters that match everything the many did, and more: each is cut after the same number of segments, and
 * whatever follows is matched. Who has more filters than may be told tells these, gets what it did not ask for as
 * well, and matches again.
 */

/** What a filter is cut to that needs no cut. */
const ANY = '**'

/** Longest text of a filter in bytes; a cut one may be a byte longer than it was. */
const FILTER_BYTES_MAX = 1_024

/**
 * The filter cut after `depth` segments: `a.b.**` for `a.b.c.d` and 2. Segments from the first `**` on go in any case,
 * when something is cut. `$` segments are never cut off: nothing else would match what they match.
 */
export function widenTo(filter: string, depth: number): string {
  const segments = filter.split('.')
  if (segments.length <= depth) return filter
  const kept = Math.max(depth, filter.startsWith('$') ? 1 : 0)
  const deep = segments.indexOf(ANY)
  const cut = segments.slice(0, deep === -1 ? kept : Math.min(deep, kept))
  const wide = [...cut, ANY].join('.')
  if (wide === filter || Buffer.byteLength(wide) <= FILTER_BYTES_MAX) return wide
  return cut.length > 1 ? widenTo(filter, cut.length - 1) : filter
}

/** The largest depth at which `filters` become at most `max`; Infinity when they are that few, 0 at least. */
export function widenDepth(filters: Iterable<string>, max: number): number {
  const all = new Set(filters)
  if (all.size <= max) return Infinity
  let deepest = 0
  for (const filter of all) deepest = Math.max(deepest, segmentsOf(filter))
  // The number of filters falls with the depth, so the border between too many and few enough is searched.
  let few = 0
  let many = deepest
  while (many - few > 1) {
    const middle = (few + many) >> 1
    if (countAt(all, middle, max) <= max) few = middle
    else many = middle
  }
  return few
}

/**
 * Filters, at most `max` of them, that match whatever the given ones match. More than `max` only if so many different
 * first segments begin with `$`.
 *
 * @example
 * widen(['a.b.c', 'a.b.d', 'e'], 2) // ['a.b.**', 'e']
 */
export function widen(filters: Iterable<string>, max: number): string[] {
  const all = new Set(filters)
  const depth = widenDepth(all, max)
  return [...new Set(Array.from(all, (filter) => widenTo(filter, depth)))]
}

function countAt(filters: ReadonlySet<string>, depth: number, enough: number): number {
  const forms = new Set<string>()
  for (const filter of filters) {
    forms.add(widenTo(filter, depth))
    if (forms.size > enough) break
  }
  return forms.size
}

function segmentsOf(filter: string): number {
  let count = 1
  for (let at = filter.indexOf('.'); at !== -1; at = filter.indexOf('.', at + 1)) count += 1
  return count
}
