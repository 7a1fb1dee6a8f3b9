/** The floor of the worker benchmark: a thread that sends back what it hears on a message port. */
import { parentPort } from 'node:worker_threads'

parentPort!.on('message', (message) => parentPort!.postMessage(message, []))
