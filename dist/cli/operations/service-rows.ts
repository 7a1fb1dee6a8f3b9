/** What is known of topics and procedures, as rows: plain values that go through the control socket, and how they look. */
import type { Output } from '../output.ts'
import { formatAge, formatValue } from '../output.ts'
import { printable } from '../printable.ts'
import { formatTable } from '../table.ts'

/** Digits of a key in a table; enough to tell nodes apart. */
const KEY_DIGITS = 16

/** Where a message went. */
export interface PublishRow {
  readonly topic: string
  readonly qos: 0 | 1
  readonly sequence: number
  /** Subscriptions of the running node that took it. */
  readonly local: number
  /** Other nodes that it went to; with qos 1, that acknowledged it. */
  readonly nodes: number
  /** Nodes that were too slow for it; qos 0 only. */
  readonly dropped: number
}

/** The answer of a procedure. */
export interface RpcCallRow {
  readonly value: unknown
  readonly elapsedMs: number
}

/** A filter that the running node wants. */
export interface TopicRow {
  readonly filter: string
  /** Subscriptions in no group. */
  readonly plain: number
  /** Members of each group. */
  readonly groups: Readonly<Record<string, number>>
  /** Other nodes that want the same, by id, or by key when they are no members known here. */
  readonly nodes: readonly string[]
}

/** Something that a node offers. */
export interface ServiceRow {
  /** A name, or a pattern that covers many. */
  readonly procedure: string
  /** Its id, when it is a member known here. */
  readonly node?: string
  readonly key: string
  /** Key of its gateway, for a peer at the edge. */
  readonly via?: string
  /** Whether it answers calls, or streams. */
  readonly kinds: readonly string[]
  readonly metadata: Readonly<Record<string, string | number | boolean>>
  /** How long the running node has known it. */
  readonly ageMs: number
}

/** A message of a subscription. */
export interface MessageRow {
  readonly type: 'message'
  readonly topic: string
  readonly payload: unknown
  /** Its id, when it is a member known here. */
  readonly publisher?: string
  readonly publisherKey: string
  readonly sequence: number
  /** A last value that was there before the subscription. */
  readonly retained: boolean
  readonly headers: Readonly<Record<string, string | number | boolean>>
}

/** A call that was answered with the reply of `fovea advertise`. */
export interface ServedRow {
  readonly type: 'served'
  readonly procedure: string
  readonly input: unknown
  /** Its id, when it is a member known here. */
  readonly caller?: string
  readonly callerKey: string
}

/** Where it went. */
export function formatPublish(row: PublishRow, out: Tones): string {
  const { topic, qos, local, nodes, dropped } = row
  if (local + nodes + dropped === 0) return `nobody subscribes to ${topic}`
  const took = qos === 1 ? 'acknowledged by' : 'sent to'
  const lost = dropped === 0 ? '' : `, ${out.tone('bad', `dropped for ${amount(dropped, 'node')}`)}`
  return `${took} ${amount(nodes, 'other node')}, ${amount(local, 'subscription')} here${lost}`
}

/** The value alone; how long it took is for programs. */
export function formatRpcCall({ value }: RpcCallRow): string {
  return formatValue(value)
}

/** Filters, one per line. */
export function formatTopics(rows: readonly TopicRow[]): string {
  if (rows.length === 0) return 'this node subscribes to nothing'
  return formatTable(
    ['FILTER', 'SUBSCRIPTIONS', 'GROUPS', 'OTHER NODES'],
    rows.map(({ filter, plain, groups, nodes }) => [
      ...[filter, String(plain)],
      Object.entries(groups)
        .map(([name, members]) => `${name} ${members}`)
        .join(', '),
      nodes.join(', '),
    ]),
  )
}

/** Who offers what, one per line. */
export function formatServices(rows: readonly ServiceRow[], name: string | undefined): string {
  if (rows.length === 0) {
    return name === undefined ? 'nobody offers anything' : `nobody offers ${name}`
  }
  return formatTable(
    ['PROCEDURE', 'NODE', 'KEY', 'KINDS', 'KNOWN FOR', 'METADATA'],
    rows.map(({ procedure, node, key, kinds, metadata, ageMs }) => [
      ...[procedure, node ?? '-', key.slice(0, KEY_DIGITS), kinds.join(', '), formatAge(ageMs)],
      Object.entries(metadata)
        .map(([field, value]) => printable(`${field}=${value}`))
        .join(' '),
    ]),
  )
}

/** One message: its topic, what it says. */
export function formatMessage({ topic, payload }: MessageRow, out: Tones): string {
  return `${out.tone('strong', topic)}  ${formatValue(payload)}`
}

/** One call that was answered. */
export function formatServed({ procedure, input, caller, callerKey }: ServedRow): string {
  return `${procedure} ${formatValue(input)} from ${caller ?? callerKey.slice(0, KEY_DIGITS)}`
}

type Tones = Pick<Output, 'tone'>

function amount(n: number, word: string): string {
  return `${n} ${word}${n === 1 ? '' : 's'}`
}
