/** What others passed on to this node: opened, judged, and handed over frame by frame. */
import type { Refusals } from '../refusals.ts'
import type { RouteDelivery } from '../routing/greedy/router.ts'
import { WireType } from '../wire/messages.ts'
import type { Origin } from './courier.ts'
import { readFrames } from './frames.ts'
import type { CourierMemory } from './memory.ts'
import type { Seals } from './seal.ts'

/** What it needs. */
export interface InboxParts {
  readonly seals: Seals
  readonly refusals: Refusals
  readonly memory: CourierMemory
}

/** Takes an envelope; false when it is not for this node as it is, which its source is told. */
export function takeSealed(
  { seals, refusals, memory }: InboxParts,
  { source, payload }: Pick<RouteDelivery, 'source' | 'payload'>,
): boolean {
  const opened = seals.open(payload, source.hex)
  const frames = typeof opened === 'string' ? undefined : readFrames(opened.frames)
  if (typeof opened === 'string' || frames === undefined) {
    const code = typeof opened === 'string' ? opened : 'ERR_COURIER_SEAL'
    refusals.count(code, { source: source.hex })
    return false
  }
  const { sender, publicKey, roles, via } = opened
  const origin: Origin = Object.freeze({ node: sender.hex, roles, path: 'relayed', via })
  memory.dispatcher?.met(sender.hex, publicKey)
  for (const { type, payload: bytes } of frames) {
    if (type === WireType.serviceChunk) memory.dispatcher?.relayedChunk(origin, bytes)
    else memory.deliver(origin, type, bytes)
  }
  return true
}
