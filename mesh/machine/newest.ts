/**
 * Maps that remember what was said last: their order is that of the last words, and of more than `max` keys the one that was
 * silent for longest is forgotten.
 */

/** Sets it as the newest; gives whether another one was forgotten for it. */
export function setNewest<K, V>(map: Map<K, V>, key: K, value: V, max: number): boolean {
  map.delete(key)
  map.set(key, value)
  if (map.size <= max) return false
  for (const oldest of map.keys()) {
    map.delete(oldest)
    break
  }
  return true
}
