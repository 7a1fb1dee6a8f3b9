/**
 * Whatever is done to a process through `sys`, its messages are handled once each and in their order, and
 * every request shows exactly what was handled before it.
 */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { defineServer, noreply, sys, type Trace } from '../../../behaviours/index.ts'
import { world } from '../world.ts'

type Step =
  | { readonly type: 'cast' | 'async' | 'send'; readonly count: number }
  | { readonly type: 'suspend' | 'resume' | 'look' | 'trace' | 'untrace' | 'settle' | 'give_up' }

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    type: fc.constantFrom('cast' as const, 'async' as const, 'send' as const),
    count: fc.integer({ min: 1, max: 50 }),
  }),
  fc.record({
    type: fc.constantFrom(
      'suspend' as const,
      'resume' as const,
      'look' as const,
      'trace' as const,
      'untrace' as const,
      'settle' as const,
      'give_up' as const,
    ),
  }),
)

const List = defineServer({
  init: (): readonly number[] => [],
  call: {},
  cast: {
    put: (list, n: number) => noreply([...list, n]),
    putLater: async (list, n: number) => {
      await Promise.resolve()
      return noreply([...list, n])
    },
  },
  info: (list, info) => noreply(info.type === 'message' ? [...list, info.message as number] : list),
})

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n)

it('messages keep their order through suspend, resume, requests and traces', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const { clock, system } = world()
      const ref = await List.start(undefined, { system })
      const traces: Trace[] = []
      const looks: Promise<void>[] = []
      let sent = 0
      let suspended = false
      let handledAtMost = 0
      const put = { cast: ref.cast.put, async: ref.cast.putLater }
      for (const each of steps) {
        switch (each.type) {
          case 'cast':
          case 'async':
            for (let i = 0; i < each.count; i++) put[each.type].call(ref.cast, sent++)
            break
          case 'send':
            for (let i = 0; i < each.count; i++) system.send(ref.pid, sent++)
            break
          case 'suspend':
            if (!suspended) handledAtMost = sent
            suspended = true
            looks.push(sys.suspend(ref))
            break
          case 'resume':
            suspended = false
            looks.push(sys.resume(ref))
            break
          case 'look': {
            const expected = suspended ? handledAtMost : sent
            const seen = sys.getState<readonly number[]>(ref)
            looks.push(seen.then((list) => expect(list).toEqual(upTo(expected))))
            break
          }
          case 'give_up': {
            const abort = new AbortController()
            const given = sys.getState(ref, { signal: abort.signal })
            looks.push(
              given.then(
                () => expect.unreachable(),
                () => {},
              ),
            )
            abort.abort()
            break
          }
          case 'trace':
            traces.push(sys.log(ref, { eventsMax: 5 }))
            break
          case 'untrace':
            traces.pop()?.stop()
            break
          case 'settle':
            await clock.settle()
        }
      }
      looks.push(sys.resume(ref))
      await Promise.all(looks)
      expect(await sys.getState(ref)).toEqual(upTo(sent))
      await system.stop()
    }),
    { numRuns: 200 },
  )
})
