/**
 * The link handshake, both roles, as a pure machine: `input(...)` gives effects, the driver does
 * the I/O. The transport has proven the peer's key before the first byte; this decides whether a
 * node with that key may be a neighbour of ours.
 *
 *     dialler                                   acceptor
 *     start: connect (hello) ------------------> checks version, realm, cluster, membership
 *            opens the dist lane --------------> asks the pool (`judge`), gets a verdict
 *     proves the secret <------- challenge       with a cluster secret only: proves it, asks for the same
 *     response ----------------> asks the pool
 *     established <----------- accepted (hello)  established
 *     failed      <--------- rejected (reason)   failed
 *
 * Invariants:
 * - "Connected" is not "accepted" (transport.md): before `established` no frame but those of the
 *   handshake is passed on; any other frame ends it with `ERR_LINK_EARLY_FRAME` (H6).
 * - It ends: exactly one `established` or `failed`, at the latest at the deadline (ML39).
 * - After the end every input gives no effects.
 * - Realm, cluster, membership and secret are checked on both sides, so a dialler does not trust an acceptor
 *   more than an acceptor a dialler. A node with a secret and one without refuse each other.
 */
import type { NodeKey } from '../identity/node-key.ts'
import type { ChallengeMessage, HelloMessage, NodeKind, ResponseMessage } from '../wire/check.ts'
import type { ClusterSecret, SecretScope } from './cluster-secret.ts'
import type { DialOffer, DialVerdict } from './dial-race.ts'

/** Why a `rejected` frame was sent. */
export type RejectReason =
  | 'realm_mismatch'
  | 'cluster_mismatch'
  | 'secret_mismatch'
  | 'membership_invalid'
  | 'version_unsupported'
  | 'simultaneous_dial'
  | 'stale_incarnation'
  | 'self'
  | 'too_many_links'
  | 'not_accepting'
  | 'no_gateway'
  | 'too_many_clients'
  | 'rate_limited'
  | 'key_in_use'

/**
 * What a node says about itself in `connect` and in `accepted`. `nodeKey` must be the key that the
 * transport has proven (H32); `host` and `port` are what others dial, not the source of this
 * connection; `dials` counts `connect` frames, see `dial-race.ts`; `membership` is opaque here.
 */
export type Hello = HelloMessage

/** Result of a successful handshake. */
export interface Negotiated {
  readonly hello: Hello
  /** Highest version that both speak. */
  readonly version: number
  /** What both can do, sorted. */
  readonly capabilities: readonly string[]
  /** Largest payload that both take. */
  readonly frameBytesMax: number
  /** Roles of the peer, as the authority of the realm signed them. */
  readonly roles: readonly string[]
}

/** Judges the membership in a hello: the roles it gives, or a complaint. Pure. */
export type MembershipCheck = (
  hello: Hello,
  key: NodeKey,
) => { readonly roles: readonly string[] } | { readonly complaint: string }

/** How a handshake is set up. */
export interface HandshakeOptions {
  readonly role: 'dialer' | 'acceptor'
  /** What we say; `dials` counts this connect when we dial. */
  readonly own: Hello
  /** Proven by the transport. */
  readonly peerKey: NodeKey
  readonly deadlineMs: number
  readonly checkMembership: MembershipCheck
  /** With one, both sides prove it; `own.nonce` is set then. */
  readonly secret?: ClusterSecret | undefined
}

/** What happened. */
export type HandshakeInput =
  | { readonly type: 'start' }
  | { readonly type: 'connect'; readonly hello: Hello }
  /** The lane for distribution is open (acceptor). */
  | { readonly type: 'lane_open' }
  /** The pool has judged the offer (acceptor). */
  | { readonly type: 'verdict'; readonly verdict: Verdict }
  /** The acceptor has proven the secret and asks for it (dialler). */
  | { readonly type: 'challenge'; readonly message: ChallengeMessage }
  /** The dialler has, too (acceptor). */
  | { readonly type: 'response'; readonly message: ResponseMessage }
  | { readonly type: 'accepted'; readonly hello: Hello }
  | { readonly type: 'rejected'; readonly reason: string; readonly message: string }
  /** A frame that is no part of a handshake. */
  | { readonly type: 'other_frame'; readonly name: string }
  | { readonly type: 'tick' }

