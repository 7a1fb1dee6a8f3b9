import { describe, expect, it } from 'vitest'
import { failureOf } from '../../../mesh/rpc/remote-failure.ts'
import { Codec } from '../../../mesh/wire/codec.ts'

const refuse = (): never => {
  throw new Error('no')
}
const hostile = (target: object): object =>
  new Proxy(target, { get: refuse, getPrototypeOf: refuse, has: refuse, ownKeys: refuse })

describe('what a handler threw', () => {
  it.each([
    ['an object that throws at every question, instanceof included', hostile({})],
    ['a function of that kind', hostile(() => {})],
    ['a function that cannot be a text', Object.assign(() => {}, { toString: refuse })],
    ['a proxy that was revoked', revoked()],
    [
      'an error whose message throws',
      Object.defineProperty(new Error(), 'message', { get: refuse }),
    ],
  ])('ML38 travels as an error that says so: %s', (_claim, thrown) => {
    const { failure, details } = failureOf(thrown, new Codec(), 1_000)
    expect(failure).toMatchObject({ kind: 'remote', name: 'Error', code: undefined })
    expect(failure.message).toMatch(/^the handler threw what cannot be read: /)
    expect(details).toHaveLength(0)
  })

  it('ML38 travels also when what reading it throws is as bad', () => {
    const thrown = Object.defineProperty(new Error(), 'message', {
      get: () => {
        throw hostile({})
      },
    })
    const { message } = failureOf(thrown, new Codec(), 1_000).failure
    expect(message).toBe('the handler threw what cannot be read: a reason that cannot be printed')
  })
})

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}
