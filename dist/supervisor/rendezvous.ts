/**
 * Rendezvous hashing (Thaler and Ravishankar 1998): every node has a weight for every key, the heaviest node has
 * the key. All who know the same nodes choose the same one without asking, and a node that joins or leaves moves
 * only its own share of the keys, 1/n. Pure; the same in every program.
 */

/** Weight of `node` for `key`; 53 bits, so that ties do not happen in practice. */
export function rendezvousWeight(key: string, node: string): number {
  const text = `${key.length}:${key}${node}`
  return (hash(text, 0x811c9dc5) & 0x1fffff) * 0x1_0000_0000 + hash(text, 0x2f0b4c47)
}

/**
 * The node that has `key`; undefined without nodes.
 *
 * @example
 * assert.equal(rendezvousNode('cart-7', ['a', 'b', 'c']), rendezvousNode('cart-7', ['c', 'b', 'a']))
 */
export function rendezvousNode(key: string, nodes: Iterable<string>): string | undefined {
  let best: string | undefined
  let bestWeight = -1
  for (const node of nodes) {
    const weight = rendezvousWeight(key, node)
    if (weight > bestWeight || (weight === bestWeight && best !== undefined && node < best)) {
      best = node
      bestWeight = weight
    }
  }
  return best
}

/** FNV-1a with the last mix of MurmurHash3, because its bits alone are too much alike for like keys. */
function hash(text: string, seed: number): number {
  let h = seed
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
