/**
 * The node in the thread of a worker. The user's setup registers behaviours, and only then the node joins the one that
 * started it: nobody sees a worker that cannot do its work yet.
 */
import { existsSync } from 'node:fs'
import process from 'node:process'
import { parentPort } from 'node:worker_threads'
import {
  createNodeDoor,
  createWorkerTransport,
  Line,
  openDataDir,
  releaseAfterThread,
  type NodeDisk,
  type Transport,
} from '../../mesh/index.ts'
import { startNode, type FoveaNode } from '../node.ts'
import { createThreadLogger } from './thread-logger.ts'
import type { ThreadMessage, ThreadStart } from './thread-protocol.ts'

/** Starts the node of this thread; the thread ends with it. */
export async function runThreadNode(
  start: ThreadStart,
  setup: (node: FoveaNode, data: unknown) => void | Promise<void>,
  say: (message: ThreadMessage) => void,
): Promise<void> {
  const node = await startThreadNode(start, say)
  parentPort!.on('message', () => {
    void node.stop().finally(() => process.exit(0))
  })
  // A node that gave up is no use: the main thread starts another.
  void node.ended.then(() => process.exit(1))
  await setup(node, start.data)
  node.mesh.addSeed(start.seed)
  say({ type: 'ready', id: node.id, keyHex: node.key.hex })
}

async function startThreadNode(
  start: ThreadStart,
  say: (message: ThreadMessage) => void,
): Promise<FoveaNode> {
  const { outside, insideHost, name, realm, options, dataDir } = start
  if (start.takesOver && dataDir !== undefined && existsSync(dataDir)) {
    await releaseAfterThread(dataDir)
  }
  const line = new Line(start.line)
  const logger = createThreadLogger(say)
  let transport: Transport = createWorkerTransport(line, { logger })
  if (outside !== undefined) {
    const door = createNodeDoor({ logger })
    await door.attach(line)
    transport = door
  }
  return await startNode({
    ...options,
    ...(outside ?? { host: insideHost }),
    ...{ realm: realm as never, name, port: 0, transport, logger },
    ...(dataDir === undefined ? {} : { dataDir: keysOnly(dataDir) }),
  })
}

/**
 * The key, the incarnation and the membership of a worker are on disk; its store is in memory. A thread that dies leaves
 * a native store open in the process, and nobody could open it again until the program ends.
 */
function keysOnly(path: string): NodeDisk {
  return { open: (content) => openDataDir({ path, ...content }) }
}
