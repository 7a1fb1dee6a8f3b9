/**
 * Joins a running node with whoever is at an address: dials until somebody answers, keeps the address
 * as a seed, and waits until the one who answered is a member.
 *
 * An address where nobody answers in time is kept too: the node goes on trying. One that can never do
 * (itself, another realm, another cluster) is not.
 */
import { parseSeed, type Candidate, type Link, type Mesh } from '../../../mesh/index.ts'
import type { JoinResult } from '../control/target.ts'
import { CliError, codeOf } from '../errors.ts'

/** Pause before an address that did not answer is dialled again. */
const RETRY_MS = 250

/** Options of {@link joinMesh}. */
export interface JoinOptions {
  /** Until somebody at the address must be a member. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** What of a mesh is needed. */
export type JoinableMesh = Pick<
  Mesh,
  'addSeed' | 'address' | 'connect' | 'key' | 'links' | 'membership' | 'nodeId' | 'system'
>

/** Joins `mesh` with the node at `address`; rejects with `ERR_JOIN_*` or the code of the dial. */
export async function joinMesh(
  mesh: JoinableMesh,
  address: string,
  options: JoinOptions,
): Promise<JoinResult> {
  const candidate = parseSeed(address)
  const { host, port } = mesh.address
  if (candidate.host === host && candidate.port === port) throw itself(address)
  const before = new Set(membersUp(mesh).map(({ key }) => key.hex))
  const there = membersUp(mesh).find(
    (member) => member.address.host === candidate.host && member.address.port === candidate.port,
  )
  if (there !== undefined) {
    mesh.addSeed(candidate)
    return resultOf(mesh, there.nodeId, there.key.hex, true)
  }
  const deadlineMs = mesh.system.clock.now() + options.timeoutMs
  const { peer } = await dial(mesh, candidate, address, { ...options, deadlineMs })
  mesh.addSeed(candidate)
  const already = before.has(peer.key.hex)
  if (!(await becomesMember(mesh, peer.key.hex, deadlineMs, options.signal))) {
    throw new CliError(
      'ERR_JOIN_NO_ANSWER',
      `${peer.nodeId} answered at ${address}, but is no member after ${options.timeoutMs} ms`,
      { hint: 'it may be overloaded: see fovea members, and fovea stats on both nodes' },
    )
  }
  return resultOf(mesh, peer.nodeId, peer.key.hex, already)
}

interface DialOptions extends JoinOptions {
  readonly deadlineMs: number
}

/** Dials again and again while nobody answers; a lasting failure ends it at once. */
async function dial(
  mesh: JoinableMesh,
  candidate: Candidate,
  address: string,
  options: DialOptions,
): Promise<Link> {
  const { clock } = mesh.system
  const { host, port } = candidate
  for (;;) {
    const { signal, deadlineMs } = options
    try {
      const timeoutMs = Math.max(1, deadlineMs - clock.now())
      return await mesh.connect({ host, port }, { timeoutMs, signal })
    } catch (error) {
      signal.throwIfAborted()
      const problem = lastingProblem(error, address)
      if (problem !== undefined) throw problem
      if (clock.now() + RETRY_MS >= deadlineMs) {
        mesh.addSeed(candidate)
        throw noAnswer(address, options.timeoutMs, error)
      }
    }
    await pause(mesh, RETRY_MS, signal)
  }
}

/** True once that node is up; false when time is over. */
async function becomesMember(
  mesh: JoinableMesh,
  keyHex: string,
  deadlineMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  const isUp = (): boolean => membersUp(mesh).some(({ key }) => key.hex === keyHex)
  if (isUp()) return true
  const { clock } = mesh.system
  return await new Promise((resolve, reject) => {
    const settle = (): void => {
      timer.cancel()
      stop()
      signal.removeEventListener('abort', onAbort)
    }
    const finish = (): void => {
      settle()
      resolve(isUp())
    }
    const onAbort = (): void => {
      settle()
      reject(signal.reason as Error)
    }
    const timer = clock.setTimer(Math.max(1, deadlineMs - clock.now()), finish)
    // Not at once: a subscription begins with what is known, before it has given the way to end it.
    const stop = mesh.membership.subscribe(({ type, member }) => {
      if (type === 'up' && member.key.hex === keyHex) clock.microtask(finish)
    })
    signal.addEventListener('abort', onAbort, { once: true })
  })
}

function pause(mesh: JoinableMesh, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = mesh.system.clock.setTimer(ms, () => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    })
    const onAbort = (): void => {
      timer.cancel()
      reject(signal.reason as Error)
    }
    signal.addEventListener('abort', onAbort, { once: true })
  })
}

function membersUp(mesh: JoinableMesh): ReturnType<Mesh['membership']['members']> {
  return mesh.membership.members().filter(({ state }) => state === 'up')
}

function resultOf(mesh: JoinableMesh, node: string, key: string, already: boolean): JoinResult {
  return { node, key, already, membersUp: membersUp(mesh).length + 1 }
}

/** Why no later try can do better, as far as the dial tells. */
function lastingProblem(error: unknown, address: string): unknown {
  const code = codeOf(error)
  const reason = String((error as { reason?: unknown } | undefined)?.reason ?? '')
  if (code === 'ERR_LINK_SELF' || reason === 'self') return itself(address)
  if (code === 'ERR_LINK_REALM_MISMATCH' || reason === 'realm_mismatch') {
    return new CliError(
      'ERR_JOIN_REALM',
      `${address} is a node of another realm, or none of ours`,
      {
        cause: error,
      },
    )
  }
  if (reason === 'cluster_mismatch') {
    return new CliError('ERR_JOIN_CLUSTER', `${address} is a node of another cluster`, {
      cause: error,
    })
  }
  if (code === 'ERR_LINK_REJECTED' || code === 'ERR_LINK_REFUSED') {
    if (PASSING_REASONS.has(reason)) return undefined
    const words = reason === '' ? '' : `: ${reason}`
    const who =
      code === 'ERR_LINK_REJECTED' ? `${address} refused this node` : `${address} was refused`
    return new CliError('ERR_JOIN_REFUSED', `${who}${words}`, { cause: error })
  }
  return code !== undefined && LASTING_CODES.has(code) ? error : undefined
}

/** Rejections that a later try may not meet. */
const PASSING_REASONS: ReadonlySet<string> = new Set([
  'too_many_links',
  'not_accepting',
  'simultaneous_dial',
])

/** Failed dials that are the same however often they are repeated. */
const LASTING_CODES: ReadonlySet<string> = new Set([
  'ERR_TRANSPORT_BAD_ADDRESS',
  'ERR_TRANSPORT_PEER_KEY',
  'ERR_DIAL_ABORTED',
  'ERR_MESH_STOPPED',
])

function itself(address: string): CliError {
  return new CliError('ERR_JOIN_SELF', `${address} is this node itself`)
}

function noAnswer(address: string, timeoutMs: number, cause: unknown): CliError {
  const { reason } = (cause ?? {}) as { readonly reason?: unknown }
  const what =
    typeof reason === 'string'
      ? `the node at ${address} had no room (${reason}) for ${timeoutMs} ms`
      : `nobody answered at ${address} within ${timeoutMs} ms`
  const lookup = codeOf(cause) === 'ERR_DIAL_LOOKUP' ? ': its host name has no address' : ''
  return new CliError('ERR_JOIN_NO_ANSWER', `${what}${lookup}; this node goes on trying`, { cause })
}
