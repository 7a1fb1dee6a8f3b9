import { describe, expect, test } from 'vitest'
import { parseRequest, parseResponse, requestIdOf } from '../../../../dist/cli/control/protocol.ts'

const line = (value: unknown): string => JSON.stringify(value)

describe('requests', () => {
  test('every method of the protocol is read with its parameters', () => {
    expect(parseRequest(line({ id: 1, method: 'members' }))).toEqual({ id: 1, method: 'members' })
    expect(parseRequest(line({ id: 1, method: 'info', params: {} }))).toMatchObject({
      method: 'info',
    })
    expect(
      parseRequest(line({ id: 2, method: 'ping', params: { node: 'b', timeoutMs: 7 } })),
    ).toEqual({ id: 2, method: 'ping', where: { node: 'b', timeoutMs: 7 } })
    expect(
      parseRequest(line({ id: 3, method: 'spawn', params: { behaviour: 'counter', arg: 4 } })),
    ).toMatchObject({ spawn: { behaviour: 'counter', arg: 4, supervised: false, name: undefined } })
    expect(
      parseRequest(line({ id: 4, method: 'call', params: { name: 'n', method: 'm', input: [1] } })),
    ).toMatchObject({ call: { name: 'n', method: 'm', input: [1], repeat: 1 } })
    expect(parseRequest(line({ id: 5, method: 'monitor', params: { name: 'n' } }))).toMatchObject({
      name: 'n',
    })
  })

  test('the operations are read with their defaults', () => {
    const read = (method: string, params = {}) => parseRequest(line({ id: 1, method, params }))
    expect(read('stats')).toEqual({ id: 1, method: 'stats' })
    expect(read('join', { address: 'h:1', timeoutMs: 5 })).toEqual({
      id: 1,
      method: 'join',
      where: { node: undefined, timeoutMs: 5 },
      address: 'h:1',
    })
    expect(read('topology')).toMatchObject({ nodesMax: undefined })
    expect(read('topology', { nodesMax: 1024 })).toMatchObject({ nodesMax: 1024 })
    expect(read('watch_members')).toEqual({ id: 1, method: 'watch_members', follow: false })
    expect(read('watch_members', { follow: true })).toMatchObject({ follow: true })
    expect(read('events')).toEqual({
      id: 1,
      method: 'events',
      follow: false,
      filter: { node: undefined, by: undefined, types: [], last: undefined },
    })
    const filter = { node: 'b', by: 'c', types: ['suspect', 'down'], last: 3 }
    expect(read('events', { follow: true, ...filter })).toMatchObject({ follow: true, filter })
  })

  test('questions to the DHT are read with their defaults', () => {
    const read = (params: object) => {
      const request = parseRequest(line({ id: 1, method: 'dht', params }))
      return request.method === 'dht' ? request.question : undefined
    }
    const dials = { disjointPaths: undefined, alpha: undefined }
    expect(read({ action: 'put', value: 'AQI=' })).toEqual({
      ...{ ...dials, action: 'put', value: Uint8Array.of(1, 2), once: false },
      ...{ name: undefined, ttlMs: undefined, quorum: undefined },
    })
    const put = { name: 'n', ttlMs: 9, quorum: 0, once: true, disjointPaths: 16, alpha: 64 }
    expect(read({ action: 'put', value: '', ...put })).toMatchObject(put)
    expect(read({ action: 'get', key: 'k' })).toMatchObject({ key: 'k', publisher: undefined })
    expect(read({ action: 'provide', key: 'k' })).toMatchObject({ metadata: new Uint8Array(0) })
    expect(read({ action: 'providers', key: 'k' })).toMatchObject({ count: 64 })
    expect(read({ action: 'providers', key: 'k', count: 256 })).toMatchObject({ count: 256 })
    expect(read({ action: 'withdraw', key: 'k' })).toEqual({ action: 'withdraw', key: 'k' })
    expect(read({ action: 'withdraw', name: 'n' })).toEqual({ action: 'withdraw', name: 'n' })
    expect(read({ action: 'table' })).toEqual({ action: 'table' })
    expect(read({ action: 'lookup', key: 'k' })).toMatchObject({ trace: false })
  })

  test.each<[object, string]>([
    [{}, "'action'"],
    [{ action: 'toString' }, "'action'"],
    [{ action: 'get' }, "'key'"],
    [{ action: 'put', value: 'a' }, "'value'"],
    [{ action: 'put', value: 1 }, "'value'"],
    [{ action: 'put', value: '', ttlMs: 2_147_483_648 }, "'ttlMs'"],
    [{ action: 'put', value: '', quorum: 65 }, "'quorum'"],
    [{ action: 'get', key: 'k', quorum: 0 }, "'quorum'"],
    [{ action: 'providers', key: 'k', count: 257 }, "'count'"],
    [{ action: 'lookup', key: 'k', disjointPaths: 17 }, "'disjointPaths'"],
    [{ action: 'lookup', key: 'k', alpha: 65 }, "'alpha'"],
    [{ action: 'withdraw' }, "'key'"],
    [{ action: 'lookup', key: 'k', trace: 1 }, "'trace'"],
  ])('a question to the DHT with %j is refused', (params, field) => {
    const read = () => parseRequest(line({ id: 1, method: 'dht', params }))
    expect(read).toThrow(field)
  })

  test('questions about topics and procedures are read with their defaults', () => {
    const read = (method: string, params: object) => parseRequest(line({ id: 1, method, params }))
    const where = { node: undefined, timeoutMs: 7 }
    const publish = { action: 'publish', topic: 'a', payload: [1] }
    expect(read('services', { ...publish, timeoutMs: 7 })).toEqual({
      ...{ id: 1, method: 'services', where },
      question: { ...publish, qos: 0, retain: false },
    })
    expect(read('services', { ...publish, qos: 1, retain: true })).toMatchObject({
      question: { qos: 1, retain: true },
    })
    expect(read('services', { action: 'call', procedure: 'p', input: null })).toMatchObject({
      question: { action: 'call', procedure: 'p', input: null },
    })
    expect(read('services', { action: 'topics' })).toMatchObject({ question: { action: 'topics' } })
    expect(read('services', { action: 'services', name: 'p' })).toMatchObject({
      question: { name: 'p' },
    })
    expect(read('subscribe', { filter: 'a.*' })).toEqual({
      ...{ id: 1, method: 'subscribe', filter: 'a.*' },
    })
    expect(read('subscribe', { filter: 'a.*', group: 'g' })).toMatchObject({ group: 'g' })
    expect(read('presence', { topic: 'a', timeoutMs: 5 })).toEqual({
      ...{ id: 1, method: 'presence', follow: false, question: { topic: 'a', timeoutMs: 5 } },
    })
    expect(read('presence', { topic: 'a', follow: true })).toMatchObject({ follow: true })
    expect(read('advertise', { procedure: 'p', reply: 3 })).toMatchObject({
      offer: { procedure: 'p', reply: 3 },
    })
  })

  test.each<[string, object, string]>([
    ['services', {}, "'action'"],
    ['services', { action: 'toString' }, "'action'"],
    ['services', { action: 'publish' }, "'topic'"],
    ['services', { action: 'publish', topic: 'a', qos: 2 }, "'qos'"],
    ['services', { action: 'publish', topic: 'a', retain: 1 }, "'retain'"],
    ['services', { action: 'call', procedure: '' }, "'procedure'"],
    ['services', { action: 'services', name: 1 }, "'name'"],
    ['subscribe', {}, "'filter'"],
    ['subscribe', { filter: 'a', group: '' }, "'group'"],
    ['presence', {}, "'topic'"],
    ['presence', { topic: 'a', follow: 1 }, "'follow'"],
    ['presence', { topic: 'a', timeoutMs: 0 }, "'timeoutMs'"],
    ['advertise', { reply: 1 }, "'procedure'"],
  ])('%s with %j is refused', (method, params, field) => {
    expect(() => parseRequest(line({ id: 1, method, params }))).toThrow(field)
  })

  test.each<[string, string]>([
    [line({ id: 1, method: 'join' }), "'address'"],
    [line({ id: 1, method: 'topology', params: { nodesMax: 0 } }), "'nodesMax'"],
    [line({ id: 1, method: 'topology', params: { nodesMax: 1025 } }), "'nodesMax'"],
    [line({ id: 1, method: 'watch_members', params: { follow: 1 } }), "'follow'"],
    [line({ id: 1, method: 'events', params: { types: 'suspect' } }), "'types'"],
    [line({ id: 1, method: 'events', params: { types: ['dead'] } }), "'types'"],
    [line({ id: 1, method: 'events', params: { last: 0 } }), "'last'"],
    [line({ id: 1, method: 'events', params: { by: '' } }), "'by'"],
    ['not json', "'line'"],
    ['[1]', "'line'"],
    ['null', "'line'"],
    [line({ method: 'info' }), "'id'"],
    [line({ id: -1, method: 'info' }), "'id'"],
    [line({ id: 1.5, method: 'info' }), "'id'"],
    [line({ id: 1 }), "'method'"],
    [line({ id: 1, method: 'toString' }), "'method'"],
    [line({ id: 1, method: 'info', params: [] }), "'params'"],
    [line({ id: 1, method: 'ping', params: { node: 1 } }), "'node'"],
    [line({ id: 1, method: 'ping', params: { node: 'b', timeoutMs: 0 } }), "'timeoutMs'"],
    [line({ id: 1, method: 'spawn', params: {} }), "'behaviour'"],
    [line({ id: 1, method: 'spawn', params: { behaviour: 'c', supervised: 1 } }), "'supervised'"],
    [line({ id: 1, method: 'call', params: { name: 'n' } }), "'method'"],
    [line({ id: 1, method: 'call', params: { name: 'n', method: 'm', repeat: 0 } }), "'repeat'"],
    [
      line({ id: 1, method: 'call', params: { name: 'n', method: 'm', repeat: 100_001 } }),
      "'repeat'",
    ],
    [line({ id: 1, method: 'monitor', params: { name: '' } }), "'name'"],
  ])('%s is refused, naming the field', (text, field) => {
    expect(() => parseRequest(text)).toThrow(
      expect.objectContaining({
        code: 'ERR_CONTROL_REQUEST_INVALID',
        message: expect.stringContaining(field) as string,
      }),
    )
  })

  test('repeat at its limit passes', () => {
    const text = line({
      id: 1,
      method: 'call',
      params: { name: 'n', method: 'm', repeat: 100_000 },
    })
    expect(parseRequest(text)).toMatchObject({ call: { repeat: 100_000 } })
  })

  test('the id of a bad request is found where there is one', () => {
    expect(requestIdOf(line({ id: 7, method: 'x' }))).toBe(7)
    expect(requestIdOf('garbage')).toBe(0)
    expect(requestIdOf(line({ id: 'x' }))).toBe(0)
  })
})

describe('responses', () => {
  test('results, events and errors are told apart', () => {
    expect(parseResponse(line({ id: 1, result: null }))).toMatchObject({ type: 'result' })
    expect(parseResponse(line({ id: 1, event: { a: 1 } }))).toMatchObject({ type: 'event' })
    expect(
      parseResponse(line({ id: 1, error: { code: 'ERR_X', message: 'm', hint: 'h' } })),
    ).toEqual({ id: 1, type: 'error', error: { code: 'ERR_X', message: 'm', hint: 'h' } })
  })

  test.each(['{}', '{"id":1}', '{"id":1,"error":{}}', 'x'])('%s is refused', (text) => {
    expect(() => parseResponse(text)).toThrow(/control line/)
  })
})
