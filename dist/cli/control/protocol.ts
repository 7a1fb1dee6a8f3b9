/**
 * The language of the control socket: one JSON object per line, both ways.
 *
 *     -> { "id": 1, "method": "members", "params": {} }
 *     <- { "id": 1, "event": ... }                         zero or more, for long-running requests
 *     <- { "id": 1, "result": ... }                        or
 *     <- { "id": 1, "error": { "code", "message", "hint" } }
 *
 * Answers come in any order. A connection that ends takes its running requests with it.
 * Both sides read lines of at most `controlLineBytesMax` bytes.
 */
import type { ErrorReport } from '../errors.ts'
import {
  MEMBER_EVENT_TYPES,
  type MemberEventFilter,
  type MemberEventType,
} from '../operations/member-row.ts'
import type { PresenceQuestion } from '../operations/presence.ts'
import { dhtQuestion } from './dht-question.ts'
import type { DhtQuestion } from './dht-question.ts'
import { offerOf, serviceQuestion } from './service-question.ts'
import type { Offer, ServiceQuestion } from './service-question.ts'
import { count, flag, invalid, isFields, isId, milliseconds, requiredText, text } from './fields.ts'
import type { Fields } from './fields.ts'
import type { CallRequest, SpawnRequest } from './target.ts'

/** Longest line that either side accepts. */
export const CONTROL_LINE_BYTES_MAX = 1_048_576

/** How often one `call` request may repeat its call. */
export const CONTROL_REPEAT_MAX = 100_000

/** Nodes that one `topology` request may have asked, the answering node not counted. */
export const CONTROL_TOPOLOGY_NODES_MAX = 1024

/** A request as read from a line. */
export type ControlRequest = { readonly id: number } & (
  | { readonly method: 'info' }
  | { readonly method: 'members' }
  | { readonly method: 'ping'; readonly where: Where }
  | { readonly method: 'spawn'; readonly where: Where; readonly spawn: SpawnRequest }
  | { readonly method: 'call'; readonly where: Where; readonly call: CallRequest }
  | { readonly method: 'monitor'; readonly where: Where; readonly name: string }
  | { readonly method: 'join'; readonly where: Where; readonly address: string }
  | {
      readonly method: 'topology'
      readonly where: Where
      readonly nodesMax: number | undefined
    }
  | { readonly method: 'stats' }
  | { readonly method: 'watch_members'; readonly follow: boolean }
  | { readonly method: 'dht'; readonly where: Where; readonly question: DhtQuestion }
  | { readonly method: 'services'; readonly where: Where; readonly question: ServiceQuestion }
  | {
      readonly method: 'subscribe'
      readonly filter: string
      readonly group: string | undefined
    }
  | { readonly method: 'advertise'; readonly offer: Offer }
  | {
      readonly method: 'presence'
      readonly follow: boolean
      readonly question: PresenceQuestion
    }
  | { readonly method: 'events'; readonly follow: boolean; readonly filter: MemberEventFilter }
)

/** The method names. */
export type ControlMethod = ControlRequest['method']

/** Which node a request is for, and how long it may take there. */
export interface Where {
  readonly node?: string | undefined
  readonly timeoutMs?: number | undefined
}

/** A line from the node. */
export type ControlResponse =
  | { readonly id: number; readonly type: 'event'; readonly event: unknown }
  | { readonly id: number; readonly type: 'result'; readonly result: unknown }
  | { readonly id: number; readonly type: 'error'; readonly error: ErrorReport }

const METHODS: readonly ControlMethod[] = [
  'info',
  'members',
  'ping',
  'spawn',
  'call',
  'monitor',
  'join',
  'topology',
  'stats',
  'dht',
  'services',
  'subscribe',
  'advertise',
  'presence',
  'watch_members',
  'events',
]

