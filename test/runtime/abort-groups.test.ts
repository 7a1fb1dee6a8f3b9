import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { self } from '../../runtime/index.ts'
import { createWorld, idle } from './world.ts'

describe('onAbort', () => {
  it('has one listener per signal, and none when nobody waits', () => {
    const { system } = createWorld()
    const { signal } = new AbortController()
    const release = Array.from({ length: 100 }, () => system.onAbort(signal, () => {}))
    void system.call(idle(system), 'x', 1, { signal }).catch(() => {})
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    for (const free of release) free()
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    void system.stop()
  })

  it('tells everybody the cause once, also when one of them throws', () => {
    const { system, errors } = createWorld()
    const abort = new AbortController()
    const told: unknown[] = []
    system.onAbort(abort.signal, (cause) => told.push(cause))
    system.onAbort(abort.signal, () => {
      throw new Error('boom')
    })
    system.onAbort(abort.signal, () => told.push('second'))
    system.onAbort(abort.signal, () => told.push('taken back'))()
    abort.abort('enough')
    expect(told).toEqual(['enough', 'second'])
    expect(errors.map(({ fields }) => fields['what'])).toEqual(['abort callback'])
    expect(getEventListeners(abort.signal, 'abort')).toEqual([])
  })

  it('tells in nobody’s name, also when a process aborts', async () => {
    const { clock, system } = createWorld()
    const abort = new AbortController()
    const seen: unknown[] = []
    system.onAbort(abort.signal, () => seen.push(self()))
    system.spawn(() => {
      abort.abort()
      seen.push(self())
    })
    await clock.settle()
    expect(seen).toEqual([undefined, expect.anything()])
  })

  it('tells of a signal that is aborted already in a later microtask', async () => {
    const { system } = createWorld()
    const told: unknown[] = []
    system.onAbort(AbortSignal.abort('before'), (cause) => told.push(cause))
    system.onAbort(AbortSignal.abort('before'), () => told.push('taken back'))()
    expect(told).toEqual([])
    await Promise.resolve()
    expect(told).toEqual(['before'])
  })
})
