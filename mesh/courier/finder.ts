/** Where a node can be dialled: as members say, as the routing table says, else as its signed record in the DHT says. */
import { operate } from '../routing/calls.ts'
import type { DhtContext } from '../routing/context.ts'
import { newest } from '../routing/found-node.ts'
import { keyFromHex } from '../routing/kademlia/id.ts'
import type { DhtRecord } from '../routing/records/record.ts'
import type { TransportAddress } from '../transport/transport.ts'
import type { CourierContext } from './context.ts'

/** The address that is known without asking anybody. */
export function knownAddress(
  { view, dht }: Pick<CourierContext, 'view' | 'dht'>,
  node: string,
): TransportAddress | undefined {
  const member = view.member(node)
  if (member !== undefined) return member.address
  const contact = dht?.memory.contacts.get(node)
  return contact === undefined ? undefined : { host: contact.host, port: contact.port }
}

/** The newest address record of a node; undefined when nobody has one. Rejects with `DhtError`. */
export async function findAddressRecord(
  dht: DhtContext,
  node: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<DhtRecord | undefined> {
  const options = { deadlineMs: dht.clock.now() + timeoutMs }
  const { records } = await operate(
    dht,
    { type: 'find_providers', key: keyFromHex(node), options },
    { asked: node, signal },
  )
  return newest(records.filter(({ kind, publisher }) => kind === 'address' && publisher === node))
}
