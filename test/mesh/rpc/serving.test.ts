import { describe, expect, it } from 'vitest'
import type { StandardSchema } from '../../../behaviours/index.ts'
import { RpcNet } from './rpc-net.ts'
import type { RpcNode } from './rpc-net.ts'

const wait = (net: RpcNet, ms: number): Promise<void> =>
  new Promise((resolve) => net.clock.setTimer(ms, resolve))

/** A schema that wants a number and gives its double, at once or later. */
function doubled(isLate = false): StandardSchema<unknown, number> {
  const judge = (value: unknown) =>
    typeof value === 'number' ? { value: value * 2 } : { issues: [{ message: 'no number' }] }
  const validate = (value: unknown) => (isLate ? Promise.resolve(judge(value)) : judge(value))
  return { '~standard': { version: 1, vendor: 'test', validate } } as StandardSchema<
    unknown,
    number
  >
}

async function pair(
  callerOptions?: object,
  providerOptions?: object,
): Promise<{ net: RpcNet; caller: RpcNode; provider: RpcNode }> {
  const net = new RpcNet()
  return {
    net,
    caller: await net.rpcNode(callerOptions),
    provider: await net.rpcNode(providerOptions),
  }
}

/** A provider that counts to three and gives four; `arrives` decides what becomes of its n-th frame, from 1. */
async function counting(arrives: (frame: number, take: () => void) => void) {
  const { net, caller, provider } = await pair()
  await net.told(
    provider.rpc.advertise('count', (_, context) => {
      for (const each of [1, 2, 3]) context.progress(each)
      return 4
    }),
  )
  const { courier } = caller.node
  const take = courier.take.bind(courier)
  let frames = 0
  courier.take = (origin, frame) => arrives(++frames, () => take(origin, frame))
  const seen: unknown[] = []
  return { net, caller, seen, onProgress: (value: unknown): void => void seen.push(value) }
}