/** A line as a request; throws `ERR_CONTROL_REQUEST_INVALID` naming the field. */
export function parseRequest(line: string): ControlRequest {
  const fields = parseObject(line)
  const id = fields['id']
  if (!isId(id)) throw invalid('id', 'a whole number')
  const params = fields['params'] ?? {}
  if (!isFields(params)) throw invalid('params', 'an object')
  const where = { node: text(params, 'node'), timeoutMs: milliseconds(params, 'timeoutMs') }
  const method = fields['method']
  switch (method) {
    case 'info':
    case 'members':
    case 'stats':
      return { id, method }
    case 'ping':
      return { id, method, where }
    case 'spawn':
      return { id, method, where, spawn: spawnRequest(params) }
    case 'call':
      return { id, method, where, call: callRequest(params) }
    case 'monitor':
      return { id, method, where, name: requiredText(params, 'name') }
    case 'join':
      return { id, method, where, address: requiredText(params, 'address') }
    case 'topology':
      return {
        id,
        method,
        where,
        nodesMax: count(params, 'nodesMax', CONTROL_TOPOLOGY_NODES_MAX),
      }
    case 'dht':
      return { id, method, where, question: dhtQuestion(params) }
    case 'services':
      return { id, method, where, question: serviceQuestion(params) }
    case 'subscribe':
      return { id, method, filter: requiredText(params, 'filter'), group: text(params, 'group') }
    case 'advertise':
      return { id, method, offer: offerOf(params) }
    case 'presence':
      return {
        ...{ id, method, follow: flag(params, 'follow') },
        question: { topic: requiredText(params, 'topic'), timeoutMs: where.timeoutMs },
      }
    case 'watch_members':
      return { id, method, follow: flag(params, 'follow') }
    case 'events':
      return { id, method, follow: flag(params, 'follow'), filter: eventFilter(params) }
    default:
      throw invalid('method', `one of ${METHODS.join(', ')}`)
  }
}

/** The id of a line that is not a valid request, so that the answer finds its question; 0 if none. */
export function requestIdOf(line: string): number {
  try {
    const id = parseObject(line)['id']
    return isId(id) ? id : 0
  } catch {
    return 0
  }
}

/** A line as a response; throws `ERR_CONTROL_REQUEST_INVALID` when the node speaks otherwise. */
export function parseResponse(line: string): ControlResponse {
  const fields = parseObject(line)
  const id = fields['id']
  if (!isId(id)) throw invalid('id', 'a whole number')
  if ('event' in fields) return { id, type: 'event', event: fields['event'] }
  if ('result' in fields) return { id, type: 'result', result: fields['result'] }
  const error = fields['error']
  if (!isFields(error)) throw invalid('result', 'present, or an error')
  const hint = text(error, 'hint')
  return {
    id,
    type: 'error',
    error: {
      code: requiredText(error, 'code'),
      message: requiredText(error, 'message'),
      ...(hint === undefined ? {} : { hint }),
    },
  }
}

function spawnRequest(params: Fields): SpawnRequest {
  const supervised = flag(params, 'supervised')
  return {
    behaviour: requiredText(params, 'behaviour'),
    arg: params['arg'],
    name: text(params, 'name'),
    supervised,
  }
}

function callRequest(params: Fields): CallRequest {
  return {
    name: requiredText(params, 'name'),
    method: requiredText(params, 'method'),
    input: params['input'],
    repeat: count(params, 'repeat', CONTROL_REPEAT_MAX) ?? 1,
  }
}

function eventFilter(params: Fields): MemberEventFilter {
  const types = params['types'] ?? []
  const known: readonly unknown[] = MEMBER_EVENT_TYPES
  if (!Array.isArray(types) || !types.every((type) => known.includes(type))) {
    throw invalid('types', `a list of ${MEMBER_EVENT_TYPES.join(', ')}`)
  }
  return {
    node: text(params, 'node'),
    by: text(params, 'by'),
    types: types as MemberEventType[],
    last: count(params, 'last', Number.MAX_SAFE_INTEGER),
  }
}

function parseObject(line: string): Fields {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    throw invalid('line', 'a JSON object')
  }
  if (!isFields(value)) throw invalid('line', 'a JSON object')
  return value
}
