/**
 * A node as DNS-SD records (RFC 6763): which names, and what is in them. Pure.
 *
 *     _fovea._udp.local                  PTR  a-1f2e3d4c5b6a._fovea._udp.local
 *     _<realm>._sub._fovea._udp.local    PTR  the same: nodes of one realm only (section 7.1)
 *     a-1f2e3d4c5b6a._fovea._udp.local   SRV  the host and the port
 *                                        TXT  v=1 realm=<16 hex> key=<64 hex> name=a cluster=main
 *     1f2e3d4c5b6a.local                 A    the address, when it is one
 *
 * A response of ours has all of them in one packet, and only such packets are read. Whoever is on the network can
 * claim anything here, so nothing is believed beyond "try this address".
 */
import { isIP } from 'node:net'
import {
  isClusterName,
  isHost,
  isNodeName,
  type Realm,
  type TransportAddress,
} from '../../mesh/index.ts'
import type { MdnsPacket, MdnsRecord } from './mdns-port.ts'
import type { NodeWord } from './node-book.ts'

/** The service of all nodes of all realms. */
export const MDNS_SERVICE = '_fovea._udp.local'

const KEY_PATTERN = /^[0-9a-f]{64}$/
const SHORT_KEY_CHARACTERS = 12
const REALM_CHARACTERS = 16

/** The name that nodes of `realm` ask for. */
export function realmService(realm: Pick<Realm, 'idHex'>): string {
  return `_${realm.idHex.slice(0, REALM_CHARACTERS)}._sub.${MDNS_SERVICE}`
}

/** The name of what `word` says, one for each name that a node has. */
export function instanceOf({ name, key }: Pick<NodeWord, 'name' | 'key'>): string {
  return `${name}-${key.slice(0, SHORT_KEY_CHARACTERS)}.${MDNS_SERVICE}`
}

/** All records of one node. With `ttlSeconds` 0 they are a goodbye. */
export function recordsOf(
  word: NodeWord,
  realm: Pick<Realm, 'idHex'>,
  ttlSeconds: number,
): MdnsRecord[] {
  const { key, name, cluster, address } = word
  const instance = instanceOf(word)
  const family = isIP(address.host)
  const target = family === 0 ? address.host : `${key.slice(0, SHORT_KEY_CHARACTERS)}.local`
  const entries = [
    'v=1',
    `realm=${realm.idHex.slice(0, REALM_CHARACTERS)}`,
    ...[`key=${key}`, `name=${name}`, `cluster=${cluster}`],
  ]
  const addressed: MdnsRecord[] =
    family === 0
      ? []
      : [{ type: family === 4 ? 'A' : 'AAAA', name: target, ttlSeconds, address: address.host }]
  return [
    { type: 'PTR', name: MDNS_SERVICE, ttlSeconds, target: instance },
    { type: 'PTR', name: realmService(realm), ttlSeconds, target: instance },
    { type: 'SRV', name: instance, ttlSeconds, target, port: address.port },
    { type: 'TXT', name: instance, ttlSeconds, entries },
    ...addressed,
  ]
}

/** A node that a packet tells of; with `ttlSeconds` 0 it says goodbye. */
export interface HeardNode {
  readonly word: NodeWord
  readonly ttlSeconds: number
}

/** Records of one packet that are looked at, and nodes in them: what a packet can cost is bounded. */
const RECORDS_MAX = 64
const NODES_MAX = 8

/** The nodes of `realm` that a response tells of. What is not written as here is passed over. */
export function nodesIn(packet: MdnsPacket, realm: Pick<Realm, 'idHex'>): HeardNode[] {
  const service = realmService(realm)
  const records = packet.records.slice(0, RECORDS_MAX)
  const pointers = records.filter((one) => one.type === 'PTR' && isName(one.name, service))
  if (pointers.length === 0) return []
  const byName = new Map<string, MdnsRecord[]>()
  for (const record of records) {
    const name = plain(record.name)
    const named = byName.get(name)
    if (named === undefined) byName.set(name, [record])
    else named.push(record)
  }
  return pointers.slice(0, NODES_MAX).flatMap((record) => {
    if (record.type !== 'PTR') return []
    const heard = nodeIn(byName, record.target, realm)
    return heard === undefined ? [] : [{ word: heard, ttlSeconds: record.ttlSeconds }]
  })
}

type ByName = ReadonlyMap<string, readonly MdnsRecord[]>

function nodeIn(
  byName: ByName,
  instance: string,
  realm: Pick<Realm, 'idHex'>,
): NodeWord | undefined {
  const records = byName.get(plain(instance)) ?? []
  const srv = records.find((one) => one.type === 'SRV')
  const txt = records.find((one) => one.type === 'TXT')
  if (srv?.type !== 'SRV' || txt?.type !== 'TXT') return undefined
  const entries = new Map(
    txt.entries.map((entry) => {
      const [field = '', ...value] = entry.split('=')
      return [field, value.join('=')] as const
    }),
  )
  const key = entries.get('key') ?? ''
  const name = entries.get('name')
  const cluster = entries.get('cluster')
  const address = addressIn(byName, srv.target, srv.port)
  if (entries.get('realm') !== realm.idHex.slice(0, REALM_CHARACTERS)) return undefined
  if (!KEY_PATTERN.test(key) || !isNodeName(name) || !isClusterName(cluster)) return undefined
  if (address === undefined || !isName(instance, instanceOf({ name, key }))) return undefined
  return { key, name, cluster, address }
}

function addressIn(byName: ByName, target: string, port: number): TransportAddress | undefined {
  const records = byName.get(plain(target)) ?? []
  const record = records.find((one) => one.type === 'A' || one.type === 'AAAA')
  const isAddress = record?.type === 'A' || record?.type === 'AAAA'
  // Nobody but mDNS knows names that end so.
  if (!isAddress && plain(target).endsWith('.local')) return undefined
  const host = isAddress ? record.address : target
  return isHost(host) && Number.isInteger(port) && port > 0 && port < 65_536
    ? { host, port }
    : undefined
}

function plain(name: string): string {
  return name.toLowerCase().replace(/\.$/, '')
}

/** Names of DNS know no case, and may end with a dot. */
export function isName(a: string, b: string): boolean {
  return plain(a) === plain(b)
}
