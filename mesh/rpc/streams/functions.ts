/** `rpc.stream` and `rpc.advertiseStream`: checks what an application gives, and hands it on. */
import {
  currentProcess,
  numberOption,
  oneOfOption,
  optional,
  ownPromise,
  resolveOptions,
} from '../../../runtime/index.ts'
import type { OptionCheck } from '../../../runtime/index.ts'
import type { RpcContext } from '../context.ts'
import { RpcError } from '../errors.ts'
import { checkProcedure } from '../invoke.ts'
import { advertiseSettings, CALL_CHECKS, schemaOption } from '../options.ts'
import type { Registration } from '../procedures.ts'
import type { Advertisement } from '../rpc.ts'
import { WINDOW_BYTES_MAX, WINDOW_BYTES_MIN } from './frames.ts'
import type { StreamService } from './inbound.ts'
import { STREAM_STRATEGY } from './selector.ts'
import type {
  AdvertiseStreamOptions,
  RpcStream,
  RpcStreams,
  StreamHandler,
  StreamOptions,
  StreamStats,
} from './stream.ts'

const TIME: OptionCheck = numberOption(1, 2_147_483_647)

/** Nodes that are asked at most when the option is not given. */
const ATTEMPTS_DEFAULT = 3

const STREAM_OPTION_CHECKS: { readonly [Name in keyof StreamOptions]-?: OptionCheck } = {
  signal: CALL_CHECKS.signal,
  strategy: CALL_CHECKS.strategy,
  key: CALL_CHECKS.key,
  node: CALL_CHECKS.node,
  attempts: CALL_CHECKS.attempts,
  mode: optional(oneOfOption('server', 'client', 'bidi')),
  timeoutMs: optional(TIME),
  idleTimeoutMs: optional(TIME),
  windowBytes: optional(numberOption(WINDOW_BYTES_MIN, WINDOW_BYTES_MAX)),
}

/** See the head of this file. */
export class StreamFunctions implements RpcStreams {
  readonly #context: RpcContext
  readonly #check: () => void

  /** `check` throws once the node has stopped. */
  constructor(context: RpcContext, check: () => void) {
    this.#context = context
    this.#check = check
  }

  stream<Item = unknown, Result = unknown, Sent = unknown>(
    procedure: string,
    input?: unknown,
    options?: StreamOptions,
  ): RpcStream<Item, Result, Sent> {
    const given = resolveOptions<StreamOptions>('rpc.stream', {}, STREAM_OPTION_CHECKS, options)
    const { strategy = STREAM_STRATEGY, key, node, mode = 'bidi', signal, timeoutMs } = given
    this.#check()
    checkProcedure(procedure)
    const driver = this.#context.memory.streams
    if (driver === undefined) {
      const message = 'the process behind procedures is being restarted'
      throw new RpcError('ERR_RPC_UNREACHABLE', message, { procedure })
    }
    const stream = driver.open({
      ...{ procedure, input, mode, signal, timeoutMs },
      attemptsMax: given.attempts ?? ATTEMPTS_DEFAULT,
      windowBytes: given.windowBytes,
      idleTimeoutMs: given.idleTimeoutMs,
      target: { procedure, strategy, key, node },
      owner: currentProcess()?.pid,
    })
    return stream as RpcStream<Item, Result, Sent>
  }

  async advertiseStream<Input = unknown, Item = unknown, Result = unknown, Sent = unknown>(
    procedure: string,
    handler: StreamHandler<Input, Item, Result, Sent>,
    options: AdvertiseStreamOptions<Input, Sent> = {},
  ): Promise<Advertisement> {
    this.#check()
    const owner = currentProcess()?.pid
    const { item, ...rest } = options
    if (!optional(schemaOption).test(item)) {
      resolveOptions<{ item?: unknown }>(
        'rpc.advertiseStream',
        {},
        { item: schemaOption },
        { item },
      )
    }
    const settings = advertiseSettings({ ...rest, queueMax: 0 })
    if (typeof handler !== 'function') {
      throw new RpcError('ERR_RPC_PROCEDURE_INVALID', 'a handler of streams is a function', {
        procedure,
      })
    }
    const { procedures } = this.#context.memory
    const registration = procedures.add<StreamService>({
      kind: 'stream',
      pattern: procedure,
      handler: {
        handler: handler as StreamHandler,
        input: settings.input,
        item: item as StreamService['item'],
      },
      settings,
      owners: owner === undefined ? [] : [owner],
    })
    return advertisement(this.#context, registration)
  }

  streamStats(): StreamStats {
    return this.#context.memory.streams?.stats() ?? NO_STREAMS
  }
}

/** While the process behind is not there. */
const NO_STREAMS: StreamStats = Object.freeze({
  outbound: 0,
  inbound: 0,
  opened: 0,
  served: 0,
  refused: 0,
  failed: 0,
  resent: 0,
  bytesUnacknowledged: 0,
  bytesWaiting: 0,
  bytesUnread: 0,
})

function advertisement(
  { memory }: RpcContext,
  registration: Registration<StreamService>,
): Advertisement {
  const unadvertise = (): boolean => memory.procedures.end(registration as Registration)
  return {
    procedure: registration.pattern,
    unadvertise,
    drain: () => {
      unadvertise()
      return ownPromise<void>((resolve) => registration.gate.whenIdle(() => resolve()))
    },
  }
}
