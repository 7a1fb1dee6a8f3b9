/** What the DHT answers, as rows for programs and lines for people. */
import { formatAge, formatMs, type Output } from '../output.ts'
import { printable } from '../printable.ts'
import { formatTable } from '../table.ts'

/** A node of the DHT. */
export interface DhtNodeRow {
  /** `name@host:port` when it is a member that is known here. */
  readonly node?: string
  readonly key: string
  readonly host: string
  readonly port: number
}

/** The answer to `dht put` and `dht provide`. */
export interface DhtPutRow {
  readonly key: string
  readonly sequence: number
  readonly holders: readonly DhtNodeRow[]
  readonly refusals: readonly (DhtNodeRow & { readonly code: string })[]
  readonly requests: number
  readonly elapsedMs: number
}

/** The answer to `dht get`. */
export interface DhtValueRow {
  readonly key: string
  /** Base64. */
  readonly value: string
  /** The same, when it is text. */
  readonly text?: string
  readonly kind: string
  readonly publisher: string
  readonly name: string
  readonly sequence: number
  readonly expiresAt: string
  readonly agreed: number
  readonly requests: number
  readonly elapsedMs: number
}

/** One provider. */
export interface DhtProviderRow extends DhtNodeRow {
  /** Base64. */
  readonly metadata: string
  readonly text?: string
  readonly sequence: number
  readonly expiresAt: string
}

/** The answer to `dht withdraw`. */
export interface DhtWithdrawRow {
  readonly key: string
  /** False when nothing was put or provided there. */
  readonly withdrawn: boolean
}

/** An entry of the routing table. */
export interface DhtTableRow extends DhtNodeRow {
  /** 255 is the far half of all keys, 0 the nearest neighbour. */
  readonly bucket: number
  readonly state: 'good' | 'failed'
  readonly rttMs?: number
  /** Since its last answer. */
  readonly answeredMs: number
}

/** One step of a lookup. */
export interface DhtHopRow extends DhtNodeRow {
  readonly outcome: 'answered' | 'failed' | 'slow' | 'late'
  /** Hops from this node: 1 for a node out of its own table. */
  readonly depth: number
  readonly path: number
  readonly rttMs: number
  /** Nodes in the answer that were new to the lookup. */
  readonly learned: number
  /** Bits that the node's key has in common with the key looked for. */
  readonly prefixBits: number
}

/** How a lookup ended. */
export interface DhtLookupRow {
  readonly key: string
  readonly closest: readonly DhtNodeRow[]
  readonly reason: string
  readonly requests: number
  readonly failures: number
  readonly depth: number
  readonly elapsedMs: number
}

const KEY_DIGITS = 16

type Tones = Pick<Output, 'tone'>

/** What a put reached; `isHere` when the running node has it too. */
export function formatPut(row: DhtPutRow, what: string, isHere: boolean, out: Tones): string {
  const { key, holders, refusals, requests, elapsedMs } = row
  const alone = isHere ? 'this node alone keeps it' : 'no other node keeps it'
  const others = `${amount(holders.length, 'node')} keep${holders.length === 1 ? 's' : ''} it`
  const at = holders.length === 0 ? alone : others
  const refused = refusals.map(({ code, ...node }) => `${out.tone('bad', code)} ${nameOf(node)}`)
  const line = `${what}; ${at}, ${amount(requests, 'request')}, ${formatMs(elapsedMs)}`
  return [key, line, ...refused].join('\n')
}

/** Whether anything is not repeated any more. */
export function formatWithdraw({ key, withdrawn }: DhtWithdrawRow, byKey: boolean): string {
  if (withdrawn) return `${key} is not repeated any more`
  const hint = byKey ? '; a value that was put with a name is withdrawn with --name' : ''
  return `this node has put or provided nothing under ${key}${hint}`
}

/** A value: its text, or its bytes in base64. */
export function formatValueRow(row: DhtValueRow, out: Tones): string {
  const { text, value, kind, publisher, name, sequence, agreed, requests, elapsedMs } = row
  const what =
    kind === 'mutable' ? `'${printable(name)}' of ${publisher.slice(0, KEY_DIGITS)}` : kind
  const facts = [
    `${what}, sequence ${sequence}, until ${row.expiresAt}`,
    `${agreed} agreed, ${amount(requests, 'request')}, ${formatMs(elapsedMs)}`,
  ]
  return [textOf(text, value), out.tone('faint', facts.join('; '))].join('\n')
}

/** Providers, one per line. */
export function formatProviders(rows: readonly DhtProviderRow[]): string {
  if (rows.length === 0) return 'nobody provides it'
  return formatTable(
    ['NODE', 'KEY', 'ADDRESS', 'UNTIL', 'METADATA'],
    rows.map((row) => [
      ...[row.node ?? '-', row.key.slice(0, KEY_DIGITS), addressOf(row), row.expiresAt],
      textOf(row.text, row.metadata),
    ]),
  )
}

/** The routing table, far buckets first. */
export function formatDhtTable(rows: readonly DhtTableRow[], out: Tones): string {
  if (rows.length === 0) return 'the routing table is empty'
  const buckets = new Set(rows.map(({ bucket }) => bucket)).size
  const table = formatTable(
    ['BUCKET', 'NODE', 'KEY', 'ADDRESS', 'STATE', 'RTT', 'ANSWERED'],
    rows
      .toSorted((a, b) => b.bucket - a.bucket || (a.key < b.key ? -1 : 1))
      .map((row) => [
        ...[String(row.bucket), row.node ?? '-', row.key.slice(0, KEY_DIGITS), addressOf(row)],
        out.tone(row.state === 'good' ? 'good' : 'bad', row.state),
        row.rttMs === undefined ? '-' : formatMs(row.rttMs),
        `${formatAge(row.answeredMs)} ago`,
      ]),
  )
  return `${table}\n\n${amount(rows.length, 'node')} in ${amount(buckets, 'bucket')}`
}

/** One hop of a lookup. */
export function formatHop(row: DhtHopRow, out: Tones): string {
  const { outcome, depth, path, rttMs, learned, prefixBits } = row
  const tone = outcome === 'answered' ? 'good' : outcome === 'failed' ? 'bad' : 'warning'
  const facts = [
    `hop ${depth}`,
    `path ${path}`,
    out.tone(tone, outcome.padEnd(8)),
    formatMs(rttMs).padStart(8),
    `${String(prefixBits).padStart(3)} bits`,
    `+${String(learned).padEnd(2)}`,
  ]
  return `${facts.join('  ')}  ${nameOf(row)}`
}

/** How a lookup ended, nearest first. */
export function formatLookup(row: DhtLookupRow): string {
  const { key, closest, reason, requests, failures, depth, elapsedMs } = row
  const asked = `${amount(requests, 'request')}, ${failures} failed, ${amount(depth, 'hop')} deep`
  const head = `${key}: ${reason} after ${formatMs(elapsedMs)}, ${asked}`
  const nodes = closest.map((node, at) => `${String(at + 1).padStart(3)}  ${nameOf(node)}`)
  return [head, ...nodes].join('\n')
}

function textOf(text: string | undefined, base64: string): string {
  if (text !== undefined) return printable(text)
  return base64 === '' ? '' : `${base64} (base64)`
}

function nameOf(row: DhtNodeRow): string {
  const key = row.key.slice(0, KEY_DIGITS)
  return row.node === undefined ? `${key}  ${addressOf(row)}` : `${key}  ${row.node}`
}

function addressOf({ host, port }: DhtNodeRow): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function amount(n: number, word: string): string {
  return `${n} ${word}${n === 1 ? '' : 's'}`
}
