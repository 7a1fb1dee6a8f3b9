import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { consul } from '../../../dist/discovery/consul.ts'
import { running, type Running } from './context.ts'
import { fakeHttp, nextRequest, type FakeHttp, type FakeRequest } from './fake-http.ts'

let server: FakeHttp

beforeEach(async () => {
  server = await fakeHttp()
})
afterEach(() => server.close())

const entry = (last: number, own = true) => ({
  Node: { Address: `10.0.1.${last}` },
  Service: { Address: own ? `10.0.0.${last}` : '', Port: 4433 },
})
const index = (value: number) => ({ 'X-Consul-Index': String(value) })
const start = (given = {}): Running =>
  running(consul({ service: 'shop', url: server.url, ...given }))

const asked = (one: Running): Promise<FakeRequest> => nextRequest(server, one.clock)

describe('consul', () => {
  it('asks with the index of the last answer, and takes what changes', async () => {
    const one = start({ tag: 'blue', datacenter: 'dc1', token: async () => 'secret' })
    const first = await server.next()
    expect([first.path, first.query.toString()]).toEqual([
      '/v1/health/service/shop',
      'passing=true&tag=blue&dc=dc1',
    ])
    expect(first.headers['x-consul-token']).toBe('secret')
    first.answer(200, [entry(1), entry(2, false), { Service: { Port: 'x' } }, 7], index(10))
    await one.heard(2)
    const second = await asked(one)
    expect(second.query.get('index')).toBe('10')
    expect(second.query.get('wait')).toBe('55000ms')
    second.answer(200, [entry(1)], index(11))
    await one.heard(3)
    expect(one.said).toEqual(['+10.0.0.1:4433', '+10.0.1.2:4433', '-10.0.1.2:4433'])
    await one.stop()
  })

  it('begins anew when the index goes backwards or is none', async () => {
    const one = start()
    ;(await server.next()).answer(200, [], index(10))
    ;(await asked(one)).answer(200, [], index(5))
    const third = await asked(one)
    expect(third.query.has('index')).toBe(false)
    third.answer(200, [], {})
    expect((await asked(one)).query.has('index')).toBe(false)
    await one.stop()
  })

  it.each([
    ['a server error', 500, 'no cluster leader', 'ERR_DISCOVERY_HTTP'],
    ['a refused token', 403, 'Permission denied', 'ERR_DISCOVERY_HTTP'],
    ['something that is no JSON', 200, '<html>', 'ERR_DISCOVERY_HTTP'],
    ['something that is no list', 200, {}, 'ERR_DISCOVERY_HTTP'],
    ['an answer above answerBytesMax', 200, `["${'x'.repeat(1_024)}"]`, 'ERR_DISCOVERY_ANSWER_MAX'],
  ])('D1 %s is a failure and makes nobody gone', async (_what, status, body, code) => {
    const one = start({ answerBytesMax: 1_024 })
    ;(await server.next()).answer(200, [entry(1)], index(3))
    await one.heard(1)
    ;(await asked(one)).answer(status, body, index(4))
    await one.heard(2)
    const again = await asked(one)
    expect(again.query.has('index')).toBe(false)
    again.answer(200, [entry(1)], index(5))
    await asked(one)
    expect(one.said).toEqual(['+10.0.0.1:4433', `!${code}`])
    await one.stop()
  })

  it('takes an answer of answerBytesMax bytes', async () => {
    const one = start({ answerBytesMax: 1_024 })
    const text = JSON.stringify([entry(1)])
    ;(await server.next()).answer(200, text.padEnd(1_024), index(1))
    await one.heard(1)
    expect(one.said).toEqual(['+10.0.0.1:4433'])
    await one.stop()
  })

  it('a question that the server keeps for too long is given up, and one that runs ends with the strategy', async () => {
    const one = start({ waitMs: 16_000, timeoutMs: 1_000 })
    ;(await server.next()).answer(200, [entry(1)], index(3))
    await one.heard(1)
    const kept = await asked(one)
    await one.clock.advance(17_999)
    expect(one.said).toHaveLength(1)
    await one.clock.advance(1)
    await one.heard(2)
    await kept.closed
    expect(one.said).toEqual(['+10.0.0.1:4433', '!ERR_DISCOVERY_TIMEOUT'])
    const last = await asked(one)
    await one.stop()
    await last.closed
    expect(one.clock.timerCount).toBe(0)
  })

  it('refuses options that make no sense', () => {
    expect(() => consul({ service: '' })).toThrow(
      expect.objectContaining({ code: 'ERR_OPTION_INVALID', option: 'service' }),
    )
    expect(() => consul({} as never)).toThrow(expect.objectContaining({ option: 'service' }))
    expect(() => consul({ service: 's', url: 'ftp://x' })).toThrow(
      expect.objectContaining({ option: 'url' }),
    )
  })
})
