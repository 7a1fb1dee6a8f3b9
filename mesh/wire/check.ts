/**
 * The mesh's own messages: their fields, and the guards that every one of them passes before other
 * code sees it. A guard takes what the codec decoded and gives a fresh object with the known fields,
 * each of the right shape and within its limit, or throws `MessageError` naming the field. Fields
 * it does not know are ignored, so a newer peer may send more.
 *
 * Hand-written: a schema library costs a hundred times as much per message (dependencies.md).
 * What other layers own (payloads of `dist`, of pub/sub, of RPC) is checked there.
 */
import type { NodeKey } from '../identity/node-key.ts'
import { nodeKeyFromBytes } from '../identity/node-key.ts'
import { MessageError } from './errors.ts'
import { FRAME_BYTES_MAX_LIMIT } from './frame.ts'

/** Limits of single fields; characters are UTF-16 units. */
export interface MessageFieldLimits {
  /** Names of nodes, hosts, reasons, codes. */
  readonly nameCharactersMax: number
  /** Texts for people. */
  readonly textCharactersMax: number
  readonly capabilitiesMax: number
  readonly statesMax: number
}

/** The limits in force; wire constants, so not options. */
export const MESSAGE_FIELD_LIMITS: MessageFieldLimits = Object.freeze({
  nameCharactersMax: 255,
  textCharactersMax: 1024,
  capabilitiesMax: 64,
  statesMax: 8,
})

/**
 * What part a node takes: `member` of the mesh; `gateway`, a member that also takes in peers at the edge; `edge`,
 * which is nobody's member and only has links with gateways.
 */
export type NodeKind = 'member' | 'gateway' | 'edge'

/** `connect` and `accepted`: what a node says about itself. */
export interface HelloMessage {
  readonly versionMin: number
  readonly versionMax: number
  readonly nodeKey: NodeKey
  readonly kind: NodeKind
  readonly name: string
  readonly host: string
  readonly port: number
  readonly incarnation: number
  readonly dials: number
  readonly realmId: Uint8Array
  readonly cluster: string
  /** Only `checkMembership` looks into it. */
  readonly membership: unknown
  readonly capabilities: readonly string[]
  readonly frameBytesMax: number
  /**
   * Numbers by which layers above know whether anything is to be told on this link; empty when they have nothing to say
   * that way. The link only carries them.
   */
  readonly states: readonly number[]
  /** True for a node that others do not list; see `MeshOptions.hidden`. */
  readonly hidden?: boolean | undefined
  /** 32 random bytes of a node that wants the cluster's secret proven, and can prove it; see `cluster-secret.ts`. */
  readonly nonce?: Uint8Array | undefined
}

/** `challenge`: the acceptor proves that it has the secret, and asks for the same. */
export interface ChallengeMessage {
  readonly nonce: Uint8Array
  readonly proof: Uint8Array
}

/** `response`: so does the dialler. */
export interface ResponseMessage {
  readonly proof: Uint8Array
}

/** `rejected`: why there is no link. */
export interface RejectedMessage {
  readonly reason: string
  readonly message: string
}

/** `disconnect`: goodbye. */
export interface DisconnectMessage {
  readonly reason: string
  readonly message: string
  /** How many streams its sender has opened on the link: what it said on them is to be waited for. */
  readonly streams: number
}

/** `ping` and `pong`; the answer carries the number of the question. */
export interface PingMessage {
  readonly sequence: number
}

/** `parting`: its sender needs the link no more, and has counted the frames of the layers above. */
export interface PartingMessage {
  /** Number of the question, from 1. */
  readonly question: number
  readonly sent: number
  readonly received: number
}

/** `staying`: the link does not end by that question. */
export interface StayingMessage {
  readonly question: number
}

/** `error`: the last frame before a link is closed for an error. */
export interface ErrorMessage {
  readonly code: string
  readonly message: string
}

