/** The membership core as a protocol of a simulated world, and sizes for its messages. */
import type { SwimCore, SwimSizes } from '../membership/swim/core.ts'
import type { SwimEvent, SwimInput } from '../membership/swim/machine.ts'
import type {
  SwimDatagram,
  SwimReply,
  SwimRequest,
  SyncEntry,
  Update,
} from '../membership/swim/message.ts'
import type { Protocol } from './boundary.ts'

/** What an application or a driver asks of a membership core. */
export type SwimCommand = Extract<
  SwimInput,
  { type: 'join' | 'contact' | 'peer_gone' | 'leave' | 'set_meta' | 'set_address' }
>

/** The membership protocol. */
export interface SwimProtocol extends Protocol {
  readonly core: SwimCore
  readonly command: SwimCommand
  readonly datagram: SwimDatagram
  readonly request: SwimRequest
  readonly reply: SwimReply
  readonly event: SwimEvent
}

/** A statement with key, signature and realm membership, without its strings and metadata. */
const STATEMENT_BYTES = 330
const ACCUSATION_BYTES = 90
const HEADER_BYTES = 40

function updateBytes(update: Update): number {
  if (update.type !== 'statement') return ACCUSATION_BYTES
  const { name, host, meta } = update.statement
  return STATEMENT_BYTES + name.length + host.length + meta.length
}

/** About as large as on the wire; the wire's own bounds are tested with its codec. */
export const SIMULATED_SIZES: SwimSizes = Object.freeze({
  updateBytes,
  headerBytes: () => HEADER_BYTES,
  entryBytes: ({ statement }: SyncEntry) =>
    updateBytes({ type: 'statement', statement }) + ACCUSATION_BYTES,
})

/** Bytes of a datagram by {@link SIMULATED_SIZES}. */
export function datagramBytes(message: SwimDatagram): number {
  let bytes = HEADER_BYTES
  for (const update of message.updates) bytes += updateBytes(update)
  return bytes
}
