/** Topics and procedures of a running node, as the command line uses them. */
import { PubSubError, type Mesh, type PubSubMessage } from '../../../mesh/index.ts'
import type { Offer, ServiceQuestion } from '../control/service-question.ts'
import { CliError } from '../errors.ts'
import type {
  MessageRow,
  PublishRow,
  RpcCallRow,
  ServedRow,
  ServiceRow,
  TopicRow,
} from './service-rows.ts'

/** Nodes that an error names. */
const NAMES_MAX = 8

/** What of a mesh, or of a peer at its edge, is needed. */
export type ServicesMesh = Pick<Mesh, 'key' | 'pubsub' | 'rpc' | 'services' | 'system'> &
  // A peer at the edge has neither, and knows nobody by name.
  Partial<Pick<Mesh, 'membership' | 'nodeId'>>

/** Limits of one question. */
export interface AskServicesOptions {
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** What is answered, by question. */
export type ServiceAnswer = PublishRow | RpcCallRow | readonly TopicRow[] | readonly ServiceRow[]

/** Told what happens in something that goes on, and why it is over when nobody ended it. */
export interface FollowSink<Row> {
  readonly push: (row: Row) => void
  readonly end: (problem: Error) => void
}

/** Answers a question. */
export async function askServices(
  mesh: ServicesMesh,
  question: ServiceQuestion,
  limits: AskServicesOptions,
): Promise<ServiceAnswer> {
  switch (question.action) {
    case 'publish': {
      const { topic, payload, qos, retain } = question
      const published = mesh.pubsub.publish(topic, payload, { ...limits, qos, retain })
      const result = await published.catch((error: unknown) => {
        throw withNames(mesh, error)
      })
      const { sequence, local, nodes, dropped } = result
      return { topic, qos, sequence, local, nodes, dropped }
    }
    case 'call': {
      const { clock } = mesh.system
      const startedMs = clock.now()
      const value = await mesh.rpc.call(question.procedure, question.input, limits)
      // A clock says more than is known.
      return { value, elapsedMs: Math.round((clock.now() - startedMs) * 100) / 100 }
    }
    case 'topics':
      return mesh.pubsub.topics().map(({ filter, plain, groups, nodes }) => ({
        ...{ filter, plain, groups },
        nodes: nodes.map((key) => idOf(mesh, key) ?? key),
      }))
    case 'services': {
      // Everything: at the edge the gateway is asked for it.
      const { name = mesh.membership === undefined ? '**' : undefined } = question
      const found =
        name === undefined ? mesh.services.list() : await mesh.services.find(name, limits)
      return found.map(({ procedure, node, via, kinds, metadata, ageMs }) => ({
        ...{ procedure, ...named('node', idOf(mesh, node)), key: node, ...named('via', via) },
        ...{ kinds, metadata, ageMs: Math.max(0, Math.round(ageMs)) },
      }))
    }
  }
}

/** What is subscribed to. */
export interface SubscribeQuestion {
  readonly filter: string
  /** Of all members of a group one gets each message. */
  readonly group?: string | undefined
}

/** Subscribes; gives the way to stop. Throws what the mesh throws for a filter that is none. */
export function subscribe(
  mesh: ServicesMesh,
  { filter, group }: SubscribeQuestion,
  { push, end }: FollowSink<MessageRow>,
): () => void {
  const tell = (message: PubSubMessage): void => {
    const { topic, payload, publisher, sequence, retained, headers } = message
    push({
      ...{ type: 'message', topic, payload, ...named('publisher', idOf(mesh, publisher)) },
      ...{ publisherKey: publisher, sequence, retained, headers },
    })
  }
  const subscription = mesh.pubsub.subscribe(filter, tell, { group })
  void subscription.ended.then((reason) => {
    if (reason === 'unsubscribed') return
    end(new CliError('ERR_SUBSCRIPTION_ENDED', `the subscription ended: ${reason}`))
  })
  return () => subscription.unsubscribe()
}

/** Offers a procedure that gives everybody the same reply; resolves with the way to stop. */
export async function advertise(
  mesh: ServicesMesh,
  { procedure, reply }: Offer,
  push: (row: ServedRow) => void,
): Promise<() => void> {
  const advertisement = await mesh.rpc.advertise(procedure, (input, context) => {
    const { caller, procedure: called } = context
    push({
      ...{ type: 'served', procedure: called, input },
      ...{ ...named('caller', idOf(mesh, caller.node)), callerKey: caller.node },
    })
    return reply
  })
  return () => void advertisement.unadvertise()
}

/** An error that says at which nodes it failed. */
function withNames(mesh: ServicesMesh, error: unknown): unknown {
  if (!(error instanceof PubSubError) || error.nodes.length === 0) return error
  const { code, message, nodes } = error
  const names = nodes.slice(0, NAMES_MAX).map((key) => idOf(mesh, key) ?? key)
  const more = nodes.length > NAMES_MAX ? ' and others' : ''
  return new CliError(code, `${message}: ${names.join(', ')}${more}`, { cause: error })
}

/** The id of a member by its key. */
function idOf(mesh: ServicesMesh, key: string): string | undefined {
  return key === mesh.key.hex ? mesh.nodeId : mesh.membership?.member(key)?.nodeId
}

/** A field that is there when it has a value. */
function named<Field extends string>(
  field: Field,
  value: string | undefined,
): { readonly [Name in Field]?: string } {
  return (value === undefined ? {} : { [field]: value }) as { readonly [Name in Field]?: string }
}
