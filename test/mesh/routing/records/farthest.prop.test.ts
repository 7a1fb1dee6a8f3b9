import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareDistance, keyFromWords } from '../../../../mesh/routing/kademlia/id.ts'
import { FarthestFirst } from '../../../../mesh/routing/records/farthest.ts'
import type { ShelfItem } from '../../../../mesh/routing/records/shelf-item.ts'
import { record } from './shelf-scene.ts'

const key = fc
  .array(
    fc.nat({ max: 3 }).map((part) => part * 0x5555_5555),
    { minLength: 8, maxLength: 8 },
  )
  .map((words) => keyFromWords(Uint32Array.from(words)))

function item(slot: number, of: ReturnType<typeof keyFromWords>): ShelfItem {
  const entry = {
    record: record({ key: of }),
    keepUntilMs: 1,
    own: false,
    cached: false,
    storedAtMs: 0,
  }
  return { id: `${slot}`, key: of, slot, entry, bytes: 0, place: -1 }
}

describe('the order in which entries give way', () => {
  it('K38 is by distance, the newest first among equals, after any pushes and deletions', () => {
    const run = fc.property(
      key,
      fc.array(fc.tuple(key, fc.nat({ max: 2 })), { maxLength: 60 }),
      (own, commands) => {
        const heap = new FarthestFirst(own)
        let model: ShelfItem[] = []
        for (const [slot, [of, command]] of commands.entries()) {
          if (command < 2) {
            const pushed = item(slot, of)
            heap.push(pushed)
            model.push(pushed)
          } else if (model.length > 0) {
            const gone = model[(slot * 7) % model.length]!
            heap.delete(gone)
            model = model.filter((other) => other !== gone)
            expect(gone.place).toBe(-1)
          }
          expect(heap.size).toBe(model.length)
        }
        model.sort((a, b) => compareDistance(own, b.key, a.key) || b.slot - a.slot)
        for (const expected of model) {
          expect(heap.first()).toBe(expected)
          heap.delete(expected)
        }
        expect(heap.first()).toBeUndefined()
      },
    )
    fc.assert(run, { seed: 38, numRuns: 150 })
  })
})
