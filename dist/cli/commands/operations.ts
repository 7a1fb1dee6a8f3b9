/** The commands that look at the mesh of a running node, or change whom it knows. */
import type { JoinArguments, StatsArguments, TopologyArguments } from '../command.ts'
import type { JoinResult } from '../control/target.ts'
import type { CliIo } from '../io.ts'
import { formatNumbers, type NodeNumbers } from '../operations/node-numbers.ts'
import { drawTopology, type TopologyReport } from '../operations/topology.ts'
import type { Output } from '../output.ts'
import { ANSWER_MARGIN_MS, withNode } from './with-node.ts'

/** Joins the running node with the one at an address. */
export async function join(options: JoinArguments, io: CliIo, out: Output): Promise<void> {
  const { address, timeoutMs } = options
  const result = await withNode(options, io, async (client) => {
    const limits = { timeoutMs: timeoutMs + ANSWER_MARGIN_MS }
    return (await client.request('join', { address, timeoutMs }, limits)) as JoinResult
  })
  const { node, key, already, membersUp } = result
  const what = already ? `${node} is a member already` : `joined ${node}`
  out.result(result, `${what}, key ${key.slice(0, 16)}; ${membersUp} members are up`)
}

/** Draws who keeps a link to whom. */
export async function topology(options: TopologyArguments, io: CliIo, out: Output): Promise<void> {
  const { nodesMax, timeoutMs } = options
  const report = await withNode(options, io, async (client) => {
    const limits = { timeoutMs: timeoutMs + ANSWER_MARGIN_MS }
    return (await client.request('topology', { nodesMax, timeoutMs }, limits)) as TopologyReport
  })
  out.result(report, drawTopology(report, out))
}

/** Shows the counters. */
export async function stats(options: StatsArguments, io: CliIo, out: Output): Promise<void> {
  const numbers = await withNode(options, io, async (client) => {
    return (await client.request('stats', {}, { timeoutMs: ANSWER_MARGIN_MS })) as NodeNumbers
  })
  out.result(numbers, formatNumbers(numbers, out))
}
