import { describe, expect, it } from 'vitest'
import { nodeKeyFromBytes } from '../../../mesh/identity/node-key.ts'
import type { SyncEntry } from '../../../mesh/membership/exchange.ts'
import { SYNC_ENTRIES_PER_FRAME, SyncProtocol } from '../../../mesh/membership/sync-protocol.ts'
import { Codec } from '../../../mesh/wire/codec.ts'
import { FrameDecoder } from '../../../mesh/wire/frame.ts'
import { WireType } from '../../../mesh/wire/messages.ts'

const entry = (n: number, change: Partial<SyncEntry> = {}): SyncEntry => {
  const bytes = new Uint8Array(32)
  new DataView(bytes.buffer).setUint32(0, n)
  const key = nodeKeyFromBytes(bytes)
  return { key, name: `n${n}`, host: '10.0.0.1', port: 4433, incarnation: n, ...change }
}
const codec = new Codec()
const protocol = new SyncProtocol(codec)
const read = (frames: readonly Uint8Array[]): SyncEntry[] => {
  const entries: SyncEntry[] = []
  const decoder = new FrameDecoder()
  for (const frame of frames) {
    decoder.push(frame, (type, payload) => {
      expect(type).toBe(WireType.swimSync)
      entries.push(...protocol.read(payload))
    })
  }
  return entries
}

describe('SyncProtocol', () => {
  it.each([0, 1, SYNC_ENTRIES_PER_FRAME, SYNC_ENTRIES_PER_FRAME + 1, 5_000])(
    '%i members travel, in frames below 1 MiB',
    (count) => {
      const entries = Array.from({ length: count }, (_, n) =>
        entry(n, { name: `n${'x'.repeat(63)}`, host: 'h'.repeat(253) }),
      )
      const frames = protocol.frames(entries)
      expect(frames).toHaveLength(Math.ceil(count / SYNC_ENTRIES_PER_FRAME))
      for (const frame of frames) expect(frame.length).toBeLessThan(1_048_576)
      expect(read(frames)).toEqual(entries)
    },
  )

  it.each<[string, Partial<SyncEntry>]>([
    ['name', { name: 'a@b' }],
    ['host', { host: 'a b' }],
  ])('H37 a %s that could not stand in a node id is refused', (field, change) => {
    const [frame] = protocol.frames([entry(1), entry(2, change)])
    expect(() => protocol.read(frame!.subarray(8))).toThrow(
      expect.objectContaining({ code: 'ERR_MESSAGE_INVALID', field: `entries[1].${field}` }),
    )
  })
})
