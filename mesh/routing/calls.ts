/**
 * Bridges between operations, which report by calls, and promises: one settles once, whatever comes first of
 * its end, the signal and the end of the process that worked on it.
 */
import { ownPromise } from '../../runtime/index.ts'
import type { DhtContext } from './context.ts'
import { DhtError } from './errors.ts'
import type { LookupHop, LookupResult, LookupSpec } from './kademlia/machine.ts'
import type { JoinWaiter } from './memory.ts'
import type { Operation, OperationOutcome } from './records/machine.ts'
import type { DhtRecord } from './records/record.ts'

/** What a caller wants to hear while it waits. */
export interface Listening {
  readonly signal?: AbortSignal | undefined
  readonly found?: (record: DhtRecord) => void
  readonly hop?: (hop: LookupHop) => void
}

/** Begins something and gives the way to give it up. */
type Begin<T> = (resolve: (value: T) => void, reject: (error: DhtError) => void) => () => void

/** Has an operation done by the records process. */
export function operate(
  { memory }: DhtContext,
  operation: Operation,
  listening: Listening = {},
): Promise<OperationOutcome> {
  return settled(listening.signal, (resolve, reject) => {
    const { recorder } = memory
    if (recorder === undefined) {
      reject(restarted('records'))
      return () => {}
    }
    const operationId = recorder.operate(operation, {
      found: (record) => listening.found?.(record),
      hop: (hop) => listening.hop?.(hop),
      done: resolve,
      failed: (code, outcome) => reject(failure(code, operation, outcome)),
      lost: () => reject(restarted('records')),
    })
    return () => recorder.cancel(operationId)
  })
}

/** Has a lookup made by the routing process. */
export function lookUp(
  { memory }: DhtContext,
  spec: LookupSpec,
  listening: Listening = {},
): Promise<LookupResult> {
  return settled(listening.signal, (resolve, reject) => {
    const { router } = memory
    if (router === undefined) {
      reject(restarted('routing'))
      return () => {}
    }
    const lookupId = router.lookup(spec, {
      reply: () => {},
      hop: (hop) => listening.hop?.(hop),
      done: (result) => {
        if (result.reason !== 'refused') return resolve(result)
        reject(new DhtError('ERR_DHT_LOOKUPS_MAX', 'too many lookups are under way or wait'))
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
  return settled(signal, (resolve, reject) => {
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

function settled<T>(signal: AbortSignal | undefined, begin: Begin<T>): Promise<T> {
  return ownPromise<T>((resolve, reject) => {
    if (signal?.aborted === true) return reject(aborted(signal))
    let over = false
    const onAbort = (): void => {
      end(() => reject(aborted(signal!)))
      giveUp()
    }
    const end = (how: () => void): void => {
      if (over) return
      over = true
      signal?.removeEventListener('abort', onAbort)
      how()
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    const giveUp = begin(
      (value) => end(() => resolve(value)),
      (error) => end(() => reject(error)),
    )
  })
}

function aborted(signal: AbortSignal): DhtError {
  return new DhtError('ERR_DHT_ABORTED', 'the operation was given up', { cause: signal.reason })
}

function restarted(process: string): DhtError {
  return new DhtError('ERR_DHT_RESTARTED', `the process '${process}' of the DHT has ended`)
}

function failure(code: string, operation: Operation, outcome: OperationOutcome): DhtError {
  const key =
    operation.type === 'put' || operation.type === 'provide' ? operation.record.key : operation.key
  const { holders, refusals, requests, elapsedMs } = outcome
  const reached = refusals.length + holders.length === 0 ? '' : `, ${holders.length} acknowledged`
  const why = refusals.map((refusal) => refusal.code).join(', ')
  const said = why === '' ? '' : `, refused with ${why}`
  const work = `${requests} requests in ${Math.round(elapsedMs)} ms`
  return new DhtError(code, `${operation.type} of ${key.hex}: ${work}${reached}${said}`)
}
