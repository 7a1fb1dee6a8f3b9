/** Nodes with procedures over the services net: everything of `mesh/rpc` but links. */
import { createRpcContext } from '../../../mesh/rpc/context.ts'
import type { RpcContext } from '../../../mesh/rpc/context.ts'
import { RpcError } from '../../../mesh/rpc/errors.ts'
import type { RpcOptions } from '../../../mesh/rpc/options.ts'
import { RpcFunctions } from '../../../mesh/rpc/rpc-functions.ts'
import { RpcServer } from '../../../mesh/rpc/rpc-server.ts'
import { WireType } from '../../../mesh/wire/messages.ts'
import { ServiceNet } from '../services/service-net.ts'
import type { ServiceNode } from '../services/service-net.ts'

/** A node that calls and serves. */
export interface RpcNode {
  readonly node: ServiceNode
  readonly context: RpcContext
  readonly rpc: RpcFunctions
  /** Counters of refusals. */
  count(code: string): number
}

/** How a promise has ended, as far as it has. */
export type Ended =
  | { readonly type: 'pending' }
  | { readonly type: 'value'; readonly value: unknown }
  | { readonly type: 'error'; readonly error: unknown }

/** All of them. */
export class RpcNet extends ServiceNet {
  /** One more node, started. */
  async rpcNode(options?: RpcOptions, changes: Partial<ServiceNode> = {}): Promise<RpcNode> {
    const node = this.node()
    Object.assign(node, changes)
    const context = createRpcContext(node, options)
    await this.during(RpcServer.start(context, { system: node.system }))
    const rpc = new RpcFunctions(context, () => {})
    await this.clock.advance(this.latencyMs)
    return { node, context, rpc, count: (code) => node.refusals.counters()[code] ?? 0 }
  }

  /** Lets time pass until the promise is settled, at most for a minute. */
  async during<T>(promise: Promise<T>, stepMs = 1): Promise<T> {
    let isOver = false
    const over = (): void => void (isOver = true)
    promise.then(over, over)
    await this.clock.settle()
    for (let step = 0; step < 60_000 && !isOver; step++) await this.clock.advance(stepMs)
    return promise
  }

  /** Procedures that others learn before this resolves. */
  async told(...promises: readonly Promise<unknown>[]): Promise<void> {
    await Promise.all(promises)
    await this.clock.advance(this.latencyMs + 1)
  }

  /** How a promise ends, seen from outside. */
  watch(promise: Promise<unknown>): { ended: Ended } {
    const seen: { ended: Ended } = { ended: { type: 'pending' } }
    promise.then(
      (value) => void (seen.ended = { type: 'value', value }),
      (error: unknown) => void (seen.ended = { type: 'error', error }),
    )
    return seen
  }

  /** The error that a promise rejects with. */
  async errorOf(promise: Promise<unknown>): Promise<RpcError> {
    try {
      await this.during(promise)
    } catch (error) {
      if (error instanceof RpcError) return error
      throw error
    }
    throw new Error('it did not fail')
  }

  /** Frames of one type. */
  frames(type: keyof typeof WireType): number {
    return this.trace.filter((frame) => frame.type === WireType[type]).length
  }
}
