/**
 * The process `records`. It opens the store, once for all its lives, and owns the recorder's alarm, its
 * handlers at links and its crashes; the work is in `recorder.ts`. A restarted one takes back what the store
 * holds, so whatever was published or acknowledged before is there again.
 */
import { contract, implement, noreply } from '../../behaviours/index.ts'
import type { Contract, Server } from '../../behaviours/index.ts'
import { ALARM, EarliestAlarm } from '../alarm.ts'
import { Rates } from '../exchange/rates.ts'
import type { Store } from '../store/store.ts'
import { WireType } from '../wire/messages.ts'
import { AddressPublisher } from './address-publisher.ts'
import type { DhtContext } from './context.ts'
import { openExchanges } from './exchanges.ts'
import { RecordDisk } from './record-disk.ts'
import { Recorder } from './recorder.ts'

/** Messages of the records process to itself. */
export interface RecordsApi {
  call: {}
  cast: {
    /** The recorder threw. */
    failed(error: unknown): void
  }
}

interface State {
  readonly recorder: Recorder
  readonly alarm: EarliestAlarm
}

const RecordsContract: Contract<RecordsApi> = contract('fovea.records/1', {
  call: {},
  cast: { failed: true },
})

/** Starts and serves the recorder. */
export const RecordsServer: Server<RecordsApi, DhtContext> = implement<
  RecordsApi,
  DhtContext,
  State
>(RecordsContract, {
  init: async (context, ctx): Promise<State> => {
    const { clock, memory } = context
    const { system, signal, self } = ctx
    const store = (memory.store ??= await context.openStore())
    const alarm = new EarliestAlarm(clock, system, self.pid)
    const publisher = new AddressPublisher(context, signal)
    const recorder: Recorder = makeRecorder(context, store, {
      joined: () => publisher.begin(recorder),
      worked: () => alarm.set(recorder.nextDueMs),
      failed: (error) => void self.cast.failed(error),
    })
    listen(context, recorder, signal)
    alarm.set(recorder.nextDueMs)
    return { recorder, alarm }
  },
  call: {},
  cast: {
    failed: (_state, error) => {
      throw error
    },
  },
  info: (state, info) => {
    if (info.type !== 'message' || info.message !== ALARM) return noreply(state)
    const { recorder, alarm } = state
    alarm.rang()
    recorder.tick()
    alarm.set(recorder.nextDueMs)
    return noreply(state)
  },
})

/** How a driver and its process are tied. */
interface Ties {
  readonly joined: () => void
  readonly worked: () => void
  readonly failed: (error: unknown) => void
}

function makeRecorder(context: DhtContext, store: Store, ties: Ties): Recorder {
  const { clock, chance, memory, options, ownKey, pool, refusals, protocol, proofs } = context
  return new Recorder({
    core: {
      self: { id: ownKey.hex, key: ownKey },
      sender: () => ({ ...context.address(), mode: memory.mode }),
      settings: options.records,
      authority: context.making.authority,
      seed: Math.floor(chance() * 0x1_0000_0000),
      nowMs: clock.now(),
      wallNowMs: () => clock.wallNow(),
    },
    exchanges: openExchanges({ ...context, dialsMax: context.dials.records, held: ties.worked }),
    rates: new Rates(clock, options.routing.requestsPerPeerMax),
    disk: new RecordDisk({ store, codec: context.entryCodec, refusals }),
    ...{ clock, pool, refusals, protocol, proofs, memory, ...ties },
  })
}

/** Until the process dies, however it dies. */
function listen(context: DhtContext, recorder: Recorder, signal: AbortSignal): void {
  const { pool, frames, memory } = context
  const { store, findValue, storeReply, addProvider, getProviders } = WireType
  const types = [store, findValue, storeReply, addProvider, getProviders]
  const release = [
    ...types.map((type) =>
      frames.handle(type, type, (link, of, payload) => recorder.frame(link, of, payload)),
    ),
    pool.onLink((event) => recorder.link(event)),
  ]
  memory.recorder = recorder
  signal.addEventListener('abort', () => {
    for (const off of release) off()
    if (memory.recorder === recorder) memory.recorder = undefined
    recorder.close()
  })
  recorder.begin()
}
