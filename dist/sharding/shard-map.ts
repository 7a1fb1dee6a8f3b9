/** Which shard an entity is in, and which node has a shard: pure, and the same on every node. */
import { rendezvousNode, rendezvousWeight } from '../supervisor/rendezvous.ts'

/**
 * The shard of an entity.
 *
 * @example
 * shardOf('cart-7', 64) // 0 to 63
 */
export function shardOf(id: string, shards: number): number {
  return rendezvousWeight('shard', id) % shards
}

/** The node that has a shard, by rendezvous among `hosts`; undefined without hosts. */
export function hostOf(entity: string, shard: number, hosts: Iterable<string>): string | undefined {
  return rendezvousNode(`${entity} ${shard}`, hosts)
}
