/**
 * Bridges between operations, which report by calls, and promises: one settles once, whatever comes first of
 * its end, the signal and the end of the process that worked on it.
 */
import { ownPromise } from '../../runtime/index.ts'
import type { DhtContext } from './context.ts'
import { holdersOf, standingOf } from './dht-results.ts'
import { DhtError } from './errors.ts'
import type { LookupHop, LookupResult, LookupSpec } from './kademlia/machine.ts'
import type { JoinWaiter } from './memory.ts'
import type { Operation, OperationOutcome } from './records/machine.ts'
import type { DhtRecord } from './records/record.ts'

/** What a caller wants to hear while it waits. */
export interface Listening {
  /** What is asked for, as it was given; for people. */
  readonly asked: string
  readonly signal?: AbortSignal | undefined
  /** The loop over what is found is left: ends it as well. */
  readonly leaving?: AbortSignal | undefined
  readonly found?: (record: DhtRecord) => void
  readonly hop?: (hop: LookupHop) => void
}

/** Begins something and gives the way to give it up. */
type Begin<T> = (resolve: (value: T) => void, reject: (error: DhtError) => void) => () => void

/** Has an operation done by the records process. */
export function operate(
  context: DhtContext,
  operation: Operation,
  listening: Listening,
): Promise<OperationOutcome> {
  return settled([listening.signal, listening.leaving], (resolve, reject) => {
    const { recorder } = context.memory
    if (recorder === undefined) {
      reject(restarted('records'))
      return () => {}
    }
    const operationId = recorder.operate(operation, {
      found: (record) => listening.found?.(record),
      hop: (hop) => listening.hop?.(hop),
      done: resolve,
      failed: (code, outcome) => {
        const what = `${operation.type} of ${listening.asked}`
        const why = [...reasons(context, operation, outcome), workOf(outcome)].join(', ')
        const [record] = outcome.records
        const standing = record === undefined ? undefined : standingOf(record)
        reject(new DhtError(code, `${what}: ${why}`, { ...holdersOf(outcome), standing }))
      },
      lost: () => reject(restarted('records')),
    })
    return () => recorder.cancel(operationId)
  })
}

/** Has a lookup made by the routing process. */
export function lookUp(
  { memory }: DhtContext,
  spec: LookupSpec,
  listening: Listening,
): Promise<LookupResult> {
  return settled([listening.signal, listening.leaving], (resolve, reject) => {
    const { router } = memory
    if (router === undefined) {
      reject(restarted('routing'))
      return () => {}
    }
    const lookupId = router.lookup(spec, {
      reply: () => {},
      hop: (hop) => listening.hop?.(hop),
      done: (result) => {
        const what = `lookup of ${listening.asked}`
        if (result.reason === 'refused') {
          const why = 'too many lookups are under way or wait'
          reject(new DhtError('ERR_DHT_LOOKUPS_MAX', `${what}: ${why}`))
        } else if (result.reason === 'deadline') {
          reject(new DhtError('ERR_DHT_TIMEOUT', `${what}: not done after ${workOf(result)}`))
        } else resolve(result)
      },
      lost: () => reject(restarted('routing')),
    })
    return () => router.cancelLookup(lookupId)
  })
}

/** Waits until this node has joined the DHT; no longer than `timeoutMs`. */
export function whenJoined(
  { memory, clock }: DhtContext,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  return settled([signal], (resolve, reject) => {
    if (memory.router?.isJoined === true) {
      resolve()
      return () => {}
    }
    const end = (error?: DhtError): void => {
      timer.cancel()
      memory.waiting.delete(waiter)
      if (error === undefined) resolve()
      else reject(error)
    }
    const waiter: JoinWaiter = {
      joined: () => end(),
      stopped: () => end(new DhtError('ERR_DHT_ABORTED', 'the mesh stops')),
    }
    const timer = clock.setTimer(timeoutMs, () =>
      end(new DhtError('ERR_DHT_TIMEOUT', `nobody to join within ${timeoutMs} ms`)),
    )
    memory.waiting.add(waiter)
    return () => end()
  })
}

function settled<T>(given: readonly (AbortSignal | undefined)[], begin: Begin<T>): Promise<T> {
  const signals = given.filter((signal) => signal !== undefined)
  return ownPromise<T>((resolve, reject) => {
    const before = signals.find(({ aborted }) => aborted)
    if (before !== undefined) return reject(givenUp(before))
    let over = false
    const onAbort = (): void => {
      end(() => reject(givenUp(signals.find(({ aborted }) => aborted))))
      giveUp()
    }
    const end = (how: () => void): void => {
      if (over) return
      over = true
      for (const signal of signals) signal.removeEventListener('abort', onAbort)
      how()
    }
    for (const signal of signals) signal.addEventListener('abort', onAbort, { once: true })
    const giveUp = begin(
      (value) => end(() => resolve(value)),
      (error) => end(() => reject(error)),
    )
  })
}

function givenUp(by: AbortSignal | undefined): DhtError {
  return new DhtError('ERR_DHT_ABORTED', 'the operation was given up', { cause: by?.reason })
}

function restarted(process: string): DhtError {
  return new DhtError('ERR_DHT_RESTARTED', `the process '${process}' of the DHT has ended`)
}

/** Why it failed, in numbers. */
function reasons(
  { options }: DhtContext,
  operation: Operation,
  { records, holders, refusals, agreed }: OperationOutcome,
): readonly string[] {
  const { getQuorum, putQuorum } = options.records
  if (operation.type === 'get') {
    if (records.length === 0) return ['nobody who was asked has it']
    return [`${agreed} agreed (quorum ${operation.options.quorum ?? getQuorum})`]
  }
  if (operation.type !== 'put' && operation.type !== 'provide') return []
  const quorum = operation.options.quorum ?? putQuorum
  const codes = Array.from(new Set(refusals.map(({ code }) => code)))
  const [standing] = records
  return [
    `sequence ${operation.record.sequence}`,
    `${holders.length} other nodes acknowledged (quorum ${quorum})`,
    ...(codes.length === 0 ? [] : [`${refusals.length} refused with ${codes.join(', ')}`]),
    ...(standing === undefined ? [] : [`sequence ${standing.sequence} stands`]),
  ]
}

function workOf({ requests, elapsedMs }: Pick<LookupResult, 'requests' | 'elapsedMs'>): string {
  return `${requests} requests in ${Math.round(elapsedMs)} ms`
}
