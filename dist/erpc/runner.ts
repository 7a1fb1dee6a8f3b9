/**
 * Runs registered functions, each call in a process of its own, as `erpc` of OTP does: `self()` works in it,
 * `exit(reason)` ends it, and a signal that ends it is told to the caller. The processes are linked to the
 * runner, which is a child of the node's tree: when it ends, so do they.
 *
 * A run never throws and its process always ends `normal`: what the function did is the answer, not a crash.
 * Nobody is linked to the caller: it may die, its node may be lost, the function goes on (RP-13).
 */
import {
  contract,
  implement,
  noreply,
  type ChildSpec,
  type Contract,
  type Server,
} from '../../behaviours/index.ts'
import { ExitThrow, type Pid, type System } from '../../runtime/index.ts'
import type { ErpcFailure } from './errors.ts'
import type { FunctionTable, RegisteredFunction } from './function-table.ts'

/** What a call came to. */
export type ErpcOutcome = { readonly value: unknown } | ErpcFailure

interface RunnerApi {
  call: {}
  cast: {}
}

const RunnerContract: Contract<RunnerApi> = contract('fovea.erpc/1', { call: {}, cast: {} })

/** The process is there for its links; the ends of runs are heard where they are waited for. */
const RunnerServer: Server<RunnerApi, ErpcRunner> = implement<RunnerApi, ErpcRunner, ErpcRunner>(
  RunnerContract,
  {
    init: (runner, ctx) => runner.opened(ctx.self.pid),
    call: {},
    cast: {},
    info: (runner) => noreply(runner),
  },
)

const RESTARTING: ErpcOutcome = Object.freeze({ class: 'erpc', code: 'ERR_ERPC_RESTARTING' })

/** Runs the functions of one node; outlives its process. */
export class ErpcRunner {
  readonly #system: System
  readonly #table: FunctionTable
  #self: Pid | undefined

  constructor(system: System, table: FunctionTable) {
    this.#system = system
    this.#table = table
  }

  /** The child of the node's supervisor. */
  child(): ChildSpec {
    const spec = RunnerServer.child(this, { id: 'erpc', options: { trapExit: true } })
    return spec as unknown as ChildSpec
  }

  /** @internal */
  opened(self: Pid): this {
    this.#self = self
    return this
  }

  /** Runs a function when it is its turn. `signal` takes back what has not begun. Never rejects. */
  run(name: string, args: readonly unknown[], signal?: AbortSignal): Promise<ErpcOutcome> {
    const entry = this.#table.find(name)
    if (entry === undefined) return refusal('ERR_ERPC_UNKNOWN')
    return new Promise((resolve) => {
      let takeBack: () => void = () => {}
      const giveUp = (): void => {
        takeBack()
        // Nobody reads it: the caller has its own end.
        resolve({ class: 'signal', reason: 'noproc' })
      }
      const begin = (): void => {
        signal?.removeEventListener('abort', giveUp)
        this.#begin(entry, args, (outcome) => {
          this.#table.done(entry)
          resolve(outcome)
        })
      }
      const admitted = this.#table.admit(entry, begin)
      if (typeof admitted === 'string') resolve({ class: 'erpc', code: admitted })
      else {
        takeBack = admitted
        if (entry.waiting.has(begin)) signal?.addEventListener('abort', giveUp, { once: true })
      }
    })
  }

  #begin(
    entry: RegisteredFunction,
    args: readonly unknown[],
    done: (outcome: ErpcOutcome) => void,
  ): void {
    const parent = this.#self
    if (parent === undefined || !this.#system.isAlive(parent)) {
      done(RESTARTING)
      return
    }
    let unwatch: () => void = () => {}
    let over = false
    const settle = (outcome: ErpcOutcome): void => {
      if (over) return
      over = true
      unwatch()
      done(outcome)
    }
    const body = async (): Promise<void> => settle(await outcomeOf(entry, args))
    try {
      const pid = this.#system.spawn(body, { parent, link: true, label: `erpc ${entry.name}` })
      unwatch = this.#system.watch(pid, (reason) => settle({ class: 'signal', reason }))
    } catch {
      // There is no room for a process, or the system stops.
      settle(RESTARTING)
    }
  }
}

async function outcomeOf(
  { run }: RegisteredFunction,
  args: readonly unknown[],
): Promise<ErpcOutcome> {
  try {
    return { value: await run(...(args as never[])) }
  } catch (thrown) {
    if (thrown instanceof ExitThrow) return { class: 'exit', reason: thrown.reason }
    if (thrown instanceof Error) return { class: 'error', error: thrown }
    return { class: 'throw', reason: thrown }
  }
}

function refusal(code: string): Promise<ErpcOutcome> {
  return Promise.resolve({ class: 'erpc', code })
}
