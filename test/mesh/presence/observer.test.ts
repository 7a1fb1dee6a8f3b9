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

  it('PS14 asks a node that was gone for everything as soon as it is known to be in one topic again', () => {
    const asked: string[] = []
    const observer = new Observer({
      settings: presenceSettings({}),
      send: (_nodes, message) => {
        if (message.type === 'state' && message.word === 'wants') asked.push(message.topic)
      },
      ...{ announce: () => {}, refuse: () => {} },
      trackersOf: () => ['other'],
      seek: (_topic, found) => found(),
      own: () => [],
      decode: () => undefined,
      entryOf: spaceEntry,
    })
    const [meta, here] = [new Uint8Array(), new Map<string, number>()]
    for (const topic of ['t', 'u']) {
      const take = (event: PresenceEvent): void => {
        const [joins, leaves] =
          event.type === 'snapshot' ? [event.entries, []] : [event.joins, event.leaves]
        here.set(topic, (here.get(topic) ?? 0) + joins.length - leaves.length)
      }
      observer.add(new LocalWatch(topic, 0, { take, end: () => {} }, () => {}), 0)
    }
    const tell = (nowMs: number): void => {
      observer.tick(nowMs)
      const entries = [{ version: 1, key: 'k', meta }]
      const said = { type: 'snapshot', life: 1, version: 1, part: 0, parts: 1, entries } as const
      for (const topic of asked.splice(0)) observer.snapshot('other', { ...said, topic }, nowMs)
    }
    tell(0)
    expect(Object.fromEntries(here)).toEqual({ t: 1, u: 1 })
    observer.gone('other', false, 100)
    expect(Object.fromEntries(here)).toEqual({ t: 0, u: 0 })
    // That it is in the other one is no news.
    observer.tracked('t', 'other', 200)
    tell(1_000)
    expect(Object.fromEntries(here)).toEqual({ t: 1, u: 1 })
  })
})
