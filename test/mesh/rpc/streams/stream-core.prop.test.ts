import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { streamFault } from '../../../../mesh/rpc/streams/frames.ts'
import type { StreamFrame } from '../../../../mesh/rpc/streams/frames.ts'
import { CorePair, hand, itemOf, numberOf, PAIR_SETTINGS } from './core-pair.ts'
import type { PairSide } from './core-pair.ts'

type Who = 'opener' | 'acceptor'
type Act =
  | { readonly type: 'write'; readonly who: Who; readonly bytes: number }
  | { readonly type: 'read' | 'end' | 'abort'; readonly who: Who }
  | {
      readonly type: 'deliver'
      readonly who: Who
      readonly lane: 'numbered' | 'atOnce'
      readonly how: 'first' | 'second' | 'twice' | 'never'
    }
  | { readonly type: 'time'; readonly ms: number }

const WHO = fc.constantFrom<Who>('opener', 'acceptor')
const SIZES = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 4, max: 2_000 }) },
  { weight: 2, arbitrary: fc.integer({ min: 20_000, max: 70_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 70_000, max: 262_144 }) },
)

/** `isLossy`: frames get lost, come twice or out of order. */
function actsOf(isLossy: boolean): fc.Arbitrary<readonly Act[]> {
  const how = isLossy
    ? fc.constantFrom('first' as const, 'first' as const, 'second', 'twice', 'never')
    : fc.constant('first' as const)
  const lane = fc.constantFrom('numbered' as const, 'atOnce' as const)
  const act: fc.Arbitrary<Act> = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ type: fc.constant('write' as const), who: WHO, bytes: SIZES }),
    },
    { weight: 6, arbitrary: fc.record({ type: fc.constant('read' as const), who: WHO }) },
    {
      weight: 14,
      arbitrary: fc.record({ type: fc.constant('deliver' as const), who: WHO, lane, how }),
    },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('end' as const), who: WHO }) },
    {
      weight: isLossy ? 2 : 1,
      arbitrary: fc.record({
        type: fc.constant('time' as const),
        ms: fc.integer({ min: 1, max: 120 }),
      }),
    },
  )
  return fc.array(act, { minLength: 20, maxLength: 220 })
}

/** What was written on a side, and how it ended. */
class Model {
  readonly written: number[] = []
  isEnded = false
}

function peerOf(who: Who): Who {
  return who === 'opener' ? 'acceptor' : 'opener'
}

class Run {
  readonly pair = new CorePair()
  readonly models: Readonly<Record<Who, Model>> = { opener: new Model(), acceptor: new Model() }
  #number = 0

  act(act: Act): void {
    const { pair } = this
    switch (act.type) {
      case 'write':
        return this.#write(act.who, act.bytes)
      case 'read':
        pair[act.who].read(pair.nowMs)
        return
      case 'end':
        return this.#end(act.who)
      case 'abort':
        return pair[act.who].core.abort(streamFault('cancelled', 'given up'))
      case 'deliver':
        return this.#deliver(act)
      case 'time':
        return pair.advance(act.ms)
    }
  }

  #write(who: Who, bytes: number): void {
    const { core } = this.pair[who]
    if (!core.isWritable) return
    this.#number += 1
    this.models[who].written.push(this.#number)
    core.write(itemOf(this.#number, bytes), this.pair.nowMs)
  }

  #end(who: Who): void {
    const { core } = this.pair[who]
    if (!core.isWritable) return
    this.models[who].isEnded = true
    if (who === 'opener') core.end(this.pair.nowMs)
    else core.reply(itemOf(0), this.pair.nowMs)
  }

  #deliver({ who, lane, how }: Extract<Act, { readonly type: 'deliver' }>): void {
    const from: StreamFrame[] = this.pair[who][lane]
    const [frame] = from.splice(how === 'second' && from.length > 1 ? 1 : 0, 1)
    if (frame === undefined || how === 'never') return
    const to = this.pair[peerOf(who)]
    hand(frame, this.pair[who], to, this.pair.nowMs)
    if (how === 'twice') hand(frame, this.pair[who], to, this.pair.nowMs)
  }

  /** Lets everything arrive, resends included, while both sides read. */
  finish(): void {
    this.#end('opener')
    this.#end('acceptor')
    for (let round = 0; round < 400; round++) {
      this.pair.settle()
      this.pair.opener.readAll(this.pair.nowMs)
      this.pair.acceptor.readAll(this.pair.nowMs)
      if (this.pair.opener.core.isClosed && this.pair.acceptor.core.isClosed) break
      this.pair.advance(50)
    }
    this.pair.settle()
    this.pair.opener.readAll(this.pair.nowMs)
  }

  /** What must never be seen. */
  problems(): readonly string[] {
    return (['opener', 'acceptor'] as const).flatMap((who) => {
      const side = this.pair[who]
      const read = itemsOf(side).join(' ')
      const { windowBytes } = PAIR_SETTINGS
      const written = this.models[peerOf(who)].written.slice(0, itemsOf(side).length).join(' ')
      return [
        ...side.violations,
        ...(read === written ? [] : [`${who} read ${read} of ${written}`]),
        ...(side.core.bytesKept <= windowBytes + LARGE ? [] : [`${who} is beyond the window`]),
        ...(side.closes.length <= 1 ? [] : [`${who} closed twice`]),
      ]
    })
  }
}

