/**
 * Failures of the command line and of the control socket, and how any error is shown to a person:
 * one line `ERR_CODE: message`, one line that says what to do, never a stack trace.
 */
import { FoveaError, formatReason, type ErrorCatalogue } from '../../runtime/index.ts'
import { HINTS } from './hints.ts'
import { printable } from './printable.ts'

/** A command or a control request failed for a reason that its user can act on. */
export class CliError extends FoveaError {
  override readonly name = 'CliError'
  /** What to do about it; undefined when the message says it. */
  readonly hint: string | undefined
  constructor(
    code: string,
    message: string,
    options: { readonly hint?: string | undefined; readonly cause?: unknown } = {},
  ) {
    super(code, message, 'cause' in options ? { cause: options.cause } : {})
    this.hint = options.hint
  }
}

/** Ctrl-C or SIGTERM ended a command before it was done; the exit code is that of a shell. */
export class InterruptedError extends FoveaError {
  override readonly name = 'InterruptedError'
  readonly exitCode = 130
  constructor() {
    super('ERR_CLI_INTERRUPTED', 'interrupted; nothing is left behind')
  }
}

const NOTHING = 'nothing'

/** Every code that the command line itself raises. */
export const cliErrors: ErrorCatalogue = Object.freeze({
  ERR_CLI_USAGE: {
    when: 'an unknown command or flag, a missing or malformed value; exit code 2',
    stateChanged: NOTHING,
    retry: 'no',
    action: 'read the usage line, or run the command with --help',
  },
  ERR_CLI_INTERNAL: {
    when: 'an error without a code reached the top of the program: a bug of Fovea or of a loaded module',
    stateChanged: 'unknown',
    retry: 'perhaps',
    action: 'run again with --debug and report the stack trace',
  },
  ERR_CLI_INTERRUPTED: {
    when: 'Ctrl-C or SIGTERM came before a command was done; exit code 130',
    stateChanged: 'what the command had done by then; a demo cleans up',
    retry: 'yes',
    action: 'run it again',
  },
  ERR_FILE_EXISTS: {
    when: 'a file that would be written is there already',
    stateChanged: NOTHING,
    retry: 'no',
    action: 'choose another --out, or move the file away yourself',
  },
  ERR_FILE_WRITE: {
    when: 'a file could not be written: no such directory, no permission, disk full',
    stateChanged: NOTHING,
    retry: 'after the cause is gone',
    action: 'check the path and its permissions',
  },
  ERR_LOAD_FAILED: {
    when: 'a --load module could not be imported, has no register function, or that function threw',
    stateChanged: 'nothing; the node is not started',
    retry: 'no',
    action:
      "export function register(registry) { registry.register('name', server, { remote: true }) }",
  },
  ERR_NODE_ENDED: {
    when: 'the node ended although nobody asked: its own supervisors gave up',
    stateChanged: 'the node has left the mesh',
    retry: 'yes',
    action: 'see the log lines before it; start it again, best under a service manager',
  },
  ERR_NODE_NOT_RUNNING: {
    when: 'no node answers at the control socket of this data directory',
    stateChanged: NOTHING,
    retry: 'after starting the node',
    action: 'start one with: fovea start --name NAME --data-dir DIR --realm FILE',
  },
  ERR_NODE_UNKNOWN: {
    when: 'no member, or more than one, is called by this name',
    stateChanged: NOTHING,
    retry: 'after the node has joined',
    action: 'see fovea members; a full name is name@host:port',
  },
  ERR_CONTROL_ACCESS: {
    when: 'the control socket or its directory may not be used by this user',
    stateChanged: NOTHING,
    retry: 'no',
    action: 'run the command as the user who started the node',
  },
  ERR_CONTROL_SOCKET: {
    when: 'the control socket could not be made in the data directory',
    stateChanged: 'the node is stopped again',
    retry: 'after the cause is gone',
    action: 'check that the data directory is a local, writable directory',
  },
  ERR_CONTROL_LINE_TOO_LONG: {
    when: 'a control line is longer than controlLineBytesMax',
    stateChanged: 'the connection is closed, the node goes on',
    retry: 'no',
    action: 'send less; big values belong into a program that joins the mesh',
  },
  ERR_CONTROL_REQUEST_INVALID: {
    when: 'a control line is not a request of this version',
    stateChanged: NOTHING,
    retry: 'no',
    action: 'use the same version of fovea for the command and the node',
  },
  ERR_CONTROL_BUSY: {
    when: 'more than controlConnectionsMax connections, or controlRequestsMax requests on one',
    stateChanged: NOTHING,
    retry: 'later',
    action: 'wait for running commands to end',
  },
  ERR_CONTROL_CLOSED: {
    when: 'the node ended, or closed the control socket, before it answered',
    stateChanged: 'unknown: the request may have been carried out',
    retry: 'after looking at the state',
    action: 'see the output of the node',
  },
  ERR_CONTROL_TIMEOUT: {
    when: 'the node did not answer on the control socket in time',
    stateChanged: 'unknown: the request may have been carried out',
    retry: 'after looking at the state',
    action: 'raise --timeout-ms, or see whether the node is stopped or overloaded',
  },
  ERR_CONTROL_SLOW: {
    when: 'a command that follows changes read so slowly that more than controlEventsQueuedMax waited for it',
    stateChanged: 'the request has ended, the node goes on',
    retry: 'yes',
    action: 'run it again where its output is read faster; --type and --node print less',
  },
  ERR_SUBSCRIBE_TIMEOUT: {
    when: 'fovea subscribe heard fewer than --count messages within --timeout-ms',
    stateChanged: 'the subscription has ended; what came was printed',
    retry: 'yes',
    action: 'raise --timeout-ms, or see with fovea publish whether anybody is reached',
  },
  ERR_SUBSCRIPTION_ENDED: {
    when: 'the node ended the subscription of fovea subscribe; the message says why',
    stateChanged: 'the subscription has ended, the node goes on',
    retry: 'yes',
    action: 'subscribe again; a node that drains or stops takes none',
  },
  ERR_JOIN_SELF: {
    when: 'the address to join is that of the node itself',
    stateChanged: NOTHING,
    retry: 'no',
    action: 'give the address of another node; fovea members of that node shows it',
  },
  ERR_JOIN_REALM: {
    when: 'the node at the address to join is of another realm, or no node of Fovea',
    stateChanged: 'nothing; the address is not kept',
    retry: 'no',
    action: 'start both nodes with the same realm file',
  },
  ERR_JOIN_CLUSTER: {
    when: 'the node at the address to join is of the same realm and of another cluster',
    stateChanged: 'nothing; the address is not kept',
    retry: 'no',
    action: 'give both nodes the same cluster name',
  },
  ERR_JOIN_REFUSED: {
    when: 'the node at the address refused this one for good, or this one refused it; the message says why',
    stateChanged: 'nothing; the address is not kept',
    retry: 'after the cause is gone',
    action: 'see the log of both nodes',
  },
  ERR_JOIN_NO_ANSWER: {
    when: 'nobody at the address became a member in time',
    stateChanged: 'the node keeps the address and goes on trying',
    retry: 'not needed',
    action: 'check the address, the firewall (UDP) and that a node runs there; see fovea members',
  },
  ERR_TOPOLOGY_ANSWER: {
    when: 'a node answered the question for its neighbours with something else; shown with that node',
    stateChanged: NOTHING,
    retry: 'no',
    action: 'run the same version of fovea on that node',
  },
  ERR_DEMO_STEP_FAILED: {
    when: 'a step of fovea demo did not show what it promises, in time',
    stateChanged: 'the demo has stopped its nodes and removed its files',
    retry: 'perhaps',
    action: 'run fovea demo --debug to see the output of its nodes',
  },
})

