/** What a node knows of others, when that is much. */
import { describe, expect, it } from 'vitest'
import { LocalWatch } from '../../../mesh/presence/local-watch.ts'
import { Observer } from '../../../mesh/presence/observer.ts'
import { presenceSettings } from '../../../mesh/presence/options.ts'
import type { PresenceEvent } from '../../../mesh/presence/presence.ts'
import { spaceEntry } from '../../../mesh/presence/space.ts'

describe('an observer', () => {
  it('tells a new watch of more entries of one node than a call can have arguments', () => {
    const count = 200_000
    const observer = new Observer({
      settings: presenceSettings({ nodeEntriesMax: count }),
      ...{ send: () => {}, announce: () => {}, refuse: () => {} },
      trackersOf: () => ['other'],
      seek: (_topic, found) => found(),
      own: () => [],
      decode: () => undefined,
      entryOf: spaceEntry,
    })
    const sizes: number[] = []
    const watch = (): void => {
      const take = (event: PresenceEvent): void =>
        void sizes.push(event.type === 'snapshot' ? event.entries.length : -1)
      observer.add(new LocalWatch('t', 0, { take, end: () => {} }, () => {}), 0)
      observer.tick(0)
    }
    watch()
    const meta = new Uint8Array()
    const entries = Array.from({ length: count }, (_, i) => ({ version: i + 1, key: 'k', meta }))
    observer.snapshot(
      'other',
      { type: 'snapshot', topic: 't', life: 1, version: count, part: 0, parts: 1, entries },
      0,
    )
    watch()
    expect(sizes.at(-1)).toBe(count)
  })
})
