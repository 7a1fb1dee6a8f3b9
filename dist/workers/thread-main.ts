/**
 * What runs in the thread of a worker node. Starts the node, lets the user's module register behaviours, and only then
 * joins the node that started it: nobody sees a worker that cannot do its work yet.
 */
import { parentPort, workerData } from 'node:worker_threads'
import process from 'node:process'
import { createNodeDoor, createWorkerTransport, Line, type Transport } from '../../mesh/index.ts'
import { startNode, type FoveaNode } from '../node.ts'
import { createThreadLogger } from './thread-logger.ts'
import { failureOf } from './thread-protocol.ts'
import type { ThreadMessage, ThreadStart } from './thread-protocol.ts'

/** What a module of worker nodes exports. */
export interface WorkerModule {
  /** Registers behaviours and starts what the worker needs; the node joins the others when it is done. */
  readonly setup: (node: FoveaNode, data: unknown) => void | Promise<void>
}

const say = (message: ThreadMessage): void => parentPort!.postMessage(message, [])

/** Names which step failed. */
class StepError extends Error {
  readonly code: 'ERR_WORKER_MODULE' | 'ERR_WORKER_START'
  constructor(code: 'ERR_WORKER_MODULE' | 'ERR_WORKER_START', cause: unknown) {
    super(code, { cause })
    this.code = code
  }
}

async function loadModule(url: string): Promise<WorkerModule> {
  const module = (await import(url)) as Partial<WorkerModule>
  if (typeof module.setup === 'function') return module as WorkerModule
  throw new TypeError(`${url} exports no function setup`)
}

async function step<T>(code: StepError['code'], work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw new StepError(code, cause)
  }
}

function startThreadNode(start: ThreadStart): Promise<FoveaNode> {
  const { outside, line, insideHost, name, realm, options, dataDir } = start
  const own = new Line(line)
  let transport: Transport = createWorkerTransport(own)
  if (outside !== undefined) {
    const door = createNodeDoor({})
    void door.attach(own)
    transport = door
  }
  return startNode({
    ...options,
    ...(outside ?? { host: insideHost }),
    ...{ realm: realm as never, name, port: 0, transport },
    ...(dataDir === undefined ? {} : { dataDir }),
    logger: createThreadLogger(say),
  })
}

async function run(start: ThreadStart): Promise<void> {
  const { setup } = await step('ERR_WORKER_MODULE', () => loadModule(start.module))
  const node = await step('ERR_WORKER_START', () => startThreadNode(start))
  parentPort!.on('message', () => {
    void node.stop().finally(() => process.exit(0))
  })
  // A node that gave up is no use: the main thread starts another.
  void node.ended.then(() => process.exit(1))
  await step('ERR_WORKER_START', async () => setup(node, start.data))
  node.mesh.addSeed(start.seed)
  say({ type: 'ready', id: node.id, keyHex: node.key.hex })
}

try {
  await run(workerData as ThreadStart)
} catch (error) {
  const code = error instanceof StepError ? error.code : 'ERR_WORKER_START'
  say({
    type: 'failed',
    code,
    failure: failureOf(error instanceof StepError ? error.cause : error),
  })
  process.exit(1)
}
