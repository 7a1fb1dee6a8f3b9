/** What a strategy is given in tests, on virtual time, and what it said. */
import type { Strategy, StrategyContext } from '../../../dist/discovery/strategy.ts'
import { createRealm, nodeKeyFromBytes, type Dht } from '../../../mesh/index.ts'
import type { Candidate, Realm } from '../../../mesh/index.ts'
import {
  createSeededEntropy,
  createSimClock,
  silentLogger,
  type SimClock,
} from '../../../runtime/index.ts'

/** A strategy that runs. */
export interface Running {
  readonly clock: SimClock
  /** `+10.0.0.1:4433`, `-10.0.0.1:4433`, `!ERR_CODE`, as they came. */
  readonly said: string[]
  /** Codes of what was dropped. */
  readonly refused: string[]
  readonly errors: unknown[]
  /** Resolves when `said` has that many entries, in real time. */
  heard(count: number): Promise<void>
  stop(): Promise<void>
}

/** How to run one. */
export interface RunOptions {
  readonly clock?: SimClock
  readonly realm?: Realm
  readonly cluster?: string
  /** Last byte of address and key of the node. */
  readonly number?: number
  /** Last byte of the key, where that differs. */
  readonly keyNumber?: number
  readonly name?: string
  readonly dht?: Dht
}

const realms = { default: createRealm('com.example.discovery') }

/** Runs `strategy` until `stop`. */
export function running(strategy: Strategy, options: RunOptions = {}): Running {
  const { clock = createSimClock({ startMs: 1_800_000_000_000 }), number = 1 } = options
  const { realm = realms.default, cluster = 'main', name = `n${number}` } = options
  const said: string[] = []
  const refused: string[] = []
  const errors: unknown[] = []
  const waiting: { readonly count: number; readonly resolve: () => void }[] = []
  const say = (text: string): void => {
    said.push(text)
    for (const one of waiting) if (said.length >= one.count) one.resolve()
  }
  const text = ({ host, port }: Candidate): string => `${host}:${port}`
  const abort = new AbortController()
  const key = nodeKeyFromBytes(new Uint8Array(32).fill(options.keyNumber ?? number))
  const context: StrategyContext = {
    ...{ signal: abort.signal, clock, logger: silentLogger, dht: options.dht as Dht },
    entropy: createSeededEntropy(number),
    self: { key, name, cluster, realm, address: { host: `10.0.0.${number}`, port: 4433 } },
    refused: (code) => refused.push(code),
  }
  const sink = {
    seen: (found: readonly Candidate[]) => found.forEach((one) => say(`+${text(one)}`)),
    gone: (found: readonly Candidate[]) => found.forEach((one) => say(`-${text(one)}`)),
    failed: (error: unknown) => {
      errors.push(error)
      say(`!${String((error as { code?: unknown }).code)}`)
    },
  }
  const ended = (async () => strategy.start(sink, context))()
  return {
    ...{ clock, said, refused, errors },
    heard: (count) =>
      new Promise((resolve) => {
        if (said.length >= count) resolve()
        else waiting.push({ count, resolve })
      }),
    stop: async () => {
      abort.abort()
      await ended
    },
  }
}
