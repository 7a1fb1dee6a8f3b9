/** How commands ask a running node: connect, ask, close, whatever happens. */
import type { ClientArguments, EdgeArguments, EdgeClientArguments } from '../command.ts'
import { connectControl, type ControlClient } from '../control/client.ts'
import type { ControlMethod } from '../control/protocol.ts'
import type { CliIo } from '../io.ts'

/** What the node gets beyond the deadline of the operation itself, to answer at all. */
export const ANSWER_MARGIN_MS = 5000

/** How long a command waits for a gateway, when it names no time. */
const GATEWAY_MS = 10_000

/** Runs `ask` with a connection to the node of `options`, or as a peer at the edge within `gatewayMs`. */
export async function withNode<T>(
  options: ClientArguments | EdgeClientArguments,
  io: CliIo,
  ask: (client: ControlClient) => Promise<T>,
  gatewayMs: number = GATEWAY_MS,
): Promise<T> {
  const edge = 'edge' in options ? options.edge : undefined
  const client =
    edge === undefined
      ? await connectControl({ dataDir: options.dataDir ?? '', clock: io.clock })
      : await atEdge(edge, io, gatewayMs, options.json)
  try {
    return await ask(client)
  } finally {
    client.close()
    await client.ended
  }
}

async function atEdge(
  edge: EdgeArguments,
  io: CliIo,
  timeoutMs: number,
  isJson: boolean,
): Promise<ControlClient> {
  // Who asks a running node does not wait for the code of the mesh.
  const { connectEdge } = await import('../control/edge-client.ts')
  const { clock, entropy } = io
  const stopped = new AbortController()
  const release = io.onStop(() => stopped.abort())
  const onGateway = (isThere: boolean): void => {
    const event = isThere ? 'gateway_found' : 'gateway_lost'
    const text = isThere
      ? 'there is a gateway again'
      : 'the gateway is gone: looking for it, what is said meanwhile does not come here'
    io.err(isJson ? JSON.stringify({ event }) : text)
  }
  const { signal } = stopped
  try {
    return await connectEdge({ ...edge, clock, entropy, timeoutMs, signal, onGateway })
  } finally {
    release()
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