/** The fields of a `connect` or `accepted` message, ready for the codec. */
export function helloFields(hello: HelloMessage): Readonly<Record<string, unknown>> {
  const { nonce, hidden, nodeKey, ...rest } = hello
  return {
    ...{ ...rest, nodeKey: nodeKey.bytes },
    ...(hidden === true ? { hidden } : {}),
    ...(nonce === undefined ? {} : { nonce }),
  }
}

/**
 * Checks a `connect` message.
 *
 * @example
 * const hello = parseConnect(codec.decode(payload))
 */
export function parseConnect(value: unknown): HelloMessage {
  return parseHello('connect', value)
}

/** Checks an `accepted` message. */
export function parseAccepted(value: unknown): HelloMessage {
  return parseHello('accepted', value)
}

/** Checks a `challenge` message. */
export function parseChallenge(value: unknown): ChallengeMessage {
  const fields = new Fields('challenge', value)
  return { nonce: fields.bytes('nonce', SECRET_BYTES), proof: fields.bytes('proof', SECRET_BYTES) }
}

/** Checks a `response` message. */
export function parseResponse(value: unknown): ResponseMessage {
  return { proof: new Fields('response', value).bytes('proof', SECRET_BYTES) }
}

/** Checks a `rejected` message. */
export function parseRejected(value: unknown): RejectedMessage {
  const fields = new Fields('rejected', value)
  return { reason: fields.name('reason'), message: fields.text('message') }
}

/** Checks a `disconnect` message. */
export function parseDisconnect(value: unknown): DisconnectMessage {
  const fields = new Fields('disconnect', value)
  return {
    reason: fields.name('reason'),
    message: fields.text('message'),
    streams: fields.whole('streams', 0, UINT8_MAX),
  }
}

/** Checks a `ping` message. */
export function parsePing(value: unknown): PingMessage {
  return { sequence: new Fields('ping', value).whole('sequence', 0, UINT32_MAX) }
}

/** Checks a `pong` message. */
export function parsePong(value: unknown): PingMessage {
  return { sequence: new Fields('pong', value).whole('sequence', 0, UINT32_MAX) }
}

/** Checks a `parting` message. */
export function parseParting(value: unknown): PartingMessage {
  const fields = new Fields('parting', value)
  return {
    question: fields.whole('question', 1, Number.MAX_SAFE_INTEGER),
    sent: fields.whole('sent', 0, Number.MAX_SAFE_INTEGER),
    received: fields.whole('received', 0, Number.MAX_SAFE_INTEGER),
  }
}

/** Checks a `staying` message. */
export function parseStaying(value: unknown): StayingMessage {
  return { question: new Fields('staying', value).whole('question', 1, Number.MAX_SAFE_INTEGER) }
}

/** Checks a `bulkTaken` message; gives the bytes. */
export function parseBulkTaken(value: unknown): number {
  return new Fields('bulkTaken', value).whole('bytes', 1, Number.MAX_SAFE_INTEGER)
}

/** Checks an `error` message. */
export function parseError(value: unknown): ErrorMessage {
  const fields = new Fields('error', value)
  return { code: fields.name('code'), message: fields.text('message') }
}

const UINT8_MAX = 255
const UINT32_MAX = 4_294_967_295
const REALM_ID_BYTES = 32
const NODE_KEY_BYTES = 32
/** Of random numbers and proofs. */
const SECRET_BYTES = 32

