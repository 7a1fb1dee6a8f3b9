/**
 * An invitation: where a node is, who it is and of which realm, in one text that can be sent by any way and works
 * without a network (D15; the tickets of iroh).
 *
 *     fovea1:<base64url of JSON>.<base64url of the signature>
 *
 * The node signs it with its key, and the membership in it is signed by the authority of the realm, so whoever has
 * the realm can tell offline that a member wrote it. It is no key: who follows it needs a membership of the realm, and
 * dials nobody there but the node that is named.
 */
import { isIP } from 'node:net'
import {
  checkMembership,
  ed25519Signatures,
  formatMembership,
  isClusterName,
  isHost,
  isNodeName,
  nodeKeyOfPublicKey,
  parseMembershipFile,
  parseSeed,
  signaturesOf,
  type Candidate,
  type Identity,
  type NodeKey,
  type Realm,
  type RealmMembership,
  type TransportAddress,
} from '../../mesh/index.ts'
import { TicketError } from './errors.ts'
import { isObject, type JsonObject } from './json.ts'
import type { Strategy } from './strategy.ts'

/** What an invitation says. */
export interface Ticket {
  readonly realmId: string
  readonly realmName: string
  readonly cluster: string
  readonly key: NodeKey
  readonly name: string
  /** Where the node may be, the likeliest first. */
  readonly addresses: readonly TransportAddress[]
  /** Wall time. */
  readonly expiresAtMs: number
  readonly membership: RealmMembership
}

/** How to write one. */
export interface CreateTicketOptions {
  /** Other addresses than the one that the node advertises, as `host:port`. At most 16. */
  readonly addresses?: readonly string[] | undefined
  /** How long it can be used. Default 7 days. A ticket cannot be taken back. */
  readonly validMs?: number | undefined
}

/** How to read one. */
export interface ParseTicketOptions {
  /** Wall time now; nothing is said about the end of the ticket without it. */
  readonly wallNowMs?: number | undefined
  /** Realm that it must lead into, whose authority proves the membership of the node. */
  readonly realm?: Realm | undefined
}

const PREFIX = 'fovea1:'
const DOMAIN = 'fovea ticket 1\0'
const CHARACTERS_MAX = 8_192
const ADDRESSES_MAX = 16
const VALID_MS = 7 * 86_400_000
/** The last time that a date can be (ECMA-262, 21.4.1.1). */
const TIME_MAX_MS = 8_640_000_000_000_000

/** A node that writes tickets. */
export interface TicketWriter {
  readonly identity: Identity
  readonly name: string
  readonly cluster: string
  readonly address: TransportAddress
}

