/**
 * `fovea members` and `fovea events`: who is there, and who suspected whom, when, on whose word.
 *
 * With `--watch` a terminal shows the table again at every change, and once a second for the times in it;
 * elsewhere each change is one line.
 */
import type { ClockTimer } from '../../../runtime/index.ts'
import type { EventsArguments, MembersArguments } from '../command.ts'
import type { ControlClient } from '../control/client.ts'
import type { CliIo } from '../io.ts'
import {
  formatIncarnation,
  formatMemberEvent,
  type MemberEventRow,
  type MemberEventType,
  type MemberRow,
} from '../operations/member-row.ts'
import { formatAge, formatMs, formatTime, type Output, type Tone } from '../output.ts'
import { formatTable } from '../table.ts'
import { ANSWER_MARGIN_MS, followNode, withNode } from './with-node.ts'

/** Between two pictures of the members when nothing happens. */
const REPAINT_MS = 1000

/** Between two pictures when much happens. */
const REPAINT_LEAST_MS = 100

/** Lists the members, once or as they change. */
export async function members(options: MembersArguments, io: CliIo, out: Output): Promise<void> {
  await withNode(options, io, async (client) => {
    if (options.watch) {
      if (io.terminal && !out.json) await paintMembers(client, io, out)
      else await printMembers(client, io, out)
      return
    }
    const rows = await membersOf(client)
    out.result(rows, formatMembers(rows, out))
  })
}

/** Prints the log of changes, then with `--follow` each new one. */
export async function events(options: EventsArguments, io: CliIo, out: Output): Promise<void> {
  const { follow, node, by, types, last } = options
  const params = { follow, node, by, types, last }
  const onEvent = (event: unknown): void => {
    const told = event as Told
    if (told.type === 'log') for (const one of told.events) printEvent(one, out)
    else if (told.type !== 'following' && told.type !== 'snapshot') printEvent(told, out)
  }
  await withNode(options, io, async (client) => {
    if (follow) await followNode(client, io, { method: 'events', params, onEvent })
    else await client.request('events', params, { timeoutMs: ANSWER_MARGIN_MS, onEvent })
  })
}

/** The table of `fovea members`. */
export function formatMembers(rows: readonly MemberRow[], out: Pick<Output, 'tone'>): string {
  return formatTable(
    ['NODE', 'STATE', 'INCARNATION', 'RTT', 'SINCE', 'KEY'].map((title) =>
      out.tone('faint', title),
    ),
    rows.map((row) => [
      row.node,
      out.tone(STATE_TONES[row.state], row.state) + detailsOf(row),
      formatIncarnation(row.incarnation),
      row.rttMs === undefined ? '-' : formatMs(row.rttMs),
      formatAge(row.sinceMs),
      row.key.slice(0, 16),
    ]),
  )
}

function detailsOf({ reason, accuser }: MemberRow): string {
  const words = [reason, accuser === undefined ? undefined : `by ${accuser}`]
  const said = words.filter((word) => word !== undefined)
  return said.length === 0 ? '' : ` (${said.join(', ')})`
}

const STATE_TONES: Readonly<Record<MemberRow['state'], Tone>> = {
  self: 'strong',
  up: 'good',
  suspect: 'warning',
  down: 'bad',
  left: 'faint',
}

const EVENT_TONES: Readonly<Record<MemberEventType, Tone>> = {
  up: 'good',
  suspect: 'warning',
  alive: 'good',
  update: 'plain',
  down: 'bad',
  left: 'faint',
  forgotten: 'faint',
  conflict: 'bad',
  restarted: 'bad',
}

/** What the node tells of its members. */
type Told =
  | { readonly type: 'snapshot'; readonly members: readonly MemberRow[] }
  | { readonly type: 'log'; readonly events: readonly MemberEventRow[] }
  /** What was known is told; from here on come changes. */
  | { readonly type: 'following' }
  | MemberEventRow