function parseHello(type: string, value: unknown): HelloMessage {
  const fields = new Fields(type, value)
  const capabilities = fields.list('capabilities', MESSAGE_FIELD_LIMITS.capabilitiesMax)
  const versionMin = fields.whole('versionMin', 1, UINT32_MAX)
  return {
    versionMin,
    versionMax: fields.whole('versionMax', versionMin, UINT32_MAX),
    nodeKey: fields.nodeKey('nodeKey'),
    kind: nodeKind(fields),
    name: fields.name('name'),
    host: fields.name('host'),
    port: fields.whole('port', 1, 65_535),
    incarnation: fields.whole('incarnation', 0, Number.MAX_SAFE_INTEGER),
    dials: fields.whole('dials', 0, Number.MAX_SAFE_INTEGER),
    realmId: fields.bytes('realmId', REALM_ID_BYTES),
    cluster: fields.name('cluster'),
    membership: fields.get('membership'),
    capabilities: capabilities.map((item, index) => {
      if (!isName(item)) throw fields.error(`capabilities[${index}]`, NAME_EXPECTED)
      return item
    }),
    frameBytesMax: fields.whole('frameBytesMax', 1024, FRAME_BYTES_MAX_LIMIT),
    states: fields.list('states', MESSAGE_FIELD_LIMITS.statesMax).map((item, index) => {
      if (Number.isSafeInteger(item) && (item as number) >= 0) return item as number
      throw fields.error(`states[${index}]`, 'a whole number from 0')
    }),
    ...(fields.get('hidden') === true ? { hidden: true } : {}),
    ...(fields.get('nonce') === undefined ? {} : { nonce: fields.bytes('nonce', SECRET_BYTES) }),
  }
}

function nodeKind(fields: Fields): NodeKind {
  const kind = fields.get('kind')
  if (kind === 'member' || kind === 'gateway' || kind === 'edge') return kind
  throw fields.error('kind', "'member', 'gateway' or 'edge'")
}

const NAME_EXPECTED = `a string of 1 to ${MESSAGE_FIELD_LIMITS.nameCharactersMax} printable characters`

/** No control characters: names end up in log lines and on terminals. */
// eslint-disable-next-line no-control-regex
const CONTROLS = /[\u0000-\u001f\u007f-\u009f]/g

function isName(value: unknown): value is string {
  if (typeof value !== 'string' || value.length === 0) return false
  return value.length <= MESSAGE_FIELD_LIMITS.nameCharactersMax && value.search(CONTROLS) === -1
}

/** Typed access to the fields of one decoded map. Reads own properties only. */
class Fields {
  readonly #type: string
  readonly #record: Readonly<Record<string, unknown>>

  constructor(type: string, value: unknown) {
    this.#type = type
    const isRecord =
      typeof value === 'object' &&
      value !== null &&
      Object.getPrototypeOf(value) === Object.prototype
    if (!isRecord) throw new MessageError(type, '', 'a map')
    this.#record = value as Readonly<Record<string, unknown>>
  }

  get(field: string): unknown {
    return Object.hasOwn(this.#record, field) ? this.#record[field] : undefined
  }

  whole(field: string, min: number, max: number): number {
    const value = this.get(field)
    if (!Number.isInteger(value) || (value as number) < min || (value as number) > max) {
      throw this.error(field, `a whole number from ${min} to ${max}`)
    }
    return value as number
  }

  name(field: string): string {
    const value = this.get(field)
    if (!isName(value)) throw this.error(field, NAME_EXPECTED)
    return value
  }

  text(field: string): string {
    const value = this.get(field)
    const max = MESSAGE_FIELD_LIMITS.textCharactersMax
    if (typeof value !== 'string' || value.length > max) {
      throw this.error(field, `a string of at most ${max} characters`)
    }
    // Shown to people, on terminals: an escape sequence must not act there.
    return value.replace(CONTROLS, ' ')
  }

  bytes(field: string, length: number): Uint8Array {
    const value = this.get(field)
    if (!(value instanceof Uint8Array) || value.length !== length) {
      throw this.error(field, `${length} bytes`)
    }
    return value
  }

  nodeKey(field: string): NodeKey {
    return nodeKeyFromBytes(this.bytes(field, NODE_KEY_BYTES))
  }

  list(field: string, max: number): readonly unknown[] {
    const value = this.get(field)
    if (!Array.isArray(value) || value.length > max) {
      throw this.error(field, `an array of at most ${max} elements`)
    }
    return value
  }

  error(field: string, expected: string): MessageError {
    return new MessageError(this.#type, field, expected)
  }
}
