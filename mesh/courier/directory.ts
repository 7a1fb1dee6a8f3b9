/** What a courier knows of other nodes beside its own links: where they are, and with which keys they sign. */
import { operate } from '../routing/calls.ts'
import type { DhtContext } from '../routing/context.ts'
import { newest } from '../routing/found-node.ts'
import { keyFromHex } from '../routing/kademlia/id.ts'
import { recordProofOf } from '../routing/records/proof.ts'
import type { MembershipView } from '../membership/view.ts'
import { isProof } from '../membership/proof.ts'
import type { Statement } from '../membership/swim/statement.ts'
import type { TransportAddress } from '../transport/transport.ts'

/** A node that was looked up. */
export interface FoundNode {
  readonly address: TransportAddress
  readonly publicKey: Uint8Array
}

/** See the file header. Nodes are named by their keys in hex. */
export interface Directory {
  /** Where a node can be dialled, as far as is known without asking anybody. */
  address(node: string): TransportAddress | undefined
  /** Its public key, in the same way. Not checked. */
  publicKey(node: string): Uint8Array | undefined
  /** Asks others; undefined when they do not know it. Undefined where nobody can be asked. */
  readonly find:
    | ((node: string, timeoutMs: number, signal: AbortSignal) => Promise<FoundNode | undefined>)
    | undefined
}

/** What the directory of a member reads in. */
export interface DirectorySources {
  readonly view: Pick<MembershipView, 'member'>
  /** The last words of members that are there, by key. */
  readonly statements: ReadonlyMap<string, Statement>
  readonly dht: DhtContext | undefined
}

/** The directory of a member: members, the routing table, and signed address records in the DHT. */
export function memberDirectory({ view, statements, dht }: DirectorySources): Directory {
  return {
    address: (node) => view.member(node)?.address ?? dht?.memory.contacts.get(node),
    publicKey: (node) => {
      const proof = statements.get(node)?.proof
      return isProof(proof) ? proof.publicKey : undefined
    },
    find:
      dht === undefined
        ? undefined
        : (node, timeoutMs, signal) => findNode(dht, node, timeoutMs, signal),
  }
}

/** A node that has only its links. */
export const EMPTY_DIRECTORY: Directory = Object.freeze({
  address: () => undefined,
  publicKey: () => undefined,
  find: undefined,
})

async function findNode(
  dht: DhtContext,
  node: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<FoundNode | undefined> {
  const options = { deadlineMs: dht.clock.now() + timeoutMs }
  const { records } = await operate(
    dht,
    { type: 'find_providers', key: keyFromHex(node), options },
    { asked: node, signal },
  )
  const own = records.filter(({ kind, publisher }) => kind === 'address' && publisher === node)
  const record = newest(own)
  if (record === undefined) return undefined
  const { host, port } = record
  return { address: { host, port }, publicKey: recordProofOf(record).publicKey }
}
