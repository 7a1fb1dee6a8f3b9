/**
 * One thread with a worker node, as the main thread sees it: started, ready, ended. How it ends is told once; a thread
 * that does not stop in time is ended from outside, as `kill -9` ends a process.
 */
import { Worker } from 'node:worker_threads'
import { asNobody, type Clock, type Logger } from '../../runtime/index.ts'
import { WorkerError } from './errors.ts'
import { errorOf, readThreadMessage } from './thread-protocol.ts'
import type { ThreadMessage, ThreadStart, ThreadStop } from './thread-protocol.ts'

/** What a thread is made of. */
export interface ThreadParts {
  /** The JavaScript file that runs in the thread. */
  readonly entry: URL
  readonly start: ThreadStart
  readonly execArgv: readonly string[] | undefined
  readonly startTimeoutMs: number
  readonly clock: Clock
  readonly logger: Logger
  /** It ended without having been stopped; `error` is why. Called once, not before the constructor is done. */
  readonly onEnded: (error: WorkerError) => void
}

/** A node that is there. */
export interface ThreadReady {
  readonly id: string
  readonly keyHex: string
}

/** See the file header. */
export class Thread {
  /** Rejects with a {@link WorkerError} when it ends before it is ready. */
  readonly ready: Promise<ThreadReady>
  readonly #parts: ThreadParts
  readonly #worker: Worker
  readonly #exited: Promise<void>
  #resolve!: (ready: ThreadReady) => void
  #reject!: (error: WorkerError) => void
  #error: WorkerError | undefined
  #stopping: Promise<void> | undefined
  #hasEnded = false

  constructor(parts: ThreadParts) {
    const { entry, start, execArgv, clock, startTimeoutMs } = parts
    this.#parts = parts
    this.ready = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    // Whoever starts workers looks at it; a restart looks at the end only.
    this.ready.catch(() => {})
    const options = {
      name: start.name,
      workerData: start,
      transferList: [start.line],
      ...(execArgv === undefined ? {} : { execArgv: [...execArgv] }),
    }
    this.#worker = asNobody(() => new Worker(entry, options))
    this.#worker.on('message', (value: unknown) => this.#heard(readThreadMessage(value)))
    this.#worker.on('error', (cause: unknown) => {
      this.#error ??= this.#failed('ERR_WORKER_EXIT', `died: ${textOf(cause)}`, cause)
    })
    const timer = clock.setTimer(startTimeoutMs, () => {
      const text = `was not ready within ${startTimeoutMs} ms`
      this.#error ??= this.#failed('ERR_WORKER_START_TIMEOUT', text)
      void this.#worker.terminate()
    })
    const noTimer = (): void => timer.cancel()
    this.ready.then(noTimer, noTimer)
    this.#exited = new Promise((resolve) => {
      this.#worker.on('exit', (code) => {
        this.#hasEnded = true
        resolve()
        this.#ended(code)
      })
    })
  }

  /** Whether nothing of it runs any more. */
  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** Asks the node to stop and waits for the thread to end; ends it after `timeoutMs`. Idempotent. */
  stop(timeoutMs: number): Promise<void> {
    this.#stopping ??= this.#stop(timeoutMs)
    return this.#stopping
  }

  async #stop(timeoutMs: number): Promise<void> {
    const message: ThreadStop = { type: 'stop' }
    this.#worker.postMessage(message, [])
    const timer = this.#parts.clock.setTimer(timeoutMs, () => void this.#worker.terminate())
    await this.#exited
    timer.cancel()
  }

  #heard(message: ThreadMessage | undefined): void {
    const { logger, start } = this.#parts
    switch (message?.type) {
      case 'ready':
        this.#resolve(message)
        break
      case 'failed': {
        const cause = errorOf(message.failure)
        this.#error ??= this.#failed(message.code, `did not start: ${cause.message}`, cause)
        break
      }
      case 'log':
        logger[message.level]({ ...message.fields, worker: start.name }, message.text)
        break
      case undefined:
        // The user's module said something to a parent that is not its own.
        logger.warn({ worker: start.name }, 'a worker posted a message that nobody expects')
    }
  }

  #ended(code: number): void {
    const error = this.#error ?? this.#failed('ERR_WORKER_EXIT', `ended with code ${code}`)
    this.#reject(error)
    if (this.#stopping === undefined) this.#parts.onEnded(error)
  }

  #failed(code: string, what: string, cause?: unknown): WorkerError {
    return new WorkerError(code, this.#parts.start.name, what, cause === undefined ? {} : { cause })
  }
}

function textOf(value: unknown): string {
  return value instanceof Error ? value.message : String(value)
}