/** Refusals for want of room. */
export type NoRoom =
  'too_many_links' | 'not_accepting' | 'too_many_clients' | 'rate_limited' | 'key_in_use'

/** A {@link DialVerdict}, or a refusal for want of room. */
export type Verdict = DialVerdict | { readonly type: 'reject'; readonly reason: NoRoom }

/** What the driver must do, in order. */
export type HandshakeEffect =
  | { readonly type: 'send_connect' }
  | { readonly type: 'judge'; readonly offer: DialOffer }
  | { readonly type: 'send_challenge'; readonly message: ChallengeMessage }
  | { readonly type: 'send_response'; readonly message: ResponseMessage }
  | { readonly type: 'send_accepted' }
  | { readonly type: 'send_rejected'; readonly reason: RejectReason; readonly message: string }
  | { readonly type: 'established'; readonly negotiated: Negotiated }
  | { readonly type: 'failed'; readonly failure: HandshakeFailure }

/** Why a handshake ended without a link. */
export interface HandshakeFailure {
  readonly code:
    'ERR_LINK_REJECTED' | 'ERR_LINK_EARLY_FRAME' | 'ERR_LINK_HANDSHAKE_TIMEOUT' | 'ERR_LINK_REFUSED'
  /** Reason of the `rejected` frame, received (`REJECTED`) or sent (`REFUSED`). */
  readonly reason: string
  readonly message: string
}

type State = 'idle' | 'waiting' | 'proving' | 'judging' | 'ended'

const NOTHING: readonly HandshakeEffect[] = Object.freeze([])

/** One handshake. */
export class Handshake {
  readonly #options: HandshakeOptions
  #own: Hello
  #state: State = 'idle'
  #laneOpen = false
  #offer: Negotiated | undefined
  /** The peer has proven the secret, or none is asked for. */
  #proven: boolean

  constructor(options: HandshakeOptions) {
    this.#options = options
    this.#own = options.own
    this.#proven = options.secret === undefined
  }

  /** What we said, or are about to say. */
  get own(): Hello {
    return this.#own
  }

  /** What we say when we accept: as much may have changed while the peer spoke. */
  renew(own: Hello): Hello {
    this.#own = own
    return own
  }

  /** What the peer said in its `connect`, once that is good (acceptor). */
  get offered(): Hello | undefined {
    return this.#offer?.hello
  }

