import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createRealClock, createSystemEntropy } from '../../../../runtime/index.ts'
import { openControlServer, type ControlServer } from '../../../../dist/cli/control/server.ts'
import type { ControlTarget } from '../../../../dist/cli/control/target.ts'
import type { CliIo, StopCause } from '../../../../dist/cli/io.ts'
import type { MemberEventRow, MemberRow } from '../../../../dist/cli/operations/member-row.ts'
import { runCli } from '../../../../dist/cli/run.ts'

const incarnation = { generation: 2, counter: 1 }
const row = (
  node: string,
  state: MemberRow['state'],
  fields: Partial<MemberRow> = {},
): MemberRow => ({
  ...{
    node,
    key: node.charAt(0).repeat(64),
    state,
    incarnation,
    host: 'h',
    port: 1,
    sinceMs: 127_000,
  },
  ...fields,
})
const change: MemberEventRow = {
  at: '2026-01-02T03:04:05.678Z',
  type: 'suspect',
  node: 'b@h:2',
  key: 'b'.repeat(64),
  incarnation,
  accuser: 'c@h:3',
  accuserKey: 'c'.repeat(64),
}

/** A node behind a real control socket, and a terminal that remembers what was printed. */
class Stage {
  rows: MemberRow[] = [row('a@h:1', 'self'), row('b@h:2', 'up', { rttMs: 1.5 })]
  log: MemberEventRow[] = []
  readonly lines: string[] = []
  readonly errors: string[] = []
  readonly #watchers = new Set<(event: MemberEventRow) => void>()
  readonly #stops = new Set<(cause: StopCause) => void>()
  readonly #outputGone = new Set<() => void>()
  readonly #waiting = new Set<() => void>()
  directory = ''
  server: ControlServer | undefined
  terminal = false
  terminalRows = 40

  async open(): Promise<void> {
    this.directory = await mkdtemp(join(tmpdir(), 'fovea-members-'))
    const target = {
      members: () => this.rows,
      memberLog: () => this.log,
      watchMembers: (onEvent: (event: MemberEventRow) => void) => {
        this.#watchers.add(onEvent)
        return () => void this.#watchers.delete(onEvent)
      },
    } as unknown as ControlTarget
    this.server = await openControlServer({ dataDir: this.directory, target })
  }

  async close(): Promise<void> {
    await this.server?.stop()
    await rm(this.directory, { recursive: true, force: true })
  }