/** What was let in beyond the window for one large item, at most. */
const LARGE = PAIR_SETTINGS.itemBytesMax

function itemsOf({ reads }: PairSide): readonly number[] {
  return reads.flatMap((read) => (read.type === 'item' ? [numberOf(read.bytes)] : []))
}

describe('a stream', () => {
  it.each([
    ['in order', false],
    ['with frames lost, doubled and out of order', true],
  ])(
    'R8 loses, reorders and doubles no item, whatever the order of events: %s',
    (_name, isLossy) => {
      fc.assert(
        fc.property(actsOf(isLossy), (acts) => {
          const run = new Run()
          for (const act of acts) {
            run.act(act)
            expect(run.problems()).toEqual([])
          }
          run.finish()
          expect(run.problems()).toEqual([])
          const { opener, acceptor } = run.pair
          expect(opener.closes).toEqual([undefined])
          // Whether the opener has everything, the acceptor may hear only because it is not known there any more.
          expect(acceptor.closes.length).toBe(1)
          expect(['unreachable', undefined]).toContain(acceptor.closes[0]?.kind)
          // Everything before the result was read, and then the result.
          expect(itemsOf(opener)).toEqual(run.models.acceptor.written)
          expect(opener.reads.at(-1)?.type).toBe('reply')
          expect(opener.settles.map(({ type }) => type)).toEqual(['reply'])
          expect([opener.core.bytesKept, acceptor.core.bytesKept]).toEqual([0, 0])
          expect([opener.reserved, acceptor.reserved]).toEqual([0, 0])
        }),
        { numRuns: 50, seed: 61 },
      )
    },
  )

  it('R8 has no more on the way than the window of the reader, whatever it reads', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 4, max: 32_768 }), { minLength: 1, maxLength: 60 }),
        fc.array(fc.nat({ max: 3 }), { maxLength: 40 }),
        (sizes, reads) => {
          const pair = new CorePair()
          pair.settle()
          let most = 0
          const look = (): void => {
            const { opener, acceptor } = pair
            most = Math.max(most, opener.core.bytesKept, acceptor.core.bytesUnread)
          }
          for (const [at, size] of sizes.entries()) {
            pair.opener.core.write(itemOf(at, size), 0)
            look()
            pair.step()
            for (let left = reads[at] ?? 0; left > 0; left--) pair.acceptor.read(0)
            look()
          }
          expect(most).toBeLessThanOrEqual(PAIR_SETTINGS.windowBytes)
        },
      ),
      { numRuns: 100, seed: 62 },
    )
  })

  it('R8 lets go of each item once, in order, when the reader has all of it', () => {
    const sizes = fc.array(fc.integer({ min: 4, max: 100_000 }), { minLength: 1, maxLength: 100 })
    fc.assert(
      fc.property(sizes, (lengths) => {
        const pair = new CorePair()
        pair.settle()
        const items = lengths.map((length, at) => itemOf(at, length))
        let whole = 0
        for (const item of items) {
          pair.opener.core.write(item, 0)
          pair.settle()
          while (pair.acceptor.read(0) !== undefined) whole += 1
          pair.settle()
          expect(pair.opener.spents.length).toBeLessThanOrEqual(whole)
        }
        pair.advance(PAIR_SETTINGS.probeMs)
        pair.settle()
        const spent = pair.opener.spents.map(({ buffer }) => buffer)
        expect(spent.map((buffer, at) => buffer === items[at]!.buffer)).toEqual(
          items.map(() => true),
        )
      }),
      { numRuns: 20, seed: 64 },
    )
  })

  it('R8 a cancel of either side, at any moment, ends the other one within one way', () => {
    fc.assert(
      fc.property(actsOf(false), WHO, fc.nat(), (acts, who, at) => {
        const run = new Run()
        for (const act of acts.slice(0, at % acts.length)) run.act(act)
        const { opener, acceptor } = run.pair
        const wasOpen = !opener.core.isClosed && !acceptor.core.isClosed
        run.act({ type: 'abort', who })
        const told = run.pair[who].atOnce.at(-1)
        if (told !== undefined) run.pair[peerOf(who)].core.take(told, run.pair.nowMs)
        expect(opener.core.isClosed && acceptor.core.isClosed).toBe(true)
        if (wasOpen) {
          expect(opener.closes.map((fault) => fault?.kind)).toEqual(['cancelled'])
          expect(acceptor.closes.map((fault) => fault?.kind)).toEqual(['cancelled'])
        }
        expect([opener.core.bytesKept, acceptor.core.bytesKept]).toEqual([0, 0])
        expect([opener.reserved, acceptor.reserved]).toEqual([0, 0])
      }),
      { numRuns: 120, seed: 63 },
    )
  })
})
