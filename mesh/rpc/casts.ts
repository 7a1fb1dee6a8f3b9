/**
 * Casts: one provider is told, nobody answers, nothing is repeated. One for a procedure that nobody is known to offer
 * waits until providers were looked for; how many may wait is limited.
 */
import type { CallPort } from './attempts.ts'
import type { Caller } from './caller.ts'
import type { CallIds } from './call-ids.ts'
import type { CallTarget } from './call-request.ts'
import type { RpcContext } from './context.ts'
import type { CallMessage } from './frames.ts'
import type { Candidate } from './routes.ts'

/** What {@link Casts} needs. */
export interface CastsParts {
  readonly context: RpcContext
  readonly caller: Caller
  readonly ids: CallIds
  readonly port: Pick<CallPort, 'castProvider'>
  readonly after: (promise: Promise<unknown>, task: () => void) => void
}

/** See the head of this file. */
export class Casts {
  readonly #parts: CastsParts
  #waiting = 0

  constructor(parts: CastsParts) {
    this.#parts = parts
  }

  /** False when it was refused. */
  cast(target: CallTarget): boolean {
    const { context, caller } = this.#parts
    const { procedure } = target
    context.memory.counters.casts += 1
    const candidate = caller.pick(target)
    if (candidate !== undefined) return this.#send(candidate, target)
    const isSought = context.catalog.isSought('procedure', procedure)
    if (isSought || this.#waiting >= context.settings.castsWaitingMax) {
      this.#dropped(procedure, isSought ? 'nobody offers it' : 'too many casts wait')
      return false
    }
    this.#waiting += 1
    const timeoutMs = Math.max(1, Math.ceil(target.timeoutMs))
    this.#parts.after(context.catalog.seek('procedure', procedure, { timeoutMs }), () => {
      this.#waiting -= 1
      this.#sought(target)
    })
    return true
  }

  #sought(target: CallTarget): void {
    const { caller, context } = this.#parts
    const candidate = caller.pick(target)
    if (candidate === undefined) this.#dropped(target.procedure, 'nobody offers it')
    else if (target.dueMs <= context.clock.now())
      this.#dropped(target.procedure, 'its time was over')
    else this.#send(candidate, target)
  }

  #send(candidate: Candidate, target: CallTarget): boolean {
    const { context, ids, port } = this.#parts
    const { procedure, priority, input } = target
    const message: CallMessage = {
      id: ids.next(),
      procedure,
      budgetMs: Math.max(1, Math.floor(target.dueMs - context.clock.now())),
      priority,
      wantsProgress: false,
    }
    const lost = (): void => this.#dropped(procedure, 'it was lost on the way')
    if (port.castProvider(candidate, message, input, lost)) return true
    this.#dropped(procedure, 'too much waits for its provider')
    return false
  }

  #dropped(procedure: string, why: string): void {
    this.#parts.context.refusals.count('ERR_RPC_CAST_DROPPED', { procedure, why })
  }
}