  /** The next word is the peer's or the pool's. */
  get #isBusy(): boolean {
    return this.#state === 'judging' || this.#state === 'proving'
  }

  /** True after `established` or `failed`. */
  get ended(): boolean {
    return this.#state === 'ended'
  }

  /** Takes one input at `nowMs`. */
  input(input: HandshakeInput, nowMs: number): readonly HandshakeEffect[] {
    if (this.#state === 'ended') return NOTHING
    switch (input.type) {
      case 'start':
        return this.#start()
      case 'connect':
        return this.#connect(input.hello)
      case 'lane_open':
        this.#laneOpen = true
        return this.#judge()
      case 'verdict':
        return this.#verdict(input.verdict)
      case 'challenge':
        return this.#challenged(input.message)
      case 'response':
        return this.#answered(input.message)
      case 'accepted':
        return this.#accepted(input.hello)
      case 'rejected':
        return this.#rejected(input.reason, input.message)
      case 'other_frame':
        return this.#early(input.name)
      case 'tick':
        if (nowMs < this.#options.deadlineMs) return NOTHING
        return this.#fail('ERR_LINK_HANDSHAKE_TIMEOUT', 'timeout', 'the peer did not say enough')
    }
  }

  #start(): readonly HandshakeEffect[] {
    if (this.#state !== 'idle') return NOTHING
    this.#state = 'waiting'
    return this.#options.role === 'dialer' ? [{ type: 'send_connect' }] : NOTHING
  }

  #connect(hello: Hello): readonly HandshakeEffect[] {
    if (this.#options.role !== 'acceptor' || this.#offer !== undefined)
      return this.#early('connect')
    const checked = this.#check(hello)
    if ('reason' in checked) return this.#refuse(checked.reason, checked.message)
    this.#offer = checked
    return this.#judge()
  }

  /** Asks the pool once the connect is good and the dist lane is there. */
  #judge(): readonly HandshakeEffect[] {
    const offer = this.#offer
    if (offer === undefined || !this.#laneOpen || this.#isBusy) return NOTHING
    if (!this.#proven) return this.#challenge(offer.hello)
    this.#state = 'judging'
    const { incarnation, dials } = offer.hello
    return [{ type: 'judge', offer: { incarnation, dials } }]
  }

  #challenge(peer: Hello): readonly HandshakeEffect[] {
    const scope = this.#scope(peer.nonce, this.#options.own.nonce)
    const { secret } = this.#options
    if (scope === undefined || secret === undefined) return this.#refuseSecret()
    this.#state = 'proving'
    const proof = secret.proof('acceptor', scope)
    return [{ type: 'send_challenge', message: { nonce: scope.acceptorNonce, proof } }]
  }

  #challenged({ nonce, proof }: ChallengeMessage): readonly HandshakeEffect[] {
    const { role, secret, own } = this.#options
    if (role !== 'dialer' || secret === undefined || this.#proven) return this.#early('challenge')
    const scope = this.#scope(own.nonce, nonce)
    if (scope === undefined || !secret.isProof(proof, 'acceptor', scope)) {
      return this.#refuseSecret()
    }
    this.#proven = true
    return [{ type: 'send_response', message: { proof: secret.proof('dialer', scope) } }]
  }

  #answered({ proof }: ResponseMessage): readonly HandshakeEffect[] {
    const { secret, own } = this.#options
    if (this.#state !== 'proving' || secret === undefined) return this.#early('response')
    const scope = this.#scope(this.#offer?.hello.nonce, own.nonce)
    if (scope === undefined || !secret.isProof(proof, 'dialer', scope)) return this.#refuseSecret()
    this.#proven = true
    this.#state = 'waiting'
    return this.#judge()
  }

  #scope(
    dialerNonce: Uint8Array | undefined,
    acceptorNonce: Uint8Array | undefined,
  ): SecretScope | undefined {
    if (dialerNonce === undefined || acceptorNonce === undefined) return undefined
    const { role, own, peerKey } = this.#options
    const [dialer, acceptor] = role === 'dialer' ? [own.nodeKey, peerKey] : [peerKey, own.nodeKey]
    return {
      ...{ realmId: own.realmId, dialerKey: dialer.bytes, acceptorKey: acceptor.bytes },
      ...{ dialerNonce, acceptorNonce },
    }
  }

  #refuseSecret(): readonly HandshakeEffect[] {
    return this.#refuse('secret_mismatch', REJECT_TEXTS.secret_mismatch)
  }

  #verdict(verdict: Verdict): readonly HandshakeEffect[] {
    if (this.#state !== 'judging' || this.#offer === undefined) return NOTHING
    if (verdict.type === 'reject') return this.#refuse(verdict.reason, REJECT_TEXTS[verdict.reason])
    this.#state = 'ended'
    return [{ type: 'send_accepted' }, { type: 'established', negotiated: this.#offer }]
  }

  #accepted(hello: Hello): readonly HandshakeEffect[] {
    if (this.#options.role !== 'dialer') return this.#early('accepted')
    const checked = this.#check(hello)
    if ('reason' in checked) return this.#refuse(checked.reason, checked.message)
    if (!this.#proven) return this.#refuseSecret()
    this.#state = 'ended'
    return [{ type: 'established', negotiated: checked }]
  }

  #rejected(reason: string, message: string): readonly HandshakeEffect[] {
    if (this.#options.role !== 'dialer') return this.#early('rejected')
    return this.#fail('ERR_LINK_REJECTED', reason, message)
  }

  #early(name: string): readonly HandshakeEffect[] {
    return this.#fail(
      'ERR_LINK_EARLY_FRAME',
      'early_frame',
      `a ${name} frame has no place in this part of the handshake`,
    )
  }

  #refuse(reason: RejectReason, message: string): readonly HandshakeEffect[] {
    return [
      { type: 'send_rejected', reason, message },
      ...this.#fail('ERR_LINK_REFUSED', reason, message),
    ]
  }

  #fail(code: HandshakeFailure['code'], reason: string, message: string): HandshakeEffect[] {
    this.#state = 'ended'
    return [{ type: 'failed', failure: { code, reason, message } }]
  }

  /** What both sides agree on, or why they cannot. */
  #check(peer: Hello): Negotiated | { reason: RejectReason; message: string } {
    const { own, peerKey } = this.#options
    if (peer.nodeKey.hex !== peerKey.hex) {
      return { reason: 'membership_invalid', message: 'hello and certificate name different keys' }
    }
    if (peerKey.hex === own.nodeKey.hex) return { reason: 'self', message: REJECT_TEXTS.self }
    const version = Math.min(own.versionMax, peer.versionMax)
    if (version < Math.max(own.versionMin, peer.versionMin)) {
      const text = `this node speaks link protocol ${own.versionMin} to ${own.versionMax}`
      return { reason: 'version_unsupported', message: text }
    }
    if (!sameBytes(own.realmId, peer.realmId)) {
      return { reason: 'realm_mismatch', message: REJECT_TEXTS.realm_mismatch }
    }
    if (!mayLink(this.#options.role, own.kind, peer.kind)) {
      return { reason: 'no_gateway', message: REJECT_TEXTS.no_gateway }
    }
    if (peer.cluster !== own.cluster) {
      const text = `this node is of cluster '${own.cluster}', not '${peer.cluster}'`
      return { reason: 'cluster_mismatch', message: text }
    }
    // With a secret both send a random number; what an acceptor says in `accepted` comes after the proofs.
    if ((peer.nonce === undefined) !== (this.#options.secret === undefined)) {
      return { reason: 'secret_mismatch', message: REJECT_TEXTS.secret_mismatch }
    }
    const membership = this.#options.checkMembership(peer, peerKey)
    if ('complaint' in membership) {
      return { reason: 'membership_invalid', message: membership.complaint }
    }
    return {
      hello: peer,
      version,
      capabilities: own.capabilities.filter((c) => peer.capabilities.includes(c)).sort(),
      frameBytesMax: Math.min(own.frameBytesMax, peer.frameBytesMax),
      roles: membership.roles,
    }
  }
}