describe('serving', () => {
  it('R6 calls of one caller begin in the order in which they were made, 256 in flight', async () => {
    const { net, caller, provider } = await pair()
    const order: unknown[] = []
    const handler = async (input: unknown): Promise<unknown> => {
      order.push(input)
      await wait(net, 5)
      return input
    }
    await net.told(provider.rpc.advertise('in.order', handler, { concurrency: 7 }))
    const inputs = Array.from({ length: 256 }, (_, at) => at)
    const results = inputs.map((input) => caller.rpc.call('in.order', input))
    expect(await net.during(Promise.all(results))).toEqual(inputs)
    expect(order).toEqual(inputs)
  })

  it('R7 a call that still runs is not run again when its id was forgotten', async () => {
    const { net, caller, provider } = await pair({}, { idsPerPeerMax: 2 })
    let runs = 0
    const hang = (): Promise<never> => {
      runs += 1
      return new Promise(() => {})
    }
    await net.told(provider.rpc.advertise('hang', hang))
    const { courier } = provider.node
    const take = courier.take.bind(courier)
    const copies: (() => void)[] = []
    courier.take = (origin, frame) => {
      take(origin, frame)
      if (frame[1] === 0x20) copies.push(() => take(origin, frame))
    }
    for (let call = 0; call < 4; call++) net.watch(caller.rpc.call('hang', call))
    await net.clock.advance(5)
    copies[0]!()
    expect([runs, provider.count('ERR_RPC_DUPLICATE')]).toEqual([4, 1])
    await net.clock.advance(11_000)
    expect(provider.rpc.stats()).toMatchObject({ running: 0, queued: 0 })
  })

  it('R7 a call whose frame arrives twice, also later, runs once', async () => {
    const { net, caller, provider } = await pair()
    let runs = 0
    await net.told(provider.rpc.advertise('once', () => (runs += 1)))
    const { courier } = provider.node
    const take = courier.take.bind(courier)
    const copies: (() => void)[] = []
    courier.take = (origin, frame) => {
      take(origin, frame)
      if (frame[1] === 0x20) copies.push(() => take(origin, frame))
    }
    expect(await net.during(caller.rpc.call('once'))).toBe(1)
    copies[0]!()
    await net.clock.advance(10_000)
    copies[0]!()
    await net.clock.advance(10)
    expect(runs).toBe(1)
    expect(provider.rpc.stats()).toMatchObject({ duplicates: 2, served: 1 })
    expect(provider.count('ERR_RPC_DUPLICATE')).toBe(2)
    expect(caller.rpc.stats().late).toBe(0)
  })

  it.each([false, true])(
    'R5 an input is checked by its schema, asynchronous: %s',
    async (isLate) => {
      const { net, caller, provider } = await pair()
      await net.told(provider.rpc.advertise('typed', (input) => input, { input: doubled(isLate) }))
      expect(await net.during(caller.rpc.call('typed', 4))).toBe(8)
      const error = await net.errorOf(caller.rpc.call('typed', 'four'))
      expect(error.code).toBe('ERR_RPC_INPUT')
      expect(error.message).toContain('no number')
    },
  )

  it.each([false, true])('a result is checked by its schema, asynchronous: %s', async (isLate) => {
    const { net, caller, provider } = await pair()
    const output = doubled(isLate)
    await net.told(provider.rpc.advertise('typed', (input) => input as never, { output }))
    expect(await net.during(caller.rpc.call('typed', 4))).toBe(8)
    const error = await net.errorOf(caller.rpc.call('typed', 'four'))
    expect(error).toMatchObject({ code: 'ERR_RPC_REMOTE', remote: { code: 'ERR_RPC_OUTPUT' } })
  })

  it('ML24 what does not travel is refused where it is, with its path, and all else goes on', async () => {
    const { net, caller, provider } = await pair()
    await net.told(
      provider.rpc.advertise('echo', (input) => input),
      provider.rpc.advertise('bad.result', () => ({ list: [() => 1] })),
    )
    const error = await net.errorOf(caller.rpc.call('echo', { a: { b: [1, Symbol('x')] } }))
    expect(error.code).toBe('ERR_RPC_INPUT')
    expect(error.message).toContain('a.b[1]')
    const result = await net.errorOf(caller.rpc.call('bad.result'))
    expect(result).toMatchObject({
      code: 'ERR_RPC_REMOTE',
      remote: { code: 'ERR_VALUE_UNSENDABLE' },
    })
    expect(result.message).toContain('list[0]')
    expect(await net.during(caller.rpc.call('echo', 1))).toBe(1)
  })

  it('R10 an input or a result above the limit is refused, at the limit it is not', async () => {
    const { net, caller, provider } = await pair({ payloadBytesMax: 100 }, { payloadBytesMax: 80 })
    const bytes = (length: number): Uint8Array => new Uint8Array(length)
    await net.told(
      provider.rpc.advertise('size', (input: Uint8Array) => input.length),
      provider.rpc.advertise('give', (length: number) => bytes(length)),
    )
    const codeOf = async (name: string, input: unknown) =>
      (await net.errorOf(caller.rpc.call(name, input))).code
    // Two bytes say that it is binary and how long.
    expect(await net.during(caller.rpc.call('size', bytes(78)))).toBe(78)
    expect(await codeOf('size', bytes(79))).toBe('ERR_RPC_PAYLOAD_TOO_LARGE')
    const sent = net.frames('call')
    expect(await codeOf('size', bytes(99))).toBe('ERR_RPC_PAYLOAD_TOO_LARGE')
    expect(net.frames('call')).toBe(sent)
    expect(((await net.during(caller.rpc.call('give', 78))) as Uint8Array).length).toBe(78)
    expect(await codeOf('give', 79)).toBe('ERR_RPC_PAYLOAD_TOO_LARGE')
  })

  it('ML46 the policy of the realm decides who may call and cast', async () => {
    const net = new RpcNet()
    const caller = await net.rpcNode()
    let runs = 0
    const provider = await net.rpcNode(
      {},
      {
        isGranted: (action, { node }) => action === 'call' && node !== caller.node.self,
      },
    )
    const other = await net.rpcNode()
    await net.told(provider.rpc.advertise('guarded', () => (runs += 1)))
    const error = await net.errorOf(caller.rpc.call('guarded'))
    expect(error).toMatchObject({ code: 'ERR_RPC_UNAUTHORIZED', attempts: 1 })
    expect(caller.rpc.cast('guarded')).toBe(true)
    await net.clock.advance(5)
    expect(provider.count('ERR_RPC_UNAUTHORIZED')).toBe(2)
    expect(await net.during(other.rpc.call('guarded'))).toBe(1)
    expect(await net.during(provider.rpc.call('guarded'))).toBe(2)
  })

  it('H34 a peer has so many calls here and no more, and others are served', async () => {
    const net = new RpcNet()
    const [flooder, other] = [await net.rpcNode(), await net.rpcNode()]
    const provider = await net.rpcNode({ inboundPerPeerMax: 10 })
    await net.told(provider.rpc.advertise('hang', () => new Promise(() => {})))
    await net.told(provider.rpc.advertise('quick', () => 1))
    const codes = new Map<string, number>()
    const options = { timeoutMs: 1_000, attempts: 1 }
    for (let call = 0; call < 11; call++) {
      flooder.rpc.call('hang', call, options).catch(({ code }: { code: string }) => {
        codes.set(code, (codes.get(code) ?? 0) + 1)
      })
    }
    await net.clock.advance(5)
    expect(Object.fromEntries(codes)).toEqual({ ERR_RPC_OVERLOADED: 1 })
    expect(provider.count('ERR_RPC_PEER_CALLS_MAX')).toBe(1)
    expect(await net.during(other.rpc.call('quick'))).toBe(1)
    await net.clock.advance(1_000)
    expect(Object.fromEntries(codes)).toEqual({ ERR_RPC_OVERLOADED: 1, ERR_RPC_TIMEOUT: 10 })
  })

  it('H34 the inputs that wait here are bounded in bytes, too', async () => {
    const { net, caller, provider } = await pair({}, { inboundBytesMax: 1_000 })
    await net.told(provider.rpc.advertise('hang', () => new Promise(() => {})))
    const input = new Uint8Array(400)
    const calls = [1, 2, 3].map(() =>
      net.watch(caller.rpc.call('hang', input, { timeoutMs: 1_000, attempts: 1 })),
    )
    await net.clock.advance(5)
    expect(calls.map(({ ended }) => ended.type)).toEqual(['pending', 'pending', 'error'])
    expect(calls[2]!.ended).toMatchObject({ error: { code: 'ERR_RPC_OVERLOADED' } })
  })

  it('H34 the caller keeps so many calls waiting and no more, in all and for one peer', async () => {
    const { net, caller, provider } = await pair({ pendingMax: 5, pendingPerPeerMax: 3 })
    const third = await net.rpcNode()
    for (const { rpc } of [provider, third]) {
      await net.told(rpc.advertise('hang', () => new Promise(() => {})))
    }
    const call = (node: string) =>
      net.watch(caller.rpc.call('hang', 1, { node, attempts: 1, timeoutMs: 1_000 }))
    const first = [1, 2, 3, 4].map(() => call(provider.node.self))
    const second = [1, 2, 3].map(() => call(third.node.self))
    await net.clock.advance(5)
    expect(first.map(({ ended }) => ended.type)).toEqual(['pending', 'pending', 'pending', 'error'])
    expect(second.map(({ ended }) => ended.type)).toEqual(['pending', 'pending', 'error'])
    expect(second[2]!.ended).toMatchObject({ error: { code: 'ERR_RPC_OVERLOADED' } })
    await net.clock.advance(1_000)
    expect(caller.rpc.stats()).toMatchObject({ pending: 0, errors: 7 })
  })

  it('R15 refuses at once what it cannot take, in less than 10 ms, while it serves the others', async () => {
    const { net, caller, provider } = await pair()
    const handler = async (): Promise<string> => (await wait(net, 100), 'done')
    const limits = { concurrency: 2, queueMax: 2 }
    await net.told(provider.rpc.advertise('busy', handler, limits))
    const startMs = net.clock.now()
    const ends: string[] = []
    for (let call = 0; call < 6; call++) {
      caller.rpc.call('busy', call, { attempts: 1 }).then(
        () => ends.push(`done ${net.clock.now() - startMs}`),
        ({ code }: { code: string }) => ends.push(`${code} ${net.clock.now() - startMs}`),
      )
    }
    await net.clock.advance(250)
    expect(ends).toEqual([
      ...['ERR_RPC_OVERLOADED 2', 'ERR_RPC_OVERLOADED 2'],
      ...['done 102', 'done 102', 'done 202', 'done 202'],
    ])
    expect(provider.rpc.stats()).toMatchObject({ shed: 2, served: 4, running: 0, queued: 0 })
  })

  it('R15 calls of higher priority go first and take the places of lower ones', async () => {
    const { net, caller, provider } = await pair()
    const order: unknown[] = []
    const handler = async (input: unknown): Promise<void> => {
      order.push(input)
      await wait(net, 10)
    }
    await net.told(provider.rpc.advertise('busy', handler, { concurrency: 1, queueMax: 2 }))
    const call = (input: string, priority: 'low' | 'normal' | 'high') =>
      net.watch(caller.rpc.call('busy', input, { priority, attempts: 1 }))
    call('first', 'low')
    const [low, lower] = [call('low', 'low'), call('lower', 'low')]
    const high = call('high', 'high')
    await net.clock.advance(100)
    expect(order).toEqual(['first', 'high', 'low'])
    expect(lower.ended).toMatchObject({ error: { code: 'ERR_RPC_OVERLOADED' } })
    expect([low.ended.type, high.ended.type]).toEqual(['value', 'value'])
  })

  it('a handler that throws, hangs or floods harms no other', async () => {
    const { net, caller, provider } = await pair()
    await net.told(
      provider.rpc.advertise('throws', () => {
        throw undefined
      }),
      provider.rpc.advertise('rejects', () => Promise.reject({ no: 'error' })),
      provider.rpc.advertise('revoked', () => {
        const { proxy, revoke } = Proxy.revocable({}, {})
        revoke()
        throw proxy
      }),
      provider.rpc.advertise('traps', () => ({
        get then() {
          throw new Error('a getter that throws')
        },
      })),
      provider.rpc.advertise('hangs', () => new Promise(() => {})),
      provider.rpc.advertise('floods', (_, context) => {
        let taken = 0
        for (let each = 0; each < 10_000; each++) {
          if (context.progress(new Uint8Array(1_000))) taken += 1
        }
        return taken
      }),
      provider.rpc.advertise('well', (input) => input),
    )
    net.watch(caller.rpc.call('hangs'))
    const thrown = await net.errorOf(caller.rpc.call('throws'))
    expect(thrown).toMatchObject({ code: 'ERR_RPC_REMOTE', remote: { message: 'undefined' } })
    const trapped = await net.errorOf(caller.rpc.call('traps'))
    expect(trapped).toMatchObject({ code: 'ERR_RPC_REMOTE', message: 'a getter that throws' })
    const revoked = await net.errorOf(caller.rpc.call('revoked'))
    expect(revoked).toMatchObject({ code: 'ERR_RPC_REMOTE', remote: { name: 'Error' } })
    const rejected = await net.errorOf(caller.rpc.call('rejects'))
    expect(rejected.remote).toMatchObject({ name: 'Error', code: undefined })
    const onProgress = (): void => {}
    const taken = (await net.during(caller.rpc.call('floods', 1, { onProgress }))) as number
    expect(taken).toBeLessThan(1_100)
    expect(provider.count('ERR_RPC_PROGRESS_DROPPED')).toBe(10_000 - taken)
    expect(await net.during(caller.rpc.call('well', 5))).toBe(5)
  })
})

