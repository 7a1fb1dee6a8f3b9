import { getEventListeners } from 'node:events'
import { describe, expect, it } from 'vitest'
import { DhtPlaces } from '../../../mesh/catalog/dht-places.ts'
import { catalogSettings } from '../../../mesh/catalog/settings.ts'
import { Refusals } from '../../../mesh/refusals.ts'
import { DhtError } from '../../../mesh/routing/errors.ts'
import type { DhtProvider } from '../../../mesh/routing/dht.ts'
import { createSimClock, silentLogger } from '../../../runtime/index.ts'

/** An operation of the DHT, which the test ends. */
interface Asked {
  readonly signal: AbortSignal
  readonly resolve: (value: never) => void
  readonly reject: (error: unknown) => void
}

/** Places in a DHT that the test plays. */
class Play {
  readonly asked: Asked[] = []
  readonly told: string[] = []
  /** Of a lookup step by step; an error is thrown. */
  hops: Iterable<{ readonly outcome: string }> = []
  readonly refusals = new Refusals(createSimClock(), silentLogger)
  readonly places: DhtPlaces

  constructor() {
    const ask = (signal: AbortSignal | undefined): Promise<never> => {
      return new Promise((resolve, reject) => {
        this.asked.push({ signal: signal!, resolve, reject })
        signal!.addEventListener('abort', () => reject(new DhtError('ERR_DHT_ABORTED', 'over')))
      })
    }
    this.places = new DhtPlaces({
      dht: {
        joined: (options) => ask(options?.signal),
        providers: (_key, options) => ask(options?.signal),
        provide: (_key, _metadata, options) => ask(options?.signal),
        withdraw: () => Promise.resolve(true),
        lookup: () => ({
          result: Promise.resolve(undefined as never),
          [Symbol.asyncIterator]: () => this.hops[Symbol.iterator]() as never,
        }),
      },
      settings: catalogSettings(),
      refusals: this.refusals,
      published: new Set(),
      failed: (error) => void this.told.push(String(error)),
    })
  }

  lookup(name: string): void {
    this.places.lookup(name, (nodes) => void this.told.push(`${name}: ${nodes?.length}`))
  }
}

const settled = (): Promise<void> => Promise.resolve().then(() => {})

describe('places in the DHT', () => {
  it('ML6 have a signal for each operation, so that none gathers listeners', async () => {
    const play = new Play()
    play.places.whenJoined(() => {})
    for (let at = 0; at < 32; at++) play.lookup(`k${at}`)
    for (let at = 0; at < 8; at++) play.places.provide(`k${at}`, 1, () => {})
    const signals = new Set(play.asked.map(({ signal }) => signal))
    expect(signals.size).toBe(41)
    expect(Array.from(signals, (each) => getEventListeners(each, 'abort').length)).toEqual(
      Array.from(signals, () => 1),
    )
    play.places.close()
    await settled()
    expect(play.asked.every(({ signal }) => signal.aborted)).toBe(true)
  })

  it('tell what was found, or that it failed, which is counted', async () => {
    const play = new Play()
    play.lookup('a')
    play.lookup('b')
    play.lookup('c')
    const provider = { key: { hex: '01' }, address: {}, metadata: Uint8Array.of(1, 1) }
    play.asked[0]!.resolve([provider as unknown as DhtProvider] as never)
    play.asked[1]!.reject(new DhtError('ERR_DHT_TIMEOUT', 'too late'))
    play.asked[2]!.reject(new TypeError('a bug'))
    await settled()
    expect(play.told).toEqual(['a: 1', 'b: undefined', 'TypeError: a bug'])
    expect(play.refusals.counters()).toEqual({ ERR_DHT_TIMEOUT: 1 })
  })

  it('are in a narrow DHT when a lookup hears of more nodes than it reaches', async () => {
    const play = new Play()
    const check = async (words: string, code?: string): Promise<void> => {
      play.hops = (function* () {
        for (const outcome of words.split(' ')) yield { outcome }
        if (code !== undefined) throw new DhtError(code as 'ERR_DHT_TIMEOUT', 'over')
      })()
      play.places.check('k', (isNarrow) => void play.told.push(String(isNarrow)))
      for (let turn = 0; turn < 20; turn++) await settled()
    }
    await check('answered failed failed')
    await check('answered answered failed slow failed failed')
    await check('answered answered answered failed failed failed')
    await check('failed failed failed', 'ERR_DHT_TIMEOUT')
    await check('failed failed failed', 'ERR_DHT_REFUSED')
    expect(play.told).toEqual(['false', 'true', 'false', 'true', 'undefined'])
    expect(play.refusals.counters()).toEqual({ ERR_DHT_REFUSED: 1 })
  })

  it('end what is under way when they are closed, tell nobody, and begin nothing', async () => {
    const play = new Play()
    play.lookup('done')
    play.lookup('open')
    play.asked[0]!.resolve([] as never)
    await settled()
    play.places.close()
    play.lookup('late')
    play.places.withdraw('x', () => void play.told.push('withdrawn'))
    await settled()
    expect(play.asked.map(({ signal }) => signal.aborted)).toEqual([false, true])
    expect(play.told).toEqual(['done: 0'])
    expect(play.refusals.counters()).toEqual({})
  })
})
