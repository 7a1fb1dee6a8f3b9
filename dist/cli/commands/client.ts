/** The commands that ask a running node: connect, one request, print, close. */
import type {
  CallArguments,
  ClientArguments,
  MembersArguments,
  MonitorArguments,
  PingArguments,
  SpawnArguments,
} from '../command.ts'
import { connectControl, type ControlClient } from '../control/client.ts'
import type {
  CallResult,
  DownResult,
  MemberRow,
  PingResult,
  SpawnResult,
} from '../control/target.ts'
import { InterruptedError } from '../errors.ts'
import type { CliIo } from '../io.ts'
import { formatMs, formatValue, type Output, type Tone } from '../output.ts'
import { formatTable } from '../table.ts'

/** What the node gets beyond the deadline of the operation itself, to answer at all. */
const ANSWER_MARGIN_MS = 5000

/** Lists the members. */
export async function members(options: MembersArguments, io: CliIo, out: Output): Promise<void> {
  const rows = await withNode(options, io, async (client) => {
    return (await client.request('members', {}, { timeoutMs: ANSWER_MARGIN_MS })) as MemberRow[]
  })
  out.result(rows, formatMembers(rows, out))
}

/** The table of `fovea members`. */
export function formatMembers(rows: readonly MemberRow[], out: Output): string {
  return formatTable(
    ['NODE', 'STATE', 'RTT', 'SINCE', 'KEY'].map((title) => out.tone('faint', title)),
    rows.map((row) => [
      row.node,
      out.tone(STATE_TONES[row.state], row.state) +
        (row.reason === undefined ? '' : ` (${row.reason})`),
      row.rttMs === undefined ? '-' : formatMs(row.rttMs),
      formatMs(row.sinceMs),
      row.key.slice(0, 16),
    ]),
  )
}

const STATE_TONES: Readonly<Record<MemberRow['state'], Tone>> = {
  self: 'strong',
  up: 'good',
  connecting: 'warning',
  down: 'bad',
  left: 'faint',
}

/** Measures a round trip. */
export async function ping(options: PingArguments, io: CliIo, out: Output): Promise<void> {
  const { node, timeoutMs } = options
  const result = await withNode(options, io, async (client) => {
    const limits = { timeoutMs: timeoutMs + ANSWER_MARGIN_MS }
    return (await client.request('ping', { node, timeoutMs }, limits)) as PingResult
  })
  out.result(result, `${result.node} answered in ${formatMs(result.rttMs)}`)
}

/** Starts a process. */
export async function spawn(options: SpawnArguments, io: CliIo, out: Output): Promise<void> {
  const { behaviour, node, name, arg, supervised, timeoutMs } = options
  const result = await withNode(options, io, async (client) => {
    const params = { behaviour, node, name, arg, supervised, timeoutMs }
    const limits = { timeoutMs: timeoutMs + ANSWER_MARGIN_MS }
    return (await client.request('spawn', params, limits)) as SpawnResult
  })
  const named = result.name === undefined ? '' : ` as '${result.name}'`
  const how = result.supervised ? ', supervised' : ''
  out.result(result, `${behaviour} runs on ${result.node}${named}: ${result.pid}${how}`)
}

/** Calls a process. */
export async function refCall(options: CallArguments, io: CliIo, out: Output): Promise<void> {
  const { name, method, input, node, repeat, timeoutMs } = options
  const result = await withNode(options, io, async (client) => {
    const params = { name, method, input, node, repeat, timeoutMs }
    const limits = { timeoutMs: timeoutMs * repeat + ANSWER_MARGIN_MS }
    return (await client.request('call', params, limits)) as CallResult
  })
  const value = formatValue(result.value)
  if (repeat === 1) return out.result({ value: result.value }, value)
  const times = `p50 ${formatMs(result.p50Ms)}, p99 ${formatMs(result.p99Ms)}`
  out.result(result, `${value}\n${result.calls} calls: ${times}`)
}

/** Waits until a process ends. */
export async function refMonitor(options: MonitorArguments, io: CliIo, out: Output): Promise<void> {
  const { name, node } = options
  await withNode(options, io, async (client) => {
    let interrupted = false
    const stopWaiting = io.onStop(() => {
      interrupted = true
      client.close()
    })
    try {
      const result = (await client.request(
        'monitor',
        { name, node },
        {
          timeoutMs: Infinity,
          onEvent: (event) =>
            out.event({ event: 'monitoring', name, ...asFields(event) }, `monitoring ${name}`),
        },
      )) as DownResult
      out.event({ event: 'down', ...result }, `${name} is down: ${result.reason}`)
    } catch (error) {
      throw interrupted ? new InterruptedError() : error
    } finally {
      stopWaiting()
    }
  })
}

function asFields(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {}
}

async function withNode<T>(
  options: ClientArguments,
  io: CliIo,
  ask: (client: ControlClient) => Promise<T>,
): Promise<T> {
  const client = await connectControl({ dataDir: options.dataDir, clock: io.clock })
  try {
    return await ask(client)
  } finally {
    client.close()
  }
}
