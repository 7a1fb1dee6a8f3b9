/** Computes for so many milliseconds when told, and says how far it came. */
import { parentPort } from 'node:worker_threads'

parentPort!.on('message', (forMs: number) => {
  const endMs = performance.now() + forMs
  let steps = 0
  while (performance.now() < endMs) steps += 1
  parentPort!.postMessage(steps, [])
})
