/** The commands that ask a running node: connect, one request, print, close. */
import type { CallArguments, MonitorArguments, PingArguments, SpawnArguments } from '../command.ts'
import type { CallResult, DownResult, PingResult, SpawnResult } from '../control/target.ts'
import { InterruptedError } from '../errors.ts'
import type { CliIo } from '../io.ts'
import { formatMs, formatValue, type Output } from '../output.ts'
import { printable } from '../printable.ts'
import { ANSWER_MARGIN_MS, withNode } from './with-node.ts'

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
      out.event({ event: 'down', ...result }, `${name} is down: ${printable(result.reason)}`)
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