  run(...argv: string[]): Promise<number> {
    const io: CliIo = {
      clock: createRealClock(),
      entropy: createSystemEntropy(),
      env: { NO_COLOR: '1' },
      terminal: this.terminal,
      terminalRows: () => this.terminalRows,
      out: (line) => {
        this.lines.push(line)
        for (const check of this.#waiting) check()
      },
      err: (line) => void this.errors.push(line),
      onStop: (handler) => listen(this.#stops, handler),
      onOutputGone: (handler) => listen(this.#outputGone, handler),
      exitNow: () => {},
    }
    return runCli([...argv, '--data-dir', this.directory], io)
  }

  tell(event: MemberEventRow): void {
    for (const watcher of this.#watchers) watcher(event)
  }

  interrupt(): void {
    for (const stop of this.#stops) stop('SIGINT')
  }

  outputGone(): void {
    for (const gone of this.#outputGone) gone()
  }

  /** Resolves when what was printed fulfils `test`. */
  until(test: (text: string) => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (!test(this.lines.join('\n'))) return
        this.#waiting.delete(check)
        resolve()
      }
      this.#waiting.add(check)
      check()
    })
  }

  get listeners(): number {
    return this.#stops.size + this.#outputGone.size
  }
}

function listen<T>(handlers: Set<T>, handler: T): () => void {
  handlers.add(handler)
  return () => void handlers.delete(handler)
}

let stage: Stage
beforeEach(async () => {
  stage = new Stage()
  await stage.open()
})
afterEach(async () => {
  await stage.close()
})

const TABLE = [
  'NODE   STATE  INCARNATION  RTT      SINCE      KEY',
  'a@h:1  self   2.1          -        2 min 7 s  aaaaaaaaaaaaaaaa',
  'b@h:2  up     2.1          1.50 ms  2 min 7 s  bbbbbbbbbbbbbbbb',
].join('\n')

describe('fovea members', () => {
  test('is a table for people and one array for programs', async () => {
    expect(await stage.run('members')).toBe(0)
    expect(stage.lines).toEqual([TABLE])
    stage.lines.length = 0
    await stage.run('members', '--json')
    expect(JSON.parse(stage.lines[0] ?? '')).toEqual(stage.rows)
  })

  test('says who accuses a suspect, and why a node is down', async () => {
    stage.rows = [
      row('b@h:2', 'suspect', { accuser: 'c@h:3' }),
      row('d@h:4', 'down', { reason: 'heartbeat_timeout', accuser: 'c@h:3' }),
    ]
    await stage.run('members')
    expect(stage.lines[0]).toContain('suspect (by c@h:3)')
    expect(stage.lines[0]).toContain('down (heartbeat_timeout, by c@h:3)')
  })
})

describe('fovea members --watch', () => {
  test('elsewhere than on a terminal prints the table, then each change as a line, and Ctrl-C ends it', async () => {
    const ended = stage.run('members', '--watch')
    await stage.until((text) => text.includes('bbbb'))
    stage.tell(change)
    await stage.until((text) => text.includes('suspect'))
    stage.interrupt()
    expect(await ended).toBe(0)
    expect(stage.errors).toEqual([])
    expect(stage.lines).toEqual([
      TABLE,
      '2026-01-02T03:04:05.678Z suspect   b@h:2 (2.1)  suspected by c@h:3, found out here',
    ])
    expect(stage.listeners).toBe(0)
  })

  test('with --json is one object per line, first who is there', async () => {
    const ended = stage.run('members', '--watch', '--json')
    await stage.until((text) => text.includes('snapshot'))
    stage.tell(change)
    await stage.until((text) => text.includes('"suspect"'))
    stage.interrupt()
    await ended
    const { type, ...fields } = change
    expect(stage.lines.map((line) => JSON.parse(line) as unknown)).toEqual([
      expect.objectContaining({ event: 'snapshot', members: stage.rows }),
      { event: type, ...fields },
    ])
  })

  test('on a terminal paints the table again when something changes, no larger than the terminal', async () => {
    stage.terminal = true
    const ended = stage.run('members', '--watch')
    await stage.until((text) => text.includes('2 of 2 up; Ctrl-C ends'))
    stage.rows = [row('a@h:1', 'self'), row('b@h:2', 'suspect'), row('c@h:3', 'up')]
    stage.terminalRows = 6
    stage.tell(change)
    await stage.until((text) => text.includes('2 of 3 up, 1 more not shown'))
    stage.interrupt()
    expect(await ended).toBe(0)
    for (const picture of stage.lines) expect(picture.startsWith('\u001b[H\u001b[J')).toBe(true)
    expect(stage.lines.at(-1)).not.toContain('c@h:3')
  })

  test('ends when nobody reads its output any more', async () => {
    const ended = stage.run('members', '--watch')
    await stage.until((text) => text.includes('bbbb'))
    stage.outputGone()
    expect(await ended).toBe(0)
  })

  test.each([true, false])('fails when the node ends (on a terminal: %s)', async (terminal) => {
    stage.terminal = terminal
    const ended = stage.run('members', '--watch')
    await stage.until((text) => text.includes('bbbb'))
    await stage.server?.stop()
    expect(await ended).toBe(1)
    expect(stage.errors[0]).toMatch(/^ERR_CONTROL_CLOSED: /)
  })
})

describe('fovea events', () => {
  test('prints the log and ends', async () => {
    stage.log = [{ ...change, type: 'up' }, change, { ...change, type: 'down', node: 'd@h:4' }]
    expect(await stage.run('events', '--node', 'b', '--last', '1')).toBe(0)
    expect(stage.lines).toEqual([
      '2026-01-02T03:04:05.678Z suspect   b@h:2 (2.1)  suspected by c@h:3, found out here',
    ])
  })

  test('with --follow goes on until Ctrl-C, one object per line with --json', async () => {
    stage.log = [change]
    const ended = stage.run('events', '--follow', '--type', 'suspect', '--json')
    await stage.until((text) => text.includes('b@h:2'))
    stage.tell({ ...change, type: 'alive' })
    stage.tell({ ...change, node: 'd@h:4' })
    await stage.until((text) => text.includes('d@h:4'))
    stage.interrupt()
    expect(await ended).toBe(0)
    const events = stage.lines.map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(events.map(({ event, node }) => [event, node])).toEqual([
      ['suspect', 'b@h:2'],
      ['suspect', 'd@h:4'],
    ])
    expect(events[0]?.['at']).toBe(change.at)
  })

  test('prints nothing when nothing is remembered', async () => {
    expect(await stage.run('events')).toBe(0)
    expect(stage.lines).toEqual([])
  })
})
