/**
 * `NodeId`, the human name of a node: `name@host:port`, as noex writes it. It says where a node can
 * be dialled and what its people call it; it proves nothing. The identity of a node is its
 * `NodeKey`; the handshake tells which key answers at an id.
 *
 * Rules: `name` starts with a letter, then letters, digits, `_`, `-`, 64 characters at most; `host`
 * is an IPv4 address, an IPv6 address in brackets or a host name; `port` is 1 to 65535. An IPv6 host
 * must stand in brackets, because `a@::1:80` can be read in two ways.
 *
 * A `NodeId` is a string (branded), so it is compared, stored and sent as one. Its parts come from
 * {@link NodeId.components}; noex's documents destructure the result of `parse`, which noex's own
 * code never allowed.
 */
import { isIPv4, isIPv6 } from 'node:net'
import { InvalidNodeIdError } from './errors.ts'

declare const nodeIdBrand: unique symbol

/** `name@host:port`, checked. */
export type NodeId = string & { readonly [nodeIdBrand]: true }

/** The parts of a {@link NodeId}. `host` is written without brackets. */
export interface NodeIdComponents {
  readonly name: string
  readonly host: string
  readonly port: number
}

const NAME_CHARS_MAX = 64
const HOST_CHARS_MAX = 253
const PORT_MAX = 65_535
const NAME_PATTERN = /^[A-Za-z][A-Za-z0-9_-]*$/
const PORT_PATTERN = /^[1-9][0-9]{0,4}$/
const HOST_LABEL_PATTERN = /^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/
const DOTTED_NUMBERS_PATTERN = /^[0-9.]+$/

/** Longest text worth parsing: name, `@`, `[host]`, `:`, port. */
const ID_CHARS_MAX = NAME_CHARS_MAX + HOST_CHARS_MAX + 9

function nameFault(name: string): string | undefined {
  if (name.length === 0) return 'the name is empty'
  if (name.length > NAME_CHARS_MAX) return `the name is longer than ${NAME_CHARS_MAX} characters`
  if (NAME_PATTERN.test(name)) return undefined
  return 'a name starts with a letter and has only letters, digits, _ and -'
}

/** A zone (`fe80::1%eth0`) means something on one machine only, so it is no part of an id. */
function isHostV6(host: string): boolean {
  return isIPv6(host) && !host.includes('%')
}

function isHostName(host: string): boolean {
  if (host.length > HOST_CHARS_MAX || DOTTED_NUMBERS_PATTERN.test(host)) return false
  return host.split('.').every((label) => HOST_LABEL_PATTERN.test(label))
}

function hostFault(host: string): string | undefined {
  if (host.length === 0) return 'the host is empty'
  if (isIPv4(host) || isHostV6(host) || isHostName(host)) return undefined
  return 'the host is no IPv4 address, IPv6 address or host name'
}

function portFault(port: number): string | undefined {
  if (Number.isInteger(port) && port >= 1 && port <= PORT_MAX) return undefined
  return `the port is not a whole number from 1 to ${PORT_MAX}`
}

/** Parts of `text`, or a sentence that says what is wrong with it. */
function split(text: unknown): NodeIdComponents | string {
  if (typeof text !== 'string') return 'it is not a string'
  if (text.length > ID_CHARS_MAX) return `it is longer than ${ID_CHARS_MAX} characters`
  const at = text.indexOf('@')
  if (at < 0) return "there is no '@'; the form is name@host:port"
  const name = text.slice(0, at)
  const rest = text.slice(at + 1)
  const bracketed = rest.startsWith('[')
  const hostEnd = bracketed ? rest.indexOf(']') : rest.lastIndexOf(':')
  if (hostEnd < 0) return bracketed ? "there is no ']'" : "there is no ':port'"
  const host = bracketed ? rest.slice(1, hostEnd) : rest.slice(0, hostEnd)
  const portText = bracketed ? rest.slice(hostEnd + 1) : rest.slice(hostEnd)
  if (bracketed && !isHostV6(host)) return 'only an IPv6 address stands in brackets'
  if (!bracketed && host.includes(':')) return 'an IPv6 address must stand in brackets'
  if (!portText.startsWith(':')) return "there is no ':port'"
  if (!PORT_PATTERN.test(portText.slice(1))) return portFault(Number.NaN)!
  const port = Number(portText.slice(1))
  return nameFault(name) ?? hostFault(host) ?? portFault(port) ?? { name, host, port }
}

function format(parts: NodeIdComponents): NodeId {
  const host = isIPv6(parts.host) ? `[${parts.host}]` : parts.host
  return `${parts.name}@${host}:${parts.port}` as NodeId
}

function componentsOf(id: NodeId): NodeIdComponents {
  const parts = split(id)
  if (typeof parts === 'string') throw new InvalidNodeIdError(id, parts)
  return parts
}

/** What can be done with node ids; the names are noex's. */
export interface NodeIdFunctions {
  /** Throws `InvalidNodeIdError` naming what is wrong. */
  parse(text: string): NodeId
  /** `undefined` instead of an error. */
  tryParse(text: string): NodeId | undefined
  /** Throws `InvalidNodeIdError`. An IPv6 `host` may be given with or without brackets. */
  create(name: string, host: string, port: number): NodeId
  getName(id: NodeId): string
  /** Without brackets, ready for `connect`. */
  getHost(id: NodeId): string
  getPort(id: NodeId): number
  components(id: NodeId): NodeIdComponents
  isValid(text: unknown): text is NodeId
  /** Same text. Two spellings of one host are two ids: compare node keys to compare nodes. */
  equals(a: NodeId, b: NodeId): boolean
  toString(id: NodeId): string
}

/**
 * Makes, checks and takes apart node ids.
 *
 * @example
 * NodeId.getPort(NodeId.parse('worker1@192.168.1.10:4369')) // 4369
 */
export const NodeId: NodeIdFunctions = Object.freeze({
  parse(text: string): NodeId {
    const parts = split(text)
    if (typeof parts === 'string') throw new InvalidNodeIdError(text, parts)
    return format(parts)
  },
  tryParse(text: string): NodeId | undefined {
    const parts = split(text)
    return typeof parts === 'string' ? undefined : format(parts)
  },
  create(name: string, host: string, port: number): NodeId {
    const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host
    const fault = nameFault(name) ?? hostFault(bare) ?? portFault(port)
    if (fault !== undefined) throw new InvalidNodeIdError(`${name}@${host}:${port}`, fault)
    return format({ name, host: bare, port })
  },
  getName: (id: NodeId): string => componentsOf(id).name,
  getHost: (id: NodeId): string => componentsOf(id).host,
  getPort: (id: NodeId): number => componentsOf(id).port,
  components: componentsOf,
  isValid: (text: unknown): text is NodeId => typeof split(text) !== 'string',
  equals: (a: NodeId, b: NodeId): boolean => a === b,
  toString: (id: NodeId): string => id,
})

/** True when `value` is written as a node id. */
export function isNodeId(value: unknown): value is NodeId {
  return NodeId.isValid(value)
}
