import { expect, it } from 'vitest'
import { defaultSystem } from '../../runtime/index.ts'

it('is made once, and anew after it was stopped', async () => {
  const first = defaultSystem()
  expect(defaultSystem()).toBe(first)
  await first.stop()
  const second = defaultSystem()
  expect(second).not.toBe(first)
  await second.stop()
})
