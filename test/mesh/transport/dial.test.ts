import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { Dial } from '../../../mesh/transport/dial.ts'
import { TransportError } from '../../../mesh/transport/errors.ts'
import type { TransportConnection } from '../../../mesh/transport/transport.ts'
import { codeThrownBy } from '../../conformance/transport-world.ts'

const connection = {} as TransportConnection

describe('Dial', () => {
  it.each(['succeeds', 'fails'])('lets go of the signal when it %s', async (outcome) => {
    const { signal } = new AbortController()
    const dial = new Dial({ signal })
    dial.onAbort(() => {})
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    if (outcome === 'succeeds') {
      dial.succeed(connection)
      expect(await dial.result).toBe(connection)
    } else {
      dial.fail(new TransportError('ERR_TRANSPORT_TIMEOUT', 'x'))
      await expect(dial.result).rejects.toMatchObject({ code: 'ERR_TRANSPORT_TIMEOUT' })
    }
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  it('hands an abort on, with the reason as its cause', () => {
    const controller = new AbortController()
    const dial = new Dial({ signal: controller.signal })
    const errors: TransportError[] = []
    dial.onAbort((error) => errors.push(error))
    controller.abort('enough')
    expect(errors).toMatchObject([{ code: 'ERR_TRANSPORT_ABORTED', cause: 'enough' }])
  })

  it('checks its options', () => {
    expect(codeThrownBy(() => new Dial({ timeoutMs: 2 ** 31 - 1 }))).toBe('no error')
    expect(codeThrownBy(() => new Dial({ timeoutMs: 2 ** 31 }))).toBe('ERR_TRANSPORT_ARGUMENT')
    expect(codeThrownBy(() => new Dial({ expect: {} as never }))).toBe('ERR_TRANSPORT_ARGUMENT')
    const signal = AbortSignal.abort()
    expect(codeThrownBy(() => new Dial({ signal }))).toBe('ERR_TRANSPORT_ABORTED')
  })
})
