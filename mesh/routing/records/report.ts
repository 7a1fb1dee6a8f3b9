/** What one operation tells whoever asked for it: events while it runs, and one outcome. */
import type { LookupHop } from '../kademlia/machine.ts'
import type { RecordsContext } from './context.ts'
import type { OperationFailure, OperationOptions, OperationOutcome } from './machine.ts'
import type { DhtRecord } from './record.ts'

/** An operation under way. */
export interface OperationRun {
  begin(): void
  /** Drops everything it began; it says nothing any more. */
  cancel(): void
  /** Its time is over: it ends with what it has. */
  expire(): void
}

/** What an operation knows at its end. */
export type Result = Partial<Omit<OperationOutcome, 'elapsedMs'>>

/** See the head of this file. */
export class Report {
  readonly deadlineMs: number
  ended = false
  readonly #context: RecordsContext
  readonly #operationId: number
  readonly #startedMs: number
  readonly #onEnd: (operationId: number) => void

  constructor(
    context: RecordsContext,
    operationId: number,
    options: OperationOptions,
    onEnd: (operationId: number) => void,
  ) {
    this.#context = context
    this.#operationId = operationId
    this.#startedMs = context.nowMs
    this.deadlineMs = options.deadlineMs ?? context.nowMs + context.settings.operationTimeoutMs
    this.#onEnd = onEnd
  }

  found(record: DhtRecord, from: string): void {
    this.#context.sink.event({ type: 'found', operationId: this.#operationId, record, from })
  }

  hop(hop: LookupHop): void {
    this.#context.sink.event({ type: 'hop', operationId: this.#operationId, hop })
  }

  done(result: Result): void {
    this.#end()
    const outcome = this.#outcome(result)
    this.#context.sink.event({ type: 'done', operationId: this.#operationId, outcome })
  }

  failed(code: OperationFailure, result: Result = {}): void {
    this.#end()
    this.#context.counters.operationsFailed += 1
    const outcome = this.#outcome(result)
    this.#context.sink.event({ type: 'failed', operationId: this.#operationId, code, outcome })
  }

  #end(): void {
    this.ended = true
    this.#onEnd(this.#operationId)
  }

  #outcome(result: Result): OperationOutcome {
    return {
      records: result.records ?? [],
      holders: result.holders ?? [],
      refusals: result.refusals ?? [],
      requests: result.requests ?? 0,
      agreed: result.agreed ?? 0,
      elapsedMs: this.#context.nowMs - this.#startedMs,
    }
  }
}
