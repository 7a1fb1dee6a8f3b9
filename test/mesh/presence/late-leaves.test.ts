import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Diff } from '../../../mesh/presence/diff.ts'
import { LateLeaves } from '../../../mesh/presence/late-leaves.ts'
import type { PresenceEntry, WatchOptions } from '../../../mesh/presence/presence.ts'
import { codeOf } from '../wire/bytes.ts'
import { Mirror, PresenceNet } from './presence-net.ts'
import type { PresenceNode } from './presence-net.ts'

const DELAY_MS = 100
const NET = { presence: { lateLeavesMax: 2 } }

/** `ann1` is entry 1 of the key `ann`. */
function entry(name: string, previous?: string): PresenceEntry {
  const key = name.replace(/\d+$/, '')
  return { topic: 'room', key, node: 'n', ref: name, previousRef: previous, meta: null }
}

function diffOf(leaves: readonly string[], joins: readonly string[]): Diff {
  const came = joins.map((join) => entry(...(join.split('<') as [string, string?])))
  return { type: 'diff', topic: 'room', leaves: leaves.map((name) => entry(name)), joins: came }
}

/** `-ann1 +ann2<ann1`: an update. */
function told(diff: Diff | undefined): string {
  const joins = diff?.joins.map(({ ref, previousRef }) =>
    previousRef === undefined ? `+${ref}` : `+${ref}<${previousRef}`,
  )
  return [...(diff?.leaves.map(({ ref }) => `-${ref}`) ?? []), ...(joins ?? [])].join(' ')
}

describe('late leaves', () => {
  it.each([
    ['a leave is told at the end of its time, not before', ['-ann1', '', '99', '', '1', '-ann1']],
    [
      'who is back by then was never gone',
      ['-ann1', '', '99', '', '+ann2', '-ann1 +ann2<ann1', '200', ''],
    ],
    ['what comes back as it was is not spoken of', ['-ann1', '', '+ann1', '', '200', '']],
    ['who moves is updated, in one difference or in two', ['-ann1 +ann2', '-ann1 +ann2<ann1']],
    ['an update passes', ['-ann1 +ann2<ann1', '-ann1 +ann2<ann1', '200', '']],
    [
      'who was there before the other left is told of, and the other later',
      ['+ann2', '+ann2', '-ann1', '', '100', '-ann1'],
    ],
    [
      'of two leaves of a key the first ends with the first join',
      ['-ann1 -ann2', '', '+ann3', '-ann1 +ann3<ann1', '100', '-ann2'],
    ],
    ['nobody comes back as somebody else', ['-ann1', '', '+bob1', '+bob1', '100', '-ann1']],
    [
      'one more than heldMax is told at once, the oldest',
      ['-ann1 -bob1', '', '-eve1', '-ann1', '100', '-bob1 -eve1'],
    ],
  ])('%s', (_what, steps) => {
    let exceeded = 0
    const leaves = new LateLeaves('room', {
      ...{ delayMs: DELAY_MS, heldMax: 2, exceeded: () => (exceeded += 1) },
    })
    let nowMs = 0
    for (let at = 0; at < steps.length; at += 2) {
      const [step, expected] = [steps[at]!, steps[at + 1]]
      const words = step.split(' ')
      const of = (sign: string): string[] =>
        words.filter((word) => word.startsWith(sign)).map((word) => word.slice(1))
      const isTime = /^\d+$/.test(step)
      if (isTime) nowMs += Number(step)
      expect(told(isTime ? leaves.due(nowMs) : leaves.take(diffOf(of('-'), of('+')), nowMs))).toBe(
        expected,
      )
    }
    expect([leaves.nextDueMs, exceeded]).toEqual([Infinity, steps.includes('-eve1') ? 1 : 0])
  })

  it('whatever comes and goes, what was told is in the end what is there', () => {
    const step = fc.record({ key: fc.constantFrom('a', 'b'), at: fc.nat(7), ms: fc.nat(60) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const options = { delayMs: DELAY_MS, heldMax: 3, exceeded: () => {} }
        const leaves = new LateLeaves('room', options)
        const mirror = new Mirror()
        mirror.take({ type: 'snapshot', topic: 'room', entries: [], isComplete: true })
        const there = new Set<string>()
        let nowMs = 0
        for (const { key, at, ms } of steps) {
          const name = `${key}${at}`
          const diff = there.delete(name) ? diffOf([name], []) : diffOf([], [name])
          if (diff.joins.length > 0) there.add(name)
          for (const each of [leaves.due((nowMs += ms)), leaves.take(diff, nowMs)]) {
            if (each !== undefined) mirror.take(each)
          }
        }
        const last = leaves.due(nowMs + DELAY_MS)
        if (last !== undefined) mirror.take(last)
        expect([mirror.faults, Array.from(mirror.entries.keys()).sort()]).toEqual([
          [],
          Array.from(there).sort(),
        ])
      }),
      { numRuns: 50 },
    )
  })
})

