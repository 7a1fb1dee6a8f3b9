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

  it('PS14 asks who is not listed whether it stands, though it repeats meanwhile what is known', () => {
    const world = unlisted()
    world.repeat(0)
    expect(world.askedUntil(3_999)).toEqual([])
    expect(world.askedUntil(4_000)).toEqual([4_000])
  })

  it('PS14 who is not listed and does not answer leaves after three questions, and is not asked again', () => {
    const { observer, askedUntil, events } = unlisted()
    expect(askedUntil(10_999)).toEqual([4_000, 5_000, 7_000])
    expect([events, observer.size]).toEqual([['+1'], 1])
    expect(askedUntil(60_000)).toEqual([4_000, 5_000, 7_000])
    expect([events, observer.size]).toEqual([['+1', '-1'], 0])
    expect(observer.nextDueMs).toBe(Infinity)
  })

  it('PS14 who is not listed and does answer stays, and is asked ever more rarely until it is listed', () => {
    const { observer, askedUntil, events, repeat, list } = unlisted()
    for (const atMs of [4_000, 12_000, 28_000]) {
      expect(askedUntil(atMs).at(-1)).toBe(atMs)
      repeat(atMs)
    }
    list()
    // The question that was due; its answer is the last one.
    expect(askedUntil(60_000)).toEqual([4_000, 12_000, 28_000, 60_000])
    repeat(60_000)
    expect(askedUntil(600_000)).toHaveLength(4)
    expect([events, observer.size]).toEqual([['+1'], 1])
    expect(observer.nextDueMs).toBe(Infinity)
  })

  it('PS14 who is listed stays for the catalog to end, though it does not answer', () => {
    const { observer, askedUntil, events, list } = unlisted()
    list()
    expect(askedUntil(60_000).length).toBeGreaterThan(3)
    expect([events, observer.size]).toEqual([['+1'], 1])
    observer.untracked('t', 'other')
    expect([events, observer.size]).toEqual([['+1', '-1'], 0])
  })
})

/** A node that has told one entry before the catalog lists it. */
function unlisted(): {
  readonly observer: Observer
  /** What came and went. */
  readonly events: readonly string[]
  /** When it was asked, from the beginning. */
  readonly askedUntil: (untilMs: number) => readonly number[]
  /** It says how far it is, and that is known. */
  readonly repeat: (nowMs: number) => void
  readonly list: () => void
} {
  const [listed, asked, events]: [string[], number[], string[]] = [[], [], []]
  let nowMs = 0
  const observer = new Observer({
    settings: presenceSettings({}),
    send: (_nodes, message) => {
      if (message.type === 'state' && message.word === 'wants') asked.push(nowMs)
    },
    ...{ announce: () => {}, refuse: () => {} },
    trackersOf: () => listed,
    seek: (_topic, found) => found(),
    own: () => [],
    decode: () => undefined,
    entryOf: spaceEntry,
  })
  const take = (event: PresenceEvent): void => {
    if (event.type === 'snapshot') return
    if (event.joins.length > 0) events.push(`+${event.joins.length}`)
    if (event.leaves.length > 0) events.push(`-${event.leaves.length}`)
  }
  observer.add(new LocalWatch('t', 0, { take, end: () => {} }, () => {}), 0)
  observer.tick(0)
  const entries = [{ version: 1, key: 'k', meta: new Uint8Array() }]
  const topic = 't'
  observer.snapshot(
    'other',
    { type: 'snapshot', topic, life: 1, version: 1, part: 0, parts: 1, entries },
    0,
  )
  const askedUntil = (untilMs: number): readonly number[] => {
    for (; observer.nextDueMs <= untilMs; observer.tick(nowMs)) {
      nowMs = Math.max(nowMs, observer.nextDueMs)
    }
    return asked
  }
  const repeat = (atMs: number): void =>
    observer.delta('other', { type: 'delta', topic, life: 1, from: 1, to: 1, changes: [] }, atMs)
  return { observer, events, askedUntil, repeat, list: () => void listed.push('other') }
}
