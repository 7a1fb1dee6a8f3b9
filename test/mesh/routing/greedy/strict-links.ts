/** Networks in which each node has a way to few others, for tests of what goes through others. */
import type { RandomStream } from '../../../../mesh/machine/random-stream.ts'

/** Pairs of numbers of nodes. */
export type Links = readonly (readonly [number, number])[]

/** A connected network in which everybody has a link with `degree` others at least, and can reach nobody else. */
export function strictLinks(size: number, degree: number, random: RandomStream): Links {
  const pairs = new Map<string, readonly [number, number]>()
  const degrees = Array.from({ length: size }, () => 0)
  const link = (a: number, b: number): void => {
    const pair = [Math.min(a, b), Math.max(a, b)] as const
    if (a === b || pairs.has(pair.join())) return
    pairs.set(pair.join(), pair)
    degrees[a]! += 1
    degrees[b]! += 1
  }
  for (let n = 1; n < size; n++) link(n, random.below(n))
  for (let n = 0; n < size; n++) {
    while (degrees[n]! < Math.min(degree, size - 1)) link(n, random.below(size))
  }
  return [...pairs.values()]
}