describe('progressive results', () => {
  it('R17 come in order, before the result, only to callers that ask', async () => {
    const { net, caller, provider } = await pair()
    const taken: boolean[] = []
    await net.told(
      provider.rpc.advertise('count', async (to: number, context) => {
        for (let each = 1; each <= to; each++) {
          taken.push(context.progress(each))
          await wait(net, 1)
        }
        return 'counted'
      }),
    )
    const seen: unknown[] = []
    const onProgress = (value: unknown): void => void seen.push(value)
    const call = caller.rpc.call('count', 5, { onProgress }).then((value) => seen.push(value))
    await net.during(call)
    expect(seen).toEqual([1, 2, 3, 4, 5, 'counted'])
    expect(taken).toEqual([true, true, true, true, true])
    const replies = net.frames('reply')
    expect(await net.during(caller.rpc.call('count', 5))).toBe('counted')
    expect(taken.slice(5)).toEqual([false, false, false, false, false])
    expect(net.frames('reply')).toBe(replies + 1)
  })

  it('R17 the same from a local handler', async () => {
    const { net, caller } = await pair()
    await net.told(
      caller.rpc.advertise('count', (_, { progress }) => {
        for (const each of [1, 2, 3]) progress(each)
        return 4
      }),
    )
    const seen: unknown[] = []
    const onProgress = (value: unknown): void => void seen.push(value)
    seen.push(await net.during(caller.rpc.call('count', 1, { onProgress })))
    expect(seen).toEqual([1, 2, 3, 4])
  })

  it('R17 are put in order when a large one is overtaken, also by the result', async () => {
    // The first and the third are late.
    const { net, caller, seen, onProgress } = await counting((frame, take) => {
      if (frame % 2 === 0) take()
      else net.clock.setTimer(100 * frame, take)
    })
    const call = caller.rpc.call('count', 1, { onProgress }).then((value) => seen.push(value))
    await net.clock.advance(150)
    expect(seen).toEqual([1, 2])
    await net.during(call)
    expect(seen).toEqual([1, 2, 3, 4])
  })

  it('R17 one that is lost keeps the result back for a second, not for ever', async () => {
    const { net, caller, seen, onProgress } = await counting((frame, take) => {
      if (frame !== 1) take()
    })
    const startMs = net.clock.now()
    seen.push(await net.during(caller.rpc.call('count', 1, { onProgress })))
    expect(seen).toEqual([2, 3, 4])
    expect(net.clock.now() - startMs).toBeLessThanOrEqual(1_003)
  })

  it('an onProgress that throws harms nobody', async () => {
    const { net, caller, provider } = await pair()
    await net.told(provider.rpc.advertise('count', (_, context) => (context.progress(1), 'fine')))
    const onProgress = (): void => {
      throw new Error('mine')
    }
    expect(await net.during(caller.rpc.call('count', 1, { onProgress }))).toBe('fine')
  })
})

