/** Servers and small tools that the tests of whole nodes share. */
import {
  contract,
  implement,
  noreply,
  reply,
  stop,
  type Contract,
  type Ref,
  type Server,
} from '../../../behaviours/index.ts'
import type { FoveaNode } from '../../../dist/index.ts'
import {
  startSimNodes,
  type SimNodes,
  type SimNodesOptions,
} from '../../../dist/simulation/index.ts'
import type { Logger, Pid, Received, SimClock } from '../../../runtime/index.ts'

export interface CounterApi {
  call: {
    get(): number
    add(by: number): number
    crash(): never
    /** Never answers by itself. */
    hang(): never
    self(): Ref<CounterApi>
    /** Adds on another counter and answers its count. */
    relay(to: { readonly ref: Ref<CounterApi>; readonly by: number }): number
    echo(value: unknown): unknown
    unsendable(): unknown
    quit(reason: unknown): void
  }
  cast: { add(by: number): void; reset(): void }
}

export const CounterContract: Contract<CounterApi> = contract('counter/1', {
  call: {
    ...{ get: true, add: true, crash: true, hang: true, self: true },
    ...{ relay: true, echo: true, unsendable: true, quit: true },
  },
  cast: { add: true, reset: true },
})

export const Counter: Server<CounterApi, number> = implement<CounterApi, number, number>(
  CounterContract,
  {
    init: (start) => start,
    call: {
      get: (n) => reply(n, n),
      add: (n, by) => reply(n + by, n + by),
      crash: () => {
        throw Object.assign(new Error('told to crash'), { code: 'ERR_TOLD', detail: 7 })
      },
      hang: (n) => noreply(n),
      self: (n, _input, ctx) => reply(ctx.self, n),
      relay: async (n, { ref, by }) => reply(await ref.call.add(by), n),
      echo: (n, value) => reply(value, n),
      unsendable: (n) => reply({ list: [1, () => 1] }, n),
      quit: (n, reason) => stop(reason, n, { reply: undefined }),
    },
    cast: { add: (n, by) => noreply(n + by), reset: () => noreply(0) },
  },
)

/** A line that a node has logged. */
export interface Line {
  readonly node: string
  readonly level: string
  readonly code: unknown
  readonly fields: Readonly<Record<string, unknown>>
  readonly text: string
}

/** A world whose log lines are kept. */
export interface LoggedWorld extends SimNodes {
  readonly lines: Line[]
}

/** `count` linked nodes with counters to spawn, and their log. */
export async function startWorld(
  count: number,
  options: SimNodesOptions = {},
): Promise<LoggedWorld> {
  const lines: Line[] = []
  const logger = (node: string): Logger => {
    const add =
      (level: string) =>
      (fields: Readonly<Record<string, unknown>>, text: string): void =>
        void lines.push({ node, level, code: fields['code'], fields, text })
    return { debug: add('debug'), info: add('info'), warn: add('warn'), error: add('error') }
  }
  const world = await startSimNodes(count, { logger, ...options })
  for (const node of world.nodes) {
    node.behaviorRegistry.register('counter', Counter, { remote: true })
  }
  return Object.assign(world, { lines })
}

/** The value of `promise`, with time moving in steps of 1 ms until it is settled. */
export async function during<T>(
  { clock }: { readonly clock: SimClock },
  promise: Promise<T>,
  timeoutMs = 60_000,
): Promise<T> {
  let settled = false
  const over = (): void => {
    settled = true
  }
  promise.then(over, over)
  await clock.settle()
  for (let waitedMs = 0; !settled && waitedMs < timeoutMs; waitedMs++) await clock.advance(1)
  if (!settled) throw new Error(`not settled after ${timeoutMs} ms of virtual time`)
  return promise
}

/** The error of `promise`, as `during`. */
export async function failing(
  world: { readonly clock: SimClock },
  promise: Promise<unknown>,
): Promise<Error & Record<string, unknown>> {
  return await during(
    world,
    promise.then(
      (value) => {
        throw new Error(`expected a failure, got ${String(value)}`)
      },
      (error: unknown) => error as Error & Record<string, unknown>,
    ),
  )
}

/** A plain process that records what it receives. */
export interface Probe {
  readonly pid: Pid
  readonly seen: unknown[]
  /** EXIT and DOWN messages as `exit reason` and `down reason`. */
  signals(): string[]
}

/** Starts a {@link Probe} that traps exits. */
export function probe(node: FoveaNode, traps = true): Probe {
  const seen: unknown[] = []
  const pid = node.system.spawn(async (ctx) => {
    ctx.trapExit(traps)
    for (;;) seen.push(await ctx.receive(undefined, { timeoutMs: Infinity }))
  })
  const signals = (): string[] =>
    seen.filter(isSignal).map((signal) => `${signal.type} ${String(signal.reason)}`)
  return { pid, seen, signals }
}

type Signal = Extract<Received, { readonly reason: unknown }>

function isSignal(item: unknown): item is Signal {
  const { type } = (item ?? {}) as { readonly type?: unknown }
  return type === 'exit' || type === 'down'
}
