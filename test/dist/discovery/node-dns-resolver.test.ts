import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { dnsPoll } from '../../../dist/discovery/dns-poll.ts'
import { dnsSrv } from '../../../dist/discovery/dns-srv.ts'
import { nodeDnsResolver } from '../../../dist/discovery/node-dns-resolver.ts'
import { running } from './context.ts'
import { fakeDns, type FakeAnswer, type FakeDns } from './fake-dns.ts'

const a = (name: string, data: string, ttl = 7) => ({ type: 'A', name, ttl, data }) as const
const srv = (target: string, port: number, priority: number, weight = 0) =>
  ({ type: 'SRV', name: 's.x', ttl: 5, data: { priority, weight, port, target } }) as const

const ANSWERS: Readonly<Record<string, FakeAnswer>> = {
  'alias.x A': {
    records: [
      { type: 'CNAME', name: 'alias.x', ttl: 60, data: 'between.x' },
      { type: 'CNAME', name: 'between.x', ttl: 60, data: 'real.x' },
      a('real.x', '10.0.0.7', 7),
    ],
  },
  'alias.x AAAA': {
    records: [
      { type: 'CNAME', name: 'alias.x', ttl: 60, data: 'real.x' },
      { type: 'AAAA', name: 'real.x', ttl: 9, data: '2001:db8::7' },
    ],
  },
  'four.x A': { records: [a('four.x', '10.0.0.4', 0)] },
  'four.x AAAA': { records: [] },
  'broken.x A': { code: 'SERVFAIL' },
  'long.x A': {
    truncated: true,
    records: Array.from({ length: 40 }, (_, i) => a('long.x', `10.0.1.${i + 1}`)),
  },
  'silent.x A': { silent: true },
  's.x SRV': { records: [srv('four.x', 4434, 20), srv('alias.x', 4433, 10)] },
}

let server: FakeDns

beforeAll(async () => {
  server = await fakeDns(ANSWERS)
})
afterAll(() => server.close())

const signal = new AbortController().signal
const resolver = (tryTimeoutMs = 2_000) =>
  nodeDnsResolver({ servers: [server.address], tryTimeoutMs, tries: 1 })

describe('DNS by Node against a server', () => {
  it('D5 follows a chain of CNAMEs, in both families, and tells the time to live', async () => {
    const dns = resolver()
    expect(await dns.addresses('alias.x', 4, { signal })).toMatchObject([{ address: '10.0.0.7' }])
    expect(await dns.addresses('alias.x', 6, { signal })).toMatchObject([
      { address: '2001:db8::7' },
    ])
    expect(await dns.addresses('four.x', 4, { signal })).toEqual([
      { address: '10.0.0.4', ttlMs: 0 },
    ])
  })

  it('D5 asks again by TCP what UDP cut off', async () => {
    expect(await resolver().addresses('long.x', 4, { signal })).toHaveLength(40)
    expect(server.asked).toEqual(expect.arrayContaining(['udp long.x A', 'tcp long.x A']))
  })

  it('D1 D5 a name without such records is empty; one that does not exist, and servers that fail, reject', async () => {
    const dns = resolver()
    expect(await dns.addresses('four.x', 6, { signal })).toEqual([])
    for (const [name, code] of [
      ['nobody.x', 'ENOTFOUND'],
      ['broken.x', 'ESERVFAIL'],
    ] as const) {
      await expect(dns.addresses(name, 4, { signal })).rejects.toMatchObject({
        code: 'ERR_DISCOVERY_DNS',
        cause: { code },
      })
    }
    await expect(dns.services('nobody.x', { signal })).rejects.toMatchObject({
      code: 'ERR_DISCOVERY_DNS',
    })
  })

  it('gives up when its signal is aborted', async () => {
    const abort = new AbortController()
    const asked = resolver(60_000).addresses('silent.x', 4, { signal: abort.signal })
    abort.abort()
    await expect(asked).rejects.toMatchObject({ cause: { code: 'ECANCELLED' } })
  })

  it('D5 SRV records give hosts with ports of their own, by priority', async () => {
    const one = running(dnsSrv({ service: 's.x', family: 'ipv4', resolver: resolver() }))
    await one.heard(2)
    expect(one.said).toEqual(['+10.0.0.7:4433', '+10.0.0.4:4434'])
    await one.stop()
  })

  it('D1 NXDOMAIN is told as a failure', async () => {
    const one = running(dnsPoll({ host: 'nobody.x', resolver: resolver() }))
    await one.heard(1)
    expect(one.said).toEqual(['!ERR_DISCOVERY_DNS'])
    await one.stop()
  })
})
