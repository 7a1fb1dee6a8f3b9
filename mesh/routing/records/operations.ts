/** The operations under way: how many there may be, when their time is over, and how each begins. */
import { invariant } from '../../../runtime/index.ts'
import { Deadlines } from '../../machine/deadlines.ts'
import { cacheOnPath } from './cache-path.ts'
import type { RecordsContext } from './context.ts'
import { correct } from './correct.ts'
import { FindProviders } from './find-providers.ts'
import { Get } from './get.ts'
import type { Holding } from './holding.ts'
import type { Operation, OperationOptions } from './machine.ts'
import { Put } from './put.ts'
import { Report } from './report.ts'
import type { OperationRun } from './report.ts'
import type { Republish } from './republish.ts'
import type { Upkeep } from './upkeep.ts'

/** What operations act on. */
export interface OperationParts {
  readonly holding: Holding
  readonly republish: Republish
  readonly upkeep: Upkeep
}

const NO_OPTIONS: OperationOptions = Object.freeze({})

/** See the head of this file. */
export class Operations {
  readonly #context: RecordsContext
  readonly #parts: OperationParts
  readonly #running = new Map<number, OperationRun>()
  readonly #deadlines = new Deadlines()

  constructor(context: RecordsContext, parts: OperationParts) {
    this.#context = context
    this.#parts = parts
  }

  get size(): number {
    return this.#running.size
  }

  /** When the first of them must end; Infinity when none runs. */
  nextDeadline(): number {
    return this.#deadlines.earliest()
  }

  begin(operationId: number, operation: Operation): void {
    const { sink, settings, counters } = this.#context
    invariant(!this.#running.has(operationId), 'ERR_INVARIANT_DHT_OPERATION', `${operationId}`)
    const options = operation.type === 'unpublish' ? NO_OPTIONS : operation.options
    const report = new Report(this.#context, operationId, options, (id) => this.#ended(id))
    counters.operations += 1
    if (operation.type === 'unpublish') {
      report.done({ records: this.#parts.republish.unpublish(operation.key.hex) })
      return
    }
    if (this.#running.size >= settings.operationsMax) {
      sink.refused('ERR_DHT_OPERATIONS_MAX', undefined)
      report.failed('ERR_DHT_OPERATIONS_MAX')
      return
    }
    const run = this.#make(operation, report)
    this.#running.set(operationId, run)
    this.#deadlines.set(operationId, report.deadlineMs)
    run.begin()
  }

  /** Nobody waits for it any more. */
  cancel(operationId: number): void {
    const run = this.#running.get(operationId)
    this.#ended(operationId)
    run?.cancel()
  }

  /** Ends those whose time is over. */
  tick(): void {
    while (this.#deadlines.earliest() <= this.#context.nowMs) {
      const operationId = this.#deadlines.first()
      const run = this.#running.get(operationId)
      this.#ended(operationId)
      run?.expire()
    }
  }

  #make(operation: Exclude<Operation, { type: 'unpublish' }>, report: Report): OperationRun {
    const { holding, upkeep } = this.#parts
    const context = this.#context
    switch (operation.type) {
      case 'put':
        return new Put(
          context,
          { ...operation, publish: operation.publish ?? false },
          report,
          holding,
        )
      case 'provide':
        return new Put(context, { ...operation, publish: true }, report, holding)
      case 'get':
        return new Get(context, operation, report, (findings) => {
          correct(context, holding, upkeep, findings)
          cacheOnPath(context, upkeep, findings)
        })
      case 'find_providers':
        return new FindProviders(context, operation, report)
    }
  }

  #ended(operationId: number): void {
    this.#running.delete(operationId)
    this.#deadlines.delete(operationId)
  }
}
