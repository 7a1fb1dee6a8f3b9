/** The way back to a caller on another node. One for each call, so it is a class: an object with a getter costs more to make. */
import type { Origin } from '../courier/courier.ts'
import type { RpcContext } from './context.ts'
import type { ReplyMessage, RpcFrames } from './frames.ts'
import type { ReplyPort } from './incoming-call.ts'

/** See the head of this file. */
export class RemoteReply implements ReplyPort {
  readonly #context: Pick<RpcContext, 'courier' | 'refusals'>
  readonly #frames: RpcFrames
  readonly #origin: Origin

  constructor(
    context: Pick<RpcContext, 'courier' | 'refusals'>,
    frames: RpcFrames,
    origin: Origin,
  ) {
    this.#context = context
    this.#frames = frames
    this.#origin = origin
  }

  get bytesWaiting(): number {
    return this.#context.courier.bytesWaiting(this.#origin.node)
  }

  send(message: ReplyMessage, body: Uint8Array): void {
    const { courier, refusals } = this.#context
    const { node, via } = this.#origin
    const lost = (): void => refusals.count('ERR_RPC_RESULT_LOST', { node })
    const frame = this.#frames.reply(message, body)
    if (courier.send(node, 'rpc', frame, { via, lost }) === 'refused') lost()
  }
}