/** A peer at the edge dials gateways; nobody dials it, and nobody else takes it in. */
function mayLink(role: 'dialer' | 'acceptor', own: NodeKind, peer: NodeKind): boolean {
  const [from, to] = role === 'dialer' ? [own, peer] : [peer, own]
  return to !== 'edge' && (from !== 'edge' || to === 'gateway')
}

/** Texts of refusals; the dialler shows them to its user. */
export const REJECT_TEXTS: Readonly<Record<RejectReason, string>> = Object.freeze({
  realm_mismatch: 'this node belongs to another realm',
  cluster_mismatch: 'this node belongs to another cluster of the realm',
  secret_mismatch: 'the two nodes do not have the same cluster secret',
  membership_invalid: 'the membership is not valid here',
  version_unsupported: 'no common version of the link protocol',
  simultaneous_dial: 'another connection between these two nodes takes precedence',
  stale_incarnation: 'a newer incarnation of this node is known',
  self: 'both ends have the same key: this is the node itself, or one with a copy of its key',
  too_many_links: 'this node has as many links as it may have',
  not_accepting: 'this node takes in nobody now: it is starting or stopping',
  no_gateway: 'this node is no gateway, and peers at the edge have links with gateways only',
  too_many_clients: 'this gateway has as many peers at the edge as it may have',
  rate_limited: 'too many connections from this address within a short time',
  key_in_use: 'a running member has this key; a peer at the edge needs one of its own',
})

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
