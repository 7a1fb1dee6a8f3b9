/**
 * Messages on their way through others, sealed for the node that they are for. A sealed message says and proves who
 * sent it, that the realm vouches for the sender, and that it is no copy of an earlier one:
 *
 *     version u8 | public key 32 | membership | nonce 24 | box
 *
 *     membership   notBeforeMs u64 | notAfterMs u64 | roles u8 | (length u8 | role)* | signature 64
 *     nonce        life u64 | number u64 | chance 7 | direction u8
 *     in the box   sentAtMs u64 | has via u8 | via 32, if so | frames
 *
 * Realm id and node key of the membership are those of the realm and of the public key. Numbers are big-endian. The
 * nonce is never used twice: life and number name the message among those of its sender for one node, and as both nodes
 * have the same key, the direction tells theirs apart; so nobody can be given back what it has sealed itself.
 */
import type { Entropy } from '../../runtime/index.ts'
import { BOX_OVERHEAD_BYTES, NONCE_BYTES } from '../identity/box.ts'
import type { Boxes } from '../identity/box.ts'
import { RealmError } from '../identity/errors.ts'
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from '../identity/keys.ts'
import { ROLES_MAX } from '../identity/membership.ts'
import type { Membership } from '../identity/membership.ts'
import { NODE_KEY_BYTES, nodeKeyOfPublicKey } from '../identity/node-key.ts'
import type { NodeKey } from '../identity/node-key.ts'
import { checkMembership } from '../identity/realm.ts'
import type { Realm } from '../identity/realm.ts'
import { VerifiedMemberships } from '../identity/verified-memberships.ts'
import { ByteStock } from '../machine/byte-stock.ts'
import { setNewest } from '../machine/newest.ts'
import { ReplayGuard } from './replay.ts'
import type { ReplayLimits, ReplayRefusal } from './replay.ts'

const VERSION = 1
const ROLE_BYTES_MAX = 63

/** Bytes that a sealed message has beside its frames, at most. */
export const SEAL_OVERHEAD_BYTES: number =
  1 +
  PUBLIC_KEY_BYTES +
  (8 + 8 + 1 + ROLES_MAX * (1 + ROLE_BYTES_MAX) + SIGNATURE_BYTES) +
  (NONCE_BYTES + BOX_OVERHEAD_BYTES) +
  (8 + 1 + NODE_KEY_BYTES)

/** Nodes for which this one counts what it seals. */
const COUNTERS_MAX = 4_096

/** Heads that are known by their bytes, unless fewer senders are remembered: about 2 KB of heap each. */
const HEADS_MAX = 4_096

/** What seals are made of. */
export interface SealParts {
  readonly realm: Realm
  readonly publicKey: Uint8Array
  readonly membership: () => Membership
  /** Which life of this node; a later one is larger. */
  readonly life: number
  readonly boxes: Boxes
  readonly entropy: Pick<Entropy, 'bytes'>
  readonly wallNowMs: () => number
  readonly limits: ReplayLimits & { readonly membershipsMax: number }
}

/** What was sealed for this node. */
export interface Opened {
  readonly sender: NodeKey
  readonly publicKey: Uint8Array
  readonly roles: readonly string[]
  /** The gateway through which the sender can be answered, hex. */
  readonly via: string | undefined
  /** Whole frames, one after the other. */
  readonly frames: Uint8Array
}

/** Why a sealed message is dropped. */
export type SealRefusal =
  ReplayRefusal | 'ERR_COURIER_SEAL' | 'ERR_COURIER_SOURCE' | 'ERR_COURIER_MEMBERSHIP'

/** Seals and opens for one node. */
export class Seals {
  readonly #parts: SealParts
  readonly #own: NodeKey
  readonly #verified: VerifiedMemberships
  readonly #guard: ReplayGuard
  /** Number of the last message by node; the one used last is the last. */
  readonly #counters = new Map<string, number>()
  /** Heads of those who seal for this node, by key; the one used last is the last. */
  readonly #heads = new Map<string, KnownHead>()
  /** Keys of nodes, by public keys as the key book has them. */
  readonly #nodeKeys = new WeakMap<Uint8Array, NodeKey>()
  readonly #chance: ByteStock
  /** What a node that is not in there begins above. */
  #floor = 0
  #head: { readonly of: Membership; readonly bytes: Uint8Array } | undefined

