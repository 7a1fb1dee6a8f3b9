/** Which failed dials are not worth repeating soon (D14): another realm, another key, refused for good. */

const LASTING_CODES: ReadonlySet<string> = new Set([
  'ERR_LINK_REALM_MISMATCH',
  'ERR_LINK_REFUSED',
  'ERR_LINK_SELF',
  'ERR_TRANSPORT_PEER_KEY',
  'ERR_TRANSPORT_BAD_ADDRESS',
])

const LASTING_REASONS: ReadonlySet<string> = new Set([
  'realm_mismatch',
  'membership_invalid',
  'certificate_refused',
  'version_unsupported',
  'stale_incarnation',
  'self',
])

/** True when the next try should wait as long as possible. */
export function isLastingFailure(error: unknown): boolean {
  const { code, reason } = (error ?? {}) as { code?: unknown; reason?: unknown }
  if (code === 'ERR_LINK_REJECTED') return LASTING_REASONS.has(String(reason))
  return LASTING_CODES.has(String(code))
}
