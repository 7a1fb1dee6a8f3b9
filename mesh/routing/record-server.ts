/**
 * The process `records`. It opens the store, once for all its lives, and owns the recorder's alarm, its
 * handlers at links and its crashes; the work is in `recorder.ts`. A restarted one takes back what the store
 * holds, so whatever was published or acknowledged before is there again.
 */
import type { Server } from '../../behaviours/index.ts'
import { driverServer } from '../driver-process.ts'
import type { DriverApi, Ties } from '../driver-process.ts'
import { Rates } from '../exchange/rates.ts'
import type { Store } from '../store/store.ts'
import { WireType } from '../wire/messages.ts'
import { AddressPublisher } from './address-publisher.ts'
import type { DhtContext } from './context.ts'
import { openExchanges } from './exchanges.ts'
import { RecordDisk } from './record-disk.ts'
import { Recorder } from './recorder.ts'

/** Starts and serves the recorder. */
export const RecordsServer: Server<DriverApi, DhtContext> = driverServer(
  'fovea.records/1',
  async (context: DhtContext, ties) => {
    const store = (context.memory.store ??= await context.openStore())
    const publisher = new AddressPublisher(context, ties.signal)
    const recorder: Recorder = makeRecorder(context, store, {
      ...ties,
      joined: () => publisher.begin(recorder),
    })
    listen(context, recorder, ties.signal)
    return recorder
  },
)

/** With what the recorder does once this node has found its place. */
interface RecorderTies extends Ties {
  readonly joined: () => void
}

function makeRecorder(context: DhtContext, store: Store, ties: RecorderTies): Recorder {
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
