/** Linear accounting: whatever happens to nodes and frames, every call ends once, and nothing is left behind. */
import { describe, expect, it } from 'vitest'
import { createSeededEntropy } from '../../../runtime/index.ts'
import { WireType } from '../../../mesh/wire/messages.ts'
import { sizeOf, written } from '../../support/sizes.ts'
import { RpcNet } from './rpc-net.ts'
import type { RpcNode } from './rpc-net.ts'

const PROCEDURES = ['quick', 'slow', 'throws', 'chain', 'reports', 'nobody']

async function offer(net: RpcNet, { rpc }: RpcNode, chance: () => number): Promise<void> {
  const wait = (ms: number): Promise<void> => new Promise((go) => net.clock.setTimer(ms, go))
  await rpc.advertise('quick', (input) => input)
  await rpc.advertise('slow', () => wait(chance() * 400), { concurrency: 8, queueMax: 8 })
  await rpc.advertise('throws', () => {
    throw new Error('as always')
  })
  await rpc.advertise('chain', (_, context) => context.call('slow', 1, { attempts: 1 }))
  await rpc.advertise('reports', (_, context) => {
    for (let each = 0; each < 3; each++) context.progress(each)
    return wait(20)
  })
}

interface Tally {
  calls: number
  results: number
  errors: number
  twice: number
  readonly codes: Map<string, number>
}

function makeCall(net: RpcNet, { rpc }: RpcNode, tally: Tally, chance: () => number): void {
  const procedure = PROCEDURES[Math.floor(chance() * PROCEDURES.length)]!
  const giver = new AbortController()
  let ends = 0
  const ended = (): void => {
    ends += 1
    if (ends > 1) tally.twice += 1
  }
  tally.calls += 1
  rpc
    .call(procedure, tally.calls, {
      timeoutMs: 50 + Math.floor(chance() * 500),
      idempotent: chance() < 0.3,
      hedge: chance() < 0.1 ? { delayMs: 30 } : false,
      cancelMode: (['skip', 'kill', 'killnowait'] as const)[Math.floor(chance() * 3)],
      signal: giver.signal,
      onProgress: chance() < 0.5 ? () => {} : undefined,
    })
    .then(
      () => {
        ended()
        tally.results += 1
      },
      (error: { code: string }) => {
        ended()
        tally.errors += 1
        tally.codes.set(error.code, (tally.codes.get(error.code) ?? 0) + 1)
      },
    )
  if (chance() < 0.1) net.clock.setTimer(chance() * 100, () => giver.abort())
}

async function run(seed: number, total: number): Promise<{ tally: Tally; living: RpcNode[] }> {
  const net = new RpcNet({ latencyMs: 2, seed })
  const entropy = createSeededEntropy(seed)
  const chance = (): number => entropy.random()
  net.loses = ({ type }) => type !== WireType.register && chance() < 0.02
  const callers = [await net.rpcNode(), await net.rpcNode()]
  const providers: RpcNode[] = []
  const begin = async (): Promise<void> => {
    const node = await net.rpcNode()
    providers.push(node)
    await offer(net, node, chance)
  }
  for (let each = 0; each < 4; each++) await begin()
  const tally: Tally = { calls: 0, results: 0, errors: 0, twice: 0, codes: new Map() }
  while (tally.calls < total) {
    for (let each = 0; each < 10; each++) {
      makeCall(net, callers[each % 2]!, tally, chance)
    }
    await net.clock.advance(5)
    if (chance() < 0.02) {
      const [dead] = providers.splice(Math.floor(chance() * providers.length), 1)
      net.kill(dead!.node, 100)
      await begin()
    }
    if (chance() < 0.05) {
      const [one, other] = [callers[tally.calls % 2]!, providers[0]!]
      net.cut(one.node, other.node)
      net.clock.setTimer(200, () => net.join(one.node, other.node))
    }
  }
  // The longest call, the longest handler that nobody wants, and more.
  await net.clock.advance(7_000)
  return { tally, living: [...callers, ...providers] }
}

describe('chaos', () => {
  const count = sizeOf(10_000, 100_000)
  it(
    `R20 of ${written(count)} calls under kills, cuts and losses each ends once, and nothing is left`,
    async () => {
      const { tally, living } = await run(20, count)
      expect(tally.twice).toBe(0)
      expect(tally.results + tally.errors).toBe(tally.calls)
      let accounted = 0
      for (const { rpc } of living) {
        const { calls, results, errors, ...sizes } = rpc.stats()
        expect(results + errors).toBe(calls)
        accounted += calls
        expect(sizes).toMatchObject({ pending: 0, running: 0, queued: 0 })
      }
      expect(accounted).toBeGreaterThanOrEqual(tally.calls)
      // It was no walk in the park.
      for (const code of [
        'TIMEOUT',
        'CANCELLED',
        'NO_PROVIDER',
        'UNREACHABLE',
        'REMOTE',
        'OVERLOADED',
      ]) {
        expect(tally.codes.get(`ERR_RPC_${code}`), code).toBeGreaterThan(0)
      }
      expect(tally.results).toBeGreaterThan(tally.calls / 10)
    },
    sizeOf(60_000, 600_000),
  )

  it('R20 one seed is one run', async () => {
    const [one, other] = [await run(7, 500), await run(7, 500)]
    expect(Object.fromEntries(other.tally.codes)).toEqual(Object.fromEntries(one.tally.codes))
    expect(other.tally.results).toBe(one.tally.results)
  })
})
