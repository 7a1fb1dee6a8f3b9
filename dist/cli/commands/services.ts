/** `fovea publish|subscribe|call|advertise|services|topics|presence`: topics and procedures through a running node. */
import type { ClockTimer } from '../../../runtime/index.ts'
import type {
  AdvertiseArguments,
  PresenceArguments,
  PublishArguments,
  RpcCallArguments,
  ServicesArguments,
  ServicesListArguments,
  SubscribeArguments,
  TopicsArguments,
} from '../command.ts'
import type { ServiceAction } from '../control/service-question.ts'
import { CliError } from '../errors.ts'
import {
  formatPresence,
  formatPresenceChange,
  type PresenceMessageRow,
  type PresenceRow,
} from '../operations/presence-rows.ts'
import type { CliIo } from '../io.ts'
import {
  formatMessage,
  formatPublish,
  formatRpcCall,
  formatServed,
  formatServices,
  formatTopics,
  type MessageRow,
  type PublishRow,
  type RpcCallRow,
  type ServedRow,
  type ServiceRow,
  type TopicRow,
} from '../operations/service-rows.ts'
import type { Output } from '../output.ts'
import { ANSWER_MARGIN_MS, followNode, withNode } from './with-node.ts'

/** Runs any of them. */
export async function services(options: ServicesArguments, io: CliIo, out: Output): Promise<void> {
  switch (options.command) {
    case 'publish':
      return await publish(options, io, out)
    case 'subscribe':
      return await subscribe(options, io, out)
    case 'call':
      return await call(options, io, out)
    case 'advertise':
      return await advertise(options, io, out)
    case 'services':
      return await list(options, io, out)
    case 'topics':
      return await topics(options, io, out)
    case 'presence':
      return await presence(options, io, out)
  }
}

async function publish(options: PublishArguments, io: CliIo, out: Output): Promise<void> {
  const { topic, payload, qos, retain } = options
  const row = (await ask('publish', { topic, payload, qos, retain }, options, io)) as PublishRow
  out.result(row, formatPublish(row, out))
}

async function call(options: RpcCallArguments, io: CliIo, out: Output): Promise<void> {
  const { procedure, input } = options
  const row = (await ask('call', { procedure, input }, options, io)) as RpcCallRow
  out.result(row, formatRpcCall(row))
}

async function list(options: ServicesListArguments, io: CliIo, out: Output): Promise<void> {
  const { name } = options
  const rows = (await ask('services', { name }, options, io)) as readonly ServiceRow[]
  out.result(rows, formatServices(rows, name))
}

async function topics(options: TopicsArguments, io: CliIo, out: Output): Promise<void> {
  const rows = (await ask('topics', {}, options, io)) as readonly TopicRow[]
  out.result(rows, formatTopics(rows))
}

/** Ends after `count` messages, `timeoutMs` after the node has subscribed, on Ctrl-C, or when nobody reads the output. */
async function subscribe(options: SubscribeArguments, io: CliIo, out: Output): Promise<void> {
  const { filter, group, count, timeoutMs } = options
  let heard = 0
  let end = (): void => {}
  let isLate = false
  let timer: ClockTimer | undefined
  const onFollowing = (): void => {
    if (timeoutMs === undefined) return
    timer = io.clock.setTimer(timeoutMs, () => {
      isLate = true
      end()
    })
  }
  const onEvent = (event: unknown): void => {
    const row = event as MessageRow | { readonly type: 'following' }
    if (row.type === 'following') {
      onFollowing()
      return out.event({ event: 'subscribed', filter })
    }
    const { type, ...fields } = row
    out.event({ event: type, ...fields }, formatMessage(row, out))
    heard += 1
    if (heard === count) end()
  }
  await withNode(options, io, (client) =>
    followNode(client, io, {
      method: 'subscribe',
      params: { filter, group },
      onEvent,
      until: (stop) => {
        end = stop
        return () => timer?.cancel()
      },
    }),
  )
  if (!isLate || count === undefined) return
  const what = `${heard} of ${count} messages came within ${timeoutMs} ms`
  throw new CliError('ERR_SUBSCRIBE_TIMEOUT', what)
}

/** Shows who is present; with `watch` goes on until Ctrl-C, or until nobody reads the output. */
async function presence(options: PresenceArguments, io: CliIo, out: Output): Promise<void> {
  const { topic, watch, timeoutMs } = options
  let isComplete = true
  const entries: PresenceRow[] = []
  const onEvent = (event: unknown): void => {
    const row = event as PresenceMessageRow | { readonly type: 'following' }
    if (row.type === 'snapshot') {
      entries.push(...row.entries)
      isComplete = row.isComplete
    } else if (row.type === 'following') {
      const text = formatPresence(topic, entries, isComplete)
      out.event({ event: 'snapshot', topic, entries, isComplete }, text)
    } else {
      const { type, ...fields } = row
      out.event({ event: type, ...fields }, formatPresenceChange(row, out))
    }
  }
  const params = { topic, timeoutMs, follow: watch }
  const answerMs = timeoutMs + ANSWER_MARGIN_MS
  await withNode(options, io, async (client) => {
    if (watch)
      return await followNode(client, io, { method: 'presence', params, onEvent, answerMs })
    await client.request('presence', params, { timeoutMs: answerMs, onEvent })
    out.result(entries, formatPresence(topic, entries, isComplete))
  })
}

async function advertise(options: AdvertiseArguments, io: CliIo, out: Output): Promise<void> {
  const { procedure, reply } = options
  await withNode(options, io, (client) =>
    followNode(client, io, {
      method: 'advertise',
      params: { procedure, reply },
      onEvent: (event) => {
        const row = event as ServedRow | { readonly type: 'following' }
        if (row.type === 'following') {
          return out.event({ event: 'advertised', procedure }, `${procedure} is advertised`)
        }
        const { type, ...fields } = row
        out.event({ event: type, ...fields }, formatServed(row))
      },
    }),
  )
}

function ask(
  action: ServiceAction,
  params: Readonly<Record<string, unknown>>,
  options: ServicesArguments & { readonly timeoutMs: number },
  io: CliIo,
): Promise<unknown> {
  const { timeoutMs } = options
  const limits = { timeoutMs: timeoutMs + ANSWER_MARGIN_MS }
  const request = { action, ...params, timeoutMs }
  return withNode(options, io, (client) => client.request('services', request, limits), timeoutMs)
}
