/** How commands ask a running node: connect, ask, close, whatever happens. */
import type { ClientArguments } from '../command.ts'
import { connectControl, type ControlClient } from '../control/client.ts'
import type { ControlMethod } from '../control/protocol.ts'
import type { CliIo } from '../io.ts'

/** What the node gets beyond the deadline of the operation itself, to answer at all. */
export const ANSWER_MARGIN_MS = 5000

/** Runs `ask` with a connection to the node of `options`. */
export async function withNode<T>(
  options: ClientArguments,
  io: CliIo,
  ask: (client: ControlClient) => Promise<T>,
): Promise<T> {
  const client = await connectControl({ dataDir: options.dataDir, clock: io.clock })
  try {
    return await ask(client)
  } finally {
    client.close()
  }
}

/**
 * Runs a request that never ends by itself until Ctrl-C, until nobody reads what is printed, or until `until`
 * says so: all are what its user wants, so it resolves. It rejects when the node ends it, or does not begin it in time.
 */
export async function followNode(
  client: ControlClient,
  io: CliIo,
  request: {
    readonly method: ControlMethod
    readonly params: Readonly<Record<string, unknown>>
    readonly onEvent: (event: unknown) => void
    /** How long it may take to begin. Default {@link ANSWER_MARGIN_MS}. */
    readonly answerMs?: number
    /** Called with the way to end it for another reason; gives the way to stop waiting for that. */
    readonly until?: (stop: () => void) => () => void
  },
): Promise<void> {
  let asked = false
  const stop = (): void => {
    asked = true
    client.close()
  }
  const releases = [io.onStop(stop), io.onOutputGone(stop)]
  if (request.until !== undefined) releases.push(request.until(stop))
  try {
    await client.request(request.method, request.params, {
      timeoutMs: request.answerMs ?? ANSWER_MARGIN_MS,
      goesOn: true,
      onEvent: (event) => {
        if (!asked) request.onEvent(event)
      },
    })
  } catch (error) {
    if (!asked) throw error
  } finally {
    for (const release of releases) release()
  }
}