/** An error as shown or sent: plain strings only. */
export interface ErrorReport {
  readonly code: string
  readonly message: string
  readonly hint?: string
}

/** The plain form of whatever was thrown. */
export function reportOf(thrown: unknown): ErrorReport {
  const code = printable(codeOf(thrown) ?? 'ERR_CLI_INTERNAL')
  const message = oneLine(messageOf(thrown))
  const hint =
    thrown instanceof CliError && thrown.hint !== undefined
      ? thrown.hint
      : (HINTS[code] ?? cliErrors[code as keyof typeof cliErrors]?.action)
  return hint === undefined ? { code, message } : { code, message, hint: oneLine(hint) }
}

/** The `ERR_*` code of an error; system errors (`ENOENT`) have none of ours. */
export function codeOf(thrown: unknown): string | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return undefined
  return typeof thrown.code === 'string' && thrown.code.startsWith('ERR_') ? thrown.code : undefined
}

/** The code of a system error (`ENOENT`), or undefined. */
export function systemCodeOf(thrown: unknown): string | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return undefined
  return typeof thrown.code === 'string' ? thrown.code : undefined
}

function messageOf(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message === '' ? thrown.name : thrown.message
  return formatReason(thrown)
}

/** On one line, and without the stack of an error inside a reason. */
function oneLine(text: string): string {
  return printable(
    text
      .replace(/(?:\n\s+at [^\n{]*)+/g, ' ')
      .replace(/\s*\n\s*/g, ' ')
      .trim(),
  )
}
