/** Nodes with pub/sub over the network of services in memory. */
import type { SimClock } from '../../../runtime/index.ts'
import { createPubSubContext } from '../../../mesh/pubsub/context.ts'
import type { PubSubContext } from '../../../mesh/pubsub/context.ts'
import { pubsubSettings } from '../../../mesh/pubsub/options.ts'
import type { PubSubOptions } from '../../../mesh/pubsub/options.ts'
import type { PubSubMessage } from '../../../mesh/pubsub/pubsub.ts'
import { PubSubFunctions } from '../../../mesh/pubsub/pubsub-functions.ts'
import { PubSubServer } from '../../../mesh/pubsub/pubsub-server.ts'
import { WireType } from '../../../mesh/wire/messages.ts'
import type { RefOf } from '../../../behaviours/index.ts'
import { ServiceNet } from '../services/service-net.ts'
import type { ServiceNetOptions, ServiceNode, ServiceNodeOptions } from '../services/service-net.ts'

/** One node with pub/sub. */
export interface PubSubNode {
  readonly node: ServiceNode
  readonly context: PubSubContext
  readonly pubsub: PubSubFunctions
  readonly server: RefOf<typeof PubSubServer>
}

/** A network of them. */
export class PubSubNet {
  readonly net: ServiceNet
  readonly #options: PubSubOptions

  constructor({ pubsub = {}, ...options }: ServiceNetOptions & { pubsub?: PubSubOptions } = {}) {
    this.net = new ServiceNet(options)
    this.#options = pubsub
  }

  get clock(): SimClock {
    return this.net.clock
  }

  /** One more node. */
  async start(options: ServiceNodeOptions & { pubsub?: PubSubOptions } = {}): Promise<PubSubNode> {
    const { pubsub: given, ...rest } = options
    const node = this.net.node(rest)
    const settings = pubsubSettings({ ...this.#options, ...given })
    const context = createPubSubContext(node, settings)
    const pubsub = new PubSubFunctions(context, () => {})
    const server = await PubSubServer.start(context, { system: node.system })
    return { node, context, pubsub, server }
  }

  /** So many. */
  async startAll(count: number): Promise<readonly PubSubNode[]> {
    const nodes: PubSubNode[] = []
    for (let each = 0; each < count; each++) nodes.push(await this.start())
    return nodes
  }

  /** Frames of PUBLISH that were sent, to that node if given. */
  publishes(to?: PubSubNode): number {
    return this.net.trace.filter(
      ({ type, to: node }) =>
        type === WireType.publish && (to === undefined || node === to.node.self),
    ).length
  }

  /** The process of pub/sub is killed, and a supervisor starts another one. */
  async crash(node: PubSubNode): Promise<PubSubNode> {
    const { system } = node.node
    system.exit(node.server.pid, 'killed')
    await this.advance(0)
    return { ...node, server: await PubSubServer.start(node.context, { system }) }
  }

  /** The node dies, and comes back as another life with the same key and store. */
  async restart(old: PubSubNode): Promise<PubSubNode> {
    const { self, incarnation, store, system } = old.node
    await system.stop()
    this.net.kill(old.node, 0)
    await this.advance(1)
    const node = await this.start({
      key: self,
      incarnation: incarnation + 1,
      ...(store === undefined ? {} : { store }),
    })
    await this.advance(5)
    return node
  }

  async advance(ms: number): Promise<void> {
    await this.clock.advance(ms)
  }
}

/** The payloads of the messages that come. */
export function collect(): { handler: (message: PubSubMessage) => void; payloads: unknown[] } {
  const payloads: unknown[] = []
  return { handler: ({ payload }) => void payloads.push(payload), payloads }
}

/** What a promise rejects with, for one that is awaited later. */
export function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  )
}
