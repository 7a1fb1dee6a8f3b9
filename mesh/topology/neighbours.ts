/**
 * Which k nodes a node keeps standing links with. Pure: keys go in, keys come out.
 *
 * - Half are the nearest by node key on the ring of all living nodes, after and before the own key. The
 *   successors alone make one cycle through everybody who is living, so whatever else happens, the graph is
 *   connected when all have chosen from the same list.
 * - Half are taken by chance: they make the graph shallow, and keep it connected while the lists differ.
 * - What was chosen before stays as long as it lives: a choice costs a handshake.
 * - With at most k others all of them are chosen.
 */

/** What a choice is made from. */
export interface NeighbourQuestion {
  /** Own key, hex. */
  readonly own: string
  /** Everybody else who may be chosen, each once, in any order. */
  readonly living: readonly string[]
  /** Who was chosen before. */
  readonly chosen: ReadonlySet<string>
  readonly k: number
  /** A number from 0 to below 1. */
  readonly chance: () => number
}

/** Who is chosen, in two halves without a common member. */
export interface Neighbours {
  readonly ring: readonly string[]
  readonly random: readonly string[]
}

/** Tries to hit somebody by chance before the rest is listed. */
const TRIES_PER_PLACE = 8

/**
 * Chooses.
 *
 * @example
 * chooseNeighbours({ own: 'c', living: ['a', 'b', 'd', 'e'], chosen: new Set(), k: 2, chance })
 * // { ring: ['d'], random: [one of the others] }
 */
export function chooseNeighbours(question: NeighbourQuestion): Neighbours {
  const { own, living, k } = question
  const ringSize = Math.ceil(k / 2)
  const after = nearest(own, living, Math.ceil(ringSize / 2), 1)
  const before = nearest(own, living, Math.floor(ringSize / 2), -1)
  const ring = new Set([...after, ...before])
  return { ring: [...ring], random: chooseByChance(question, ring, k - ring.size) }
}

/** The `count` keys that follow `own` on the ring, or go before it. */
function nearest(
  own: string,
  living: readonly string[],
  count: number,
  direction: 1 | -1,
): readonly string[] {
  const found: string[] = []
  if (count === 0) return found
  const comesBefore = (a: string, b: string): boolean => {
    // Keys beyond the own one come first, then those that wrap around.
    const [aBeyond, bBeyond] = [isBeyond(a, own, direction), isBeyond(b, own, direction)]
    if (aBeyond !== bBeyond) return aBeyond
    return direction === 1 ? a < b : a > b
  }
  for (const key of living) {
    const last = found[found.length - 1]
    if (found.length === count && last !== undefined && !comesBefore(key, last)) continue
    let place = found.length
    while (place > 0 && comesBefore(key, found[place - 1]!)) place--
    found.splice(place, 0, key)
    if (found.length > count) found.pop()
  }
  return found
}

function isBeyond(key: string, own: string, direction: 1 | -1): boolean {
  return direction === 1 ? key > own : key < own
}

function chooseByChance(
  { living, chosen, chance }: NeighbourQuestion,
  ring: ReadonlySet<string>,
  count: number,
): readonly string[] {
  const random = new Set<string>()
  if (living.length - ring.size <= count) {
    return living.filter((key) => !ring.has(key))
  }
  if (chosen.size > 0) {
    for (const key of living) {
      if (random.size < count && chosen.has(key) && !ring.has(key)) random.add(key)
    }
  }
  for (let tries = count * TRIES_PER_PLACE; tries > 0 && random.size < count; tries--) {
    const key = living[Math.floor(chance() * living.length)]
    if (key !== undefined && !ring.has(key)) random.add(key)
  }
  for (const key of living) {
    if (random.size >= count) break
    if (!ring.has(key)) random.add(key)
  }
  return [...random]
}
