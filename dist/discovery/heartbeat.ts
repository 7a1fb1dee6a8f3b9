/**
 * The datagram of gossip: who is where, authenticated by a key that all nodes have. Pure.
 *
 *     "FVH1" | key id 4 | wall time ms 8 | number 8 | node key 32 | port 2 | host length 1 | host | name length 1 | name | HMAC-SHA-256 32
 *
 * The key id, four bytes of a hash of the key, lets a node pass over heartbeats of others without computing anything.
 * Replays: the wall time must be within the window, and of one node only a later time or a higher number is taken, so
 * a datagram is taken once. Nothing is believed that TLS does not prove later: this spares dials, it admits nobody.
 */
import { createHash, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import {
  isHost,
  isNodeName,
  nodeKeyFromBytes,
  type NodeKey,
  type Realm,
  type TransportAddress,
} from '../../mesh/index.ts'

/** What a node says. */
export interface Heartbeat {
  readonly key: NodeKey
  readonly name: string
  readonly address: TransportAddress
  /** Wall time of the sender. */
  readonly wallMs: number
  /** Orders heartbeats of one millisecond. */
  readonly number: number
}

/** A key for heartbeats, with its id. */
export interface HeartbeatKey {
  readonly id: Buffer
  readonly bytes: Buffer
}

const MAGIC = Buffer.from('FVH1', 'latin1')
const ID_BYTES = 4
const NODE_KEY_BYTES = 32
const MAC_BYTES = 32
const HEAD_BYTES = MAGIC.length + ID_BYTES + 8 + 8 + NODE_KEY_BYTES + 2
const BYTES_MIN = HEAD_BYTES + 2 + MAC_BYTES
const BYTES_MAX = BYTES_MIN + 255 + 64

/**
 * The key of those who know `secret`; without one, of those who know the realm, which keeps realms apart but is no
 * secret: the id of a realm is in what its nodes say. One cluster does not hear the other.
 */
export function heartbeatKey(
  realm: Pick<Realm, 'id'>,
  cluster: string,
  secret: string | undefined,
): HeartbeatKey {
  const material = secret === undefined ? realm.id : Buffer.from(secret, 'utf8')
  const info = `fovea heartbeat 1 ${cluster}`
  const bytes = Buffer.from(hkdfSync('sha256', material, realm.id, info, 32))
  return { bytes, id: createHash('sha256').update(bytes).digest().subarray(0, ID_BYTES) }
}

/** The bytes of a heartbeat. */
export function encodeHeartbeat(
  { key, name, address, wallMs, number }: Heartbeat,
  { id, bytes }: HeartbeatKey,
): Buffer {
  const host = Buffer.from(address.host, 'latin1')
  const named = Buffer.from(name, 'latin1')
  const numbers = Buffer.alloc(16)
  numbers.writeBigUInt64BE(BigInt(Math.floor(wallMs)), 0)
  numbers.writeBigUInt64BE(BigInt(number), 8)
  const port = Buffer.alloc(2)
  port.writeUInt16BE(address.port)
  const said = Buffer.concat([
    ...[MAGIC, id, numbers, key.bytes, port],
    ...[Buffer.of(host.length), host, Buffer.of(named.length), named],
  ])
  return Buffer.concat([said, macOf(said, bytes)])
}

/**
 * The heartbeat in a datagram; `'foreign'` when it was made with another key, `'garbage'` when it is nothing of ours.
 * Never throws: the bytes are anybody's.
 */
export function decodeHeartbeat(
  datagram: Uint8Array,
  { id, bytes }: HeartbeatKey,
): Heartbeat | 'foreign' | 'garbage' {
  if (datagram.length < BYTES_MIN || datagram.length > BYTES_MAX) return 'garbage'
  const all = Buffer.from(datagram.buffer, datagram.byteOffset, datagram.length)
  if (!all.subarray(0, MAGIC.length).equals(MAGIC)) return 'garbage'
  if (!all.subarray(MAGIC.length, MAGIC.length + ID_BYTES).equals(id)) return 'foreign'
  const said = all.subarray(0, -MAC_BYTES)
  if (!timingSafeEqual(all.subarray(-MAC_BYTES), macOf(said, bytes))) return 'foreign'
  return readSaid(said) ?? 'garbage'
}

function readSaid(said: Buffer): Heartbeat | undefined {
  let at = MAGIC.length + ID_BYTES
  const wallMs = Number(said.readBigUInt64BE(at))
  const number = Number(said.readBigUInt64BE((at += 8)))
  const key = nodeKeyFromBytes(Uint8Array.from(said.subarray((at += 8), (at += NODE_KEY_BYTES))))
  const port = said.readUInt16BE(at)
  const host = text(said, (at += 2))
  const name = host === undefined ? undefined : text(said, at + 1 + host.length)
  if (host === undefined || name === undefined) return undefined
  if (at + 2 + host.length + name.length !== said.length) return undefined
  if (!isHost(host) || !isNodeName(name) || port === 0) return undefined
  return { key, name, address: { host, port }, wallMs, number }
}

/** A text with its length before it. */
function text(bytes: Buffer, at: number): string | undefined {
  const length = bytes[at]
  if (length === undefined || at + 1 + length > bytes.length) return undefined
  return bytes.toString('latin1', at + 1, at + 1 + length)
}

function macOf(said: Uint8Array, key: Buffer): Buffer {
  return createHmac('sha256', key).update(said).digest()
}

/** Which heartbeats were taken before. */
export class ReplayGuard {
  readonly #windowMs: number
  readonly #sendersMax: number
  readonly #last = new Map<string, { wallMs: number; number: number }>()

  constructor(options: { readonly windowMs: number; readonly sendersMax: number }) {
    this.#windowMs = options.windowMs
    this.#sendersMax = options.sendersMax
  }

  /** Whether it is fresh; it is not, the next time. */
  take({ key, wallMs, number }: Heartbeat, wallNowMs: number): boolean {
    if (Math.abs(wallNowMs - wallMs) > this.#windowMs) return false
    const last = this.#last.get(key.hex)
    if (last !== undefined) {
      const isLater = wallMs > last.wallMs || (wallMs === last.wallMs && number > last.number)
      if (!isLater) return false
    }
    this.#last.delete(key.hex)
    this.#last.set(key.hex, { wallMs, number })
    if (this.#last.size > this.#sendersMax) this.#forget(wallNowMs)
    return true
  }

  /** The sender that was silent for longest gives way, and everybody whose heartbeats are too old by now. */
  #forget(wallNowMs: number): void {
    for (const [keyHex, { wallMs }] of this.#last) {
      if (this.#last.size <= this.#sendersMax && wallNowMs - wallMs <= this.#windowMs) return
      this.#last.delete(keyHex)
    }
  }
}
