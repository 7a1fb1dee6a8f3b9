/**
 * Nodes as the Kubernetes API knows them: it lists objects and watches what changes from there on, as clients of the
 * API do ("Efficient detection of changes").
 *
 *     list ──> watch from its resourceVersion ──> event, event, bookmark, ... ──> the server ends it ──> watch on
 *       ^                                              │
 *       └────── 410 Gone, in the answer or as an event ┘
 *
 * - The token is read at every request: the file is rotated while a pod lives.
 * - 401, 403, 5xx and anything unexpected is a failure and no answer; it is asked again after growing pauses, and what
 *   was known goes on to count (libcluster's #82). A list is whole: who is not in it is not tried any more.
 * - A service account needs the verbs `list` and `watch` on `endpoints` or `pods` of its namespace.
 */
import { readFile } from 'node:fs/promises'
import { SEED_PORT_DEFAULT, type Candidate, type DiscoverySink } from '../../mesh/index.ts'
import {
  booleanOption,
  functionOption,
  numberOption,
  objectOption,
  oneOfOption,
  optional,
  resolveOptions,
  stringOption,
  type OptionCheck,
} from '../../runtime/index.ts'
import type { HttpClient } from './http-client.ts'
import { KubernetesWatch } from './kubernetes-watch.ts'
import type { KubernetesMode } from './kubernetes-objects.ts'
import { nodeHttpClient } from './node-http-client.ts'
import { retryPauses } from './poll.ts'
import { Sightings } from './sightings.ts'
import type { Strategy, StrategyContext } from './strategy.ts'
import { pause } from './wait.ts'

/** Options of {@link kubernetes}. */
export interface KubernetesOptions {
  /** Default `'kubernetes'`. */
  readonly name: string
  /** What is watched: `'endpoints'` of a service (default), or `'pods'`. */
  readonly mode: KubernetesMode
  /** Namespace. Default: that of the pod. */
  readonly namespace: string | undefined
  /** Only objects with these labels, such as `app=shop`. Default: all, which is seldom what you want. */
  readonly labelSelector: string | undefined
  /** Only objects with these fields, such as `metadata.name=shop`. Default: all. */
  readonly fieldSelector: string | undefined
  /** Port of the nodes. Default 4433. */
  readonly port: number
  /** Name of a port in the objects, which then tells its number. Default: `port` is taken. */
  readonly portName: string | undefined
  /** Whether nodes that are not ready yet are tried. Default true: nodes are often ready once they have met. */
  readonly notReady: boolean
  /** Server. Default `'https://kubernetes.default.svc'`. */
  readonly url: string
  /** Where the token is, or what gives it. Default: the file of the service account. */
  readonly token: () => Promise<string>
  /** What gives the certificate of the authority, PEM. Default: the file of the service account. */
  readonly ca: () => Promise<string | undefined>
  /** How long the server keeps a watch. Default 300,000 ms. */
  readonly watchMs: number
  /** Wait for the head of an answer, for a list, and for the end of a watch that is over. Default 10,000 ms. */
  readonly timeoutMs: number
  /** Largest list, and largest event. Default 16 MiB; then `ERR_DISCOVERY_ANSWER_MAX`. */
  readonly answerBytesMax: number
  /**
   * Objects that are remembered; those beyond it are passed over, and `ERR_DISCOVERY_OBJECTS_MAX` is counted. Default 65,536.
   * Each has the addresses of its nodes in memory.
   */
  readonly objectsMax: number
  /** Makes requests. Default: real ones. */
  readonly http: HttpClient
}

const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount'

const accountFile = async (name: string): Promise<string> =>
  (await readFile(`${ACCOUNT}/${name}`, 'utf8')).trim()

const DEFAULTS: KubernetesOptions = Object.freeze<KubernetesOptions>({
  name: 'kubernetes',
  mode: 'endpoints',
  namespace: undefined,
  labelSelector: undefined,
  fieldSelector: undefined,
  port: SEED_PORT_DEFAULT,
  portName: undefined,
  notReady: true,
  url: 'https://kubernetes.default.svc',
  token: () => accountFile('token'),
  ca: () => accountFile('ca.crt'),
  watchMs: 300_000,
  timeoutMs: 10_000,
  answerBytesMax: 16_777_216,
  objectsMax: 65_536,
  http: nodeHttpClient,
})

const CHECKS: { readonly [K in keyof KubernetesOptions]-?: OptionCheck } = {
  name: stringOption,
  mode: oneOfOption('endpoints', 'pods'),
  namespace: optional(stringOption),
  labelSelector: optional(stringOption),
  fieldSelector: optional(stringOption),
  port: numberOption(1, 65_535),
  portName: optional(stringOption),
  notReady: booleanOption,
  url: { expected: 'an http or https URL', test: (v) => /^https?:\/\/\S+$/.test(String(v)) },
  token: functionOption,
  ca: functionOption,
  watchMs: numberOption(1_000, 3_600_000),
  timeoutMs: numberOption(1, 2_147_483_647),
  answerBytesMax: numberOption(1_024, 1_073_741_824),
  objectsMax: numberOption(1, 16_777_216),
  http: objectOption,
}

/**
 * Watches the API of Kubernetes. For the DNS of a headless service use `dnsPoll`, for one of a StatefulSet `dnsSrv`.
 *
 * @example
 * kubernetes({ labelSelector: 'app=shop' })
 */
export function kubernetes(given: Partial<KubernetesOptions> = {}): Strategy {
  const options = resolveOptions('kubernetes', DEFAULTS, CHECKS, given)
  return { name: options.name, start: (sink, context) => run(options, sink, context) }
}

async function run(
  options: KubernetesOptions,
  sink: DiscoverySink,
  { clock, entropy, signal, refused }: StrategyContext,
): Promise<void> {
  const pauses = retryPauses()
  const sightings = new Sightings(0)
  const tell = (candidates: readonly Candidate[]): void => {
    if (signal.aborted) return
    const { seen, gone } = sightings.answer(candidates, clock.now())
    if (seen.length > 0) sink.seen(seen)
    if (gone.length > 0) sink.gone(gone)
  }
  const namespace = async (): Promise<string> => options.namespace ?? accountFile('namespace')
  const { name: strategy, objectsMax } = options
  const passedOver = (): void => refused('ERR_DISCOVERY_OBJECTS_MAX', { strategy, objectsMax })
  const watch = new KubernetesWatch({ ...options, namespace, clock, signal, tell, passedOver })
  for (let going = true; going;) {
    let pauseMs = 0
    try {
      // A list is no end of failures: where each watch is refused as too old, lists would follow each other.
      if (await watch.step()) pauses.reset()
    } catch (error) {
      if (signal.aborted) return
      sink.failed(error)
      pauseMs = pauses.nextMs(entropy.random())
    }
    going = await pause(clock, pauseMs, signal)
  }
}