/** A mirror, and how often it showed fewer people than before. */
function watched(
  { presence }: PresenceNode,
  options: WatchOptions,
): { mirror: Mirror; gone: string[] } {
  const mirror = new Mirror()
  const gone: string[] = []
  presence.watch(
    'room',
    (event) => {
      const before = new Set(mirror.keys())
      mirror.take(event)
      for (const key of mirror.keys()) before.delete(key)
      gone.push(...before)
    },
    options,
  )
  return { mirror, gone }
}

describe('a watch with leaveDelayMs', () => {
  it('G10 sees nobody go in a rolling restart, by a stop or by a kill, and one without it does', async () => {
    const net = new PresenceNet()
    const watcher = await net.start()
    const nodes = [...(await net.startAll(3))]
    const late = watched(watcher, { leaveDelayMs: 5_000 })
    const prompt = watched(watcher, {})
    const track = ({ presence }: PresenceNode, at: number): unknown =>
      presence.track('room', `user${at}`)
    nodes.forEach(track)
    await net.advance(100)
    for (const [at, node] of nodes.entries()) {
      if (at === 0) await net.stop(node)
      else await net.kill(node, 1_000)
      await net.advance(3_000)
      const { self, incarnation } = node.node
      nodes[at] = await net.start({ key: self, incarnation: incarnation + 1 })
      // The users of the last one have gone to another node meanwhile.
      track(at === 2 ? nodes[0]! : nodes[at]!, at)
      await net.advance(3_000)
    }
    expect([late.gone, prompt.gone]).toEqual([[], ['user0', 'user1', 'user2']])
    expect([late.mirror.lines(), late.mirror.faults]).toEqual([prompt.mirror.lines(), []])
    for (const node of nodes.slice(1)) await net.kill(node, 0)
    await net.advance(5_001)
    expect([late.gone, late.mirror.keys()]).toEqual([['user1'], ['user0', 'user2']])
  })

  it('holds lateLeavesMax leaves, and none when it was closed', async () => {
    const net = new PresenceNet(NET)
    const [a, b] = await net.startAll(2)
    const { mirror } = watched(b!, { leaveDelayMs: 1_000 })
    const all = ['x', 'y', 'z'].map((key) => a!.presence.track('room', key))
    await net.advance(100)
    const refused = (): number => b!.node.refusals.counters()['ERR_PRESENCE_LEAVES_MAX'] ?? 0
    for (const each of all.slice(0, 2)) each.untrack()
    await net.advance(100)
    expect([mirror.keys(), refused()]).toEqual([['x', 'y', 'z'], 0])
    all[2]!.untrack()
    await net.advance(100)
    expect([mirror.keys(), refused()]).toEqual([['y', 'z'], 1])
    b!.presence.stopped()
    await net.advance(1_000)
    expect([mirror.keys(), b!.presence.stats().watches]).toEqual([['y', 'z'], 0])
  })

  it('is an option of watches, not of lists', async () => {
    const net = new PresenceNet()
    const a = await net.start()
    const options = { leaveDelayMs: -1 }
    expect(codeOf(() => a.presence.watch('room', options))).toBe('ERR_OPTION_INVALID')
    await expect(a.presence.list('room', { ...options, timeoutMs: 1 })).rejects.toMatchObject({
      code: 'ERR_OPTION_UNKNOWN',
    })
  })
})
