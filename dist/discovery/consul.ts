/**
 * Nodes of a service in Consul's catalogue, by blocking queries: each answer has an index, and the next question waits
 * at the server until it changes. As Consul's documentation of blocking queries asks, the index begins anew when it
 * goes backwards or is not positive, and a question is given up some time after the server should have answered.
 *
 * An answer is whole: who is not in it is not tried any more.
 */
import { isHost, type Candidate, type DiscoverySink } from '../../mesh/index.ts'
import {
  booleanOption,
  numberOption,
  objectOption,
  optional,
  resolveOptions,
  stringOption,
  type OptionCheck,
} from '../../runtime/index.ts'
import { DiscoveryHttpError } from './errors.ts'
import { readText, type HttpClient } from './http-client.ts'
import { isObject, numberAt, objectAt, parseJson, textAt, type JsonObject } from './json.ts'
import { nodeHttpClient } from './node-http-client.ts'
import { retryPauses } from './poll.ts'
import { Sightings } from './sightings.ts'
import type { Strategy, StrategyContext } from './strategy.ts'
import { pause, within } from './wait.ts'

/** Options of {@link consul}. */
export interface ConsulOptions {
  /** Default `'consul'`. */
  readonly name: string
  /** Agent. Default `'http://127.0.0.1:8500'`. */
  readonly url: string
  /** The service that the nodes are registered as. */
  readonly service: string
  /** Only those with this tag. Default: all. */
  readonly tag: string | undefined
  /** Datacenter. Default: the agent's. */
  readonly datacenter: string | undefined
  /** ACL token, or what gives it; asked for at every question. Default: none. */
  readonly token: string | (() => string | Promise<string>) | undefined
  /** Only those whose checks pass. Default true. */
  readonly passing: boolean
  /** How long the server may keep a question. Default 55,000 ms; at most 10 minutes. */
  readonly waitMs: number
  /** Wait for an answer on top of that, and for the first one. Default 10,000 ms. */
  readonly timeoutMs: number
  /** Shortest pause between two questions. Default 1,000 ms: an index that never stops changing is no flood. */
  readonly intervalMinMs: number
  /** Largest answer. Default 4 MiB; then `ERR_DISCOVERY_ANSWER_MAX`. */
  readonly answerBytesMax: number
  /** Makes requests. Default: real ones. */
  readonly http: HttpClient
}

const DEFAULTS: ConsulOptions = Object.freeze<ConsulOptions>({
  name: 'consul',
  url: 'http://127.0.0.1:8500',
  service: '',
  tag: undefined,
  datacenter: undefined,
  token: undefined,
  passing: true,
  waitMs: 55_000,
  timeoutMs: 10_000,
  intervalMinMs: 1_000,
  answerBytesMax: 4_194_304,
  http: nodeHttpClient,
})

const CHECKS: { readonly [K in keyof ConsulOptions]-?: OptionCheck } = {
  name: stringOption,
  url: { expected: 'an http or https URL', test: (v) => /^https?:\/\/\S+$/.test(String(v)) },
  service: stringOption,
  tag: optional(stringOption),
  datacenter: optional(stringOption),
  token: {
    expected: 'a text, or a function that gives one',
    test: (value) =>
      value === undefined || typeof value === 'string' || typeof value === 'function',
  },
  passing: booleanOption,
  waitMs: numberOption(1_000, 600_000),
  timeoutMs: numberOption(1, 2_147_483_647),
  intervalMinMs: numberOption(0, 2_147_483_647),
  answerBytesMax: numberOption(1_024, 1_073_741_824),
  http: objectOption,
}

/**
 * Finds nodes by a service of Consul.
 *
 * @example
 * consul({ service: 'shop', token: process.env.CONSUL_HTTP_TOKEN })
 */
export function consul(given: Partial<ConsulOptions> & Pick<ConsulOptions, 'service'>): Strategy {
  // An option that must be given is wrong when it is not.
  const whole = { ...given, service: given.service ?? '' }
  const options = resolveOptions('consul', DEFAULTS, CHECKS, whole)
  return { name: options.name, start: (sink, context) => watch(options, sink, context) }
}

async function watch(
  options: ConsulOptions,
  sink: DiscoverySink,
  { clock, entropy, signal }: StrategyContext,
): Promise<void> {
  const { waitMs, timeoutMs, intervalMinMs } = options
  const pauses = retryPauses()
  const sightings = new Sightings(0)
  let index = 0
  for (let going = true; going;) {
    const startedMs = clock.now()
    let pauseMs: number
    try {
      // Consul adds a sixteenth by chance to the time that it keeps a question.
      const keptMs = index === 0 ? 0 : waitMs * (1 + 1 / 16)
      const limits = { clock, signal, timeoutMs: keptMs + timeoutMs, what: 'consul' }
      const answer = await within(limits, (asking) => ask(options, index, asking))
      if (signal.aborted) return
      const { seen, gone } = sightings.answer(answer.candidates, clock.now())
      if (seen.length > 0) sink.seen(seen)
      if (gone.length > 0) sink.gone(gone)
      pauses.reset()
      index = answer.index < index || answer.index <= 0 ? 0 : answer.index
      pauseMs = Math.max(0, startedMs + intervalMinMs - clock.now())
    } catch (error) {
      if (signal.aborted) return
      sink.failed(error)
      index = 0
      pauseMs = pauses.nextMs(entropy.random())
    }
    going = await pause(clock, pauseMs, signal)
  }
}

async function ask(
  options: ConsulOptions,
  index: number,
  signal: AbortSignal,
): Promise<{ readonly candidates: readonly Candidate[]; readonly index: number }> {
  const { url, service, tag, datacenter, token, passing, waitMs, answerBytesMax, http } = options
  const query = new URLSearchParams()
  if (passing) query.set('passing', 'true')
  if (tag !== undefined) query.set('tag', tag)
  if (datacenter !== undefined) query.set('dc', datacenter)
  if (index > 0) {
    query.set('index', String(index))
    query.set('wait', `${waitMs}ms`)
  }
  const secret = typeof token === 'function' ? await token() : token
  const path = `/v1/health/service/${encodeURIComponent(service)}`
  const request = {
    url: `${url.replace(/\/$/, '')}${path}?${query.toString()}`,
    headers: secret === undefined ? {} : { 'X-Consul-Token': secret },
  }
  const response = await http.get(request, { signal })
  try {
    const { status, headers } = response
    const text = await readText(response, answerBytesMax)
    if (status !== 200) throw new DiscoveryHttpError(status, `consul answered ${status} to ${path}`)
    const entries = parseJson(text, status, 'consul')
    if (!Array.isArray(entries))
      throw new DiscoveryHttpError(status, 'consul: the answer is no list')
    const next = Number(headers['x-consul-index'] ?? 0)
    return { candidates: entries.flatMap(candidatesOf), index: Number.isFinite(next) ? next : 0 }
  } finally {
    response.close()
  }
}

/** A service without an address of its own is at that of its node. */
function candidatesOf(entry: unknown): Candidate[] {
  if (!isObject(entry)) return []
  const service: JsonObject = objectAt(entry, 'Service')
  const own = textAt(service, 'Address')
  const host = own === undefined || own === '' ? textAt(objectAt(entry, 'Node'), 'Address') : own
  const port = numberAt(service, 'Port') ?? 0
  return isHost(host) && Number.isInteger(port) && port > 0 && port < 65_536 ? [{ host, port }] : []
}
