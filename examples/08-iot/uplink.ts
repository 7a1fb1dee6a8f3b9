/**
 * Brings readings from the outbox to whoever wants them, as long as there is a way. Published at least once they reach all
 * that subscribe; but only the archive knows what the archive has, so it is asked, and what it has not is published again.
 */
import { defineServer, noreply } from 'fovea'
import type { Ctx } from 'fovea'
import type { Peer } from 'fovea/mesh'
import { Outbox } from './outbox.ts'
import { topicOf, UPTO } from './reading.ts'

/** What the process is started with. */
export interface UplinkArg {
  readonly peer: Peer
  readonly print: (line: string) => void
}

interface State extends UplinkArg {
  /** Why the last try failed. */
  readonly trouble: string | undefined
}

/** Readings that are under way at once. */
const BATCH_MAX = 64
/** How long to wait for acknowledgements, and for the archive. */
const TRY_MS = 2_000
/** Pauses: when nothing waits, and when it does not work. */
const IDLE_MS = 50
const AGAIN_MS = 250

const again = (ctx: Ctx<never, never>, afterMs: number): unknown => ctx.sendAfter(afterMs, 'go')

/** The process. */
export const Uplink = defineServer({
  name: 'uplink/1',
  init: (arg: UplinkArg, ctx): State => {
    again(ctx, 0)
    return { ...arg, trouble: undefined }
  },
  call: {},
  cast: {},
  info: async (state, _go, ctx) => {
    try {
      const isMore = await deliver(state.peer)
      again(ctx, isMore ? 0 : IDLE_MS)
      return noreply({ ...state, trouble: undefined })
    } catch (error) {
      // What was under way when it was stopped.
      if (ctx.signal.aborted) return noreply(state)
      const trouble = String((error as { readonly code?: string }).code ?? error)
      if (trouble !== state.trouble) state.print(`* readings wait on disk: ${trouble}`)
      again(ctx, AGAIN_MS)
      return noreply({ ...state, trouble })
    }
  },
})

/** Resolves with whether there may be more at once; rejects when it is not known that the archive has what was sent. */
async function deliver({ pubsub, rpc, system }: Peer): Promise<boolean> {
  const outbox = Outbox.contract.at(system.whereis('outbox')!)
  const waiting = await outbox.call.waiting(BATCH_MAX)
  const oldest = waiting[0]?.number
  if (oldest === undefined) return false
  const sent = waiting.map((reading) =>
    pubsub.publish(
      topicOf(reading),
      { ...reading, oldest },
      { delivery: 'at_least_once', timeoutMs: TRY_MS },
    ),
  )
  await Promise.all(sent)
  const upto = await rpc.call<unknown>(UPTO, undefined, { timeoutMs: TRY_MS, idempotent: true })
  outbox.cast.delivered(Number(upto))
  if (Number(upto) < oldest) throw new Error('the archive did not get them')
  return true
}