  constructor(parts: SealParts) {
    this.#parts = parts
    this.#own = nodeKeyOfPublicKey(parts.publicKey)
    this.#verified = new VerifiedMemberships(parts.limits.membershipsMax)
    this.#guard = new ReplayGuard(parts.limits)
    this.#chance = new ByteStock(parts.entropy)
  }

  /** Seals frames for the owner of `publicKey`; undefined when nothing can be sealed for that key. */
  seal(
    publicKey: Uint8Array,
    frames: readonly Uint8Array[],
    via: string | undefined,
  ): Uint8Array | undefined {
    const to = this.#nodeKeyOf(publicKey)
    const nonce = this.#nonce(to)
    const viaBytes = via === undefined ? 0 : NODE_KEY_BYTES
    const length = frames.reduce((sum, frame) => sum + frame.length, 8 + 1 + viaBytes)
    const content = Buffer.alloc(length)
    let at = content.writeBigUInt64BE(BigInt(Math.floor(this.#parts.wallNowMs())))
    at = content.writeUInt8(via === undefined ? 0 : 1, at)
    if (via !== undefined) at += content.write(via, at, 'hex')
    for (const frame of frames) {
      content.set(frame, at)
      at += frame.length
    }
    const box = this.#parts.boxes.seal(publicKey, nonce, content)
    return box === undefined ? undefined : Buffer.concat([this.#headNow(), nonce, box])
  }

  /** Opens what `source` is said to have sealed for this node. */
  open(sealed: Uint8Array, source: string): Opened | SealRefusal {
    const head = this.#knownHead(sealed, source) ?? readHead(sealed, this.#parts.realm.id)
    if (head === undefined) return 'ERR_COURIER_SEAL'
    const { publicKey, sender, membership, at } = head
    if (sender.hex !== source) return 'ERR_COURIER_SOURCE'
    const wallNowMs = this.#parts.wallNowMs()
    if (!this.#isMember(membership, sender, wallNowMs)) return 'ERR_COURIER_MEMBERSHIP'
    this.#knows(head, sealed)
    const nonce = sealed.subarray(at, at + NONCE_BYTES)
    if (nonce[NONCE_BYTES - 1] !== direction(sender, this.#own)) return 'ERR_COURIER_SEAL'
    const content = this.#parts.boxes.open(publicKey, nonce, sealed.subarray(at + NONCE_BYTES))
    const said = content === undefined ? undefined : readContent(content)
    const view = Buffer.from(nonce.buffer, nonce.byteOffset, nonce.length)
    const life = whole(view.readBigUInt64BE(0))
    const counter = whole(view.readBigUInt64BE(8))
    if (said === undefined || life === undefined || counter === undefined) return 'ERR_COURIER_SEAL'
    const { sentAtMs, via, frames } = said
    const refusal = this.#guard.take({ sender: sender.hex, life, counter, sentAtMs }, wallNowMs)
    return refusal ?? { sender, publicKey, roles: membership.roles, via, frames }
  }

  /** The head of `source`, when it says what it said before: that was read and hashed then. */
  #knownHead(sealed: Uint8Array, source: string): Head | undefined {
    const known = this.#heads.get(source)
    if (known === undefined || sealed.length < known.at + NONCE_BYTES + BOX_OVERHEAD_BYTES) {
      return undefined
    }
    return known.bytes.equals(sealed.subarray(0, known.at)) ? known : undefined
  }

  #knows(head: Head, sealed: Uint8Array): void {
    const { hex } = head.sender
    if (this.#heads.get(hex) === head) return
    const known = { ...head, bytes: Buffer.from(sealed.subarray(0, head.at)) }
    setNewest(this.#heads, hex, known, Math.min(HEADS_MAX, this.#parts.limits.sendersMax))
  }

  #nodeKeyOf(publicKey: Uint8Array): NodeKey {
    const known = this.#nodeKeys.get(publicKey)
    if (known !== undefined) return known
    const key = nodeKeyOfPublicKey(publicKey)
    this.#nodeKeys.set(publicKey, key)
    return key
  }

  #nonce(to: NodeKey): Uint8Array {
    const counter = this.#counters.get(to.hex) ?? this.#floor
    this.#counters.delete(to.hex)
    this.#counters.set(to.hex, counter + 1)
    if (this.#counters.size > COUNTERS_MAX) {
      for (const [oldest, next] of this.#counters) {
        this.#floor = Math.max(this.#floor, next)
        this.#counters.delete(oldest)
        break
      }
    }
    const nonce = Buffer.alloc(NONCE_BYTES)
    nonce.writeBigUInt64BE(BigInt(this.#parts.life), 0)
    nonce.writeBigUInt64BE(BigInt(counter), 8)
    nonce.set(this.#chance.take(7), 16)
    nonce[NONCE_BYTES - 1] = direction(this.#own, to)
    return nonce
  }

  /** The same for every message until the membership is renewed. */
  #headNow(): Uint8Array {
    const membership = this.#parts.membership()
    if (this.#head?.of !== membership) {
      this.#head = { of: membership, bytes: writeHead(this.#parts.publicKey, membership) }
    }
    return this.#head.bytes
  }

  #isMember(membership: Membership, sender: NodeKey, nowMs: number): boolean {
    if (this.#verified.has(membership, sender, nowMs)) return true
    try {
      this.#verified.add(checkMembership(this.#parts.realm, membership, sender, nowMs))
      return true
    } catch (error) {
      if (error instanceof RealmError) return false
      throw error
    }
  }
}

function direction(from: NodeKey, to: NodeKey): number {
  return from.hex < to.hex ? 0 : 1
}

function writeHead(publicKey: Uint8Array, membership: Membership): Uint8Array {
  const { notBeforeMs, notAfterMs, roles, signature } = membership
  const times = Buffer.alloc(16)
  times.writeBigUInt64BE(BigInt(notBeforeMs), 0)
  times.writeBigUInt64BE(BigInt(notAfterMs), 8)
  const parts = [Uint8Array.of(VERSION), publicKey, times, Uint8Array.of(roles.length)]
  for (const role of roles) parts.push(Uint8Array.of(role.length), Buffer.from(role, 'latin1'))
  return Buffer.concat([...parts, signature])
}

interface Head {
  readonly publicKey: Uint8Array
  readonly sender: NodeKey
  readonly membership: Membership
  /** Where the nonce begins. */
  readonly at: number
}

interface KnownHead extends Head {
  readonly bytes: Buffer
}

/** What is in front of the nonce; undefined for what is not. Whether it is true is not judged here. */
function readHead(bytes: Uint8Array, realmId: Uint8Array): Head | undefined {
  const sealed = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  let at = 1 + PUBLIC_KEY_BYTES + 17
  if (sealed.length < at || sealed[0] !== VERSION) return undefined
  const publicKey = Uint8Array.from(sealed.subarray(1, 1 + PUBLIC_KEY_BYTES))
  const notBeforeMs = whole(sealed.readBigUInt64BE(at - 17))
  const notAfterMs = whole(sealed.readBigUInt64BE(at - 9))
  const count = sealed[at - 1]!
  if (notBeforeMs === undefined || notAfterMs === undefined || count > ROLES_MAX) return undefined
  const roles: string[] = []
  for (let role = 0; role < count; role++) {
    const length = sealed[at] ?? 0
    roles.push(sealed.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  const end = at + SIGNATURE_BYTES
  if (sealed.length < end + NONCE_BYTES + BOX_OVERHEAD_BYTES) return undefined
  const sender = nodeKeyOfPublicKey(publicKey)
  const signature = Uint8Array.from(sealed.subarray(at, end))
  const membership = { realmId, nodeKey: sender.bytes, notBeforeMs, notAfterMs, roles, signature }
  return { publicKey, sender, membership, at: end }
}

interface Content {
  readonly sentAtMs: number
  readonly via: string | undefined
  readonly frames: Uint8Array
}

function readContent(bytes: Uint8Array): Content | undefined {
  const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const flag = content[8]
  const at = flag === 1 ? 9 + NODE_KEY_BYTES : 9
  if (content.length < at || (flag !== 0 && flag !== 1)) return undefined
  const sentAtMs = whole(content.readBigUInt64BE(0))
  if (sentAtMs === undefined) return undefined
  const via = flag === 1 ? content.toString('hex', 9, at) : undefined
  return { sentAtMs, via, frames: bytes.subarray(at) }
}

function whole(value: bigint): number | undefined {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : undefined
}
