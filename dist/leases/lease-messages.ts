/**
 * What nodes say to voters and what voters answer, as values of the service `$leases`; checked, because they come from
 * a peer. Who asks is not in a request: it is the node at the other end of the link.
 *
 * | request | input | answer |
 * |---|---|---|
 * | `ask` | name | vote |
 * | `grant` | [name, lease, token, ttlMs] | vote |
 * | `release` | [name, lease, token] | none |
 * | `standing` | none | [remembers, tokenMax, lives] |
 *
 * A vote is [granted, token, remainingMs], or null from a voter that does not vote now.
 */
import { LeaseError } from './errors.ts'
import type { VoterAnswer } from './voter.ts'
import type { VoterStanding } from './voter-recovery.ts'

/** The service of voters. */
export const LEASE_SERVICE = '$leases'
/** Characters of a name. */
export const LEASE_NAME_CHARS_MAX = 1_024
const LEASE_ID_CHARS_MAX = 64

/** A request about one lease of the node that asks. */
export interface LeaseRequest {
  readonly name: string
  readonly lease: string
  readonly token: number
  readonly ttlMs: number
}

/** Whether `value` can be the name of a lease. */
export function isLeaseName(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= LEASE_NAME_CHARS_MAX
}

/** The name in an `ask`. Throws `ERR_LEASE_MESSAGE`. */
export function askedName(input: unknown): string {
  if (!isLeaseName(input)) throw invalid('a name')
  return input
}

/** The parts of a `grant`; `ttlMsMax` is this voter's. Throws `ERR_LEASE_MESSAGE`. */
export function grantOf(input: unknown, ttlMsMax: number): LeaseRequest {
  const [name, lease, token, ttlMs] = list(input, 4)
  const isTtl = typeof ttlMs === 'number' && ttlMs > 0 && ttlMs <= ttlMsMax
  if (!isTtl) throw invalid(`a TTL of at most ${ttlMsMax} ms`)
  return { ...releaseOf([name, lease, token]), ttlMs }
}

/** The parts of a `release`. Throws `ERR_LEASE_MESSAGE`. */
export function releaseOf(input: unknown): Omit<LeaseRequest, 'ttlMs'> {
  const [name, lease, token] = list(input, 3)
  const isLease =
    typeof lease === 'string' && lease.length > 0 && lease.length <= LEASE_ID_CHARS_MAX
  if (!isLeaseName(name) || !isLease || !isToken(token) || token === 0) {
    throw invalid('a name, a lease and a token')
  }
  return { name, lease, token }
}

/** A vote as it travels. */
export function voteOut(answer: VoterAnswer | undefined): unknown {
  return answer === undefined ? null : [answer.granted, answer.token, answer.remainingMs]
}

/** A vote that came; undefined from a voter that does not vote now. Throws `ERR_LEASE_MESSAGE`. */
export function voteIn(value: unknown): VoterAnswer | undefined {
  if (value === null) return undefined
  const [granted, token, remainingMs] = list(value, 3)
  const isTime = typeof remainingMs === 'number' && remainingMs >= 0 && remainingMs < Infinity
  if (typeof granted !== 'boolean' || !isToken(token) || !isTime) throw invalid('a vote')
  return { granted, token, remainingMs }
}

/** What a voter says of itself, as it travels. */
export function standingOut({ remembers, tokenMax, lives }: VoterStanding): unknown {
  return [remembers, tokenMax, lives]
}

/** What a voter said of itself. Throws `ERR_LEASE_MESSAGE`. */
export function standingIn(value: unknown): VoterStanding {
  const [remembers, tokenMax, lives] = list(value, 3)
  if (typeof remembers !== 'boolean' || !isToken(tokenMax) || !isToken(lives)) {
    throw invalid('a standing')
  }
  return { remembers, tokenMax, lives }
}

/** The last number is left free, so that a higher one can always be said. */
function isToken(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && value !== Number.MAX_SAFE_INTEGER
}

function list(value: unknown, length: number): readonly unknown[] {
  if (!Array.isArray(value) || value.length < length) throw invalid(`a list of ${length}`)
  return value
}

function invalid(expected: string): LeaseError {
  return new LeaseError('ERR_LEASE_MESSAGE', `a message about leases is not ${expected}`)
}
