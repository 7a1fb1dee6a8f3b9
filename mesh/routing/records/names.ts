/**
 * Names in records: that of a mutable record is any printable text, that of an address record is the id of
 * a node, `name@host:port`. Both are bytes once they are signed, so a text is taken only if UTF-8 gives it
 * back as it was, and a node id only in its one spelling.
 */
import { isIPv6, SocketAddress } from 'node:net'
import { isHost, isNodeName } from '../../host.ts'
import { formatNodeId } from '../../link/peer-info.ts'
import { displayHost } from '../../transport/address.ts'

/** Bytes of the name of a mutable record at most. */
export const NAME_BYTES_MAX = 255

/** Bytes of a node id at most: name, `@`, host in brackets, `:`, port. */
export const NODE_ID_BYTES_MAX = 326

/** Bytes of the text of an application key at most. */
export const TEXT_BYTES_MAX = 255

/** No control characters: names end up in log lines and on terminals. */
// eslint-disable-next-line no-control-regex
const CONTROLS = /[\u0000-\u001f\u007f-\u009f]/

const PORT_PATTERN = /^[1-9][0-9]{0,4}$/
const PORT_MAX = 65_535

type StringMethods = string & { isWellFormed(): boolean }

/** True for a text that UTF-8 gives back as it was: no lone surrogate, no byte order mark in front. */
export function survivesBytes(text: string): boolean {
  return (text as StringMethods).isWellFormed() && text.charCodeAt(0) !== 0xfeff
}

/** True for what a mutable record can be called; empty for an owner who has but one. */
export function isRecordName(name: unknown): name is string {
  if (typeof name !== 'string' || name.length > NAME_BYTES_MAX) return false
  return Buffer.byteLength(name) <= NAME_BYTES_MAX && survivesBytes(name) && !CONTROLS.test(name)
}

/** True for a node id in its one spelling. */
export function isNodeIdText(text: unknown): text is string {
  return typeof text === 'string' && normalNodeId(text) === text
}

/**
 * A node id in its one spelling, or undefined when it is none: hosts in lower case, IPv6 addresses short
 * and in brackets, IPv4 addresses never as IPv6. The name is taken as it is: `Db` and `db` are two nodes.
 *
 * @example
 * normalNodeId('db@[2001:DB8:0:0::1]:4433') // 'db@[2001:db8::1]:4433'
 */
export function normalNodeId(text: string): string | undefined {
  if (text.length > NODE_ID_BYTES_MAX) return undefined
  const at = text.indexOf('@')
  const colon = text.lastIndexOf(':')
  if (at < 0 || colon < at) return undefined
  const name = text.slice(0, at)
  const host = bareHost(text.slice(at + 1, colon))
  const port = text.slice(colon + 1)
  if (host === undefined || !isNodeName(name) || !PORT_PATTERN.test(port)) return undefined
  return Number(port) <= PORT_MAX
    ? formatNodeId(name, { host: normalHost(host), port: Number(port) })
    : undefined
}

/** Without brackets, which an IPv6 address must have and nothing else may. */
function bareHost(host: string): string | undefined {
  const bracketed = host.startsWith('[') && host.endsWith(']')
  const bare = bracketed ? host.slice(1, -1) : host
  return isHost(bare) && isIPv6(bare) === bracketed ? bare : undefined
}

function normalHost(host: string): string {
  if (!isIPv6(host)) return host.toLowerCase()
  return displayHost(new SocketAddress({ address: host, family: 'ipv6' }).address)
}
