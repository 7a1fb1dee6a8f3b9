/**
 * Persisted snapshots as xstate can take them more than once: it puts live actors in place of the markers in a
 * context, in the very objects it was given. So the way to each marker is copied first, and nothing else.
 */

/** Where xstate leaves a reference to an actor when it persists a context. */
const MARKER = 'xstate$$type'

/** `persisted` with its own copy of whatever xstate will change in it. */
export function reviveable(persisted: unknown): unknown {
  if (typeof persisted !== 'object' || persisted === null || !('context' in persisted)) {
    return persisted
  }
  return { ...persisted, context: withOwnMarkers(persisted.context, new Set()) }
}

/** A context that has cycles was never persisted by xstate; what was seen is left alone. */
function withOwnMarkers(part: unknown, seen: Set<object>): unknown {
  if (typeof part !== 'object' || part === null || seen.has(part)) return part
  seen.add(part)
  let copy: Record<string, unknown> | undefined
  for (const [key, value] of Object.entries(part)) {
    const own = isMarker(value) ? { ...value } : withOwnMarkers(value, seen)
    if (own === value) continue
    copy ??= (Array.isArray(part) ? [...part] : { ...part }) as Record<string, unknown>
    copy[key] = own
  }
  return copy ?? part
}

function isMarker(value: unknown): value is object {
  return typeof value === 'object' && value !== null && MARKER in value
}
