/**
 * The process that stands for a worker node in its node's system: its life is the life of the thread. When the thread
 * ends, the process ends with the reason, and its supervisor decides; when the process ends, however, so does
 * the thread.
 */
import {
  contract,
  implement,
  noreply,
  stop,
  type ChildSpec,
  type Contract,
  type Ref,
  type Server,
} from '../../behaviours/index.ts'
import type { Thread } from './thread.ts'
import type { WorkerError } from './errors.ts'

/** Makes the thread of one life; `ended` is called when it ends by itself. */
export type StartThread = (ended: (error: WorkerError) => void) => Thread

interface WorkerApi {
  call: {}
  cast: { ended(error: WorkerError): void }
}

interface WorkerState {
  readonly thread: Thread
  readonly stopTimeoutMs: number
}

interface WorkerArgument {
  readonly startThread: StartThread
  readonly stopTimeoutMs: number
}

const WorkerContract: Contract<WorkerApi> = contract('fovea.worker/1', {
  call: {},
  cast: { ended: true },
})

const WorkerServer: Server<WorkerApi, WorkerArgument> = implement<
  WorkerApi,
  WorkerArgument,
  WorkerState
>(WorkerContract, {
  // The thread goes on starting after this: workers of one start come up beside each other.
  init: ({ startThread, stopTimeoutMs }, ctx): WorkerState => {
    const { self } = ctx
    const thread = startThread((error) => void self.cast.ended(error))
    // However the process ends, also killed, when `terminate` does not run.
    ctx.signal.addEventListener('abort', () => void thread.stop(stopTimeoutMs))
    return { thread, stopTimeoutMs }
  },
  call: {},
  cast: { ended: (state, error) => stop(error, state) },
  info: (state) => noreply(state),
  terminate: (_reason, { thread, stopTimeoutMs }) => thread.stop(stopTimeoutMs),
})

/** A child of the workers' supervisor. */
export function workerChild(id: string, argument: WorkerArgument): ChildSpec<Ref<WorkerApi>> {
  return {
    id,
    restart: 'permanent',
    shutdown: argument.stopTimeoutMs + 1_000,
    start: ({ system, parent }) =>
      WorkerServer.start(argument, { system, parent, link: true, trapExit: true }),
  }
}
