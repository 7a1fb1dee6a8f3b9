import { describe, expect, it } from 'vitest'
import { MESH_ERRORS } from '../../../mesh/errors.ts'
import { PUBSUB_ERRORS, PubSubError } from '../../../mesh/pubsub/errors.ts'
import { PUBSUB_DEFAULTS, pubsubSettings } from '../../../mesh/pubsub/options.ts'
import type { PubSubOptions } from '../../../mesh/pubsub/options.ts'

describe('settings', () => {
  it('are the defaults with what is given on top', () => {
    expect(pubsubSettings()).toEqual(PUBSUB_DEFAULTS)
    expect(pubsubSettings({ requestsMax: 1 })).toEqual({ ...PUBSUB_DEFAULTS, requestsMax: 1 })
  })

  it.each([
    [{ payloadBytesMax: 16_000_001 }, 'ERR_OPTION_INVALID'],
    [{ payloadBytesMax: 0 }, 'ERR_OPTION_INVALID'],
    [{ windowMessagesMax: 1_025 }, 'ERR_OPTION_INVALID'],
    [{ retryJitter: 1 }, 'ERR_OPTION_INVALID'],
    [{ window: 1 }, 'ERR_OPTION_UNKNOWN'],
  ])('refuse %o', (given, code) => {
    expect(() => pubsubSettings(given as PubSubOptions)).toThrow(expect.objectContaining({ code }))
  })

  it('at their limits are taken', () => {
    expect(pubsubSettings({ payloadBytesMax: 16_000_000, windowMessagesMax: 1_024 })).toMatchObject(
      {
        payloadBytesMax: 16_000_000,
      },
    )
  })
})

describe('errors', () => {
  it('are in the catalogue of the mesh', () => {
    expect(Object.keys(MESH_ERRORS)).toEqual(expect.arrayContaining(Object.keys(PUBSUB_ERRORS)))
  })

  it('carry topic, nodes, path and cause', () => {
    const cause = new Error('why')
    const error = new PubSubError('ERR_PUBSUB_STORE', 'text', { topic: 'x', nodes: ['n'], cause })
    expect(error).toMatchObject({ topic: 'x', nodes: ['n'], path: undefined, cause })
    expect(new PubSubError('ERR_PUBSUB_STORE', 'text').nodes).toEqual([])
  })
})
