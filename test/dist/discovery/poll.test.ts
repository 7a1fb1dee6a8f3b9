import { describe, expect, it } from 'vitest'
import { dnsPoll } from '../../../dist/discovery/dns-poll.ts'
import type { DnsAddress, DnsResolver } from '../../../dist/discovery/dns-resolver.ts'
import { dnsSrv } from '../../../dist/discovery/dns-srv.ts'
import { DiscoveryError } from '../../../dist/discovery/errors.ts'
import { pause, within } from '../../../dist/discovery/wait.ts'
import { createSimClock } from '../../../runtime/index.ts'
import { running } from './context.ts'

const failing = () => Promise.reject(new DiscoveryError('ERR_DISCOVERY_DNS', 'SERVFAIL'))

/** A resolver whose answers are set by hand. */
function resolver(answers: Partial<DnsResolver> & { a?: () => Promise<readonly DnsAddress[]> }) {
  const asked: string[] = []
  const made: DnsResolver = {
    addresses: async (host, family) => {
      asked.push(`${host} ${family}`)
      return family === 4 ? ((await answers.a?.()) ?? []) : []
    },
    services: async () => [],
    ...answers,
  }
  return { asked, made }
}

describe('polled strategies', () => {
  it('D1 an error is no empty answer: it is told, asked again with growing pauses, and nothing is gone', async () => {
    let answer: () => Promise<readonly DnsAddress[]> = async () => [
      { address: '10.0.0.2', ttlMs: 60_000 },
    ]
    const { made, asked } = resolver({ a: () => answer() })
    const one = running(
      dnsPoll({ host: 'x.example', resolver: made, family: 'ipv4', forgetAfterMs: 1 }),
    )
    await one.clock.settle()
    expect(one.said).toEqual(['+10.0.0.2:4433'])
    answer = failing
    await one.clock.advance(600_000)
    expect(new Set(one.said.slice(1))).toEqual(new Set(['!ERR_DISCOVERY_DNS']))
    // Ten minutes at 15 to 30 s each, once the pauses have grown.
    expect(asked.length).toBeGreaterThan(20)
    expect(asked.length).toBeLessThan(60)
    answer = async () => []
    await one.clock.advance(50_000)
    expect(one.said.at(-1)).toBe('-10.0.0.2:4433')
    await one.stop()
    expect(one.clock.timerCount).toBe(0)
  })

  it('D5 asks again when the answer has lived, between intervalMinMs and intervalMs; TTL 0 is no flood', async () => {
    for (const [ttlMs, count] of [
      [0, 60],
      [3_000, 20],
      [3_600_000, 12],
    ] as const) {
      const { made, asked } = resolver({ a: async () => [{ address: '10.0.0.2', ttlMs }] })
      const one = running(dnsPoll({ host: 'x.example', resolver: made, family: 'ipv4' }))
      await one.clock.advance(60_000)
      expect(Math.abs(asked.length - count), `ttl ${ttlMs}`).toBeLessThanOrEqual(count / 8 + 2)
      await one.stop()
    }
  })

  it('D5 takes both families, and the one that answers when the other fails', async () => {
    const { made } = resolver({
      addresses: async (_host, family) =>
        family === 6 ? [{ address: '2001:db8::2', ttlMs: 1_000 }] : failing(),
    })
    const one = running(dnsPoll({ host: 'x.example', port: 9, resolver: made }))
    await one.clock.settle()
    expect(one.said).toEqual(['!ERR_DISCOVERY_DNS', '+2001:db8::2:9'])
    await one.stop()
  })

  it('D5 resolves SRV targets in order of priority and weight, and passes over those that do not resolve', async () => {
    const { made } = resolver({
      services: async () => [
        { host: 'c.example', port: 3, priority: 20, weight: 0 },
        { host: 'a.example', port: 1, priority: 10, weight: 1 },
        { host: 'b.example', port: 2, priority: 10, weight: 9 },
        { host: '.', port: 0, priority: 0, weight: 0 },
        { host: 'broken.example', port: 4, priority: 30, weight: 0 },
      ],
      addresses: async (host, family) => {
        if (host.startsWith('broken')) return failing()
        const last = host.charCodeAt(0) - 96
        return family === 4 ? [{ address: `10.0.0.${last}`, ttlMs: 5_000 }] : []
      },
    })
    const one = running(dnsSrv({ service: '_fovea._udp.x.example', resolver: made }))
    await one.clock.settle()
    expect(one.said).toEqual(['!ERR_DISCOVERY_DNS', '+10.0.0.2:2', '+10.0.0.1:1', '+10.0.0.3:3'])
    await one.stop()
  })

  it('resolves targetsMax targets and not one more, which is counted', async () => {
    let count = 5
    const { made, asked } = resolver({
      services: async () =>
        Array.from({ length: count }, (_, i) => ({
          ...{ host: `t${i}`, port: 1, priority: i, weight: 0 },
        })),
    })
    const service = { service: 's.example', targetsMax: 4, family: 'ipv4', resolver: made } as const
    const one = running(dnsSrv(service))
    await one.clock.settle()
    expect(asked).toEqual(['t0 4', 't1 4', 't2 4', 't3 4'])
    expect(one.refused).toEqual(['ERR_DISCOVERY_TARGETS_MAX'])
    await one.stop()
    count = 4
    const other = running(dnsSrv(service))
    await other.clock.settle()
    expect(other.refused).toEqual([])
    await other.stop()
  })

  it('a resolver that never answers is a failure after timeoutMs', async () => {
    const { made } = resolver({ a: () => new Promise(() => {}) })
    const one = running(dnsPoll({ host: 'x', resolver: made, timeoutMs: 2_000 }))
    await one.clock.advance(1_999)
    expect(one.said).toEqual([])
    await one.clock.advance(1)
    expect(one.said).toEqual(['!ERR_DISCOVERY_TIMEOUT'])
    await one.stop()
    expect(one.clock.timerCount).toBe(0)
  })

  it.each([
    ['host', () => dnsPoll({ host: '' })],
    ['host', () => dnsPoll({} as never)],
    ['service', () => dnsSrv({ targetsMax: 1 } as never)],
    ['port', () => dnsPoll({ host: 'x', port: 0 })],
    ['family', () => dnsPoll({ host: 'x', family: 'ipv5' as never })],
    ['service', () => dnsSrv({ service: 'not a name' })],
  ])('refuses a wrong %s', (option, make) => {
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_OPTION_INVALID', option }))
  })
})

describe('waiting', () => {
  it('ends with its time or its signal and leaves no timer', async () => {
    const clock = createSimClock()
    const abort = new AbortController()
    const whole = pause(clock, 10, abort.signal)
    const cut = pause(clock, 1_000, abort.signal)
    await clock.advance(10)
    abort.abort()
    expect(await Promise.all([whole, cut, pause(clock, 1, abort.signal)])).toEqual([
      true,
      false,
      false,
    ])
    const signal = AbortSignal.abort(new Error('over'))
    const asked = within({ clock, timeoutMs: 5, signal, what: 'x' }, async () => 1)
    await expect(asked).rejects.toThrow('over')
    expect(clock.timerCount).toBe(0)
  })
})
