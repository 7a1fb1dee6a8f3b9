/** Expected failures of agents and their codes. */
import { FoveaError, formatPid, type ErrorCatalogue, type Pid } from '../../runtime/index.ts'

/** The agent lives on another node, and functions do not travel. */
export class AgentRemoteError extends FoveaError {
  override readonly name = 'AgentRemoteError'
  readonly pid: Pid
  constructor(pid: Pid) {
    super('ERR_AGENT_REMOTE', `agent ${formatPid(pid)} lives on another node`)
    this.pid = pid
  }
}

/** The codes of agents; part of `behavioursErrors`. */
export const agentErrors: ErrorCatalogue = {
  ERR_AGENT_REMOTE: {
    when: 'get, update, getAndUpdate or cast on an agent of another node',
    stateChanged: 'no',
    retry: 'no',
    action: 'make it a server with a contract: names and data travel, functions do not',
  },
}
