/** `fovea dht`: values, providers and lookups through a running node. */
import type {
  DhtArguments,
  DhtGetArguments,
  DhtLookupArguments,
  DhtProvideArguments,
  DhtProvidersArguments,
  DhtPutArguments,
  DhtTableArguments,
  DhtWithdrawArguments,
} from '../command.ts'
import type { DhtAction } from '../control/dht-question.ts'
import type { CliIo } from '../io.ts'
import {
  formatDhtTable,
  formatHop,
  formatLookup,
  formatProviders,
  formatPut,
  formatValueRow,
  formatWithdraw,
  type DhtHopRow,
  type DhtLookupRow,
  type DhtProviderRow,
  type DhtPutRow,
  type DhtTableRow,
  type DhtValueRow,
  type DhtWithdrawRow,
} from '../operations/dht-rows.ts'
import type { Output } from '../output.ts'
import { ANSWER_MARGIN_MS, withNode } from './with-node.ts'

/** Runs any of them. */
export async function dht(options: DhtArguments, io: CliIo, out: Output): Promise<void> {
  switch (options.command) {
    case 'dht put':
      return await put(options, io, out)
    case 'dht get':
      return await get(options, io, out)
    case 'dht provide':
      return await provide(options, io, out)
    case 'dht providers':
      return await providers(options, io, out)
    case 'dht withdraw':
      return await withdraw(options, io, out)
    case 'dht table':
      return await table(options, io, out)
    case 'dht lookup':
      return await lookup(options, io, out)
  }
}

async function put(options: DhtPutArguments, io: CliIo, out: Output): Promise<void> {
  const { value, name, ttlMs, quorum, once } = options
  const params = { value: base64(value), name, ttlMs, quorum, once }
  const row = (await ask('put', params, options, io)) as DhtPutRow
  // What is repeated is kept here as well; of the rest, so is what nobody else acknowledged.
  const isHere = !once || quorum !== 0
  out.result(row, formatPut(row, name === undefined ? 'put' : `put '${name}'`, isHere, out))
}

async function get(options: DhtGetArguments, io: CliIo, out: Output): Promise<void> {
  const { key, publisher, quorum } = options
  const row = (await ask('get', { key, publisher, quorum }, options, io)) as DhtValueRow
  out.result(row, formatValueRow(row, out))
}

async function provide(options: DhtProvideArguments, io: CliIo, out: Output): Promise<void> {
  const { key, metadata } = options
  const params = { key, metadata: base64(metadata ?? '') }
  const row = (await ask('provide', params, options, io)) as DhtPutRow
  out.result(row, formatPut(row, 'provided', true, out))
}

async function providers(options: DhtProvidersArguments, io: CliIo, out: Output): Promise<void> {
  const { key, count } = options
  const rows = (await ask('providers', { key, count }, options, io)) as readonly DhtProviderRow[]
  out.result(rows, formatProviders(rows))
}

async function withdraw(options: DhtWithdrawArguments, io: CliIo, out: Output): Promise<void> {
  const { key, name } = options
  const row = (await ask('withdraw', { key, name }, options, io)) as DhtWithdrawRow
  out.result(row, formatWithdraw(row, name === undefined))
}

async function table(options: DhtTableArguments, io: CliIo, out: Output): Promise<void> {
  const rows = (await ask('table', {}, options, io)) as readonly DhtTableRow[]
  out.result(rows, formatDhtTable(rows, out))
}

async function lookup(options: DhtLookupArguments, io: CliIo, out: Output): Promise<void> {
  const { key, trace } = options
  const row = (await ask('lookup', { key, trace }, options, io, (event) => {
    const hop = event as DhtHopRow
    out.event({ event: 'hop', ...hop }, formatHop(hop, out))
  })) as DhtLookupRow
  if (trace && out.json) out.event({ event: 'done', ...row })
  else out.result(row, formatLookup(row))
}

function ask(
  action: DhtAction,
  params: Readonly<Record<string, unknown>>,
  options: DhtArguments,
  io: CliIo,
  onEvent: (event: unknown) => void = () => {},
): Promise<unknown> {
  const { timeoutMs } = options
  const dials =
    'alpha' in options ? { disjointPaths: options.disjointPaths, alpha: options.alpha } : {}
  return withNode(options, io, (client) =>
    client.request(
      'dht',
      { action, ...params, timeoutMs, ...dials },
      { timeoutMs: timeoutMs + ANSWER_MARGIN_MS, onEvent },
    ),
  )
}

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64')
}
