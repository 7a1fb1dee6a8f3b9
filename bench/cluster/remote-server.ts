/**
 * The other operating-system process of the remote bench: a Fovea node and a TCP echo server. Prints
 * one JSON line with where both listen and ends when its parent closes the pipe.
 */
import { startNode } from 'fovea/dist'
import { Echo } from './echo.ts'
import { serveTcp } from './tcp-peer.ts'

const realm = process.argv[2]
if (realm === undefined) throw new Error('usage: remote-server REALM_FILE')

const node = await startNode({ nodeName: 'server', host: '127.0.0.1', port: 0, realm })
node.behaviorRegistry.register('echo', Echo, { remote: true })
console.log(JSON.stringify({ id: node.id, tcpPort: await serveTcp() }))
process.stdin.resume()
process.stdin.once('end', () => {
  void node.stop().then(() => process.exit(0))
})
