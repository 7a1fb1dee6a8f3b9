/**
 * What runs in the thread of a worker node: loads the user's module, then a node for it. A module that cannot be loaded
 * is told before the library is, which takes most of the start.
 */
import process from 'node:process'
import { parentPort, workerData } from 'node:worker_threads'
import type { FoveaNode } from '../node.ts'
import { failureOf } from './thread-protocol.ts'
import type { ThreadMessage, ThreadStart } from './thread-protocol.ts'

/** What a module of worker nodes exports. */
export interface WorkerModule {
  /** Registers behaviours and starts what the worker needs; the node joins the others when it is done. */
  readonly setup: (node: FoveaNode, data: unknown) => void | Promise<void>
}

const say = (message: ThreadMessage): void => parentPort!.postMessage(message, [])

async function loadModule(url: string): Promise<WorkerModule> {
  const module = (await import(url)) as Partial<WorkerModule>
  if (typeof module.setup === 'function') return module as WorkerModule
  throw new TypeError(`${url} exports no function setup`)
}

async function run(start: ThreadStart): Promise<void> {
  let code: 'ERR_WORKER_MODULE' | 'ERR_WORKER_START' = 'ERR_WORKER_MODULE'
  try {
    const { setup } = await loadModule(start.module)
    code = 'ERR_WORKER_START'
    const { runThreadNode } = await import('./thread-node.ts')
    await runThreadNode(start, setup, say)
  } catch (error) {
    say({ type: 'failed', code, failure: failureOf(error) })
    process.exit(1)
  }
}

await run(workerData as ThreadStart)
