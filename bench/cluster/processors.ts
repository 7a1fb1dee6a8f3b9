/**
 * How many processors a bench of two programs really has. Where it has one, because others use the second or the host of a
 * virtual machine does, programs that take turns are as fast as ever and those that work at once are not, and
 * no counter of the system says so.
 */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

const THREAD = new URL('./processors-thread.js', import.meta.url)
const SPIN_MS = 200

/** Threads that compute on demand. */
export class Processors implements AsyncDisposable {
  readonly #one = new Worker(THREAD)
  readonly #other = new Worker(THREAD)

  /** What two threads do at once, in what one does alone: 2 with two whole processors, 1 with one. */
  async atOnce(): Promise<number> {
    // Whoever disturbs the one that is alone would make it look like more processors.
    const alone = Math.max(await spin(this.#one), await spin(this.#other))
    const both = await Promise.all([spin(this.#one), spin(this.#other)])
    return (both[0] + both[1]) / alone
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#one.terminate(), this.#other.terminate()])
  }
}

/** How far it comes. */
async function spin(thread: Worker): Promise<number> {
  const told = once(thread, 'message')
  thread.postMessage(SPIN_MS, [])
  return ((await told) as [number])[0]
}
