/**
 * The process `courier`. It owns the alarm and the crashes of the dispatcher: a restarted one knows nothing of what
 * waited, whose senders were told `ERR_COURIER_STOPPED`. Handlers are those of before, and links that stand serve on.
 */
import type { Server } from '../../behaviours/index.ts'
import { driverServer } from '../driver-process.ts'
import type { DriverApi, Ties } from '../driver-process.ts'
import { WireType } from '../wire/messages.ts'
import type { CourierContext } from './context.ts'
import { Dispatcher } from './dispatcher.ts'

/** Starts and serves the dispatcher. */
export const CourierServer: Server<DriverApi, CourierContext> = driverServer(
  'fovea.courier/1',
  beginDispatcher,
)

/** A dispatcher that works until the process ends. */
export function beginDispatcher(context: CourierContext, ties: Ties): Dispatcher {
  const { memory, frames, pool } = context
  const dispatcher = new Dispatcher(context, ties)
  memory.dispatcher = dispatcher
  const { serviceChunk } = WireType
  const release = [
    frames.handle(serviceChunk, serviceChunk, (link, _type, payload) =>
      dispatcher.chunk(link, payload),
    ),
    pool.onLink((event) => dispatcher.link(event)),
  ]
  ties.signal.addEventListener('abort', () => {
    for (const off of release) off()
    if (memory.dispatcher === dispatcher) memory.dispatcher = undefined
    dispatcher.close()
  })
  return dispatcher
}