describe('callMany', () => {
  it('gives what each provider of the best pattern says', async () => {
    const net = new RpcNet()
    const nodes = [await net.rpcNode(), await net.rpcNode(), await net.rpcNode()]
    await net.told(
      nodes[0]!.rpc.advertise('all', () => 'own'),
      nodes[1]!.rpc.advertise('all', () => 'far'),
      nodes[2]!.rpc.advertise('all', () => {
        throw new Error('not me')
      }),
    )
    const results = await net.during(nodes[0]!.rpc.callMany('all', 1))
    expect(results).toMatchObject([
      { node: nodes[0]!.node.self, status: 'fulfilled', value: 'own' },
      { node: nodes[1]!.node.self, status: 'fulfilled', value: 'far' },
      { node: nodes[2]!.node.self, status: 'rejected', reason: { code: 'ERR_RPC_REMOTE' } },
    ])
  })

  it('fails as a whole only without providers, for the input, or when it is given up', async () => {
    const { net, caller, provider } = await pair()
    caller.node.catalog.sought = false
    expect((await net.errorOf(caller.rpc.callMany('none'))).code).toBe('ERR_RPC_NO_PROVIDER')
    const late = caller.rpc.callMany('none', 1, { signal: AbortSignal.abort() })
    expect((await net.errorOf(late)).code).toBe('ERR_RPC_CANCELLED')
    expect((await net.errorOf(caller.rpc.callMany('none', () => 1))).code).toBe('ERR_RPC_INPUT')
    await net.told(provider.rpc.advertise('hang', () => new Promise(() => {})))
    const giver = new AbortController()
    const call = net.errorOf(caller.rpc.callMany('hang', 1, { signal: giver.signal }))
    net.clock.setTimer(5, () => giver.abort())
    expect((await call).code).toBe('ERR_RPC_CANCELLED')
    const results = await net.during(caller.rpc.callMany('hang', 1, { timeoutMs: 50 }))
    expect(results).toMatchObject([{ status: 'rejected', reason: { code: 'ERR_RPC_TIMEOUT' } }])
  })
})