/** Writes an invitation to a node. Throws `ERR_SEED_INVALID` for an address that is none. */
export function createTicket(
  { identity, name, cluster, address }: TicketWriter,
  wallNowMs: number,
  { addresses, validMs = VALID_MS }: CreateTicketOptions = {},
): string {
  const { keys, realm, membership } = identity
  const places = addresses?.map(parseSeed) ?? [address]
  if (places.length === 0 || places.length > ADDRESSES_MAX) {
    throw invalid(`a ticket has 1 to ${ADDRESSES_MAX} addresses`)
  }
  const expiresAtMs = Math.floor(wallNowMs + validMs)
  if (!(validMs > 0) || !isTimeMs(expiresAtMs)) throw invalid(`validMs is ${validMs}`)
  const content = {
    ...{ realmId: realm.idHex, realmName: realm.name, cluster, name },
    publicKey: Buffer.from(keys.publicKey).toString('hex'),
    addresses: places.map(({ host, port }) =>
      isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`,
    ),
    expiresAtMs,
    membership: JSON.parse(formatMembership(membership)) as unknown,
  }
  const text = Buffer.from(JSON.stringify(content), 'utf8').toString('base64url')
  const signature = Buffer.from(keys.sign(signed(text))).toString('base64url')
  return `${PREFIX}${text}.${signature}`
}

/**
 * Reads an invitation, which may be any text. Throws `ERR_TICKET_INVALID`, `ERR_TICKET_EXPIRED` or
 * `ERR_TICKET_REALM`.
 *
 * @example
 * const { name, addresses } = parseTicket(text, { realm, wallNowMs: Date.now() })
 */
export function parseTicket(text: string, { realm, wallNowMs }: ParseTicketOptions = {}): Ticket {
  const given = typeof text === 'string' ? text.trim() : ''
  const [said, sealed, ...more] = given.slice(PREFIX.length).split('.')
  const isShaped = given.startsWith(PREFIX) && given.length <= CHARACTERS_MAX && more.length === 0
  if (!isShaped || !said || !sealed) throw invalid(`a ticket begins with ${PREFIX}`)
  const content = contentOf(said)
  const publicKey = bytesAt(content, 'publicKey')
  const signatures = realm === undefined ? ed25519Signatures : signaturesOf(realm)
  const signature = Buffer.from(sealed, 'base64url')
  if (publicKey.length !== 32 || !signatures.verify(publicKey, signed(said), signature)) {
    throw invalid('the ticket was changed, or is not signed by the node that it names')
  }
  const ticket = readTicket(content, nodeKeyOfPublicKey(publicKey))
  if (wallNowMs !== undefined && ticket.expiresAtMs < wallNowMs) {
    const end = new Date(ticket.expiresAtMs).toISOString()
    throw new TicketError('ERR_TICKET_EXPIRED', `the ticket could be used until ${end}`)
  }
  if (realm !== undefined) checkRealm(ticket, realm, wallNowMs)
  return ticket
}

/**
 * A strategy that follows an invitation: nobody but the node that it names is dialled.
 *
 * @example
 * await startNode({ realm, discovery: { strategies: [ticketNodes(text)] } })
 */
export function ticketNodes(
  text: string,
  { name = 'ticket' }: { readonly name?: string | undefined } = {},
): Strategy {
  parseTicket(text)
  return {
    name,
    start: (sink, { self, clock }) => {
      try {
        const ticket = parseTicket(text, { realm: self.realm, wallNowMs: clock.wallNow() })
        const { key, name: named } = ticket
        sink.seen(ticket.addresses.map((address): Candidate => ({ ...address, name: named, key })))
      } catch (error) {
        // It will not become valid again: that is said once.
        sink.failed(error)
      }
    },
  }
}

function checkRealm(ticket: Ticket, realm: Realm, wallNowMs: number | undefined): void {
  if (ticket.realmId !== realm.idHex) {
    const text = `the ticket leads into realm ${ticket.realmName}, not into ${realm.name}`
    throw new TicketError('ERR_TICKET_REALM', text)
  }
  try {
    const { membership, key } = ticket
    checkMembership(realm, membership, key, wallNowMs ?? membership.notBeforeMs)
  } catch (cause) {
    throw invalid('the node that it names is no member of the realm', cause)
  }
}

function readTicket(content: JsonObject, key: NodeKey): Ticket {
  const { realmId, realmName, cluster, name, addresses, expiresAtMs, membership } = content
  const isRealm = typeof realmId === 'string' && /^[0-9a-f]{64}$/.test(realmId)
  const isTime = typeof expiresAtMs === 'number' && isTimeMs(expiresAtMs)
  if (!isRealm || !isTime || typeof realmName !== 'string' || realmName.length > 253) {
    throw invalid('realm or time')
  }
  if (!isNodeName(name) || !isClusterName(cluster)) throw invalid('name or cluster')
  if (!Array.isArray(addresses) || addresses.length === 0 || addresses.length > ADDRESSES_MAX) {
    throw invalid('addresses')
  }
  try {
    return Object.freeze<Ticket>({
      ...{ realmId, realmName, cluster, name, key, expiresAtMs },
      addresses: addresses.map((address) => {
        const { host, port } = parseSeed(String(address))
        if (!isHost(host)) throw invalid('addresses')
        return { host, port }
      }),
      membership: parseMembershipFile(JSON.stringify(membership)),
    })
  } catch (cause) {
    throw invalid('addresses or membership', cause)
  }
}

function isTimeMs(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= TIME_MAX_MS
}

function contentOf(said: string): JsonObject {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(said, 'base64url').toString('utf8'))
  } catch (cause) {
    throw invalid('it cannot be read', cause)
  }
  if (!isObject(value)) throw invalid('it cannot be read')
  return value
}

function bytesAt(content: JsonObject, field: string): Uint8Array {
  const value = content[field]
  return typeof value === 'string' ? Uint8Array.from(Buffer.from(value, 'hex')) : new Uint8Array()
}

function signed(text: string): Uint8Array {
  return Buffer.from(DOMAIN + text, 'latin1')
}

function invalid(why: string, cause?: unknown): TicketError {
  return new TicketError('ERR_TICKET_INVALID', `this is no ticket that can be used: ${why}`, {
    cause,
  })
}