async function membersOf(client: ControlClient): Promise<readonly MemberRow[]> {
  const rows: MemberRow[] = []
  const onEvent = (event: unknown): void => {
    const told = event as Told
    if (told.type === 'snapshot') rows.push(...told.members)
  }
  const limits = { timeoutMs: ANSWER_MARGIN_MS, onEvent }
  await client.request('watch_members', { follow: false }, limits)
  return rows
}

/** The table once, then one line per change. */
async function printMembers(client: ControlClient, io: CliIo, out: Output): Promise<void> {
  const rows: MemberRow[] = []
  const onEvent = (event: unknown): void => {
    const told = event as Told
    if (told.type === 'snapshot') rows.push(...told.members)
    else if (told.type === 'following') {
      out.event({ event: 'snapshot', members: rows }, formatMembers(rows, out))
    } else if (told.type !== 'log') printEvent(told, out)
  }
  await followNode(client, io, { method: 'watch_members', params: { follow: true }, onEvent })
}

function printEvent(event: MemberEventRow, out: Output): void {
  const { type, ...fields } = event
  out.event({ event: type, ...fields }, out.tone(EVENT_TONES[type], formatMemberEvent(event)))
}

/** The table again and again, on a cleared terminal. */
async function paintMembers(client: ControlClient, io: CliIo, out: Output): Promise<void> {
  const painter = new Painter(client, io, out)
  try {
    await followNode(client, io, {
      method: 'watch_members',
      params: { follow: true },
      onEvent: (event) => {
        if ((event as Told).type !== 'snapshot') painter.changed()
      },
    })
  } finally {
    painter.stop()
  }
}

/** Paints soon after a change, once a second without one, and one picture at a time. */
class Painter {
  readonly #client: ControlClient
  readonly #io: CliIo
  readonly #out: Output
  #timer: ClockTimer | undefined
  #state: 'idle' | 'painting' | 'stale' | 'stopped' = 'idle'
  #paintedAtMs = -Infinity

  constructor(client: ControlClient, io: CliIo, out: Output) {
    this.#client = client
    this.#io = io
    this.#out = out
  }

  /** What is on the terminal is not true any more. */
  changed(): void {
    if (this.#state === 'painting') this.#state = 'stale'
    if (this.#state !== 'idle') return
    const restMs = this.#paintedAtMs + REPAINT_LEAST_MS - this.#io.clock.now()
    this.#paintIn(Math.max(0, restMs))
  }

  stop(): void {
    this.#state = 'stopped'
    this.#timer?.cancel()
  }

  #paintIn(ms: number): void {
    this.#timer?.cancel()
    // A node that goes away ends the request that is followed, and that says so.
    const paint = (): void => void this.#paint().catch(() => this.#client.close())
    this.#timer = this.#io.clock.setTimer(ms, paint)
  }

  async #paint(): Promise<void> {
    this.#state = 'painting'
    const rows = await membersOf(this.#client)
    if (this.#isIn('stopped')) return
    this.#io.out(`${CLEAR}${pictureOf(rows, this.#io, this.#out)}`)
    this.#paintedAtMs = this.#io.clock.now()
    const restMs = this.#isIn('stale') ? REPAINT_LEAST_MS : REPAINT_MS
    this.#state = 'idle'
    this.#paintIn(restMs)
  }

  /** Asked anew: it changes while a picture is made. */
  #isIn(state: 'stale' | 'stopped'): boolean {
    return this.#state === state
  }
}

/** Home, and nothing below. */
const CLEAR = '\u001b[H\u001b[J'

/** Lines around the table: its head, the time, the prompt of the shell. */
const FRAME_ROWS = 4

function pictureOf(rows: readonly MemberRow[], io: CliIo, out: Output): string {
  const shown = rows.slice(0, Math.max(1, io.terminalRows() - FRAME_ROWS))
  const more = rows.length - shown.length
  const up = rows.filter(({ state }) => state === 'up' || state === 'self').length
  const rest = more === 0 ? '' : `, ${more} more not shown`
  const foot = `${formatTime(io.clock.wallNow())}  ${up} of ${rows.length} up${rest}; Ctrl-C ends`
  return `${formatMembers(shown, out)}\n${out.tone('faint', foot)}`
}
