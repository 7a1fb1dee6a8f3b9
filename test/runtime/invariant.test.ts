import { expect, it } from 'vitest'
import { invariant, InvariantError } from '../../runtime/index.ts'

it('passes what holds, and raises its own error for what does not', () => {
  expect(() => invariant(1, 'ERR_INVARIANT_SAMPLE')).not.toThrow()
  expect(() => invariant(0, 'ERR_INVARIANT_SAMPLE', 'zero')).toThrow(InvariantError)
  expect(() => invariant(0, 'ERR_INVARIANT_SAMPLE', 'zero')).toThrow(
    expect.objectContaining({ code: 'ERR_INVARIANT_SAMPLE', message: 'zero' }),
  )
})
