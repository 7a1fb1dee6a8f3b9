/**
 * Values of flags and arguments: each function gives the value or throws a sentence that says what
 * was expected. Nothing here knows the parser.
 */
import type { MembershipPreset } from '../../mesh/index.ts'
import type { DiscoveryKind } from '../discovery/options.ts'
import { NodeId } from '../node-id.ts'
import { MEMBER_EVENT_TYPES, type MemberEventType } from './operations/member-row.ts'

/** A value was not what its flag takes; the message starts with what was expected. */
export class ArgumentProblem extends Error {
  override readonly name = 'ArgumentProblem'
}

const PORT_MAX = 65_535
const TIMEOUT_MS_MAX = 2_147_483_647

/** The text of a flag that must not be empty. */
export function parseText(value: string): string {
  if (value.trim() === '') throw new ArgumentProblem('expected a value that is not empty')
  return value
}

/** A UDP port; 0 takes a free one. */
export function parsePort(value: string): number {
  return wholeNumber(value, 0, PORT_MAX)
}

/** A positive time in milliseconds. */
export function parseMilliseconds(value: string): number {
  return wholeNumber(value, 1, TIMEOUT_MS_MAX)
}

/** How often something is done: from `min` (default 1) to `max`. */
export function parseCount(max: number, min: number = 1): (value: string) => number {
  return (value) => wholeNumber(value, min, max)
}

/** A quality of service in the words of MQTT. */
export function parseQos(value: string): 0 | 1 {
  if (value !== '0' && value !== '1') {
    throw new ArgumentProblem('expected 0 (sent once) or 1 (acknowledged)')
  }
  return value === '1' ? 1 : 0
}

/** A JSON value. */
export function parseJson(value: string): unknown {
  let parsed: unknown
  try {
    parsed = JSON.parse(value)
  } catch {
    throw new ArgumentProblem(`expected JSON, for example 5, '"text"' or '{"a":1}'`)
  }
  if (!fits(parsed, JSON_DEPTH_MAX)) {
    throw new ArgumentProblem(
      `expected JSON that is at most ${JSON_DEPTH_MAX} deep, with numbers up to 1.79e308`,
    )
  }
  return parsed
}

/** Less than a message between nodes may have. */
const JSON_DEPTH_MAX = 100

function fits(value: unknown, depthLeft: number): boolean {
  // Digits beyond it are read as infinity, which would be sent on as null.
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object' || value === null) return true
  return depthLeft > 0 && Object.values(value).every((part) => fits(part, depthLeft - 1))
}

/** The name of this node: what stands before the @ of its id. */
export function parseNodeName(value: string): string {
  if (!NODE_NAME.test(value)) throw new ArgumentProblem(`expected a node name: ${NODE_NAME_WORDS}`)
  return value
}

/** A node id `name@host:port`, as seeds are given. */
export function parseSeed(value: string): string {
  if (NodeId.tryParse(value) === undefined) {
    throw new ArgumentProblem('expected name@host:port, for example b@127.0.0.1:4434')
  }
  return value
}

/** Where a node can be dialled: `name@host:port` or `host:port`. */
export function parseAddress(value: string): string {
  const id = value.includes('@') ? value : `any@${value}`
  if (NodeId.tryParse(id) === undefined) {
    throw new ArgumentProblem('expected name@host:port or host:port, for example 10.0.0.7:4433')
  }
  return value
}

/** The name of a cluster within a realm. */
export function parseCluster(value: string): string {
  if (!/^[\w.-]{1,64}$/.test(value)) {
    throw new ArgumentProblem('expected 1 to 64 letters, digits, dots, dashes or underscores')
  }
  return value
}

/** How members are watched. */
export function parsePreset(value: string): MembershipPreset {
  if (value !== 'local' && value !== 'lan' && value !== 'wan') {
    throw new ArgumentProblem('expected local (one machine), lan (one data centre) or wan')
  }
  return value
}

/** How nodes find each other. */
export function parseDiscovery(value: string): DiscoveryKind {
  if (value !== 'mdns' && value !== 'dht' && value !== 'both') {
    throw new ArgumentProblem('expected mdns (the local network), dht (the mesh) or both')
  }
  return value
}

/** A type of change of the membership. */
export function parseEventType(value: string): MemberEventType {
  const found = MEMBER_EVENT_TYPES.find((type) => type === value)
  if (found === undefined) {
    throw new ArgumentProblem(`expected one of ${MEMBER_EVENT_TYPES.join(', ')}`)
  }
  return found
}

/** A node key: 64 hexadecimal digits. */
export function parseNodeKey(value: string): string {
  if (!/^[0-9a-fA-F]{64}$/.test(value)) {
    throw new ArgumentProblem('expected a node key: 64 hexadecimal digits')
  }
  return value.toLowerCase()
}

const NODE_NAME = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/
const NODE_NAME_WORDS = 'a letter, then letters, digits, _ or -, 64 characters at most'

function wholeNumber(value: string, min: number, max: number): number {
  const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN
  if (!(number >= min && number <= max)) {
    throw new ArgumentProblem(`expected a whole number from ${min} to ${max}`)
  }
  return number
}
