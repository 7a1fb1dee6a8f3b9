/**
 * Accounting of calls to all providers, and of how calls are spread (R1, R14, R20): each provider answers once, for itself;
 * in calm all who offer are asked, and those in turn equally often.
 */
import { RpcError } from '../../mesh/index.ts'
import type { Claim } from './services-claim.ts'
import type { Life } from './services-life.ts'

/** What travels to a handler. */
export interface ManyTask {
  readonly many: number
  readonly isSlow: boolean
}

/** What comes back. */
interface Answer {
  readonly many: number
  readonly node: string
}

interface Asked {
  readonly number: number
  readonly by: Life
  readonly name: string
  readonly dueMs: number
  /** Lives that ran it. */
  readonly ranBy: Set<number>
  outcome: string | undefined
}

const TIMES_MS = [1_000, 4_000, 16_000]
/** A caller that stands still ends its calls when it goes on. */
const LATE_MS_MAX = 15_000

/** Whether a task is one of these. */
export function isManyTask(task: object): task is ManyTask {
  return 'many' in task
}

/** See the file header. */
export class ManyAccount {
  readonly #claim: Claim
  readonly #now: () => number
  readonly #asked: Asked[] = []

  constructor(claim: Claim, now: () => number) {
    this.#claim = claim
    this.#now = now
  }

  /** A handler runs. */
  ran({ many }: ManyTask, life: Life): Answer {
    const asked = this.#asked[many]
    this.#claim(asked !== undefined, 'R20', () => `call ${many} to all was never made`)
    const isFirst = !asked.ranBy.has(life.number)
    this.#claim(isFirst, 'R7', () => `call ${many} to all runs twice at ${life.name}`)
    asked.ranBy.add(life.number)
    return { many, node: life.key }
  }

  /** Asks all; gives who has answered. */
  async ask(by: Life, name: string, isSlow: boolean): Promise<ReadonlySet<string>> {
    const number = this.#asked.length
    const timeoutMs = TIMES_MS[number % TIMES_MS.length]!
    const dueMs = this.#now() + timeoutMs + LATE_MS_MAX
    const asked: Asked = { number, by, name, dueMs, ranBy: new Set(), outcome: undefined }
    this.#asked.push(asked)
    const what = (): string => `call ${number} of ${by.name} to all of ${name}`
    const task: ManyTask = { many: number, isSlow }
    const seen = new Set<string>()
    const answered = new Set<string>()
    try {
      for (const result of await by.node.rpc.callMany<Answer>(name, task, { timeoutMs })) {
        const { node } = result
        this.#claim(!seen.has(node), 'R20', () => `${what()}: two answers of ${node}`)
        seen.add(node)
        if (result.status === 'rejected') {
          if (!(result.reason instanceof RpcError)) throw result.reason
          continue
        }
        const { value } = result
        const isOwn = value.many === number && value.node === node
        this.#claim(isOwn, 'R20', () => `${what()}: ${node} gives that of ${value.node}`)
        answered.add(node)
      }
      asked.outcome = 'done'
    } catch (error) {
      if (!(error instanceof RpcError)) throw error
      asked.outcome = error.code
    }
    this.#claim(this.#now() <= dueMs, 'R2', () => `${what()} ends late, as ${asked.outcome}`)
    return answered
  }

  /** In calm: everybody of those answers, and calls in turn go to each equally often. */
  async spread(by: Life, name: string, nodes: ReadonlySet<string>): Promise<void> {
    const what = `calls of ${by.name} to all of ${name}`
    const answered = await this.ask(by, name, false)
    const missing = (): string => `${what}: ${answered.size} of ${nodes.size} answer`
    const isWhole = answered.size === nodes.size && [...nodes].every((each) => answered.has(each))
    this.#claim(isWhole, 'R1', missing)
    const turns = new Map<string, number>()
    const asking = Array.from({ length: nodes.size * 2 }, async () => {
      const number = this.#asked.length
      const asked: Asked = { number, by, name, dueMs: Infinity, ranBy: new Set(), outcome: 'turn' }
      this.#asked.push(asked)
      const task: ManyTask = { many: number, isSlow: false }
      const { node, many } = await by.node.rpc.call<Answer>(name, task, { strategy: 'round_robin' })
      this.#claim(many === number, 'R20', () => `${what}: answer of ${many} to ${number}`)
      turns.set(node, (turns.get(node) ?? 0) + 1)
    })
    await Promise.all(asking)
    const counts = (): string => JSON.stringify(Object.fromEntries(turns))
    const isEven = [...nodes].every((each) => turns.get(each) === 2)
    this.#claim(isEven, 'R14', () => `${what} in turn go to ${counts()}`)
  }

  /** When everything has had its time: all have ended. */
  settle(): void {
    for (const { number, by, name, outcome } of this.#asked) {
      const what = (): string => `call ${number} of ${by.name} to all of ${name} has no end`
      this.#claim(by.isOver || outcome !== undefined, 'R20', what)
    }
  }

  /** How they ended. */
  outcomes(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>()
    for (const { outcome = 'crashed' } of this.#asked) {
      counts.set(`many ${outcome}`, (counts.get(`many ${outcome}`) ?? 0) + 1)
    }
    return counts
  }
}
