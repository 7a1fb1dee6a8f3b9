/** Nodes with streams over a network in memory. */
import { createRpcContext } from '../../../../mesh/rpc/context.ts'
import type { RpcContext } from '../../../../mesh/rpc/context.ts'
import type { RpcOptions } from '../../../../mesh/rpc/options.ts'
import { StreamDriver } from '../../../../mesh/rpc/streams/driver.ts'
import { StreamFunctions } from '../../../../mesh/rpc/streams/functions.ts'
import { ServiceNet } from '../../services/service-net.ts'
import type { ServiceNode, ServiceNodeOptions } from '../../services/service-net.ts'

/** One of them. */
export interface StreamNode {
  readonly node: ServiceNode
  readonly context: RpcContext
  readonly driver: StreamDriver
  readonly rpc: StreamFunctions
}

/** All of them. */
export class StreamNet {
  readonly net: ServiceNet = new ServiceNet()

  add(options?: RpcOptions, nodeOptions?: ServiceNodeOptions): StreamNode {
    const node = this.net.node(nodeOptions)
    const context = createRpcContext(node, options)
    const driver = new StreamDriver(context)
    context.memory.streams = driver
    return { node, context, driver, rpc: new StreamFunctions(context, () => {}) }
  }

  /** Lets that much time pass. */
  async advance(ms = 50): Promise<void> {
    await this.net.clock.advance(ms)
  }
}

/** A caller and a provider. */
export function pairOf(options?: RpcOptions): {
  readonly world: StreamNet
  readonly caller: StreamNode
  readonly provider: StreamNode
} {
  const world = new StreamNet()
  return { world, caller: world.add(options), provider: world.add(options) }
}

/** What a promise has come to, without waiting for it. */
export function fateOf<T>(promise: Promise<T>): { value?: T; error?: unknown } {
  const fate: { value?: T; error?: unknown } = {}
  promise.then(
    (value) => (fate.value = value),
    (error: unknown) => (fate.error = error),
  )
  return fate
}

/** Items of a loop as they come, and how it ended. */
export function listen<T>(items: AsyncIterable<T>): {
  readonly items: T[]
  isOver: boolean
  error?: unknown
} {
  const seen: { readonly items: T[]; isOver: boolean; error?: unknown } = {
    items: [],
    isOver: false,
  }
  const loop = async (): Promise<void> => {
    try {
      for await (const item of items) seen.items.push(item)
    } catch (error) {
      seen.error = error
    }
    seen.isOver = true
  }
  void loop()
  return seen
}
