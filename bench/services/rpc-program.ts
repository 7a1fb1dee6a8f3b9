/** The answering program of the bench of calls: `rpc-program WAY REALM_FILE`. Says its address, then its processor time when asked. */
import { rpcWay } from './rpc-ways.ts'

/** What it says. */
export interface RpcReply {
  readonly address?: string
  /** Since it was asked before. */
  readonly microseconds?: number
}

const [wayName, realm] = process.argv.slice(2)
if (wayName === undefined || realm === undefined) throw new Error('usage: WAY REALM_FILE')
const say = (reply: RpcReply): void => void process.send!(reply)
const { address } = await (await rpcWay(wayName)).serve(realm)
let before = process.cpuUsage()
// Something to keep the program alive: a server of bare TCP does not.
process.on('message', () => {
  const { user, system } = process.cpuUsage(before)
  before = process.cpuUsage()
  say({ microseconds: user + system })
})
process.on('disconnect', () => process.exit(0))
say({ address })
