/** Lets whoever waits for something give up by a signal; what is waited for goes on. */
import { ownPromise } from '../../runtime/index.ts'
import { PubSubError } from './errors.ts'

/** What is given up: in words, and its topic if it has one. */
export interface GivenUp {
  readonly what: string
  readonly topic?: string
}

/** The promise that `begin` gives, or `ERR_PUBSUB_ABORTED`; with a signal that is aborted already nothing is begun. */
export function unlessAborted<T>(
  begin: () => Promise<T>,
  signal: AbortSignal | undefined,
  { what, topic }: GivenUp,
): Promise<T> {
  if (signal === undefined) return begin()
  return ownPromise<T>((resolve, reject) => {
    const abort = (): void => {
      const text = `${what} is not waited for any more`
      const cause: unknown = signal.reason
      reject(
        new PubSubError('ERR_PUBSUB_ABORTED', text, {
          ...(topic === undefined ? {} : { topic }),
          cause,
        }),
      )
    }
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort, { once: true })
    const end = (): void => signal.removeEventListener('abort', abort)
    begin().then(resolve, reject).finally(end)
  })
}
