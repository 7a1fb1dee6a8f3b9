import { expect, it } from 'vitest'
import { callHandler } from '../../mesh/call-handler.ts'
import { createSimClock, createSystem, currentProcess } from '../../runtime/index.ts'

const planted = new Error('planted')

it.each<[string, () => unknown]>([
  [
    'throws',
    () => {
      throw planted
    },
  ],
  ['rejects', () => Promise.reject(planted)],
  [
    'gives a trap',
    () => ({
      get then() {
        throw planted
      },
    }),
  ],
  [
    'gives a promise of another library',
    () => ({ then: (_: unknown, no: (e: unknown) => void) => no(planted) }),
  ],
])('a handler that %s is told of, and harms nobody', async (_claim, handler) => {
  const failures: unknown[] = []
  callHandler(handler, (error) => failures.push(error))
  await new Promise(setImmediate)
  expect(failures).toEqual([planted])
})

it('a handler that is called by a process is not part of it', async () => {
  const clock = createSimClock()
  const system = createSystem({ clock })
  const seen: unknown[] = []
  const look = (): void => void seen.push(currentProcess()?.pid)
  const pid = system.spawn(() => {
    look()
    callHandler(look, () => expect.unreachable('it does not fail'))
  })
  await clock.advance(0)
  expect(seen).toEqual([pid, undefined])
})
